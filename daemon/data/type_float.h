/* SPDX-License-Identifier: MIT */
/*
 * float4 and float8 from text, as PostgreSQL 15's float4in and float8in read them: what strtof and strtod take in the C locale, to
 * the same bits, rounded once.
 *
 * Numbers of up to 16 bytes are read a word at a time. Where mantissa and power of ten are exact one multiplication or division
 * rounds once (Clinger); else the first 128 bits of the power of five decide (Eisel and Lemire), and where they do not, or the
 * result is subnormal or out of range, or the text is none of the everyday forms (NaN, hexadecimal), strtod does.
 *
 * Sources: W. D. Clinger, "How to read floating point numbers accurately", 1990; D. Lemire, "Number Parsing at a Gigabyte per
 * Second", Software: Practice and Experience 51, 2021.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_FLOAT_H
#define CETLD_DATA_TYPE_FLOAT_H

#include "data/type.h"

/** The nearest double, whatever the locale. The arena is used for texts of more than 100 bytes that strtod has to read. */
must_check int type_float_double(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
/** The nearest float (not the nearest double rounded once more). */
must_check int type_float_single(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);

/** float8 for a column */
must_check int type_float_double_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);

#endif
