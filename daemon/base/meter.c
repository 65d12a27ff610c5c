/* SPDX-License-Identifier: MIT */
#include "base/meter.h"

void meter_note(struct meter *m, int64_t now_ms, int64_t value)
{
    unsigned at = m->n++ % METER_VALUES;
    m->noted[at].at_ms = now_ms;
    m->noted[at].value = value;
}

int64_t meter_per_second(const struct meter *m)
{
    if (m->n < 2) return 0;
    unsigned newest = (m->n - 1) % METER_VALUES, oldest = m->n < METER_VALUES ? 0 : m->n % METER_VALUES;
    int64_t ms = m->noted[newest].at_ms - m->noted[oldest].at_ms;
    int64_t grown = m->noted[newest].value - m->noted[oldest].value;
    return ms > 0 ? (int64_t)((double)grown * 1000 / (double)ms) : 0;
}
