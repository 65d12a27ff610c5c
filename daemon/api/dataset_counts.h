/* SPDX-License-Identifier: MIT */
/*
 * What /metrics shows by dataset: files, rows and bytes since the start, the last load, what waits. Declared datasets have an entry
 * each from the beginning; of the names that files without a declaration bring DATASET_COUNTS_MAX have one, and all further ones
 * share the entry "".
 *
 * Thread: loop.
 */
#ifndef CETLD_API_DATASET_COUNTS_H
#define CETLD_API_DATASET_COUNTS_H

#include "base/buf.h"
#include "etl/observer.h"
#include "etl/scheduler.h"
#include "http/request.h"

enum { DATASET_COUNTS_MAX = 200 };

struct dataset_counts;

/** It observes from now on; the observers must outlive it. */
must_check int dataset_counts_new(struct observers *observers, struct dataset_counts **ret_counts);
/** NULL is fine. */
void dataset_counts_free(struct dataset_counts *c);
/** At start, and at each reload. 0 or -ENOMEM. */
must_check int dataset_counts_declare(struct dataset_counts *c, const struct config *config);
/** The families, with the datasets that the one who asks may read. */
void dataset_counts_text(const struct dataset_counts *c, const struct scheduler *s, const struct http_request *r, struct buf *out);

#endif
