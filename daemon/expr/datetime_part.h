/* SPDX-License-Identifier: MIT */
/*
 * The units of date_trunc, and the parts that extract and date_part take, by all the names PostgreSQL has for them; at time zone
 * UTC.
 *
 * Source: PostgreSQL manual, "Date/Time Functions and Operators"; what a server of version 15 answers.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_DATETIME_PART_H
#define CETLD_EXPR_DATETIME_PART_H

#include "base/slice.h"
#include "data/trunc.h"

#include <stdbool.h>

/** The first ones are enum trunc_unit's. */
enum datetime_part {
    PART_MICROSECONDS = TRUNC_MICROSECONDS,
    PART_MILLISECONDS = TRUNC_MILLISECONDS,
    PART_SECOND = TRUNC_SECOND,
    PART_MINUTE = TRUNC_MINUTE,
    PART_HOUR = TRUNC_HOUR,
    PART_DAY = TRUNC_DAY,
    PART_WEEK = TRUNC_WEEK,
    PART_MONTH = TRUNC_MONTH,
    PART_QUARTER = TRUNC_QUARTER,
    PART_YEAR = TRUNC_YEAR,
    PART_DECADE = TRUNC_DECADE,
    PART_CENTURY = TRUNC_CENTURY,
    PART_MILLENNIUM = TRUNC_MILLENNIUM,
    PART_ZONE, /* timezone, timezone_hour, timezone_minute: 0 */
    PART_DOW,
    PART_ISODOW,
    PART_DOY,
    PART_ISOYEAR,
    PART_JULIAN,
    PART_EPOCH,
    PART_RESERVED, /* now, infinity, …: a word of dates that is no part of one */
    PART_NONE,
};

/**
 * By name: any case, the first ten characters count. `extract`: with the names that date_trunc does not know. PART_NONE: there is
 * none.
 */
enum datetime_part datetime_part_find(struct slice name, bool extract);
/** Not finite: the part is not finite either, else NULL. */
static inline bool datetime_part_grows(enum datetime_part part)
{
    return (part >= PART_YEAR && part <= PART_MILLENNIUM) || part == PART_ISOYEAR || part == PART_JULIAN || part == PART_EPOCH;
}
/** A part of a day (from day up), an integer. */
int64_t datetime_part_of_date(enum datetime_part part, int32_t days);
/** microseconds to hour, of microseconds since midnight; of second and milliseconds as microseconds. */
int64_t datetime_part_of_clock(enum datetime_part part, int64_t us);

#endif
