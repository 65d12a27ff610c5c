/* SPDX-License-Identifier: MIT */
/*
 * Prometheus' text exposition format, version 0.0.4 (prometheus.io, "Exposition formats"). A family is begun once, then come its
 * samples, all of them:
 *
 *     metrics_family(out, "cetl_dataset_queued", "gauge", "Files of a dataset that wait.");
 *     for (…) {
 *         metrics_sample(out, "cetl_dataset_queued");
 *         metrics_label(out, "dataset", name);
 *         metrics_value(out, n);
 *     }
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_METRICS_TEXT_H
#define CETLD_FORMAT_METRICS_TEXT_H

#include "base/buf.h"
#include "base/counters.h"

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/** HELP and TYPE. */
void metrics_family(struct buf *out, const char *name, const char *kind, const char *help);
/** A sample is its name, its labels (any bytes; at least one), and its value. */
void metrics_sample(struct buf *out, const char *name);
void metrics_label(struct buf *out, const char *name, const char *value);
void metrics_value(struct buf *out, int64_t value);
/** The same in seconds. */
void metrics_seconds(struct buf *out, int64_t us);
/** A sample without labels. */
void metrics_plain(struct buf *out, const char *name, int64_t value);
void metrics_plain_seconds(struct buf *out, const char *name, int64_t us);
/** The samples of a histogram. `labels`: `route="/status",method="GET"`, escaped, or "". */
void metrics_histogram(struct buf *out, struct slice name, struct slice labels, const struct histogram *h);

/** All counters and histograms of the tables (base/counters.h); the caller checks the buffer. */
void metrics_text(const struct counters *c, struct buf *out);

#endif
