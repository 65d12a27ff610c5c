/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of PostgreSQL's numeric on the bytes of numeric_send: the digits, the scale and the errors of PostgreSQL 15.
 *
 *   add, sub     exact; the greater of the two scales
 *   mul          exact; the sum of the scales, rounded to 16383
 *   div          rounded to a scale that shows at least 16 significant digits and at least the scale of either, at most 1000
 *   mod          the sign of the dividend, the greater of the scales
 *   round        half away from zero
 *
 * NaN makes NaN; Infinity - Infinity, Infinity * 0, Infinity / Infinity and Infinity % x do, too.
 *
 * Numbers of up to four base-10000 digits are computed in 128-bit integers, others digit by digit (decimal_wide.h).
 *
 * Sources: PostgreSQL manual, "Mathematical Functions and Operators", "Arbitrary Precision Numbers"; what a server of version 15
 * answers.
 *
 * Thread: any. Results are the arena's, or the value itself where nothing changes.
 */
#ifndef CETLD_DATA_DECIMAL_MATH_H
#define CETLD_DATA_DECIMAL_MATH_H

#include "data/decimal.h"

enum {
    DECIMAL_E_OVERFLOW = 1, /* 22003, "value overflows numeric format"; of decimal_to_i64: no such integer */
    DECIMAL_E_DIVISION = 2, /* 22012, "division by zero" */
    DECIMAL_E_FIELD = 3,    /* 22003, "numeric field overflow": more digits than numeric(p,s) has */
};

/* Each: 0, DECIMAL_E_OVERFLOW, -ENOMEM; div and mod also DECIMAL_E_DIVISION. */
must_check int decimal_add(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value);
must_check int decimal_sub(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value);
must_check int decimal_mul(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value);
must_check int decimal_div(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value);
must_check int decimal_mod(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value);

/** decimal_round of decimal_mul, of which nobody needs the digits in between */
must_check int decimal_mul_round(struct slice a, struct slice b, int32_t scale, struct arena *arena, struct slice *ret_value);
/** To `scale` digits behind the point, which may be negative. 0, DECIMAL_E_OVERFLOW, -ENOMEM. */
must_check int decimal_round(struct slice a, int32_t scale, struct arena *arena, struct slice *ret_value);
must_check int decimal_trunc(struct slice a, int32_t scale, struct arena *arena, struct slice *ret_value);
must_check int decimal_ceil(struct slice a, struct arena *arena, struct slice *ret_value);
must_check int decimal_floor(struct slice a, struct arena *arena, struct slice *ret_value);
/** 0 or -ENOMEM. */
must_check int decimal_negate(struct slice a, struct arena *arena, struct slice *ret_value);
must_check int decimal_abs(struct slice a, struct arena *arena, struct slice *ret_value);
/** -1, 0 or 1; NaN of NaN. 0 or -ENOMEM. */
must_check int decimal_sign(struct slice a, struct arena *arena, struct slice *ret_value);
/** As the cast to numeric(precision, scale). 0, DECIMAL_E_FIELD, -ENOMEM. */
must_check int decimal_fit(struct slice a, int precision, int scale, struct arena *arena, struct slice *ret_value);
/** Rounded to an integer; the value must be finite. 0 or DECIMAL_E_OVERFLOW. */
must_check int decimal_to_i64(struct slice a, int64_t *ret_value);
/** The integer / 10^scale, of that scale (0 to 8). 0 or -ENOMEM. */
must_check int decimal_of_scaled(int64_t v, int32_t scale, struct arena *arena, struct slice *ret_value);
struct slice decimal_infinity(bool negative);

#endif
