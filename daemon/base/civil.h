/* SPDX-License-Identifier: MIT */
/*
 * Days and dates in the proleptic Gregorian calendar, as PostgreSQL counts them: day 0 is 2000-01-01, year 0 is 1 BC, year -1 is 2
 * BC. Right for every year an int32 of days can name.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_CIVIL_H
#define CETLD_BASE_CIVIL_H

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

/** The same for the years 1 to 9999, which nearly all dates have. */
static inline int32_t civil_to_days_usual(struct civil date)
{
    static const uint16_t before[CIVIL_MONTHS] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275}; /* from March on */
    uint32_t year = (uint32_t)date.year - (date.month <= 2);
    uint32_t day = year * 365 + year / 4 - year / 100 + year / 400 + before[date.month - 1] + (uint32_t)date.day - 1;
    return (int32_t)day - 730425; /* 2000-01-01 counted from 0000-03-01 */
}

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
