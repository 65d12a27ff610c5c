/* SPDX-License-Identifier: MIT */
/*
 * Counters as Prometheus reads them: the text exposition format 0.0.4, HELP and TYPE once a family, then its samples.
 *
 *     metrics_text(&counters, &out);
 *     http_answer(r, 200, METRICS_TEXT_TYPE, buf_slice(&out));
 *
 * Source: Prometheus documentation, "Exposition formats", Text-based format.
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_METRICS_TEXT_H
#define CETLD_FORMAT_METRICS_TEXT_H

#include "base/buf.h"
#include "base/counters.h"

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/** All counters of the table, each as it is at the moment it is written. Failures are in out->failed. */
void metrics_text(const struct counters *c, struct buf *out);

#endif
