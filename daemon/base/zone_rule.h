/* SPDX-License-Identifier: MIT */
/*
 * The rule of a time zone as POSIX writes it in TZ, for the time behind a file's transitions: CET-1CEST,M3.5.0,M10.5.0/3.
 *
 * Source: POSIX, Environment Variables, TZ; RFC 8536, section 3.3.1 (hours from -167 to 167).
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_ZONE_RULE_H
#define CETLD_BASE_ZONE_RULE_H

#include "base/slice.h"

#include <stdint.h>

struct zone_rule_day {
    enum zone_rule_kind {
        ZONE_RULE_MONTH,   /* Mm.w.d: the weekday d of the week w (5: the last) of month m */
        ZONE_RULE_JULIAN,  /* Jn: day 1 to 365, February 29 is never counted */
        ZONE_RULE_ORDINAL, /* n: day 0 to 365, February 29 is counted */
    } kind;
    int32_t month, week, day;
    int32_t time_s; /* on the wall clock before the change */
};

struct zone_rule {
    int32_t standard_s, summer_s; /* east of UTC */
    bool has_summer;
    struct zone_rule_day summer, standard; /* when each begins */
};

/** False: it is none. */
bool zone_rule_parse(struct slice text, struct zone_rule *ret_rule);

/** When summer and standard time begin in a year, as unix time. Only for rules with summer time. */
struct zone_rule_year {
    int64_t summer_at, standard_at;
};
struct zone_rule_year zone_rule_year(const struct zone_rule *rule, int32_t year);

#endif
