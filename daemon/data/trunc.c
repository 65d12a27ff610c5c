/* SPDX-License-Identifier: MIT */
#include "data/trunc.h"

#include "base/civil.h"
#include "data/type_time.h"

#include <stddef.h>
#include <strings.h>

enum { DAYS_A_WEEK = 7, MONDAY_SHIFT = 5 }; /* 2000-01-01 was a Saturday, five days after a Monday */

/* Units up to a week are a number of microseconds, counted from a day; the longer ones are months or years. */
static const struct unit {
    const char *name;
    int64_t us;    /* 0: a calendar unit */
    int32_t years; /* of a unit that is counted from year 1, or from year 0 for decades */
} units[] = {
    [TRUNC_MICROSECONDS] = {"microseconds", 1, 0},
    [TRUNC_MILLISECONDS] = {"milliseconds", 1000, 0},
    [TRUNC_SECOND] = {"second", CIVIL_US_PER_SECOND, 0},
    [TRUNC_MINUTE] = {"minute", 60 * CIVIL_US_PER_SECOND, 0},
    [TRUNC_HOUR] = {"hour", 3600 * CIVIL_US_PER_SECOND, 0},
    [TRUNC_DAY] = {"day", CIVIL_US_PER_DAY, 0},
    [TRUNC_WEEK] = {"week", 0, 0},
    [TRUNC_MONTH] = {"month", 0, 0},
    [TRUNC_QUARTER] = {"quarter", 0, 0},
    [TRUNC_YEAR] = {"year", 0, 1},
    [TRUNC_DECADE] = {"decade", 0, 10},
    [TRUNC_CENTURY] = {"century", 0, 100},
    [TRUNC_MILLENNIUM] = {"millennium", 0, 1000},
};

int trunc_unit_find(const char *name, enum trunc_unit *ret_unit)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(units[i].name, name) != 0) continue;
        *ret_unit = (enum trunc_unit)i;
        return 0;
    }
    return TRUNC_E_UNIT;
}

/*
 * The first year of the span that holds `year` (0 is 1 BC). Centuries and millennia begin with year 1, and before it end with year
 * 0: there is no century 0. Decades begin with the years that 10 divides, as the years are named: -10 … -1 of our count would be 11
 * to 2 BC.
 */
static int32_t first_year(enum trunc_unit unit, int32_t year)
{
    int32_t span = units[unit].years;
    if (unit == TRUNC_YEAR) return year;
    int32_t origin = unit == TRUNC_DECADE ? 0 : 1;
    return (int32_t)civil_floor_div(year - origin, span) * span + origin;
}

static int32_t trunc_days(enum trunc_unit unit, int32_t days)
{
    if (unit == TRUNC_WEEK) return days - (int32_t)civil_floor_mod((int64_t)days + MONDAY_SHIFT, DAYS_A_WEEK);
    struct civil c = civil_of_days(days);
    if (unit == TRUNC_MONTH) return days - (c.day - 1);
    c.day = 1;
    if (unit == TRUNC_QUARTER) c.month -= (c.month - 1) % 3;
    if (units[unit].years) {
        c.month = 1;
        c.year = first_year(unit, c.year);
    }
    return civil_to_days(c);
}

int trunc_timestamp(enum trunc_unit unit, int64_t us, int64_t *ret_us)
{
    int64_t span = units[unit].us, start;
    if (us == INT64_MAX || us == INT64_MIN) {
        *ret_us = us;
        return 0;
    }
    if (span)
        start = us - civil_floor_mod(us, span);
    else
        start = (int64_t)trunc_days(unit, (int32_t)civil_floor_div(us, CIVIL_US_PER_DAY)) * CIVIL_US_PER_DAY;
    /* timestamp(3) rounds the last microseconds of time up to its end, which PostgreSQL holds but does not truncate. */
    if (start < TYPE_TIME_FIRST || start >= TYPE_TIME_END) return TRUNC_E_RANGE;
    *ret_us = start;
    return 0;
}

int trunc_date_to_timestamp(int64_t days, int64_t *ret_us)
{
    if (days == INT32_MAX || days == INT32_MIN) {
        *ret_us = days > 0 ? INT64_MAX : INT64_MIN;
        return 0;
    }
    if (days < TYPE_TIME_FIRST / CIVIL_US_PER_DAY || days >= TYPE_TIME_END / CIVIL_US_PER_DAY) return TRUNC_E_RANGE;
    *ret_us = days * CIVIL_US_PER_DAY;
    return 0;
}

int64_t trunc_timestamp_to_date(int64_t us)
{
    if (us == INT64_MAX) return INT32_MAX;
    if (us == INT64_MIN) return INT32_MIN;
    return civil_floor_div(us, CIVIL_US_PER_DAY);
}
