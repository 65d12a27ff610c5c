/* SPDX-License-Identifier: MIT */
/*
 * Booleans and integers from text, as PostgreSQL 15's boolin and int4in read them. Of later servers' forms
 * hexadecimal, octal and binary integers and underscores between digits are refused.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_NUMBER_H
#define CETLD_DATA_TYPE_NUMBER_H

#include "data/type.h"

must_check int type_number_bool(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
/** int2, int4, int8 by in->type.id. */
must_check int type_number_int(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
/** The same for a column; so it is called for the other types, too. */
must_check int type_number_int_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);

#endif
