/* SPDX-License-Identifier: MIT */
#include "base/civil.h"

#include <stdbool.h>

/*
 * Both ways count years from March, so that the leap day is the last of its year, and in cycles of 400 years, which all have the
 * same number of days. From March on, month m (0-11) begins at day (153 m + 2) / 5.
 */
enum {
    CYCLE_YEARS = 400,
    CYCLE_DAYS = 146097,
    EPOCH = 730425, /* 2000-01-01 counted from 0000-03-01 */
    USUAL_DAYS = 8000 * 366,
};

/*
 * The same for days of the years 0 to 9999 and some more, by multiplications whose upper half is the quotient (C. Neri, L.
 * Schneider: "Euclidean affine functions and their application to calendar algorithms", 2022).
 */
static struct civil of_usual_days(uint32_t since)
{
    uint32_t century = (4 * since + 3) / CYCLE_DAYS, of_century = (4 * since + 3) % CYCLE_DAYS / 4;
    uint64_t years = UINT64_C(2939745) * (4 * of_century + 3);                         /* 2^32 a year */
    uint32_t of_year = (uint32_t)years / 2939745 / 4, month = 2141 * of_year + 197913; /* 2^16 a month */
    bool january = of_year >= 306;                                                     /* or February: of the next year */
    return (struct civil){
        .year = (int32_t)(100 * century + (uint32_t)(years >> 32) + january),
        .month = (int32_t)(month >> 16) - (january ? CIVIL_MONTHS : 0),
        .day = (int32_t)((month & 0xffff) / 2141) + 1,
    };
}

struct civil civil_of_days(int32_t days)
{
    if (days >= -EPOCH && days < USUAL_DAYS) return of_usual_days((uint32_t)(days + EPOCH));
    int64_t since = (int64_t)days + EPOCH;
    int64_t cycle = civil_floor_div(since, CYCLE_DAYS);
    int32_t day = (int32_t)(since - cycle * CYCLE_DAYS);
    /* Take the leap days out: one after 4 years, none after 100, one after 400. */
    int32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int32_t of_year = day - (year * 365 + year / 4 - year / 100);
    int32_t month = (5 * of_year + 2) / 153;
    return (struct civil){
        .year = (int32_t)(cycle * CYCLE_YEARS) + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = of_year - (153 * month + 2) / 5 + 1,
    };
}

int32_t civil_to_days(struct civil date)
{
    if (date.year >= 1 && date.year <= 9999) return civil_to_days_usual(date);
    int32_t month = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t years = (int64_t)date.year - (date.month <= 2);
    int64_t cycle = civil_floor_div(years, CYCLE_YEARS);
    int32_t year = (int32_t)(years - cycle * CYCLE_YEARS);
    int32_t day = year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + date.day - 1;
    return (int32_t)(cycle * CYCLE_DAYS + day - EPOCH);
}
