/* SPDX-License-Identifier: MIT */
/*
 * int2, int4, int8: all are an int64_t in memory, so a function of two widths is the function of the wider one. The result's width
 * decides what is out of range.
 *
 * Source: PostgreSQL manual, "Mathematical Functions and Operators"; its server for what the manual leaves open (shifts by more
 * than the width, the least integer by -1).
 */
#include "expr/function.h"

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

enum operation { ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO, BIT_AND, BIT_OR, BIT_XOR, SHIFT_LEFT, SHIFT_RIGHT };
enum comparison { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };
enum change { NEGATE, ABSOLUTE, COMPLEMENT, SAME };

ALWAYS_INLINE bool fits(int64_t v, int bits)
{
    return bits == 64 || (bits == 32 ? v == (int32_t)v : v == (int16_t)v);
}

__attribute__((cold)) static int out_of_range(struct expr_run *run, uint32_t row, int bits)
{
    static const char *const words[] = {"smallint out of range", "integer out of range", "bigint out of range"};
    return expr_fail(run, row, "22003", "%s", words[bits / 32]);
}

__attribute__((cold)) static int by_zero(struct expr_run *run, uint32_t row)
{
    return expr_fail(run, row, "22012", "division by zero");
}

/* As the machine shifts an int of at least 32 bits: by the count's lowest five or six bits. */
ALWAYS_INLINE int64_t shift(int64_t a, int64_t count, enum operation op, int bits)
{
    int by = (int)(count & (bits == 64 ? 63 : 31));
    if (op == SHIFT_RIGHT) return a >> by;
    uint64_t moved = (uint64_t)a << by;
    return bits == 64 ? (int64_t)moved : bits == 32 ? (int64_t)(int32_t)(uint32_t)moved : (int64_t)(int16_t)(uint16_t)moved;
}

/* False: out of range. b is not 0 where it divides. */
ALWAYS_INLINE bool operate(int64_t a, int64_t b, enum operation op, int bits, int64_t *ret)
{
    switch (op) {
    case ADD: return !__builtin_add_overflow(a, b, ret) && fits(*ret, bits);
    case SUBTRACT: return !__builtin_sub_overflow(a, b, ret) && fits(*ret, bits);
    case MULTIPLY: return !__builtin_mul_overflow(a, b, ret) && fits(*ret, bits);
    case DIVIDE:
        if (b == -1) return !__builtin_sub_overflow(0, a, ret) && fits(*ret, bits);
        *ret = a / b;
        return true;
    case MODULO: *ret = b == -1 ? 0 : a % b; return true;
    case BIT_AND: *ret = a & b; return true;
    case BIT_OR: *ret = a | b; return true;
    case BIT_XOR: *ret = a ^ b; return true;
    default: *ret = shift(a, b, op, bits); return true;
    }
}

ALWAYS_INLINE int arithmetic(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                             struct batch_column *ret, enum operation op, int bits)
{
    const union value *a = call->arg[0]->value, *b = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        int64_t v = 0;
        int r = 0;
        if ((op == DIVIDE || op == MODULO) && b[at].i == 0)
            r = by_zero(run, at);
        else if (!operate(a[at].i, b[at].i, op, bits, &v))
            r = out_of_range(run, at, bits);
        if (r) return r;
        ret->value[at].i = v;
    }
    return 0;
}

ALWAYS_INLINE int comparison(const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                             enum comparison how)
{
    const union value *left = call->arg[0]->value, *right = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        int64_t a = left[at].i, b = right[at].i;
        ret->value[at].i = how == EQUAL        ? a == b
                           : how == NOT_EQUAL  ? a != b
                           : how == LESS       ? a < b
                           : how == LESS_EQUAL ? a <= b
                           : how == GREATER    ? a > b
                                               : a >= b;
    }
    return 0;
}

ALWAYS_INLINE int change(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret,
                         enum change how, int bits)
{
    const union value *value = call->arg[0]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        int64_t v = value[at].i;
        if (how == COMPLEMENT) v = ~v;
        if (how == NEGATE || (how == ABSOLUTE && v < 0)) {
            if (__builtin_sub_overflow(0, v, &v) || !fits(v, bits)) {
                int r = out_of_range(run, at, bits);
                if (r) return r;
            }
        }
        ret->value[at].i = v;
    }
    return 0;
}

/* The kernels: one function for each operation and width, whose loop knows both. */
#define SIGNATURE struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret
#define ARITHMETIC(name, op, bits)                                                                                                 \
    static int name(SIGNATURE)                                                                                                     \
    {                                                                                                                              \
        return arithmetic(run, call, rows, ret, op, bits);                                                                         \
    }
#define CHANGE(name, how, bits)                                                                                                    \
    static int name(SIGNATURE)                                                                                                     \
    {                                                                                                                              \
        return change(run, call, rows, ret, how, bits);                                                                            \
    }
#define COMPARISON(name, how)                                                                                                      \
    static int name(SIGNATURE)                                                                                                     \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        return comparison(call, rows, ret, how);                                                                                   \
    }

ARITHMETIC(add2, ADD, 16)
ARITHMETIC(add4, ADD, 32)
ARITHMETIC(add8, ADD, 64)
ARITHMETIC(subtract2, SUBTRACT, 16)
ARITHMETIC(subtract4, SUBTRACT, 32)
ARITHMETIC(subtract8, SUBTRACT, 64)
ARITHMETIC(multiply2, MULTIPLY, 16)
ARITHMETIC(multiply4, MULTIPLY, 32)
ARITHMETIC(multiply8, MULTIPLY, 64)
ARITHMETIC(divide2, DIVIDE, 16)
ARITHMETIC(divide4, DIVIDE, 32)
ARITHMETIC(divide8, DIVIDE, 64)
ARITHMETIC(modulo, MODULO, 64)
ARITHMETIC(bit_and, BIT_AND, 64)
ARITHMETIC(bit_or, BIT_OR, 64)
ARITHMETIC(bit_xor, BIT_XOR, 64)
ARITHMETIC(shift_left2, SHIFT_LEFT, 16)
ARITHMETIC(shift_left4, SHIFT_LEFT, 32)
ARITHMETIC(shift_left8, SHIFT_LEFT, 64)
ARITHMETIC(shift_right4, SHIFT_RIGHT, 32)
ARITHMETIC(shift_right8, SHIFT_RIGHT, 64)
CHANGE(negate2, NEGATE, 16)
CHANGE(negate4, NEGATE, 32)
CHANGE(negate8, NEGATE, 64)
CHANGE(absolute2, ABSOLUTE, 16)
CHANGE(absolute4, ABSOLUTE, 32)
CHANGE(absolute8, ABSOLUTE, 64)
CHANGE(complement, COMPLEMENT, 64)
CHANGE(same, SAME, 64)
COMPARISON(equal, EQUAL)
COMPARISON(not_equal, NOT_EQUAL)
COMPARISON(less, LESS)
COMPARISON(less_equal, LESS_EQUAL)
COMPARISON(greater, GREATER)
COMPARISON(greater_equal, GREATER_EQUAL)

#define OF_1(name, type, kernel)                                                                                                   \
    {                                                                                                                              \
        name, 1, {type}, type, 0, kernel                                                                                           \
    }
#define OF_2(name, left, right, result, kernel)                                                                                    \
    {                                                                                                                              \
        name, 2, {left, right}, result, 0, kernel                                                                                  \
    }
/* Of one type; of each pair of types, by the wider */
#define ALIKE(name, kernel2, kernel4, kernel8)                                                                                     \
    OF_2(name, TYPE_INT2, TYPE_INT2, TYPE_INT2, kernel2), OF_2(name, TYPE_INT4, TYPE_INT4, TYPE_INT4, kernel4),                    \
        OF_2(name, TYPE_INT8, TYPE_INT8, TYPE_INT8, kernel8)
#define PAIRS(name, kernel2, kernel4, kernel8)                                                                                     \
    ALIKE(name, kernel2, kernel4, kernel8), OF_2(name, TYPE_INT2, TYPE_INT4, TYPE_INT4, kernel4),                                  \
        OF_2(name, TYPE_INT4, TYPE_INT2, TYPE_INT4, kernel4), OF_2(name, TYPE_INT2, TYPE_INT8, TYPE_INT8, kernel8),                \
        OF_2(name, TYPE_INT8, TYPE_INT2, TYPE_INT8, kernel8), OF_2(name, TYPE_INT4, TYPE_INT8, TYPE_INT8, kernel8),                \
        OF_2(name, TYPE_INT8, TYPE_INT4, TYPE_INT8, kernel8)
#define COMPARED(name, kernel)                                                                                                     \
    OF_2(name, TYPE_INT2, TYPE_INT2, TYPE_BOOL, kernel), OF_2(name, TYPE_INT2, TYPE_INT4, TYPE_BOOL, kernel),                      \
        OF_2(name, TYPE_INT2, TYPE_INT8, TYPE_BOOL, kernel), OF_2(name, TYPE_INT4, TYPE_INT2, TYPE_BOOL, kernel),                  \
        OF_2(name, TYPE_INT4, TYPE_INT4, TYPE_BOOL, kernel), OF_2(name, TYPE_INT4, TYPE_INT8, TYPE_BOOL, kernel),                  \
        OF_2(name, TYPE_INT8, TYPE_INT2, TYPE_BOOL, kernel), OF_2(name, TYPE_INT8, TYPE_INT4, TYPE_BOOL, kernel),                  \
        OF_2(name, TYPE_INT8, TYPE_INT8, TYPE_BOOL, kernel)
#define SHIFTED(name, kernel2, kernel4, kernel8)                                                                                   \
    OF_2(name, TYPE_INT2, TYPE_INT4, TYPE_INT2, kernel2), OF_2(name, TYPE_INT4, TYPE_INT4, TYPE_INT4, kernel4),                    \
        OF_2(name, TYPE_INT8, TYPE_INT4, TYPE_INT8, kernel8)
#define CHANGED(name, kernel2, kernel4, kernel8)                                                                                   \
    OF_1(name, TYPE_INT2, kernel2), OF_1(name, TYPE_INT4, kernel4), OF_1(name, TYPE_INT8, kernel8)

const struct expr_function expr_fn_integer[] = {
    PAIRS("+", add2, add4, add8),
    PAIRS("-", subtract2, subtract4, subtract8),
    PAIRS("*", multiply2, multiply4, multiply8),
    PAIRS("/", divide2, divide4, divide8),
    ALIKE("%", modulo, modulo, modulo),
    ALIKE("mod", modulo, modulo, modulo),
    ALIKE("&", bit_and, bit_and, bit_and),
    ALIKE("|", bit_or, bit_or, bit_or),
    ALIKE("#", bit_xor, bit_xor, bit_xor),
    SHIFTED("<<", shift_left2, shift_left4, shift_left8),
    SHIFTED(">>", shift_right4, shift_right4, shift_right8),
    CHANGED("-", negate2, negate4, negate8),
    CHANGED("+", same, same, same),
    CHANGED("~", complement, complement, complement),
    CHANGED("abs", absolute2, absolute4, absolute8),
    CHANGED("@", absolute2, absolute4, absolute8),
    COMPARED("=", equal),
    COMPARED("<>", not_equal),
    COMPARED("<", less),
    COMPARED("<=", less_equal),
    COMPARED(">", greater),
    COMPARED(">=", greater_equal),
    {0},
};
