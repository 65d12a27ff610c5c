/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics, in Prometheus' text exposition format 0.0.4: counters and histograms of base/counters.h, what pools, workers, loop
 * and process say of themselves when they are asked, datasets (dataset_counts.h: those that the one who asks may read), and
 * routes (http/tally.h). docs/metrics.md explains each.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_METRICS_H
#define CETLD_API_METRICS_H

#include "http/response.h"

void metrics_get(struct http_request *r);

#endif
