/* SPDX-License-Identifier: MIT */
/*
 * numeric from text, as PostgreSQL's numeric_in reads it, straight to the bytes of numeric_send: rounded half away from zero to the
 * typmod's scale, refused where the typmod's precision or the format is too small, with the scale the text has where there is no
 * typmod. White space behind the `e` of an exponent, which PostgreSQL 15 lets pass by accident, is refused.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_NUMERIC_H
#define CETLD_DATA_TYPE_NUMERIC_H

#include "data/type.h"

must_check int type_numeric_parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);

/** The same for a column */
must_check int type_numeric_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);

/** Precision and scale of numeric(p,s); false when the typmod says nothing. */
bool type_numeric_typmod(int32_t typmod, int *ret_precision, int *ret_scale);

#endif
