/* SPDX-License-Identifier: MIT */
/*
 * Text of limited length, and uuid, as PostgreSQL's varchar, bpchar and uuid_in read them. Lengths are characters; too many of them
 * are cut away when they are spaces, and refused otherwise.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_TEXT_H
#define CETLD_DATA_TYPE_TEXT_H

#include "data/type.h"

must_check int type_text_text(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
must_check int type_text_varchar(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
must_check int type_text_bpchar(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
must_check int type_text_uuid(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);

/** text and varchar for a column */
must_check int type_text_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);

#endif
