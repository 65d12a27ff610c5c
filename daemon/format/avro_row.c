/* SPDX-License-Identifier: MIT */
#include "format/avro_row.h"

#include "base/ascii.h"
#include "base/civil.h"
#include "data/decimal.h"

#include <endian.h>

/* PostgreSQL counts from 2000-01-01, Avro from 1970-01-01. */
enum { DAYS_BETWEEN = 10957, UUID_BYTES = 16, UUID_TEXT = 36, LONG_MAX_BYTES = 10, WIDE_BYTES = 16 };
#define US_BETWEEN (DAYS_BETWEEN * CIVIL_US_PER_DAY)
/* 0001-01-01 and 9999-12-31, as PostgreSQL counts. */
enum { FIRST_DAY = -730119, LAST_DAY = 2921939 };
#define FIRST_US (FIRST_DAY * CIVIL_US_PER_DAY)
#define BEYOND_US ((LAST_DAY + 1) * CIVIL_US_PER_DAY)

static inline char *write_long(char *p, int64_t v)
{
    uint64_t z = (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
    while (z >= 0x80) {
        *p++ = (char)(z | 0x80);
        z >>= 7;
    }
    *p++ = (char)z;
    return p;
}

void avro_put_long(struct buf *out, int64_t v)
{
    char *p = buf_reserve(out, LONG_MAX_BYTES);
    if (p) buf_wrote(out, (size_t)(write_long(p, v) - p));
}

bool avro_get_long(struct slice *in, int64_t *ret_value)
{
    uint64_t z = 0;
    for (size_t i = 0; i < in->len && i < LONG_MAX_BYTES; i++) {
        uint64_t byte = (unsigned char)in->p[i];
        if (i == LONG_MAX_BYTES - 1 && byte > 1) return false;
        z |= (byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        *ret_value = (int64_t)(z >> 1 ^ -(z & 1));
        *in = (struct slice){in->p + i + 1, in->len - i - 1};
        return true;
    }
    return false;
}

/* ---- writing ---- */

static inline uint64_t be_bytes(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put_bytes(struct buf *out, struct slice v)
{
    char *p = buf_reserve(out, v.len + LONG_MAX_BYTES);
    if (!p) return;
    char *end = write_long(p, (int64_t)v.len);
    if (v.len) memcpy(end, v.p, v.len);
    buf_wrote(out, (size_t)(end - p) + v.len);
}

static const uint32_t tens[] = {1, 10, 100, 1000};

/* The number times 10^scale. False: it is no finite number of that many digits. */
static bool unscaled(struct slice v, int scale, __int128 *ret_value)
{
    if (!decimal_valid(v)) return false;
    struct decimal d = decimal_open(v);
    if (d.class != DECIMAL_FINITE) return false;
    __int128 sum = 0;
    for (int32_t i = 0; i < d.n; i++) {
        /* The exponent of this digit's unit, as the result counts. Behind the scale there are only zeros. */
        int32_t power = DECIMAL_BASE_DIGITS * (d.weight - i) + scale;
        uint32_t digit = decimal_digit(&d, i);
        if (power <= -DECIMAL_BASE_DIGITS) {
            if (digit != 0) return false;
            continue;
        }
        uint32_t shift = power < 0 ? DECIMAL_BASE_DIGITS - (uint32_t)-power : DECIMAL_BASE_DIGITS;
        if (power < 0 && digit % tens[-power] != 0) return false;
        __int128 unit = shift == DECIMAL_BASE_DIGITS ? DECIMAL_BASE : (__int128)tens[shift];
        if (power < 0) digit /= tens[-power];
        if (__builtin_mul_overflow(sum, unit, &sum) || __builtin_add_overflow(sum, (__int128)digit, &sum)) return false;
    }
    for (int32_t zeros = d.n ? DECIMAL_BASE_DIGITS * (d.weight - d.n + 1) + scale : 0; zeros > 0; zeros--)
        if (__builtin_mul_overflow(sum, (__int128)10, &sum)) return false;
    *ret_value = d.negative ? -sum : sum;
    return true;
}

/* Two's complement, big-endian, as short as it can be. */
static bool put_decimal(struct buf *out, struct slice v, const struct avro_column *c)
{
    __int128 value = 0;
    if (!unscaled(v, c->scale, &value)) return false;
    char bytes[WIDE_BYTES];
    size_t n = WIDE_BYTES;
    for (size_t i = 0; i < WIDE_BYTES; i++)
        bytes[WIDE_BYTES - 1 - i] = (char)((unsigned __int128)value >> (8 * i));
    const char *p = bytes;
    char fill = value < 0 ? (char)0xff : 0;
    while (n > 1 && p[0] == fill && ((p[1] ^ fill) & 0x80) == 0) {
        p++;
        n--;
    }
    put_bytes(out, (struct slice){p, n});
    return true;
}

static void put_uuid(struct buf *out, const char *v)
{
    static const char hex[] = "0123456789abcdef";
    char text[UUID_TEXT], *p = text;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
        *p++ = hex[(unsigned char)v[i] >> 4];
        *p++ = hex[(unsigned char)v[i] & 15];
    }
    put_bytes(out, (struct slice){text, UUID_TEXT});
}

/* An integer of PostgreSQL's of `n` bytes. */
static int get_integer(struct slice v, size_t n, int64_t *ret_value)
{
    if (v.len != n) return ERROR_PROTOCOL;
    uint64_t u = be_bytes(v.p, n);
    unsigned unused = 64 - 8 * (unsigned)n;
    *ret_value = (int64_t)(u << unused) >> unused;
    return 0;
}

static int put_integer(struct buf *out, struct slice v, size_t n)
{
    int64_t value = 0;
    int r = get_integer(v, n, &value);
    if (r == 0) avro_put_long(out, value);
    return r;
}

/* Between `first` and before `beyond`, counted from 1970. */
struct span {
    size_t bytes;
    int64_t first, beyond, shift;
};
static int put_moment(struct buf *out, struct slice v, const struct span *span)
{
    int64_t value = 0;
    int r = get_integer(v, span->bytes, &value);
    if (r < 0) return r;
    if (value < span->first || value >= span->beyond) return AVRO_E_TEXT;
    avro_put_long(out, value + span->shift);
    return 0;
}

/* float4 and float8: Avro's are little-endian. */
static int put_float(struct buf *out, struct slice v, size_t n)
{
    if (v.len != n) return ERROR_PROTOCOL;
    char bytes[sizeof(double)];
    for (size_t i = 0; i < n; i++)
        bytes[i] = v.p[n - 1 - i];
    buf_append(out, bytes, n);
    return 0;
}

static int put_value(struct buf *out, struct slice v, const struct avro_column *c)
{
    static const struct span date = {4, FIRST_DAY, (int64_t)LAST_DAY + 1, DAYS_BETWEEN}, time = {8, 0, CIVIL_US_PER_DAY, 0},
                             timestamp = {8, FIRST_US, BEYOND_US, US_BETWEEN};
    switch (c->kind) {
    case AVRO_BOOLEAN:
        if (v.len != 1) return ERROR_PROTOCOL;
        buf_putc(out, v.p[0] != 0);
        return 0;
    case AVRO_INT: return put_integer(out, v, c->small ? 2 : 4);
    case AVRO_LONG: return put_integer(out, v, 8);
    case AVRO_FLOAT: return put_float(out, v, 4);
    case AVRO_DOUBLE: return put_float(out, v, 8);
    case AVRO_BYTES:
    case AVRO_STRING: put_bytes(out, v); return 0;
    case AVRO_DATE: return put_moment(out, v, &date);
    case AVRO_TIME: return put_moment(out, v, &time);
    case AVRO_TIMESTAMP:
    case AVRO_TIMESTAMPTZ: return put_moment(out, v, &timestamp);
    case AVRO_DECIMAL: return put_decimal(out, v, c) ? 0 : AVRO_E_TEXT;
    case AVRO_UUID:
        if (v.len != UUID_BYTES) return ERROR_PROTOCOL;
        put_uuid(out, v.p);
        return 0;
    }
    return ERROR_PROTOCOL;
}

static int put_column(struct buf *out, struct slice *row, const struct avro_column *c)
{
    if (row->len < 4) return ERROR_PROTOCOL;
    int32_t len = (int32_t)be_bytes(row->p, 4);
    *row = (struct slice){row->p + 4, row->len - 4};
    if (len < 0) {
        if (len != -1 || !c->nullable) return ERROR_PROTOCOL;
        avro_put_long(out, c->null_last);
        return 0;
    }
    if ((size_t)len > row->len) return ERROR_PROTOCOL;
    if (c->nullable) avro_put_long(out, !c->null_last);
    struct slice v = {row->p, (size_t)len};
    *row = (struct slice){row->p + len, row->len - (size_t)len};
    return put_value(out, v, c);
}

int avro_row_put(const struct avro_schema *s, struct slice row, struct buf *out, size_t *ret_column)
{
    size_t before = out->len;
    if (row.len < 2 || be_bytes(row.p, 2) != s->columns) return ERROR_PROTOCOL;
    row = (struct slice){row.p + 2, row.len - 2};
    for (size_t i = 0; i < s->columns; i++) {
        int r = put_column(out, &row, &s->column[i]);
        if (r == 0) continue;
        if (!out->failed) out->len = before;
        *ret_column = i;
        return r;
    }
    return row.len == 0 ? 0 : ERROR_PROTOCOL;
}

/* ---- reading ---- */

/* A value that COPY wants: its length, then n bytes of v. */
static void give(struct buf *out, uint64_t v, size_t n)
{
    buf_put_u32(out, (uint32_t)n);
    for (size_t i = n; i > 0; i--)
        buf_putc(out, (char)(v >> (8 * (i - 1))));
}

static bool take_bytes(struct slice *in, struct slice *ret_bytes)
{
    int64_t len;
    struct slice rest = *in;
    if (!avro_get_long(&rest, &len) || len < 0 || (uint64_t)len > rest.len || len > INT32_MAX) return false;
    *ret_bytes = (struct slice){rest.p, (size_t)len};
    *in = (struct slice){rest.p + len, rest.len - (size_t)len};
    return true;
}

static bool get_wide(struct slice bytes, __int128 *ret_value)
{
    if (bytes.len == 0) return false;
    signed char first = (signed char)bytes.p[0];
    for (; bytes.len > WIDE_BYTES; bytes = (struct slice){bytes.p + 1, bytes.len - 1})
        if (bytes.p[0] != (first < 0 ? -1 : 0) || ((bytes.p[1] ^ first) & 0x80)) return false;
    unsigned __int128 v = first < 0 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.len; i++)
        v = v << 8 | (unsigned char)bytes.p[i];
    *ret_value = (__int128)v;
    return true;
}

/* numeric_recv's form of value / 10^scale; all digits are shown. False: it has more than `precision`. */
static bool give_decimal(struct buf *out, __int128 value, const struct avro_column *c)
{
    enum { PLACES = 48 }; /* more than 38 digits, and up to 3 zeros on either side */
    unsigned char digit[PLACES] = {0};
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    int behind = (c->scale + DECIMAL_BASE_DIGITS - 1) / DECIMAL_BASE_DIGITS * DECIMAL_BASE_DIGITS;
    int at = PLACES - (behind - c->scale);
    for (int n = 0; rest > 0; n++, rest /= 10) {
        if (n == c->precision) return false;
        digit[--at] = (unsigned char)(rest % 10);
    }
    int first = at / DECIMAL_BASE_DIGITS, last = PLACES / DECIMAL_BASE_DIGITS;
    uint16_t group[PLACES / DECIMAL_BASE_DIGITS];
    for (int g = 0; g < last; g++) {
        const unsigned char *d = &digit[(ptrdiff_t)g * DECIMAL_BASE_DIGITS];
        group[g] = (uint16_t)(d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3]);
    }
    while (first < last && group[first] == 0)
        first++;
    int weight = PLACES / DECIMAL_BASE_DIGITS - behind / DECIMAL_BASE_DIGITS - 1 - first;
    while (last > first && group[last - 1] == 0)
        last--;
    int n = last - first;
    buf_put_u32(out, (uint32_t)(DECIMAL_HEAD + 2 * n));
    buf_put_u16(out, (uint16_t)n);
    buf_put_u16(out, (uint16_t)(n ? weight : 0));
    buf_put_u16(out, value < 0 ? 0x4000 : 0);
    buf_put_u16(out, (uint16_t)c->scale);
    for (int g = first; g < last; g++)
        buf_put_u16(out, group[g]);
    return true;
}

static bool give_uuid(struct buf *out, struct slice text)
{
    char bytes[UUID_BYTES];
    size_t n = 0;
    if (text.len != UUID_TEXT) return false;
    for (size_t i = 0; i < UUID_TEXT;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.p[i++] != '-') return false;
            continue;
        }
        int high = ascii_hex(text.p[i]), low = ascii_hex(text.p[i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[n++] = (char)(high << 4 | low);
        i += 2;
    }
    buf_put_u32(out, UUID_BYTES);
    buf_append(out, bytes, UUID_BYTES);
    return true;
}

static bool give_float(struct buf *out, struct slice *in, size_t n)
{
    if (in->len < n) return false;
    buf_put_u32(out, (uint32_t)n);
    for (size_t i = n; i > 0; i--)
        buf_putc(out, in->p[i - 1]);
    *in = (struct slice){in->p + n, in->len - n};
    return true;
}

static bool give_bytes(struct buf *out, struct slice bytes)
{
    buf_put_u32(out, (uint32_t)bytes.len);
    buf_put(out, bytes);
    return true;
}

static bool give_boolean(struct buf *out, struct slice *in)
{
    if (in->len == 0 || (unsigned char)in->p[0] > 1) return false;
    give(out, (unsigned char)in->p[0], 1);
    *in = (struct slice){in->p + 1, in->len - 1};
    return true;
}

static bool give_integer(struct buf *out, struct slice *in, const struct avro_column *c)
{
    int64_t v;
    if (!avro_get_long(in, &v)) return false;
    switch (c->kind) {
    case AVRO_INT:
        if (c->small ? v != (int16_t)v : v != (int32_t)v) return false;
        give(out, (uint64_t)v, c->small ? 2 : 4);
        return true;
    case AVRO_DATE:
        if (v != (int32_t)v) return false;
        v -= DAYS_BETWEEN;
        if (v < FIRST_DAY || v > LAST_DAY) return false;
        give(out, (uint64_t)v, 4);
        return true;
    case AVRO_TIME:
        if (v < 0 || v >= CIVIL_US_PER_DAY) return false;
        break;
    case AVRO_TIMESTAMP:
    case AVRO_TIMESTAMPTZ:
        if (__builtin_sub_overflow(v, US_BETWEEN, &v) || v < FIRST_US || v >= BEYOND_US) return false;
        break;
    default: break;
    }
    give(out, (uint64_t)v, 8);
    return true;
}

static bool give_value(struct buf *out, struct slice *in, const struct avro_column *c)
{
    struct slice bytes;
    __int128 wide;
    switch (c->kind) {
    case AVRO_BOOLEAN: return give_boolean(out, in);
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_DATE:
    case AVRO_TIME:
    case AVRO_TIMESTAMP:
    case AVRO_TIMESTAMPTZ: return give_integer(out, in, c);
    case AVRO_FLOAT: return give_float(out, in, 4);
    case AVRO_DOUBLE: return give_float(out, in, 8);
    case AVRO_BYTES:
    case AVRO_STRING: return take_bytes(in, &bytes) && give_bytes(out, bytes);
    case AVRO_DECIMAL: return take_bytes(in, &bytes) && get_wide(bytes, &wide) && give_decimal(out, wide, c);
    case AVRO_UUID: return take_bytes(in, &bytes) && give_uuid(out, bytes);
    }
    return false;
}

int avro_row_get(const struct avro_schema *s, struct slice *records, struct buf *out, struct error *err)
{
    struct slice in = *records;
    buf_put_u16(out, (uint16_t)s->columns);
    for (size_t i = 0; i < s->columns; i++) {
        const struct avro_column *c = &s->column[i];
        int64_t branch = !c->null_last;
        if (c->nullable && (!avro_get_long(&in, &branch) || branch < 0 || branch > 1))
            return error_set(err, AVRO_E_DAMAGED, "field %s is cut off, or neither a value nor null", c->name);
        if (c->nullable && branch == c->null_last) {
            buf_put_u32(out, UINT32_MAX);
        } else if (!give_value(out, &in, c)) {
            return error_set(err, AVRO_E_DAMAGED, "field %s is cut off, or has a value that its type does not have", c->name);
        }
    }
    *records = in;
    return 0;
}
