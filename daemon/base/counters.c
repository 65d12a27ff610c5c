/* SPDX-License-Identifier: MIT */
#include "base/counters.h"

#include <assert.h>

static const struct counter_info infos[COUNTER_N] = {
#define X(id, name, kind, help) [COUNTER_##id] = {name, #kind, help},
    COUNTERS_TABLE(X)
#undef X
};

const struct counter_info *counters_info(enum counter_id id)
{
    assert(id < COUNTER_N);
    return &infos[id];
}

static const struct counter_info histograms[HISTOGRAM_N] = {
#define X(id, name, help) [HISTOGRAM_##id] = {name, "histogram", help},
    HISTOGRAMS_TABLE(X)
#undef X
};

const struct counter_info *counters_histogram_info(enum histogram_id id)
{
    assert(id < HISTOGRAM_N);
    return &histograms[id];
}
