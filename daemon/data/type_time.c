/* SPDX-License-Identifier: MIT */
#include "data/type_time.h"

#include "data/type_datetime.h"
#include "data/type_format.h"

/* What PostgreSQL can hold: dates from 4714-11-24 BC to 5874897-12-31, timestamps from there to 294276-12-31. */
static const int64_t first_day = -2451545, end_day = 2145031949;
static const int64_t first_us = INT64_C(-211813488000000000), end_us = INT64_C(9223371331200000000);

/* Two digits, or something above 99 */
static inline unsigned two(const char *p)
{
    unsigned a = (unsigned)(p[0] - '0'), b = (unsigned)(p[1] - '0');
    return a > 9 || b > 9 ? 1000 : a * 10 + b;
}

/* hh:mm:ss[.f{1,6}][Z|±hh[:mm]] behind an ISO date */
static bool scan_iso_time(struct slice s, struct type_stamp *stamp)
{
    if (s.len < 8 || s.p[2] != ':' || s.p[5] != ':') return false;
    unsigned hour = two(s.p), minute = two(s.p + 3), second = two(s.p + 6);
    if (hour > 23 || minute > 59 || second > 59) return false;
    const char *p = s.p + 8, *end = s.p + s.len;
    int64_t us = 0;
    if (p < end && *p == '.') {
        const char *digits = ++p;
        while (p < end && (unsigned)(*p - '0') <= 9)
            p++;
        if (p - digits > 6 || !type_datetime_fraction((struct slice){digits, (size_t)(p - digits)}, &us)) return false;
    }
    stamp->has_time = true;
    stamp->time_us = (int64_t)((hour * 60 + minute) * 60 + second) * CIVIL_US_PER_SECOND + us;
    if (p == end || (*p == 'Z' && p + 1 == end)) return true;
    bool with_minutes = end - p == 6 && p[3] == ':';
    if ((*p != '+' && *p != '-') || (end - p != 3 && !with_minutes)) return false;
    unsigned zone_hour = two(p + 1), zone_minute = with_minutes ? two(p + 4) : 0;
    if (zone_hour > 15 || zone_minute > 59) return false;
    int32_t zone = (int32_t)(zone_hour * 60 + zone_minute) * 60;
    stamp->zone_s = *p == '-' ? -zone : zone;
    return true;
}

/* The form nearly every file has; what is not exactly that goes to the decoder. */
static bool scan_iso(struct slice s, struct type_stamp *ret_stamp)
{
    if (s.len < 10 || s.p[4] != '-' || s.p[7] != '-') return false;
    unsigned century = two(s.p), year = two(s.p + 2), month = two(s.p + 5), day = two(s.p + 8);
    if (century > 99 || year > 99 || month > 99 || day > 99) return false;
    struct type_stamp stamp = {.has_date = true, .date = {(int32_t)(century * 100 + year), (int32_t)month, (int32_t)day}};
    if (stamp.date.year == 0 || !type_datetime_exists(stamp.date)) return false;
    if (s.len > 10) {
        if (s.p[10] != ' ' && s.p[10] != 'T') return false;
        if (!scan_iso_time((struct slice){s.p + 11, s.len - 11}, &stamp)) return false;
    }
    *ret_stamp = stamp;
    return true;
}

static int decode(const struct type_input *in, struct slice text, struct type_stamp *ret_stamp)
{
    struct slice s = slice_trim(text);
    if (s.len == 0) return TYPE_E_SYNTAX;
    if (in->format) return type_format_parse(in->format, s, ret_stamp);
    bool time_only = in->type.id == TYPE_TIME;
    if (!time_only && scan_iso(s, ret_stamp)) return 0;
    return type_datetime_decode(s, time_only, ret_stamp);
}

/* time(p), timestamp(p): to p digits behind the point, half away from zero */
static int64_t round_us(int64_t us, int32_t digits)
{
    static const int64_t scale[] = {1000000, 100000, 10000, 1000, 100, 10};
    if (digits < 0 || digits > 5) return us;
    int64_t half = scale[digits] / 2;
    return us >= 0 ? (us + half) / scale[digits] * scale[digits] : -((-us + half) / scale[digits] * scale[digits]);
}

int type_time_date(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    struct type_stamp s;
    int r = decode(in, text, &s);
    if (r) return r;
    if (s.kind != TYPE_STAMP_FINITE) {
        ret_value->i = s.kind == TYPE_STAMP_INFINITY ? INT32_MAX : INT32_MIN;
        return 0;
    }
    if (!s.has_date) return TYPE_E_SYNTAX;
    int64_t days = civil_to_days(s.date);
    if (days < first_day || days >= end_day) return TYPE_E_RANGE;
    ret_value->i = days;
    return 0;
}

int type_time_time(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    struct type_stamp s;
    int r = decode(in, text, &s);
    if (r) return r;
    if (!s.has_time) return TYPE_E_SYNTAX;
    ret_value->i = round_us(s.time_us, in->type.typmod);
    return 0;
}

int type_time_timestamp(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    struct type_stamp s;
    int r = decode(in, text, &s);
    if (r) return r;
    if (s.kind != TYPE_STAMP_FINITE) {
        ret_value->i = s.kind == TYPE_STAMP_INFINITY ? INT64_MAX : INT64_MIN;
        return 0;
    }
    if (!s.has_date) return TYPE_E_SYNTAX;
    int64_t days = civil_to_days(s.date);
    /* A day on either side is left for the zone; within it nothing overflows. */
    if (days < first_day - 1 || days > end_us / CIVIL_US_PER_DAY + 1) return TYPE_E_RANGE;
    int64_t us = days * CIVIL_US_PER_DAY + s.time_us;
    if (in->type.id == TYPE_TIMESTAMPTZ) us -= s.zone_s * CIVIL_US_PER_SECOND;
    if (us < first_us || us >= end_us) return TYPE_E_RANGE;
    ret_value->i = round_us(us, in->type.typmod);
    return 0;
}
