/* SPDX-License-Identifier: MIT */
/* numeric: arithmetic and comparisons; the arithmetic itself is data/decimal_math.h. */
#include "data/decimal_math.h"
#include "expr/function.h"

static int fail(struct expr_run *run, uint32_t row, int code)
{
    if (code < 0) return code;
    if (code == DECIMAL_E_DIVISION) return expr_fail(run, row, "22012", "division by zero");
    return expr_fail(run, row, "22003", "value overflows numeric format");
}

typedef int one_fn(struct slice a, struct arena *arena, struct slice *ret_value);
typedef int two_fn(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value);
typedef int scale_fn(struct slice a, int32_t scale, struct arena *arena, struct slice *ret_value);

static inline int each_one(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                           struct batch_column *ret, one_fn *f)
{
    const union value *a = call->arg[0]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = f(a[row].s, run->arena, &ret->value[row].s);
        if (r && (r = fail(run, row, r))) return r;
    }
    return 0;
}

static inline int each_two(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                           struct batch_column *ret, two_fn *f)
{
    const union value *a = call->arg[0]->value, *b = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = f(a[row].s, b[row].s, run->arena, &ret->value[row].s);
        if (r && (r = fail(run, row, r))) return r;
    }
    return 0;
}

/* The scale is the second argument, or 0. */
static inline int each_scale(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                             struct batch_column *ret, scale_fn *f)
{
    const union value *a = call->arg[0]->value, *scale = call->args > 1 ? call->arg[1]->value : NULL;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = f(a[row].s, scale ? (int32_t)scale[row].i : 0, run->arena, &ret->value[row].s);
        if (r && (r = fail(run, row, r))) return r;
    }
    return 0;
}

#define ONE(name, f)                                                                                                               \
    static int name(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)    \
    {                                                                                                                              \
        return each_one(run, call, rows, ret, f);                                                                                  \
    }
#define TWO(name, f)                                                                                                               \
    static int name(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)    \
    {                                                                                                                              \
        return each_two(run, call, rows, ret, f);                                                                                  \
    }
#define SCALE(name, f)                                                                                                             \
    static int name(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)    \
    {                                                                                                                              \
        return each_scale(run, call, rows, ret, f);                                                                                \
    }
static inline int order_of(struct slice a, struct slice b)
{
    int order;
    return decimal_compare_short(a, b, &order) ? order : decimal_compare(a, b);
}

#define ORDER(name, test)                                                                                                          \
    static int name(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)    \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        const union value *a = call->arg[0]->value, *b = call->arg[1]->value;                                                      \
        for (size_t i = 0; i < rows->n; i++) {                                                                                     \
            uint32_t row = rows->row[i];                                                                                           \
            ret->value[row].i = order_of(a[row].s, b[row].s) test 0;                                                               \
        }                                                                                                                          \
        return 0;                                                                                                                  \
    }

TWO(add, decimal_add)
TWO(sub, decimal_sub)
TWO(mul, decimal_mul)
TWO(divide, decimal_div)
TWO(mod, decimal_mod)
ONE(negate, decimal_negate)
ONE(absolute, decimal_abs)
ONE(ceiling, decimal_ceil)
ONE(down, decimal_floor)
ONE(sign, decimal_sign)
SCALE(to_nearest, decimal_round)
SCALE(to_zero, decimal_trunc)
ORDER(equal, ==)
ORDER(unequal, !=)
ORDER(less, <)
ORDER(less_equal, <=)
ORDER(greater, >)
ORDER(greater_equal, >=)

/* round(a * b, scale) */
static int product_to_nearest(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                              struct batch_column *ret)
{
    const union value *a = call->arg[0]->value, *b = call->arg[1]->value, *scale = call->arg[2]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        int r = decimal_mul_round(a[row].s, b[row].s, (int32_t)scale[row].i, run->arena, &ret->value[row].s);
        if (r && (r = fail(run, row, r))) return r;
    }
    return 0;
}

static int same(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++)
        ret->value[rows->row[i]] = call->arg[0]->value[rows->row[i]];
    return 0;
}

#define N TYPE_NUMERIC
const struct expr_function expr_fn_numeric[] = {
    {"+", 2, {N, N}, N, 0, add},
    {"-", 2, {N, N}, N, 0, sub},
    {"*", 2, {N, N}, N, 0, mul},
    {"/", 2, {N, N}, N, 0, divide},
    {"%", 2, {N, N}, N, 0, mod},
    {"mod", 2, {N, N}, N, 0, mod},
    {"-", 1, {N}, N, 0, negate},
    {"+", 1, {N}, N, 0, same},
    {"@", 1, {N}, N, 0, absolute},
    {"abs", 1, {N}, N, 0, absolute},
    {"round", 1, {N}, N, 0, to_nearest},
    {"round", 2, {N, TYPE_INT4}, N, 0, to_nearest},
    {"trunc", 1, {N}, N, 0, to_zero},
    {"trunc", 2, {N, TYPE_INT4}, N, 0, to_zero},
    {"ceil", 1, {N}, N, 0, ceiling},
    {"ceiling", 1, {N}, N, 0, ceiling},
    {"floor", 1, {N}, N, 0, down},
    {"sign", 1, {N}, N, 0, sign},
    {"=", 2, {N, N}, TYPE_BOOL, 0, equal},
    {"<>", 2, {N, N}, TYPE_BOOL, 0, unequal},
    {"<", 2, {N, N}, TYPE_BOOL, 0, less},
    {"<=", 2, {N, N}, TYPE_BOOL, 0, less_equal},
    {">", 2, {N, N}, TYPE_BOOL, 0, greater},
    {">=", 2, {N, N}, TYPE_BOOL, 0, greater_equal},
    {0},
};

const struct expr_function *expr_fuse(const struct expr_function *outer, const struct expr_function *inner)
{
    static const struct expr_function rounded_product = {"round of *", 3, {N, N, TYPE_INT4}, N, 0, product_to_nearest};
    return outer->run == to_nearest && outer->args == 2 && inner->run == mul ? &rounded_product : NULL;
}
