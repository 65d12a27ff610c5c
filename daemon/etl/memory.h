/* SPDX-License-Identifier: MIT */
/*
 * The budget of `memory_max`: who wants to hold bytes takes them here first and gives them back later. Nobody waits on it: a
 * pipeline that gets nothing goes on when its own outputs are used up, and each may always hold one chunk, so that all get on.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_MEMORY_H
#define CETLD_ETL_MEMORY_H

#include "base/counters.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

struct memory {
    size_t used, max; /* bytes */
    struct counters *counters;
};

/** Take `n` bytes; false when that would pass the ceiling, unless `anyway`. */
static inline bool memory_take(struct memory *m, size_t n, bool anyway)
{
    if (!anyway && (n > m->max || m->used > m->max - n)) return false;
    m->used += n;
    counters_set(m->counters, COUNTER_MEMORY_USED, (int64_t)m->used);
    return true;
}

static inline void memory_give(struct memory *m, size_t n)
{
    assert(n <= m->used);
    m->used -= n;
    counters_set(m->counters, COUNTER_MEMORY_USED, (int64_t)m->used);
}

#endif
