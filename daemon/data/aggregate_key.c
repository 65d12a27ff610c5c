/* SPDX-License-Identifier: MIT */
#include "data/aggregate_key.h"

#include "data/decimal.h"

#include <math.h>

static bool is_moment(enum type_id id)
{
    return id == TYPE_DATE || id == TYPE_TIMESTAMP || id == TYPE_TIMESTAMPTZ;
}

static int refuse(struct error *err, const char *what, enum type_id id)
{
    return error_set(err, AGGREGATE_E_TYPE, "%s a %s; it takes a date, a timestamp or a timestamptz", what, type_info(id)->name);
}

static int plan_trunc(struct aggregate_key_plan *p, struct error *err)
{
    if (!is_moment(p->source.id)) return refuse(err, "date_trunc does not take", p->source.id);
    if (trunc_unit_find(p->key.unit, &p->unit))
        return error_set(
            err, AGGREGATE_E_TYPE,
            "date_trunc does not know the unit \"%s\"; it is one of microseconds, milliseconds, second, minute, hour, day, week, "
            "month, quarter, year, decade, century, millennium",
            p->key.unit);
    /* PostgreSQL has no date_trunc of a date: it casts it to a timestamptz. */
    p->type = (struct type){p->source.id == TYPE_TIMESTAMP ? TYPE_TIMESTAMP : TYPE_TIMESTAMPTZ, -1};
    return 0;
}

int aggregate_key_plan(const struct aggregate_spec *s, size_t k, struct error *err, struct aggregate_key_plan *ret_plan)
{
    struct aggregate_key_plan p = {.key = s->key[k]};
    p.source = p.type = s->type[p.key.column];
    int r = 0;
    switch (p.key.kind) {
    case AGGREGATE_KEY_COLUMN:
        if (p.source.id == TYPE_JSON || p.source.id == TYPE_JSONB || p.source.id == TYPE_OTHER)
            r = error_set(err, AGGREGATE_E_TYPE, "rows cannot be grouped by a %s", type_info(p.source.id)->name);
        break;
    case AGGREGATE_KEY_DATE:
        if (!is_moment(p.source.id)) r = refuse(err, "::date does not take", p.source.id);
        p.type = (struct type){TYPE_DATE, -1};
        break;
    case AGGREGATE_KEY_TRUNC: r = plan_trunc(&p, err); break;
    }
    if (r == 0) *ret_plan = p;
    return r;
}

static int trunc_value(const struct aggregate_key_plan *p, int64_t from, int64_t *ret)
{
    int64_t us = from;
    int r = p->source.id == TYPE_DATE ? trunc_date_to_timestamp(from, &us) : 0;
    if (r == 0) r = trunc_timestamp(p->unit, us, ret);
    return r ? AGGREGATE_E_RANGE : 0;
}

int aggregate_key_value(const struct aggregate_key_plan *p, const struct batch *b, size_t row, union value *ret_value,
                        bool *ret_null)
{
    const struct batch_column *column = &b->column[p->key.column];
    *ret_null = column->null[row];
    if (*ret_null) {
        *ret_value = (union value){.i = 0};
        return 0;
    }
    union value v = column->value[row];
    if (p->key.kind == AGGREGATE_KEY_TRUNC) {
        int r = trunc_value(p, column->value[row].i, &v.i);
        if (r) return r;
    } else if (p->key.kind == AGGREGATE_KEY_DATE && p->source.id != TYPE_DATE) {
        v.i = trunc_timestamp_to_date(v.i);
    }
    *ret_value = v;
    return 0;
}

enum { FLAG_VALUE = 0, FLAG_NULL = 1 };

#define TOP_BIT (UINT64_C(1) << 63)

static void encode_int(const union value *v, struct buf *out)
{
    buf_put_u64(out, (uint64_t)v->i ^ TOP_BIT);
}

/* -0 and 0 are one group, all NaNs are one, the greatest. Turning the bits of negative floats makes them ascend. */
static void encode_float(const union value *v, struct buf *out)
{
    uint64_t bits = UINT64_MAX;
    if (!isnan(v->f)) {
        double f = v->f == 0 ? 0 : v->f;
        memcpy(&bits, &f, sizeof(bits));
        bits = bits & TOP_BIT ? ~bits : bits | TOP_BIT;
    }
    buf_put_u64(out, bits);
}

/* Ends with 00 00; a NUL inside, which PostgreSQL's texts never hold, is 00 ff, so that no text's bytes begin another's. */
static void encode_text(const union value *v, struct buf *out)
{
    struct slice rest = v->s;
    while (rest.len > 0) {
        const char *nul = memchr(rest.p, '\0', rest.len);
        size_t n = nul ? (size_t)(nul - rest.p) : rest.len;
        buf_append(out, rest.p, n);
        if (!nul) break;
        buf_append(out, "\0\xff", 2);
        rest.p += n + 1;
        rest.len -= n + 1;
    }
    buf_append(out, "\0\0", 2);
}

/* char(n) is compared without its trailing blanks. */
static void encode_bpchar(const union value *v, struct buf *out)
{
    union value cut = *v;
    while (cut.s.len > 0 && cut.s.p[cut.s.len - 1] == ' ')
        cut.s.len--;
    encode_text(&cut, out);
}

static void encode_bytes(const union value *v, struct buf *out)
{
    buf_put(out, v->s);
}

/*
 * A byte for the class and sign; then for numbers that are not 0 the weight, the base-10000 digits plus one, and 0 for the end; all
 * bits turned where the number is negative. 1.0 and 1.00 have the same digits.
 */
static void encode_numeric(const union value *v, struct buf *out)
{
    enum { MINUS_INFINITY, NEGATIVE, ZERO, POSITIVE, INFINITE, NOT_A_NUMBER };
    static const char classes[] = {[DECIMAL_MINUS_INFINITY] = MINUS_INFINITY,
                                   [DECIMAL_FINITE] = ZERO,
                                   [DECIMAL_INFINITY] = INFINITE,
                                   [DECIMAL_NAN] = NOT_A_NUMBER};
    struct decimal d = decimal_open(v->s);
    if (d.n == 0) {
        buf_putc(out, classes[d.class]);
        return;
    }
    uint16_t turn = d.negative ? 0xffff : 0;
    buf_putc(out, d.negative ? NEGATIVE : POSITIVE);
    buf_put_u16(out, (uint16_t)((d.weight + 0x8000) ^ turn));
    for (int32_t i = 0; i < d.n; i++)
        buf_put_u16(out, (uint16_t)((decimal_digit(&d, i) + 1) ^ turn));
    buf_put_u16(out, turn);
}

static void (*const encoders[TYPE_N])(const union value *v, struct buf *out) = {
    [TYPE_BOOL] = encode_int,     [TYPE_INT2] = encode_int,     [TYPE_INT4] = encode_int,        [TYPE_INT8] = encode_int,
    [TYPE_DATE] = encode_int,     [TYPE_TIME] = encode_int,     [TYPE_TIMESTAMP] = encode_int,   [TYPE_TIMESTAMPTZ] = encode_int,
    [TYPE_FLOAT4] = encode_float, [TYPE_FLOAT8] = encode_float, [TYPE_NUMERIC] = encode_numeric, [TYPE_UUID] = encode_bytes,
    [TYPE_TEXT] = encode_text,    [TYPE_VARCHAR] = encode_text, [TYPE_BPCHAR] = encode_bpchar,
};

void aggregate_key_encode(enum type_id type, const union value *v, bool null, struct buf *out)
{
    buf_putc(out, null ? FLAG_NULL : FLAG_VALUE);
    if (!null) encoders[type](v, out);
}
