/* SPDX-License-Identifier: MIT */
/*
 * json and jsonb: the text is checked against RFC 8259's grammar as PostgreSQL applies it and handed on as it stands. For jsonb
 * also what its storage cannot hold is refused: \u0000, lone surrogates, numbers beyond numeric. Nesting deeper than
 * TYPE_JSON_DEPTH is refused, where PostgreSQL's limit depends on the server's stack.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_JSON_H
#define CETLD_DATA_TYPE_JSON_H

#include "data/type.h"

enum { TYPE_JSON_DEPTH = 2048 };

/** json or jsonb by in->type.id. */
must_check int type_json_parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);

#endif
