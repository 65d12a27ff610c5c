/* SPDX-License-Identifier: MIT */
#include "expr/datetime_part.h"

#include "base/civil.h"

#include <strings.h>

enum { NAME_MAX_COMPARED = 10, JULIAN_DAY_0 = 2451545 }; /* 2000-01-01 */

/* Names as far as they are compared. `extract`: not known to date_trunc */
static const struct name {
    struct slice text;
    enum datetime_part part;
    bool extract;
} names[] = {
    {{"us", 2}, PART_MICROSECONDS, false},
    {{"usec", 4}, PART_MICROSECONDS, false},
    {{"usecs", 5}, PART_MICROSECONDS, false},
    {{"usecond", 7}, PART_MICROSECONDS, false},
    {{"useconds", 8}, PART_MICROSECONDS, false},
    {{"microsecon", 10}, PART_MICROSECONDS, false},
    {{"ms", 2}, PART_MILLISECONDS, false},
    {{"msec", 4}, PART_MILLISECONDS, false},
    {{"msecs", 5}, PART_MILLISECONDS, false},
    {{"msecond", 7}, PART_MILLISECONDS, false},
    {{"mseconds", 8}, PART_MILLISECONDS, false},
    {{"millisecon", 10}, PART_MILLISECONDS, false},
    {{"s", 1}, PART_SECOND, false},
    {{"sec", 3}, PART_SECOND, false},
    {{"secs", 4}, PART_SECOND, false},
    {{"second", 6}, PART_SECOND, false},
    {{"seconds", 7}, PART_SECOND, false},
    {{"m", 1}, PART_MINUTE, false},
    {{"mm", 2}, PART_MINUTE, true},
    {{"min", 3}, PART_MINUTE, false},
    {{"mins", 4}, PART_MINUTE, false},
    {{"minute", 6}, PART_MINUTE, false},
    {{"minutes", 7}, PART_MINUTE, false},
    {{"h", 1}, PART_HOUR, false},
    {{"hr", 2}, PART_HOUR, false},
    {{"hrs", 3}, PART_HOUR, false},
    {{"hour", 4}, PART_HOUR, false},
    {{"hours", 5}, PART_HOUR, false},
    {{"d", 1}, PART_DAY, false},
    {{"day", 3}, PART_DAY, false},
    {{"days", 4}, PART_DAY, false},
    {{"w", 1}, PART_WEEK, false},
    {{"week", 4}, PART_WEEK, false},
    {{"weeks", 5}, PART_WEEK, false},
    {{"mon", 3}, PART_MONTH, false},
    {{"mons", 4}, PART_MONTH, false},
    {{"month", 5}, PART_MONTH, false},
    {{"months", 6}, PART_MONTH, false},
    {{"qtr", 3}, PART_QUARTER, false},
    {{"quarter", 7}, PART_QUARTER, false},
    {{"y", 1}, PART_YEAR, false},
    {{"yr", 2}, PART_YEAR, false},
    {{"yrs", 3}, PART_YEAR, false},
    {{"year", 4}, PART_YEAR, false},
    {{"years", 5}, PART_YEAR, false},
    {{"dec", 3}, PART_DECADE, false},
    {{"decs", 4}, PART_DECADE, false},
    {{"decade", 6}, PART_DECADE, false},
    {{"decades", 7}, PART_DECADE, false},
    {{"c", 1}, PART_CENTURY, false},
    {{"cent", 4}, PART_CENTURY, false},
    {{"century", 7}, PART_CENTURY, false},
    {{"centuries", 9}, PART_CENTURY, false},
    {{"mil", 3}, PART_MILLENNIUM, false},
    {{"mils", 4}, PART_MILLENNIUM, false},
    {{"millennia", 9}, PART_MILLENNIUM, false},
    {{"millennium", 10}, PART_MILLENNIUM, false},
    {{"timezone", 8}, PART_ZONE, false},
    {{"timezone_h", 10}, PART_ZONE, false},
    {{"timezone_m", 10}, PART_ZONE, false},
    {{"dow", 3}, PART_DOW, true},
    {{"isodow", 6}, PART_ISODOW, true},
    {{"doy", 3}, PART_DOY, true},
    {{"isoyear", 7}, PART_ISOYEAR, true},
    {{"j", 1}, PART_JULIAN, true},
    {{"jd", 2}, PART_JULIAN, true},
    {{"julian", 6}, PART_JULIAN, true},
    {{"epoch", 5}, PART_EPOCH, true},
    {{"infinity", 8}, PART_RESERVED, true},
    {{"-infinity", 9}, PART_RESERVED, true},
    {{"now", 3}, PART_RESERVED, true},
    {{"today", 5}, PART_RESERVED, true},
    {{"tomorrow", 8}, PART_RESERVED, true},
    {{"yesterday", 9}, PART_RESERVED, true},
    {{"allballs", 8}, PART_RESERVED, true},
};

enum datetime_part datetime_part_find(struct slice name, bool extract)
{
    if (name.len > NAME_MAX_COMPARED) name.len = NAME_MAX_COMPARED;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(names[i].text, name)) return names[i].extract && !extract ? PART_NONE : names[i].part;
    return PART_NONE;
}

/* Spans of n years are counted from the years 1 and -1; the year 0 is 1 BC. */
static int64_t span_of(int64_t year, int64_t n)
{
    return year > 0 ? (year + n - 1) / n : -((n - year) / n);
}

static int64_t decade_of(int64_t year)
{
    enum { YEARS = 10 };
    return civil_floor_div(year, YEARS);
}

/* Without a year 0 */
static int64_t named_year(int64_t year)
{
    return year > 0 ? year : year - 1;
}

static int32_t first_day(int32_t year)
{
    return civil_to_days((struct civil){year, 1, 1});
}

/* The year and the week of ISO 8601 are those of the week's Thursday. */
static struct civil thursday(int32_t days, int32_t *ret_days)
{
    enum { WEEK = 7, MONDAY_SHIFT = 5, THURSDAY = 3 }; /* day 0 was a Saturday */
    *ret_days = days - (int32_t)civil_floor_mod((int64_t)days + MONDAY_SHIFT, WEEK) + THURSDAY;
    return civil_of_days(*ret_days);
}

int64_t datetime_part_of_date(enum datetime_part part, int32_t days)
{
    enum { WEEK = 7, SUNDAY_SHIFT = 6, MONDAY_SHIFT = 5, QUARTER = 3, CENTURY = 100, MILLENNIUM = 1000 };
    const struct civil c = civil_of_days(days);
    int32_t of_week;
    switch (part) {
    case PART_DAY: return c.day;
    case PART_MONTH: return c.month;
    case PART_QUARTER: return (c.month - 1) / QUARTER + 1;
    case PART_YEAR: return named_year(c.year);
    case PART_DECADE: return decade_of(c.year);
    case PART_CENTURY: return span_of(c.year, CENTURY);
    case PART_MILLENNIUM: return span_of(c.year, MILLENNIUM);
    case PART_DOW: return civil_floor_mod((int64_t)days + SUNDAY_SHIFT, WEEK);
    case PART_ISODOW: return civil_floor_mod((int64_t)days + MONDAY_SHIFT, WEEK) + 1;
    case PART_DOY: return days - first_day(c.year) + 1;
    case PART_JULIAN: return (int64_t)days + JULIAN_DAY_0;
    case PART_ISOYEAR: return named_year(thursday(days, &of_week).year);
    case PART_WEEK: {
        int32_t year = thursday(days, &of_week).year;
        return (of_week - first_day(year)) / WEEK + 1;
    }
    default: return 0;
    }
}

int64_t datetime_part_of_clock(enum datetime_part part, int64_t us)
{
    const int64_t minute = 60 * CIVIL_US_PER_SECOND;
    switch (part) {
    case PART_HOUR: return us / (60 * minute);
    case PART_MINUTE: return us / minute % 60;
    default: return us % minute;
    }
}
