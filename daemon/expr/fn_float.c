/* SPDX-License-Identifier: MIT */
/*
 * float4 and float8. Both are a double in memory; what float4 operators give is rounded to a float. A finite operation that becomes
 * infinite, or zero where it could not be, is an error; NaN equals NaN and is greater than all else.
 *
 * Of power() and the like only what libm rounds, or what is exact, is here: a server may have another libm than we, so exp, ln and
 * the trigonometric functions are its own. (power: glibc's is correct to less than one unit in the last place, in all versions
 * since 2.28 by the same method.)
 *
 * Source: PostgreSQL manual, "Floating-Point Types", "Mathematical Functions and Operators"; its server for the order in which
 * errors are raised.
 */
#include "expr/function.h"

#include <math.h>

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER };
enum comparison { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };
enum change { NEGATE, ABSOLUTE, SAME, ROUND, CEILING, FLOOR, TRUNCATE, SIGN, ROOT };

__attribute__((cold)) static int overflow(struct expr_run *run, uint32_t row)
{
    return expr_fail(run, row, "22003", "value out of range: overflow");
}

__attribute__((cold)) static int underflow(struct expr_run *run, uint32_t row)
{
    return expr_fail(run, row, "22003", "value out of range: underflow");
}

/* v is the operation's value, which is infinite or zero: can it be? */
__attribute__((cold)) static int look(struct expr_run *run, uint32_t row, double a, double b, double v, enum operation op)
{
    if (op == DIVIDE && b == 0 && !isnan(a)) return expr_fail(run, row, "22012", "division by zero");
    if (isinf(v)) return isinf(a) || (op != DIVIDE && isinf(b)) ? 0 : overflow(run, row);
    if (isnan(v)) return 0;
    if (op == MULTIPLY && a != 0 && b != 0) return underflow(run, row);
    if (op == DIVIDE && a != 0 && !isinf(b)) return underflow(run, row);
    return 0;
}

ALWAYS_INLINE int arithmetic(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                             struct batch_column *ret, enum operation op, bool single)
{
    const union value *left = call->arg[0]->value, *right = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        double a = left[at].f, b = right[at].f;
        double v = op == ADD ? a + b : op == SUBTRACT ? a - b : op == MULTIPLY ? a * b : a / b;
        /* The double was rounded with more than twice a float's digits: rounding once more gives the float's own result. */
        if (single) v = (double)(float)v;
        if (v == 0 || isinf(v) || (op == DIVIDE && b == 0)) {
            int r = look(run, at, a, b, v, op);
            if (r) return r;
        }
        ret->value[at].f = v;
    }
    return 0;
}

/* C's pow has the values for NaN and the infinities; it says by errno alone that a result was lost. */
static int power(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    const union value *left = call->arg[0]->value, *right = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        double a = left[at].f, b = right[at].f;
        int r = 0;
        if (a == 0 && b < 0) {
            r = expr_fail(run, at, "2201F", "zero raised to a negative power is undefined");
        } else if (a < 0 && !isnan(b) && floor(b) != b) {
            r = expr_fail(run, at, "2201F", "a negative number raised to a non-integer power yields a complex result");
        } else {
            errno = 0;
            double v = pow(a, b);
            bool lost = isfinite(a) && isfinite(b) && (errno == ERANGE || isinf(v) || (v == 0 && a != 0));
            if (lost) r = v != 0 ? overflow(run, at) : underflow(run, at);
            ret->value[at].f = v;
        }
        if (r) return r;
    }
    return 0;
}

ALWAYS_INLINE bool compare(double a, double b, enum comparison how)
{
    switch (how) {
    case EQUAL: return a == b || (isnan(a) && isnan(b));
    case NOT_EQUAL: return !compare(a, b, EQUAL);
    case LESS: return a < b || (isnan(b) && !isnan(a));
    case LESS_EQUAL: return a <= b || isnan(b);
    case GREATER: return a > b || (isnan(a) && !isnan(b));
    default: return a >= b || isnan(a);
    }
}

ALWAYS_INLINE int comparison(const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                             enum comparison how)
{
    const union value *a = call->arg[0]->value, *b = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        ret->value[at].i = compare(a[at].f, b[at].f, how);
    }
    return 0;
}

ALWAYS_INLINE double changed(double v, enum change how)
{
    switch (how) {
    case NEGATE: return -v;
    case ABSOLUTE: return fabs(v);
    case ROUND: return rint(v);
    case CEILING: return ceil(v);
    case FLOOR: return floor(v);
    case TRUNCATE: return trunc(v);
    case SIGN: return v > 0 ? 1 : v < 0 ? -1 : 0;
    case ROOT: return sqrt(v);
    default: return v;
    }
}

ALWAYS_INLINE int change(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                         enum change how)
{
    const union value *value = call->arg[0]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        double v = value[at].f;
        if (how == ROOT && v < 0) {
            int r = expr_fail(run, at, "2201F", "cannot take square root of a negative number");
            if (r) return r;
        }
        ret->value[at].f = changed(v, how);
    }
    return 0;
}

/* The kernels: one function for each operation, whose loop knows it. */
#define SIGNATURE struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret
#define ARITHMETIC(name, op, single)                                                                                               \
    static int name(SIGNATURE)                                                                                                     \
    {                                                                                                                              \
        return arithmetic(run, call, rows, ret, op, single);                                                                       \
    }
#define CHANGE(name, how)                                                                                                          \
    static int name(SIGNATURE)                                                                                                     \
    {                                                                                                                              \
        return change(run, call, rows, ret, how);                                                                                  \
    }
#define COMPARISON(name, how)                                                                                                      \
    static int name(SIGNATURE)                                                                                                     \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        return comparison(call, rows, ret, how);                                                                                   \
    }

ARITHMETIC(add4, ADD, true)
ARITHMETIC(add8, ADD, false)
ARITHMETIC(subtract4, SUBTRACT, true)
ARITHMETIC(subtract8, SUBTRACT, false)
ARITHMETIC(multiply4, MULTIPLY, true)
ARITHMETIC(multiply8, MULTIPLY, false)
ARITHMETIC(divide4, DIVIDE, true)
ARITHMETIC(divide8, DIVIDE, false)
CHANGE(negate, NEGATE)
CHANGE(absolute, ABSOLUTE)
CHANGE(same, SAME)
CHANGE(round_even, ROUND)
CHANGE(ceiling, CEILING)
CHANGE(floored, FLOOR)
CHANGE(truncated, TRUNCATE)
CHANGE(sign, SIGN)
CHANGE(root, ROOT)
COMPARISON(equal, EQUAL)
COMPARISON(not_equal, NOT_EQUAL)
COMPARISON(less, LESS)
COMPARISON(less_equal, LESS_EQUAL)
COMPARISON(greater, GREATER)
COMPARISON(greater_equal, GREATER_EQUAL)

#define OF_8(name, kernel)                                                                                                         \
    {                                                                                                                              \
        name, 1, {TYPE_FLOAT8}, TYPE_FLOAT8, 0, kernel                                                                             \
    }
#define OF_1(name, kernel) {name, 1, {TYPE_FLOAT4}, TYPE_FLOAT4, 0, kernel}, OF_8(name, kernel)
#define OF_2(name, left, right, result, kernel)                                                                                    \
    {                                                                                                                              \
        name, 2, {left, right}, result, 0, kernel                                                                                  \
    }
#define PAIRS(name, result4, kernel4, result8, kernel8)                                                                            \
    OF_2(name, TYPE_FLOAT4, TYPE_FLOAT4, result4, kernel4), OF_2(name, TYPE_FLOAT8, TYPE_FLOAT8, result8, kernel8),                \
        OF_2(name, TYPE_FLOAT4, TYPE_FLOAT8, result8, kernel8), OF_2(name, TYPE_FLOAT8, TYPE_FLOAT4, result8, kernel8)
#define COMPUTED(name, kernel4, kernel8) PAIRS(name, TYPE_FLOAT4, kernel4, TYPE_FLOAT8, kernel8)
#define COMPARED(name, kernel) PAIRS(name, TYPE_BOOL, kernel, TYPE_BOOL, kernel)

const struct expr_function expr_fn_float[] = {
    COMPUTED("+", add4, add8),
    COMPUTED("-", subtract4, subtract8),
    COMPUTED("*", multiply4, multiply8),
    COMPUTED("/", divide4, divide8),
    COMPARED("=", equal),
    COMPARED("<>", not_equal),
    COMPARED("<", less),
    COMPARED("<=", less_equal),
    COMPARED(">", greater),
    COMPARED(">=", greater_equal),
    OF_1("-", negate),
    OF_1("+", same),
    OF_1("abs", absolute),
    OF_1("@", absolute),
    OF_8("round", round_even),
    OF_8("ceil", ceiling),
    OF_8("ceiling", ceiling),
    OF_8("floor", floored),
    OF_8("trunc", truncated),
    OF_8("sign", sign),
    OF_8("sqrt", root),
    OF_8("|/", root),
    OF_2("^", TYPE_FLOAT8, TYPE_FLOAT8, TYPE_FLOAT8, power),
    OF_2("power", TYPE_FLOAT8, TYPE_FLOAT8, TYPE_FLOAT8, power),
    OF_2("pow", TYPE_FLOAT8, TYPE_FLOAT8, TYPE_FLOAT8, power),
    {0},
};
