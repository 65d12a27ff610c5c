/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics: the counters in Prometheus' text exposition format 0.0.4.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_METRICS_H
#define CETLD_API_METRICS_H

#include "http/response.h"

void metrics_get(struct http_request *r);

#endif
