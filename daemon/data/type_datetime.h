/* SPDX-License-Identifier: MIT */
/*
 * Dates and times from text, by PostgreSQL's rules under DateStyle 'ISO, MDY' and time zone UTC. Taken:
 *
 *   dates      2024-01-31  2024/1/31  2024.1.31  1/31/2024  1-31-24  20240131  240131  31-Jan-2024  Jan 31, 2024  Wed 31 January
 * 2024 times      12:00  12:00:00.123456  01:30 PM  T120000  120000 (behind a date) zones      Z  UTC  GMT  +05  -0530  +05:30
 * +05:30:15 eras       BC  AD whole      infinity  -infinity  epoch
 *
 * in the orders PostgreSQL allows, white space and commas between them. Refused although PostgreSQL takes them: what depends on the
 * clock or on the server's files (now, today, tomorrow, yesterday, zone names and abbreviations other than those above), what is
 * hardly meant (Julian days, days of the year, 2001y02m04d, minutes and seconds as 12:30.5, a date in a text for time), and slips
 * such as 2024--01-31, 12:00:00. or +05: that it lets pass.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_DATETIME_H
#define CETLD_DATA_TYPE_DATETIME_H

#include "base/civil.h"
#include "data/type.h"

enum type_stamp_kind { TYPE_STAMP_FINITE, TYPE_STAMP_INFINITY, TYPE_STAMP_MINUS_INFINITY };

struct type_stamp {
    enum type_stamp_kind kind;
    bool has_date, has_time, has_zone;
    struct civil date; /* a day that exists */
    int64_t time_us;   /* since midnight; 0 without a time; up to 24:00:00 */
    int32_t zone_s;    /* seconds east of UTC; 0 without a zone */
};

/** `text` without white space around it. With `time_only` it is a time, without a date. 0, TYPE_E_SYNTAX, TYPE_E_RANGE. */
must_check int type_datetime_decode(struct slice text, bool time_only, struct type_stamp *ret_stamp);

/** The month has that day, and PostgreSQL's calendar that year: 4714 BC to 5874897. */
static inline bool type_datetime_exists(struct civil date)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date.year < -4713 || date.year > 5874897 || date.month < 1 || date.month > 12 || date.day < 1) return false;
    if (date.day <= 28) return true;
    bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.day <= days[date.month - 1] + (date.month == 2 && leap);
}
/** The whole of 1 to n digits behind a decimal point, as microseconds (rounded as PostgreSQL does; up to 1000000). False: no such
 * digits. */
must_check bool type_datetime_fraction(struct slice digits, int64_t *ret_us);
/** 0, or TYPE_E_RANGE when there is no such time of day (24:00:00 and 23:59:60 are ones). */
must_check int type_datetime_clock(int64_t hour, int64_t minute, int64_t second_us, int64_t *ret_us);
/** January to December by full name or the three letters (or `sept`), whatever the case: 1 to 12, or 0. */
unsigned type_datetime_month(struct slice name);

#endif
