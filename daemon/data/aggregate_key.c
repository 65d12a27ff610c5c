/* SPDX-License-Identifier: MIT */
#include "data/aggregate_key.h"

#include "data/decimal.h"

#include <endian.h>
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

static enum aggregate_key_class class_of(enum type_id id)
{
    switch (id) {
    case TYPE_FLOAT4:
    case TYPE_FLOAT8: return AGGREGATE_KEY_FLOAT;
    case TYPE_NUMERIC: return AGGREGATE_KEY_NUMERIC;
    case TYPE_BPCHAR: return AGGREGATE_KEY_BLANKS;
    default: return type_info(id)->fixed ? AGGREGATE_KEY_INT : AGGREGATE_KEY_BYTES;
    }
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
    p.class = class_of(p.type.id);
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

size_t aggregate_key_compute(const struct aggregate_key_plan *p, const struct batch_column *column, size_t from, size_t to,
                             union value *to_value)
{
    for (size_t row = from; row < to; row++) {
        int64_t v = column->value[row].i;
        if (column->null[row])
            v = 0;
        else if (p->key.kind == AGGREGATE_KEY_DATE)
            v = trunc_timestamp_to_date(v);
        else if (trunc_value(p, v, &v))
            return row;
        to_value[row].i = v;
    }
    return to;
}

/* -0 and 0 are one group, all NaNs are one. */
static inline uint64_t float_image(double f)
{
    uint64_t bits = UINT64_MAX;
    if (isnan(f)) return bits;
    if (f == 0) f = 0;
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static inline struct slice without_blanks(struct slice s)
{
    while (s.len > 0 && s.p[s.len - 1] == ' ')
        s.len--;
    return s;
}

static inline uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, struct slice s)
{
    uint64_t v;
    h = mix(h, s.len);
    for (; s.len >= sizeof(v); s.p += sizeof(v), s.len -= sizeof(v)) {
        memcpy(&v, s.p, sizeof(v));
        h = mix(h, v);
    }
    return s.len ? mix(h, aggregate_key_short(s.p, s.len)) : h;
}

typedef struct aggregate_image image;

static image of_hash(uint64_t h)
{
    return (image){h, AGGREGATE_IMAGE_INEXACT};
}

/* Up to seven bytes in either word, and the length on top of the last */
static inline image image_of_bytes(struct slice s, uint64_t seed)
{
    enum { WORD = sizeof(uint64_t) };
    uint64_t length = (uint64_t)s.len << 56, first, last;
    if (s.len < WORD) return (image){aggregate_key_short(s.p, s.len), length};
    if (s.len >= 2 * WORD) return of_hash(mix_bytes(seed, s));
    memcpy(&first, s.p, WORD);
    memcpy(&last, s.p + s.len - WORD, WORD);
    return (image){first, le64toh(last) >> 8 * (2 * WORD - 1 - s.len) >> 8 | length}; /* those behind the first eight */
}

/* 1.0 and 1.00 have the same digits. */
static image image_of_numeric(struct slice value, uint64_t seed)
{
    struct decimal d = decimal_open(value);
    uint64_t h = mix(seed, (uint64_t)d.class << 32 | (uint64_t)d.negative << 16 | (uint16_t)(d.n ? d.weight : 0));
    return of_hash(mix_bytes(h, (struct slice){d.digit, 2 * (size_t)d.n}));
}

static inline image image_of(enum aggregate_key_class class, const union value *v, uint64_t seed)
{
    switch (class) {
    case AGGREGATE_KEY_INT: return (image){(uint64_t)v->i, 0};
    case AGGREGATE_KEY_FLOAT: return (image){float_image(v->f), 0};
    case AGGREGATE_KEY_BYTES: return image_of_bytes(v->s, seed);
    case AGGREGATE_KEY_BLANKS: return image_of_bytes(without_blanks(v->s), seed);
    case AGGREGATE_KEY_NUMERIC: return image_of_numeric(v->s, seed);
    }
    return of_hash(seed);
}

/* Both halves of one product (as in Wang Yi's wyhash) */
static inline uint64_t mix_image(uint64_t h, image i)
{
    unsigned __int128 product = (unsigned __int128)(h ^ i.first) * (i.last ^ UINT64_C(0x9e3779b97f4a7c15));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t aggregate_key_hash(const struct aggregate_key_plan *p, const union value *v, bool null, uint64_t h)
{
    return mix_image(h, null ? (image){0, AGGREGATE_IMAGE_NULL} : image_of(p->class, v, h));
}

/* A loop for each class, so that the choice is made once a column. */
#define IMAGES(class_value)                                                                                                        \
    case class_value:                                                                                                              \
        for (size_t row = at.from; row < at.to; row++) {                                                                           \
            image i = at.null[row] ? (image){0, AGGREGATE_IMAGE_NULL} : image_of(class_value, &at.value[row], seed);               \
            ret_image[row * at.step] = i;                                                                                          \
            hash[row] = mix_image(hash[row], i);                                                                                   \
            inexact |= !aggregate_image_exact(i);                                                                                  \
        }                                                                                                                          \
        break

bool aggregate_key_images(const struct aggregate_key_plan *p, const struct aggregate_key_rows *rows, uint64_t seed,
                          struct aggregate_image *ret_image, uint64_t *hash)
{
    const struct aggregate_key_rows at = *rows; /* a copy that no store can change */
    bool inexact = false;
    switch (p->class) {
        IMAGES(AGGREGATE_KEY_INT);
        IMAGES(AGGREGATE_KEY_FLOAT);
        IMAGES(AGGREGATE_KEY_BYTES);
        IMAGES(AGGREGATE_KEY_BLANKS);
        IMAGES(AGGREGATE_KEY_NUMERIC);
    }
    return inexact;
}
#undef IMAGES

bool aggregate_key_equal_slow(const struct aggregate_key_plan *p, const union value *a, const union value *b)
{
    switch (p->class) {
    case AGGREGATE_KEY_INT: return a->i == b->i;
    case AGGREGATE_KEY_FLOAT: return float_image(a->f) == float_image(b->f);
    case AGGREGATE_KEY_BYTES: return aggregate_key_same_bytes(a->s, b->s);
    case AGGREGATE_KEY_BLANKS: return aggregate_key_same_bytes(without_blanks(a->s), without_blanks(b->s));
    case AGGREGATE_KEY_NUMERIC: return decimal_compare(a->s, b->s) == 0;
    }
    return false;
}

enum { FLAG_VALUE = 0, FLAG_NULL = 1 };

#define TOP_BIT (UINT64_C(1) << 63)

static void encode_int(const union value *v, struct buf *out)
{
    buf_put_u64(out, (uint64_t)v->i ^ TOP_BIT);
}

/* All NaNs are the greatest. Turning the bits of negative floats makes them ascend. */
static void encode_float(const union value *v, struct buf *out)
{
    uint64_t bits = float_image(v->f);
    if (!isnan(v->f)) bits = bits & TOP_BIT ? ~bits : bits | TOP_BIT;
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
    encode_text(&(union value){.s = without_blanks(v->s)}, out);
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
