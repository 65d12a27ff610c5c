/* SPDX-License-Identifier: MIT */
/*
 * Durations, counted by how long they were, as Prometheus' histograms: any number of threads observe at once, without a lock, and
 * who reads sees each observation wholly or not at all but for its sum, which may come a moment later.
 *
 * All histograms have the same bounds, from 0.1 ms to half an hour, so that they can be compared and added.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_HISTOGRAM_H
#define CETLD_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 20 };

/** All zero is empty. */
struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BOUNDS + 1]; /* durations up to each bound, and beyond the one before; then the longer ones */
    _Atomic uint64_t sum_us;
};

/** What was seen at one moment. */
struct histogram_view {
    uint64_t up_to[HISTOGRAM_BOUNDS]; /* durations of at most each bound, the shorter ones included */
    uint64_t count, sum_us;
};

/** In microseconds, rising. */
int64_t histogram_bound_us(unsigned i);
/** Less than nothing, as a clock that was set back has it, counts as nothing. */
void histogram_observe(struct histogram *h, int64_t us);
struct histogram_view histogram_look(const struct histogram *h);

#endif
