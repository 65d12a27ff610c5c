/* SPDX-License-Identifier: MIT */
/*
 * Numerics of any length, digit by base-10000 digit: what decimal_math does where its integers are too small. All values are
 * finite.
 *
 * Division is Knuth's algorithm D.
 *
 * Sources: D. E. Knuth, "The Art of Computer Programming", volume 2, 4.3.1.
 *
 * Thread: any. Results are the arena's.
 */
#ifndef CETLD_DATA_DECIMAL_WIDE_H
#define CETLD_DATA_DECIMAL_WIDE_H

#include "data/decimal.h"

enum { DECIMAL_SCALE_MAX = 16383, DECIMAL_WEIGHT_MAX = INT16_MAX };

/* Each: 0, DECIMAL_E_OVERFLOW (more than 131072 digits before the point), -ENOMEM. */
must_check int decimal_wide_add(const struct decimal *a, const struct decimal *b, struct arena *arena, struct slice *ret_value);
must_check int decimal_wide_mul(const struct decimal *a, const struct decimal *b, struct arena *arena, struct slice *ret_value);
/** b is not 0. The quotient rounded to `scale` digits behind the point. */
must_check int decimal_wide_div(const struct decimal *a, const struct decimal *b, int32_t scale, struct arena *arena,
                                struct slice *ret_value);
must_check int decimal_wide_mod(const struct decimal *a, const struct decimal *b, struct arena *arena, struct slice *ret_value);

enum decimal_direction { DECIMAL_NEAREST, DECIMAL_TO_ZERO, DECIMAL_UP, DECIMAL_DOWN };
/** To `scale` digits behind the point (a negative one: before it). */
must_check int decimal_wide_round(const struct decimal *a, int32_t scale, enum decimal_direction direction, struct arena *arena,
                                  struct slice *ret_value);

#endif
