/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's date_trunc and cast to date at time zone UTC. Timestamps are microseconds since 2000-01-01, dates days; the
 * infinities stay what they are.
 *
 * Source: PostgreSQL manual, "Date/Time Functions and Operators", date_trunc and extract (which says when weeks, decades and
 * centuries begin).
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TRUNC_H
#define CETLD_DATA_TRUNC_H

#include "base/error.h"

#include <stdint.h>

enum trunc_unit {
    TRUNC_MICROSECONDS,
    TRUNC_MILLISECONDS,
    TRUNC_SECOND,
    TRUNC_MINUTE,
    TRUNC_HOUR,
    TRUNC_DAY,
    TRUNC_WEEK,
    TRUNC_MONTH,
    TRUNC_QUARTER,
    TRUNC_YEAR,
    TRUNC_DECADE,
    TRUNC_CENTURY,
    TRUNC_MILLENNIUM,
};

enum {
    TRUNC_E_UNIT = 1,  /* no such unit */
    TRUNC_E_RANGE = 2, /* the result is out of range for a timestamp; PostgreSQL raises an error */
};

/** By the name above in any case. 0 or TRUNC_E_UNIT. */
must_check int trunc_unit_find(const char *name, enum trunc_unit *ret_unit);
/** 0 or TRUNC_E_RANGE. */
must_check int trunc_timestamp(enum trunc_unit unit, int64_t us, int64_t *ret_us);
/** date to timestamp, at midnight. 0 or TRUNC_E_RANGE. */
must_check int trunc_date_to_timestamp(int64_t days, int64_t *ret_us);
/** timestamp to date. */
int64_t trunc_timestamp_to_date(int64_t us);

#endif
