/* SPDX-License-Identifier: MIT */
/*
 * How fast a counter grows: its values of the last seconds, and the difference between the newest and the oldest.
 *
 *     struct meter m = {0};
 *     meter_note(&m, now_ms, counter);   once a second or so
 *     … meter_per_second(&m)
 *
 * Thread: the owner's.
 */
#ifndef CETLD_BASE_METER_H
#define CETLD_BASE_METER_H

#include <stdint.h>

enum { METER_VALUES = 11 }; /* noted once a second they are ten seconds apart */

struct meter {
    struct {
        int64_t at_ms, value;
    } noted[METER_VALUES]; /* a ring */
    unsigned n;            /* noted ever */
};

/** The counter is `value` now. */
void meter_note(struct meter *m, int64_t now_ms, int64_t value);
/** 0 before there are two values. */
int64_t meter_per_second(const struct meter *m);

#endif
