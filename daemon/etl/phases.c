/* SPDX-License-Identifier: MIT */
#include "etl/phases.h"

#include "base/clock.h"

struct phases phases_begin(enum phase first)
{
    return (struct phases){.since_us = clock_mono_us(), .now = first, .seen = 1u << first};
}

void phases_enter(struct phases *s, enum phase next)
{
    int64_t now_us = clock_mono_us();
    s->spent_us[s->now] += now_us - s->since_us;
    s->since_us = now_us;
    s->now = next;
    s->seen |= 1u << next;
}

void phases_end(struct phases *s, struct counters *counters)
{
    static const enum histogram_id histogram_of[PHASES] = {
        [PHASE_OPEN] = HISTOGRAM_STAGE_OPEN,     [PHASE_CONNECT] = HISTOGRAM_STAGE_CONNECT, [PHASE_COPY] = HISTOGRAM_STAGE_COPY,
        [PHASE_NARROW] = HISTOGRAM_STAGE_NARROW, [PHASE_RECORD] = HISTOGRAM_STAGE_RECORD,   [PHASE_COMMIT] = HISTOGRAM_STAGE_COMMIT,
        [PHASE_FINISH] = HISTOGRAM_STAGE_FINISH};
    phases_enter(s, s->now);
    for (unsigned i = 0; i < PHASES; i++)
        if (s->seen & 1u << i) counters_observe(counters, histogram_of[i], s->spent_us[i]);
}
