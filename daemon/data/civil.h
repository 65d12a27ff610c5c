/* SPDX-License-Identifier: MIT */
/*
 * Days and dates in the proleptic Gregorian calendar, as PostgreSQL counts them: day 0 is 2000-01-01, year 0 is 1 BC, year -1 is 2
 * BC. Right for every year an int32 of days can name.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_CIVIL_H
#define CETLD_DATA_CIVIL_H

#include <stdint.h>

enum { CIVIL_MONTHS = 12 };
#define CIVIL_US_PER_SECOND INT64_C(1000000)
#define CIVIL_US_PER_DAY (INT64_C(86400) * CIVIL_US_PER_SECOND)

struct civil {
    int32_t year;
    int32_t month; /* 1-12 */
    int32_t day;   /* 1-31 */
};

struct civil civil_of_days(int32_t days);
/** The day number of a date whose parts are in range. */
int32_t civil_to_days(struct civil date);

/** a / b and its remainder, rounded towards minus infinity; b > 0. */
static inline int64_t civil_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
static inline int64_t civil_floor_mod(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

#endif
