/* SPDX-License-Identifier: MIT */
#include "format/pgvalue.h"

#include "base/civil.h"
#include "csv/quote.h"
#include "data/decimal.h"
#include "data/print.h"
#include "data/shortest.h"
#include "format/json_writer.h"

#include <assert.h>
#include <math.h>

/* Big-endian integers; the table of kinds has checked the length, 1 to 8 bytes. */
static uint64_t get_bits(struct slice v)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < v.len; i++)
        bits = bits << 8 | (unsigned char)v.p[i];
    return bits;
}

static int64_t get_int(struct slice v)
{
    assert(v.len >= 1 && v.len <= 8);
    uint64_t bits = get_bits(v), sign = UINT64_C(1) << (8 * v.len - 1);
    return (int64_t)((bits ^ sign) - sign);
}

static int put_int(struct buf *out, struct slice v)
{
    print_int(out, get_int(v));
    return 0;
}

static int put_oid(struct buf *out, struct slice v)
{
    print_int(out, (int64_t)get_bits(v));
    return 0;
}

static int put_bool_text(struct buf *out, struct slice v)
{
    buf_putc(out, v.p[0] ? 't' : 'f');
    return 0;
}

static int put_bool_json(struct buf *out, struct slice v)
{
    buf_put(out, v.p[0] ? SLICE("true") : SLICE("false"));
    return 0;
}

static double get_float(struct slice v)
{
    uint64_t bits = get_bits(v);
    if (v.len == sizeof(float)) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof(f));
        return (double)f;
    }
    double f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static int put_float_text(struct buf *out, struct slice v)
{
    double f = get_float(v);
    if (v.len == sizeof(float))
        print_float4(out, (float)f);
    else
        print_float8(out, f);
    return 0;
}

/* jsonb keeps numbers as numeric: no exponents; what is no number there is a string. */
static int put_float_json(struct buf *out, struct slice v)
{
    double f = get_float(v);
    if (!isfinite(f)) {
        buf_putc(out, '"');
        print_float8(out, f);
        buf_putc(out, '"');
        return 0;
    }
    char text[SHORTEST_PLAIN_MAX];
    struct shortest s = v.len == sizeof(float) ? shortest_float4((float)f) : shortest_float8(f);
    size_t len = (size_t)shortest_plain(&s, text);
    buf_append(out, text, len);
    return 0;
}

static int put_numeric_text(struct buf *out, struct slice v)
{
    return decimal_valid(v) ? (decimal_text(v, out), 0) : ERROR_PROTOCOL;
}

static int put_numeric_json(struct buf *out, struct slice v)
{
    if (!decimal_valid(v)) return ERROR_PROTOCOL;
    bool special = decimal_class(v) != DECIMAL_FINITE;
    if (special) buf_putc(out, '"');
    decimal_text(v, out);
    if (special) buf_putc(out, '"');
    return 0;
}

static int put_date(struct buf *out, struct slice v)
{
    print_date(out, get_int(v));
    return 0;
}

static int put_time(struct buf *out, struct slice v)
{
    int64_t us = get_int(v);
    if (us < 0 || us > CIVIL_US_PER_DAY) return ERROR_PROTOCOL;
    print_time(out, us);
    return 0;
}

static int put_timestamp_text(struct buf *out, struct slice v)
{
    print_moment(out, get_int(v), ' ', "");
    return 0;
}

static int put_timestamp_json(struct buf *out, struct slice v)
{
    print_moment(out, get_int(v), 'T', "");
    return 0;
}

static int put_timestamptz_text(struct buf *out, struct slice v)
{
    print_moment(out, get_int(v), ' ', "+00");
    return 0;
}

static int put_timestamptz_json(struct buf *out, struct slice v)
{
    print_moment(out, get_int(v), 'T', "+00:00");
    return 0;
}

static int put_uuid(struct buf *out, struct slice v)
{
    print_uuid(out, v);
    return 0;
}

static int put_bytes(struct buf *out, struct slice v)
{
    buf_put(out, v);
    return 0;
}

static int put_string(struct buf *out, struct slice v)
{
    json_quote(out, v);
    return 0;
}

void pgvalue_json_fragment(struct buf *out, struct slice json)
{
    char *to = buf_reserve(out, json.len);
    if (!to) return;
    for (size_t i = 0; i < json.len; i++)
        to[i] = (unsigned char)json.p[i] < ' ' ? ' ' : json.p[i];
    buf_wrote(out, json.len);
}

static int put_json(struct buf *out, struct slice v)
{
    pgvalue_json_fragment(out, v);
    return 0;
}

typedef int put_fn(struct buf *out, struct slice v);

enum {
    KIND_INT8 = 1,
    KIND_INT4 = 3,
    KIND_TEXT = 4,
    KIND_NUMERIC = 8,
    KIND_FLOAT8 = 10,
    KIND_DATE = 11,
    KIND_TIMESTAMP = 13,
    KIND_TIMESTAMPTZ = 14
}; /* places in the table */

static const struct kind {
    uint32_t oid; /* pg_type.oid */
    int8_t len;   /* bytes of a value; -1: any */
    bool quoted;  /* `text` stands in quotes as JSON; it needs no escapes */
    bool any;     /* the text may hold a delimiter, a quote or a line end */
    bool version; /* one byte, 1, stands before the value */
    put_fn *text; /* as the output function */
    put_fn *json; /* NULL: as `text` */
} kinds[] = {
    {.oid = 16, .len = 1, .text = put_bool_text, .json = put_bool_json},                                 /* bool */
    {.oid = 20, .len = 8, .text = put_int},                                                              /* int8 */
    {.oid = 21, .len = 2, .text = put_int},                                                              /* int2 */
    {.oid = 23, .len = 4, .text = put_int},                                                              /* int4 */
    {.oid = 25, .len = -1, .any = true, .text = put_bytes, .json = put_string},                          /* text */
    {.oid = 1043, .len = -1, .any = true, .text = put_bytes, .json = put_string},                        /* varchar */
    {.oid = 1042, .len = -1, .any = true, .text = put_bytes, .json = put_string},                        /* bpchar */
    {.oid = 19, .len = -1, .any = true, .text = put_bytes, .json = put_string},                          /* name */
    {.oid = 1700, .len = -1, .text = put_numeric_text, .json = put_numeric_json},                        /* numeric */
    {.oid = 700, .len = 4, .text = put_float_text, .json = put_float_json},                              /* float4 */
    {.oid = 701, .len = 8, .text = put_float_text, .json = put_float_json},                              /* float8 */
    {.oid = 1082, .len = 4, .quoted = true, .text = put_date},                                           /* date */
    {.oid = 1083, .len = 8, .quoted = true, .text = put_time},                                           /* time */
    {.oid = 1114, .len = 8, .quoted = true, .text = put_timestamp_text, .json = put_timestamp_json},     /* timestamp */
    {.oid = 1184, .len = 8, .quoted = true, .text = put_timestamptz_text, .json = put_timestamptz_json}, /* timestamptz */
    {.oid = 2950, .len = 16, .quoted = true, .text = put_uuid},                                          /* uuid */
    {.oid = 114, .len = -1, .any = true, .text = put_bytes, .json = put_json},                           /* json */
    {.oid = 3802, .len = -1, .any = true, .version = true, .text = put_bytes},                           /* jsonb */
    {.oid = 26, .len = 4, .quoted = true, .text = put_oid},                                              /* oid */
};

static const struct kind *find(uint32_t oid)
{
    switch (oid) { /* those that most values are of, without a search */
    case 20: return &kinds[KIND_INT8];
    case 23: return &kinds[KIND_INT4];
    case 25: return &kinds[KIND_TEXT];
    case 1700: return &kinds[KIND_NUMERIC];
    case 1082: return &kinds[KIND_DATE];
    case 1114: return &kinds[KIND_TIMESTAMP];
    case 1184: return &kinds[KIND_TIMESTAMPTZ];
    case 701: return &kinds[KIND_FLOAT8];
    default: break;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].oid == oid) return &kinds[i];
    return NULL;
}

/* Check the value's outside and take the version off it. */
static bool open_value(const struct kind *k, struct slice *value)
{
    if (k->len >= 0) return (size_t)k->len == value->len;
    if (!k->version) return true;
    if (value->len < 1 || value->p[0] != 1) return false;
    value->p++;
    value->len--;
    return true;
}

bool pgvalue_known(uint32_t oid)
{
    return find(oid) != NULL;
}

int pgvalue_json(struct buf *out, uint32_t oid, struct slice value)
{
    const struct kind *k = find(oid);
    assert(k);
    if (!open_value(k, &value)) return ERROR_PROTOCOL;
    if (k->quoted) buf_putc(out, '"');
    int r = k->json ? k->json(out, value) : k->text(out, value);
    if (k->quoted) buf_putc(out, '"');
    return r;
}

int pgvalue_text(struct buf *out, uint32_t oid, struct slice value)
{
    const struct kind *k = find(oid);
    assert(k);
    return open_value(k, &value) ? k->text(out, value) : ERROR_PROTOCOL;
}

int pgvalue_csv(struct buf *out, uint32_t oid, struct slice value, char delimiter)
{
    const struct kind *k = find(oid);
    assert(k);
    if (!open_value(k, &value)) return ERROR_PROTOCOL;
    if (!k->any) return k->text(out, value);
    csv_quote(out, value, delimiter); /* the text of these types is the value itself */
    return 0;
}
