/* SPDX-License-Identifier: MIT */
#include "data/type_time.h"

#include "base/ascii.h"
#include "base/zone.h"
#include "data/digits.h"
#include "data/type_datetime.h"
#include "data/type_format.h"
#include "data/type_rows.h"

static const int64_t unix_epoch_s = 946684800; /* from 1970-01-01 to 2000-01-01 */
enum { ISO_DATE = 10 };                        /* bytes */

/* Two digits, or something above 99 */
static inline unsigned two(const char *p)
{
    unsigned a = (unsigned)(p[0] - '0'), b = (unsigned)(p[1] - '0');
    return a > 9 || b > 9 ? 1000 : a * 10 + b;
}

/* Bytes 0 where the text has a separator, a digit's value where it has a digit; false when one of them has neither. */
static inline bool read_pattern(const char *p, uint64_t pattern, uint64_t above, uint64_t *ret_digits)
{
    uint64_t v = digits_eight(p) ^ pattern;
    if ((v | (v + above)) & UINT64_C(0x8080808080808080)) return false;
    *ret_digits = v;
    return true;
}

/* Words as digits.h has them: the text's first byte is the lowest. `above` brings a digit's byte to its high bit from 10 on, a
 * separator's from 1 on. */
#define DATE_PATTERN UINT64_C(0x2d30302d30303030) /* 0000-00- */
#define DATE_ABOVE UINT64_C(0x7f76767f76767676)
#define TIME_PATTERN UINT64_C(0x30303a30303a3030) /* 00:00:00 */
#define TIME_ABOVE UINT64_C(0x76767f76767f7676)

/* In each byte what its digit and the next one say as a pair */
static inline uint64_t pairs_of(uint64_t digits)
{
    return digits * 10 + (digits >> 8);
}

static inline unsigned pair(uint64_t pairs, unsigned at)
{
    return (unsigned)(pairs >> (8 * at)) & 0xff;
}

/* [.f{1,6}][Z|±hh[:mm]] behind an ISO date and time */
static inline bool scan_iso_rest(const char *p, const char *end, struct type_stamp *stamp)
{
    if (*p == '.') {
        static const unsigned scale[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
        const char *digits = ++p;
        while (p < end && ascii_is_digit(*p))
            p++;
        size_t n = (size_t)(p - digits);
        if (n < 1 || n > 6) return false;
        stamp->time_us += (int64_t)digits_value(digits_load(digits, n)) * scale[n];
        if (p == end) return true;
    }
    stamp->has_zone = true;
    if (*p == 'Z') return p + 1 == end;
    bool with_minutes = end - p == 6 && p[3] == ':';
    if ((*p != '+' && *p != '-') || (end - p != 3 && !with_minutes)) return false;
    unsigned zone_hour = two(p + 1), zone_minute = with_minutes ? two(p + 4) : 0;
    if (zone_hour > 15 || zone_minute > 59) return false;
    int32_t zone = (int32_t)(zone_hour * 60 + zone_minute) * 60;
    stamp->zone_s = *p == '-' ? -zone : zone;
    return true;
}

/* Behind an ISO date and its T or blank */
static inline bool scan_iso_time(struct slice s, struct type_stamp *stamp)
{
    uint64_t digits;
    if (s.len < 8 || !read_pattern(s.p, TIME_PATTERN, TIME_ABOVE, &digits)) return false;
    uint64_t pairs = pairs_of(digits);
    unsigned hour = pair(pairs, 0), minute = pair(pairs, 3), second = pair(pairs, 6);
    if (hour > 23 || minute > 59 || second > 59) return false;
    stamp->has_time = true;
    stamp->time_us = (int64_t)((hour * 60 + minute) * 60 + second) * CIVIL_US_PER_SECOND;
    return s.len == 8 || scan_iso_rest(s.p + 8, s.p + s.len, stamp);
}

/* yyyy-mm-dd of the years 1 to 9999 at the start of s */
__attribute__((always_inline)) static inline bool scan_iso_date(struct slice s, struct civil *ret_date)
{
    uint64_t digits;
    if (s.len < ISO_DATE || !read_pattern(s.p, DATE_PATTERN, DATE_ABOVE, &digits)) return false;
    uint64_t pairs = pairs_of(digits);
    struct civil date = {(int32_t)(pair(pairs, 0) * 100 + pair(pairs, 2)), (int32_t)pair(pairs, 5), (int32_t)two(s.p + 8)};
    if (date.year == 0 || !type_datetime_exists(date)) return false;
    *ret_date = date;
    return true;
}

/* The form nearly every file has; what is not exactly that goes to the decoder. Inlined, the stamp stays in registers. */
__attribute__((always_inline)) static inline bool scan_iso(struct slice s, struct type_stamp *ret_stamp)
{
    struct type_stamp stamp = {.has_date = true};
    if (!scan_iso_date(s, &stamp.date)) return false;
    if (s.len > ISO_DATE) {
        if (s.p[ISO_DATE] != ' ' && s.p[ISO_DATE] != 'T') return false;
        if (!scan_iso_time((struct slice){s.p + ISO_DATE + 1, s.len - ISO_DATE - 1}, &stamp)) return false;
    }
    *ret_stamp = stamp;
    return true;
}

bool type_time_is_plain(struct slice text)
{
    uint64_t digits;
    if (text.len != ISO_DATE + 9 || (text.p[ISO_DATE] != ' ' && text.p[ISO_DATE] != 'T') || two(text.p + 8) > 99) return false;
    return read_pattern(text.p, DATE_PATTERN, DATE_ABOVE, &digits) &&
           read_pattern(text.p + ISO_DATE + 1, TIME_PATTERN, TIME_ABOVE, &digits);
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

int64_t type_time_round(int64_t us, int32_t digits)
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
    if (text.len == ISO_DATE && !in->format && scan_iso_date(text, &s.date)) {
        ret_value->i = civil_to_days_usual(s.date);
        return 0;
    }
    int r = decode(in, text, &s);
    if (r) return r;
    if (s.kind != TYPE_STAMP_FINITE) {
        ret_value->i = s.kind == TYPE_STAMP_INFINITY ? INT32_MAX : INT32_MIN;
        return 0;
    }
    if (!s.has_date) return TYPE_E_SYNTAX;
    int64_t days = civil_to_days(s.date);
    if (days < TYPE_TIME_DATE_FIRST || days >= TYPE_TIME_DATE_END) return TYPE_E_RANGE;
    ret_value->i = days;
    return 0;
}

int type_time_date_rows(const struct type_input *in, const struct type_rows *column, struct arena *arena)
{
    const struct type_rows rows = *column; /* a copy that no store can change */
    bool iso = !in->format;
    for (size_t i = 0; i < rows.rows; i++) {
        if (rows.null[i]) continue;
        struct slice s = rows.value[i].s;
        struct civil date;
        if (iso && s.len == ISO_DATE && scan_iso_date(s, &date)) {
            rows.value[i].i = civil_to_days_usual(date);
            continue;
        }
        int r = type_rows_one(in, &rows, i, type_time_date, arena);
        if (r) return r;
    }
    return 0;
}

int type_time_time(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    struct type_stamp s;
    int r = decode(in, text, &s);
    if (r) return r;
    if (!s.has_time) return TYPE_E_SYNTAX;
    ret_value->i = type_time_round(s.time_us, in->type.typmod);
    return 0;
}

/* What is taken from the wall clock's time to come to UTC */
static inline int64_t zone_us(const struct type_input *in, const struct type_stamp *s, int64_t us)
{
    if (in->type.id != TYPE_TIMESTAMPTZ) return 0;
    if (s->has_zone || !in->zone) return s->zone_s * CIVIL_US_PER_SECOND;
    return zone_offset(in->zone, civil_floor_div(us, CIVIL_US_PER_SECOND) + unix_epoch_s) * CIVIL_US_PER_SECOND;
}

/* An ISO date and time, which is in range whatever its zone */
static inline bool usual_timestamp(const struct type_input *in, struct slice text, union value *ret_value)
{
    struct type_stamp s;
    if (!scan_iso(text, &s)) return false;
    int64_t us = civil_to_days_usual(s.date) * CIVIL_US_PER_DAY + s.time_us;
    us -= zone_us(in, &s, us);
    ret_value->i = in->type.typmod < 0 ? us : type_time_round(us, in->type.typmod);
    return true;
}

int type_time_timestamp(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    if (!in->format && usual_timestamp(in, text, ret_value)) return 0;
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
    if (days < TYPE_TIME_DATE_FIRST - 1 || days > TYPE_TIME_END / CIVIL_US_PER_DAY + 1) return TYPE_E_RANGE;
    int64_t us = days * CIVIL_US_PER_DAY + s.time_us;
    us -= zone_us(in, &s, us);
    if (us < TYPE_TIME_FIRST || us >= TYPE_TIME_END) return TYPE_E_RANGE;
    ret_value->i = type_time_round(us, in->type.typmod);
    return 0;
}

/* yyyy-mm-dd hh:mm:ss, as nearly all are written */
static inline bool plain_timestamp(struct slice s, int64_t *ret_us)
{
    uint64_t digits;
    struct civil date;
    if (s.len != ISO_DATE + 9 || (s.p[ISO_DATE] != ' ' && s.p[ISO_DATE] != 'T') || !scan_iso_date(s, &date)) return false;
    if (!read_pattern(s.p + ISO_DATE + 1, TIME_PATTERN, TIME_ABOVE, &digits)) return false;
    uint64_t pairs = pairs_of(digits);
    uint32_t hour = pair(pairs, 0), minute = pair(pairs, 3), second = pair(pairs, 6);
    if (hour > 23 || minute > 59 || second > 59) return false;
    int64_t seconds = (int64_t)civil_to_days_usual(date) * (CIVIL_US_PER_DAY / CIVIL_US_PER_SECOND);
    *ret_us = (seconds + (hour * 60 + minute) * 60 + second) * CIVIL_US_PER_SECOND;
    return true;
}

int type_time_timestamp_rows(const struct type_input *in, const struct type_rows *column, struct arena *arena)
{
    const struct type_rows rows = *column;                                               /* a copy that no store can change */
    bool iso = !in->format, plain = iso && (in->type.id == TYPE_TIMESTAMP || !in->zone); /* whole seconds need no rounding */
    for (size_t i = 0; i < rows.rows; i++) {
        if (rows.null[i]) continue;
        if (plain && plain_timestamp(rows.value[i].s, &rows.value[i].i)) continue;
        if (iso && usual_timestamp(in, rows.value[i].s, &rows.value[i])) continue;
        int r = type_rows_one(in, &rows, i, type_time_timestamp, arena);
        if (r) return r;
    }
    return 0;
}
