/* SPDX-License-Identifier: MIT */
/*
 * Casts among bool, int2, int4, int8, numeric, float4 and float8, and numeric's length coercion.
 *
 * Floats become integers to the nearest even, numerics away from zero. A float becomes a numeric by the digits that its type
 * always keeps (15, 6), a numeric a float by its text.
 *
 * Source: PostgreSQL manual, "Numeric Types"; pg_cast of its server.
 */
#include "base/buf.h"
#include "data/decimal_math.h"
#include "data/shortest.h"
#include "data/type_float.h"
#include "data/type_numeric.h"
#include "expr/function.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define ALWAYS_INLINE __attribute__((always_inline)) static inline
#define SIGNATURE struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret

enum { NUMERIC_TEXT_MAX = 1 << 18 };

static const char *integer_name(int bits)
{
    return bits == 16 ? "smallint" : bits == 32 ? "integer" : "bigint";
}

__attribute__((cold)) static int out_of_range(struct expr_run *run, uint32_t row, int bits)
{
    return expr_fail(run, row, "22003", "%s out of range", integer_name(bits));
}

/* Integers */

ALWAYS_INLINE int narrow(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                         int bits)
{
    const union value *value = call->arg[0]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        int64_t v = value[at].i;
        if (v != (bits == 16 ? (int16_t)v : (int32_t)v)) {
            int r = out_of_range(run, at, bits);
            if (r) return r;
        }
        ret->value[at].i = v;
    }
    return 0;
}

static int to_int2(SIGNATURE)
{
    return narrow(run, call, rows, ret, 16);
}

static int to_int4(SIGNATURE)
{
    return narrow(run, call, rows, ret, 32);
}

static int to_bool(SIGNATURE)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].i = call->arg[0]->value[rows->row[i]].i != 0;
    return 0;
}

static int int_to_float8(SIGNATURE)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].f = (double)call->arg[0]->value[rows->row[i]].i;
    return 0;
}

/* Rounded once, not by way of a double. */
static int int_to_float4(SIGNATURE)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]].f = (double)(float)call->arg[0]->value[rows->row[i]].i;
    return 0;
}

static int int_to_numeric(SIGNATURE)
{
    char *to = arena_alloc(run->arena, rows->n * DECIMAL_INT_MAX);
    if (!to) return -ENOMEM;
    for (size_t i = 0; i < rows->n; i++) {
        int64_t v = call->arg[0]->value[rows->row[i]].i;
        size_t len = decimal_of_int128(v < 0 ? -1 : 0, (uint64_t)v, to);
        ret->value[rows->row[i]].s = (struct slice){to, len};
        to += len;
    }
    return 0;
}

/* Floats */

ALWAYS_INLINE int float_to_int(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                               struct batch_column *ret, int bits)
{
    const double end = bits == 16 ? 0x1p15 : bits == 32 ? 0x1p31 : 0x1p63;
    const union value *value = call->arg[0]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        double v = rint(value[at].f);
        if (v >= -end && v < end) {
            ret->value[at].i = (int64_t)v;
            continue;
        }
        int r = out_of_range(run, at, bits);
        if (r) return r;
    }
    return 0;
}

static int float_to_int2(SIGNATURE)
{
    return float_to_int(run, call, rows, ret, 16);
}

static int float_to_int4(SIGNATURE)
{
    return float_to_int(run, call, rows, ret, 32);
}

static int float_to_int8(SIGNATURE)
{
    return float_to_int(run, call, rows, ret, 64);
}

static int float8_to_float4(SIGNATURE)
{
    const union value *value = call->arg[0]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        double from = value[at].f;
        float v = (float)from;
        int r = 0;
        if (isinf(v) && !isinf(from)) r = expr_fail(run, at, "22003", "value out of range: overflow");
        if (v == 0 && from != 0) r = expr_fail(run, at, "22003", "value out of range: underflow");
        if (r) return r;
        ret->value[at].f = (double)v;
    }
    return 0;
}

/*
 * "%.15g" of a float that some decimal of 15 digits reads back to is that decimal, and so its shortest one; printf is for the
 * others, and slow.
 */
static int sure_digits(double v, bool single, char *ret_text)
{
    int sure = single ? FLT_DIG : DBL_DIG;
    /* Below the least normal float there are fewer sure digits. */
    if (isfinite(v) && (v == 0 || fabs(v) >= (single ? (double)FLT_MIN : DBL_MIN))) {
        struct shortest s = single ? shortest_float4((float)v) : shortest_float8(v);
        if (s.digits <= sure) return shortest_plain(&s, ret_text);
    }
    return snprintf(ret_text, SHORTEST_PLAIN_MAX, "%.*g", sure, v);
}

static int float_to_numeric(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                            struct batch_column *ret, bool single)
{
    const struct type_input plain = {.type = {TYPE_NUMERIC, -1}};
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        double v = call->arg[0]->value[at].f;
        char text[SHORTEST_PLAIN_MAX];
        struct slice number = {text, (size_t)sure_digits(v, single, text)};
        int r = type_numeric_parse(&plain, isnan(v) ? SLICE("NaN") : number, run->arena, &ret->value[at]);
        if (r) return r < 0 ? r : -EINVAL;
    }
    return 0;
}

static int float4_to_numeric(SIGNATURE)
{
    return float_to_numeric(run, call, rows, ret, true);
}

static int float8_to_numeric(SIGNATURE)
{
    return float_to_numeric(run, call, rows, ret, false);
}

/* Numerics */

static int numeric_to_int(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                          struct batch_column *ret, int bits)
{
    const int64_t least = -1 - (int64_t)(UINT64_MAX >> (65 - bits)), greatest = -1 - least;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        struct slice value = call->arg[0]->value[at].s;
        enum decimal_class class = decimal_class(value);
        int64_t v;
        int r = 0;
        if (class != DECIMAL_FINITE)
            r = expr_fail(run, at, "0A000", "cannot convert %s to %s", class == DECIMAL_NAN ? "NaN" : "infinity",
                          integer_name(bits));
        else if (decimal_to_i64(value, &v) || v < least || v > greatest)
            r = out_of_range(run, at, bits);
        else
            ret->value[at].i = v;
        if (r) return r;
    }
    return 0;
}

static int numeric_to_int2(SIGNATURE)
{
    return numeric_to_int(run, call, rows, ret, 16);
}

static int numeric_to_int4(SIGNATURE)
{
    return numeric_to_int(run, call, rows, ret, 32);
}

static int numeric_to_int8(SIGNATURE)
{
    return numeric_to_int(run, call, rows, ret, 64);
}

/* Where both are exact the division rounds once, as reading the text does. */
static bool exact_quotient(struct slice value, double *ret_value)
{
    __int128 small;
    int32_t scale;
    if (!decimal_small(value, &small, &scale) || small > (__int128)1 << 53 || small < -((__int128)1 << 53)) return false;
    *ret_value = (double)(int64_t)small / 1e8;
    return true;
}

static int float_of_text(struct expr_run *run, uint32_t at, struct buf *text, bool single, union value *ret)
{
    const struct type_input plain = {.type = {single ? TYPE_FLOAT4 : TYPE_FLOAT8, -1}};
    const char *words = buf_cstr(text);
    if (!words) return -ENOMEM;
    int r = (single ? type_float_single : type_float_double)(&plain, slice_of(words), run->arena, ret);
    if (r != TYPE_E_RANGE) return r > 0 ? -EINVAL : r;
    return expr_fail(run, at, "22003", "\"%s\" is out of range for type %s", words, single ? "real" : "double precision");
}

static int numeric_to_float(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                            struct batch_column *ret, bool single)
{
    struct buf text;
    buf_init(&text, NUMERIC_TEXT_MAX);
    int r = 0;
    for (size_t i = 0; i < rows->n && !r; i++) {
        uint32_t at = rows->row[i];
        struct slice value = call->arg[0]->value[at].s;
        if (!single && exact_quotient(value, &ret->value[at].f)) continue;
        buf_reset(&text);
        decimal_text(value, &text);
        r = float_of_text(run, at, &text, single, &ret->value[at]);
    }
    buf_done(&text);
    return r;
}

static int numeric_to_float4(SIGNATURE)
{
    return numeric_to_float(run, call, rows, ret, true);
}

static int numeric_to_float8(SIGNATURE)
{
    return numeric_to_float(run, call, rows, ret, false);
}

static int to_length(SIGNATURE)
{
    int precision, scale;
    bool limited = type_numeric_typmod(call->type.typmod, &precision, &scale);
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        ret->value[at] = call->arg[0]->value[at];
        int r = limited ? decimal_fit(ret->value[at].s, precision, scale, run->arena, &ret->value[at].s) : 0;
        if (r > 0) r = expr_fail(run, at, "22003", "numeric field overflow");
        if (r) return r;
    }
    return 0;
}

const struct expr_cast expr_cast_number[] = {
    EXPR_CAST(TYPE_BOOL, TYPE_INT4, EXPLICIT, "int4", NULL),
    EXPR_CAST(TYPE_INT4, TYPE_BOOL, EXPLICIT, "bool", to_bool),
    EXPR_CAST(TYPE_INT2, TYPE_INT4, IMPLICIT, "int4", NULL),
    EXPR_CAST(TYPE_INT2, TYPE_INT8, IMPLICIT, "int8", NULL),
    EXPR_CAST(TYPE_INT2, TYPE_NUMERIC, IMPLICIT, "numeric", int_to_numeric),
    EXPR_CAST(TYPE_INT2, TYPE_FLOAT4, IMPLICIT, "float4", int_to_float4),
    EXPR_CAST(TYPE_INT2, TYPE_FLOAT8, IMPLICIT, "float8", int_to_float8),
    EXPR_CAST(TYPE_INT4, TYPE_INT2, ASSIGNMENT, "int2", to_int2),
    EXPR_CAST(TYPE_INT4, TYPE_INT8, IMPLICIT, "int8", NULL),
    EXPR_CAST(TYPE_INT4, TYPE_NUMERIC, IMPLICIT, "numeric", int_to_numeric),
    EXPR_CAST(TYPE_INT4, TYPE_FLOAT4, IMPLICIT, "float4", int_to_float4),
    EXPR_CAST(TYPE_INT4, TYPE_FLOAT8, IMPLICIT, "float8", int_to_float8),
    EXPR_CAST(TYPE_INT8, TYPE_INT2, ASSIGNMENT, "int2", to_int2),
    EXPR_CAST(TYPE_INT8, TYPE_INT4, ASSIGNMENT, "int4", to_int4),
    EXPR_CAST(TYPE_INT8, TYPE_NUMERIC, IMPLICIT, "numeric", int_to_numeric),
    EXPR_CAST(TYPE_INT8, TYPE_FLOAT4, IMPLICIT, "float4", int_to_float4),
    EXPR_CAST(TYPE_INT8, TYPE_FLOAT8, IMPLICIT, "float8", int_to_float8),
    EXPR_CAST(TYPE_FLOAT4, TYPE_INT2, ASSIGNMENT, "int2", float_to_int2),
    EXPR_CAST(TYPE_FLOAT4, TYPE_INT4, ASSIGNMENT, "int4", float_to_int4),
    EXPR_CAST(TYPE_FLOAT4, TYPE_INT8, ASSIGNMENT, "int8", float_to_int8),
    EXPR_CAST(TYPE_FLOAT4, TYPE_NUMERIC, ASSIGNMENT, "numeric", float4_to_numeric),
    EXPR_CAST(TYPE_FLOAT4, TYPE_FLOAT8, IMPLICIT, "float8", NULL),
    EXPR_CAST(TYPE_FLOAT8, TYPE_INT2, ASSIGNMENT, "int2", float_to_int2),
    EXPR_CAST(TYPE_FLOAT8, TYPE_INT4, ASSIGNMENT, "int4", float_to_int4),
    EXPR_CAST(TYPE_FLOAT8, TYPE_INT8, ASSIGNMENT, "int8", float_to_int8),
    EXPR_CAST(TYPE_FLOAT8, TYPE_NUMERIC, ASSIGNMENT, "numeric", float8_to_numeric),
    EXPR_CAST(TYPE_FLOAT8, TYPE_FLOAT4, ASSIGNMENT, "float4", float8_to_float4),
    EXPR_CAST(TYPE_NUMERIC, TYPE_INT2, ASSIGNMENT, "int2", numeric_to_int2),
    EXPR_CAST(TYPE_NUMERIC, TYPE_INT4, ASSIGNMENT, "int4", numeric_to_int4),
    EXPR_CAST(TYPE_NUMERIC, TYPE_INT8, ASSIGNMENT, "int8", numeric_to_int8),
    EXPR_CAST(TYPE_NUMERIC, TYPE_FLOAT4, IMPLICIT, "float4", numeric_to_float4),
    EXPR_CAST(TYPE_NUMERIC, TYPE_FLOAT8, IMPLICIT, "float8", numeric_to_float8),
    EXPR_CAST(TYPE_NUMERIC, TYPE_NUMERIC, IMPLICIT, "numeric", to_length),
    {.function = {0}},
};
