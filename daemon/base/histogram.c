/* SPDX-License-Identifier: MIT */
#include "base/histogram.h"

#include <assert.h>

static const int64_t bounds_us[HISTOGRAM_BOUNDS] = {
    100,    250,    500,     1000,    2500,    5000,     10000,    25000,    50000,     100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 300000000, 1800000000,
};

int64_t histogram_bound_us(unsigned i)
{
    assert(i < HISTOGRAM_BOUNDS);
    return bounds_us[i];
}

void histogram_observe(struct histogram *h, int64_t us)
{
    unsigned i = 0;
    if (us < 0) us = 0;
    while (i < HISTOGRAM_BOUNDS && us > bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&h->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, (uint64_t)us, memory_order_relaxed);
}

struct histogram_view histogram_look(const struct histogram *h)
{
    struct histogram_view v = {.sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed)};
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        v.count += atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        v.up_to[i] = v.count;
    }
    v.count += atomic_load_explicit(&h->bucket[HISTOGRAM_BOUNDS], memory_order_relaxed);
    return v;
}
