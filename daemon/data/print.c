/* SPDX-License-Identifier: MIT */
#include "data/print.h"

#include "base/civil.h"
#include "base/num.h"
#include "data/decimal.h"
#include "data/shortest.h"

#include <math.h>

void print_int(struct buf *out, int64_t v)
{
    char digits[NUM_I64_MAX];
    size_t len = (size_t)num_write_i64(v, digits);
    buf_append(out, digits, len);
}

static void print_float(struct buf *out, double v, bool single)
{
    if (!isfinite(v)) {
        buf_puts(out, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char text[SHORTEST_TEXT_MAX];
    struct shortest s = single ? shortest_float4((float)v) : shortest_float8(v);
    size_t len = (size_t)shortest_text(&s, text);
    buf_append(out, text, len);
}

void print_float4(struct buf *out, float v)
{
    print_float(out, (double)v, true);
}

void print_float8(struct buf *out, double v)
{
    print_float(out, v, false);
}

/* n digits at least, with zeros in front */
static void print_padded(struct buf *out, int64_t v, int n)
{
    char digits[NUM_I64_MAX];
    int have = num_write_i64(v, digits);
    for (int i = have; i < n; i++)
        buf_putc(out, '0');
    buf_append(out, digits, (size_t)have);
}

/* The year 0 is 1 BC; the caller writes " BC" at the end. */
static void print_civil(struct buf *out, struct civil c)
{
    print_padded(out, c.year > 0 ? c.year : 1 - (int64_t)c.year, 4);
    buf_putc(out, '-');
    print_padded(out, c.month, 2);
    buf_putc(out, '-');
    print_padded(out, c.day, 2);
}

void print_time(struct buf *out, int64_t us)
{
    int64_t seconds = us / CIVIL_US_PER_SECOND, fraction = us % CIVIL_US_PER_SECOND;
    print_padded(out, seconds / 3600, 2);
    buf_putc(out, ':');
    print_padded(out, seconds / 60 % 60, 2);
    buf_putc(out, ':');
    print_padded(out, seconds % 60, 2);
    if (fraction == 0) return;
    int digits = 6;
    for (; fraction % 10 == 0; fraction /= 10)
        digits--;
    buf_putc(out, '.');
    print_padded(out, fraction, digits);
}

void print_date(struct buf *out, int64_t days)
{
    if (days == INT32_MAX || days == INT32_MIN) {
        buf_puts(out, days > 0 ? "infinity" : "-infinity");
        return;
    }
    struct civil c = civil_of_days((int32_t)days);
    print_civil(out, c);
    if (c.year <= 0) buf_puts(out, " BC");
}

static char *put_two(char *to, int v)
{
    *to++ = (char)('0' + v / 10);
    *to++ = (char)('0' + v % 10);
    return to;
}

/* A year of four digits, and whole seconds: nearly all moments. */
static void print_usual(struct buf *out, struct civil c, int seconds, char between)
{
    char text[20], *to = put_two(put_two(text, c.year / 100), c.year % 100);
    *to++ = '-';
    to = put_two(to, c.month);
    *to++ = '-';
    to = put_two(to, c.day);
    *to++ = between;
    to = put_two(to, seconds / 3600);
    *to++ = ':';
    to = put_two(to, seconds / 60 % 60);
    *to++ = ':';
    to = put_two(to, seconds % 60);
    buf_append(out, text, (size_t)(to - text));
}

void print_moment(struct buf *out, int64_t us, char between, const char *zone)
{
    if (us == INT64_MAX || us == INT64_MIN) {
        buf_puts(out, us > 0 ? "infinity" : "-infinity");
        return;
    }
    struct civil c = civil_of_days((int32_t)civil_floor_div(us, CIVIL_US_PER_DAY));
    int64_t time = civil_floor_mod(us, CIVIL_US_PER_DAY);
    if (c.year > 0 && c.year <= 9999 && time % CIVIL_US_PER_SECOND == 0) {
        print_usual(out, c, (int)(time / CIVIL_US_PER_SECOND), between);
    } else {
        print_civil(out, c);
        buf_putc(out, between);
        print_time(out, time);
    }
    buf_puts(out, zone);
    if (c.year <= 0) buf_puts(out, " BC");
}

void print_uuid(struct buf *out, struct slice bytes)
{
    static const char hex[] = "0123456789abcdef";
    char text[36], *to = text;
    for (size_t i = 0; i < bytes.len; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
        unsigned char c = (unsigned char)bytes.p[i];
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    buf_append(out, text, sizeof(text));
}

void print_value(struct buf *out, enum type_id id, union value v)
{
    switch (id) {
    case TYPE_BOOL: buf_putc(out, v.i ? 't' : 'f'); return;
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8: print_int(out, v.i); return;
    case TYPE_NUMERIC: decimal_text(v.s, out); return;
    case TYPE_FLOAT4: print_float4(out, (float)v.f); return;
    case TYPE_FLOAT8: print_float8(out, v.f); return;
    case TYPE_DATE: print_date(out, v.i); return;
    case TYPE_TIME: print_time(out, v.i); return;
    case TYPE_TIMESTAMP: print_moment(out, v.i, ' ', ""); return;
    case TYPE_TIMESTAMPTZ: print_moment(out, v.i, ' ', "+00"); return;
    case TYPE_UUID: print_uuid(out, v.s); return;
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_OTHER:
    case TYPE_N: buf_put(out, v.s); return;
    }
}
