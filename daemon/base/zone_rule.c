/* SPDX-License-Identifier: MIT */
#include "base/zone_rule.h"

#include "base/civil.h"

enum { HOUR_S = 3600, DAY_S = 86400, HOURS_MAX = 167, EPOCH_DAYS = 10957 }; /* from 1970-01-01 to 2000-01-01 */

static bool take_char(struct slice *s, char c)
{
    if (s->len == 0 || s->p[0] != c) return false;
    s->p++, s->len--;
    return true;
}

/* Up to three digits, from `min` to `max` */
static bool take_number(struct slice *s, int32_t min, int32_t max, int32_t *ret)
{
    size_t n = 0;
    int32_t v = 0;
    for (; n < s->len && n < 4 && (unsigned)(s->p[n] - '0') <= 9; n++)
        v = v * 10 + (s->p[n] - '0');
    if (n == 0 || n > 3 || v < min || v > max) return false;
    s->p += n, s->len -= n;
    *ret = v;
    return true;
}

/* CET, or <+0330> */
static bool take_name(struct slice *s)
{
    bool quoted = take_char(s, '<');
    size_t n = 0;
    while (n < s->len) {
        char c = s->p[n];
        bool letter = (unsigned)((c | 0x20) - 'a') < 26;
        if (!letter && !(quoted && ((unsigned)(c - '0') <= 9 || c == '+' || c == '-'))) break;
        n++;
    }
    s->p += n, s->len -= n;
    return n >= 1 && (!quoted || take_char(s, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct slice *s, int32_t *ret_s)
{
    bool minus = take_char(s, '-');
    if (!minus) take_char(s, '+');
    int32_t hour, minute = 0, second = 0;
    if (!take_number(s, 0, HOURS_MAX, &hour)) return false;
    if (take_char(s, ':') && !take_number(s, 0, 59, &minute)) return false;
    if (s->len > 0 && take_char(s, ':') && !take_number(s, 0, 59, &second)) return false;
    int32_t sum = hour * HOUR_S + minute * 60 + second;
    *ret_s = minus ? -sum : sum;
    return true;
}

/* ,Mm.w.d[/time] and its like */
static bool take_day(struct slice *s, struct zone_rule_day *ret_day)
{
    struct zone_rule_day d = {.time_s = 2 * HOUR_S};
    if (!take_char(s, ',')) return false;
    if (take_char(s, 'M')) {
        d.kind = ZONE_RULE_MONTH;
        if (!take_number(s, 1, 12, &d.month) || !take_char(s, '.') || !take_number(s, 1, 5, &d.week)) return false;
        if (!take_char(s, '.') || !take_number(s, 0, 6, &d.day)) return false;
    } else if (take_char(s, 'J')) {
        d.kind = ZONE_RULE_JULIAN;
        if (!take_number(s, 1, 365, &d.day)) return false;
    } else {
        d.kind = ZONE_RULE_ORDINAL;
        if (!take_number(s, 0, 365, &d.day)) return false;
    }
    if (take_char(s, '/') && !take_time(s, &d.time_s)) return false;
    *ret_day = d;
    return true;
}

bool zone_rule_parse(struct slice text, struct zone_rule *ret_rule)
{
    struct zone_rule r = {0};
    int32_t west;
    if (!take_name(&text) || !take_time(&text, &west)) return false;
    r.standard_s = -west;
    if (text.len > 0) {
        r.has_summer = true;
        r.summer_s = r.standard_s + HOUR_S;
        if (!take_name(&text)) return false;
        if (text.len > 0 && text.p[0] != ',') {
            if (!take_time(&text, &west)) return false;
            r.summer_s = -west;
        }
        if (!take_day(&text, &r.summer) || !take_day(&text, &r.standard)) return false;
    }
    if (text.len > 0) return false;
    *ret_rule = r;
    return true;
}

/* The day's number from 2000-01-01 */
static int32_t day_of(const struct zone_rule_day *d, int32_t year)
{
    if (d->kind == ZONE_RULE_ORDINAL) return civil_to_days((struct civil){year, 1, 1}) + d->day;
    if (d->kind == ZONE_RULE_JULIAN) {
        /* Counted in a year without February 29, and shifted where this one has it. */
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return civil_to_days((struct civil){year, 1, 1}) + d->day - 1 + (leap && d->day > 59);
    }
    int32_t first = civil_to_days((struct civil){year, d->month, 1});
    int32_t weekday = (int32_t)civil_floor_mod((int64_t)first + 6, 7); /* 2000-01-01 was a Saturday */
    int32_t day = first + (int32_t)civil_floor_mod((int64_t)d->day - weekday, 7) + 7 * (d->week - 1);
    int32_t next =
        d->month == 12 ? civil_to_days((struct civil){year + 1, 1, 1}) : civil_to_days((struct civil){year, d->month + 1, 1});
    return day >= next ? day - 7 : day;
}

struct zone_rule_year zone_rule_year(const struct zone_rule *rule, int32_t year)
{
    int64_t summer = ((int64_t)day_of(&rule->summer, year) + EPOCH_DAYS) * DAY_S + rule->summer.time_s - rule->standard_s;
    int64_t standard = ((int64_t)day_of(&rule->standard, year) + EPOCH_DAYS) * DAY_S + rule->standard.time_s - rule->summer_s;
    return (struct zone_rule_year){.summer_at = summer, .standard_at = standard};
}
