/* SPDX-License-Identifier: MIT */
/*
 * A statement in the making: its text, its parameters, and which parameter of the request each came from. Values go in as
 * parameters only, names only through the quoting functions.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_REST_BUILDER_H
#define CETLD_REST_BUILDER_H

#include "base/buf.h"
#include "db/query.h"
#include "rest/query.h"

enum { REST_PARAMS_MAX = 2000, REST_SQL_MAX = 4 << 20 };

struct rest_builder {
    struct arena *arena;
    struct rest_error *err;
    struct buf *out; /* where text is appended; may be exchanged for a while */
    struct db_param *param;
    struct slice *name; /* of the request's parameter that the value came from; {NULL, 0}: of none */
    size_t params, cap;
    int failed; /* 0, -ENOMEM, ERROR_TOO_BIG */
};

void rest_builder_init(struct rest_builder *b, struct arena *arena, struct rest_error *err, struct buf *out);
/** A letter and a number: $1, t0. */
void rest_put_number(struct buf *out, char before, size_t number);
/** Append "$n", and make `value` its value. Its bytes must outlive the statement. */
void rest_put_param(struct rest_builder *b, struct db_param value, struct slice name);
/** Append "$n" for a text of the request. */
void rest_put_text(struct rest_builder *b, struct slice text, struct slice name);
void rest_put_name(struct rest_builder *b, struct slice identifier);
/** 0, or why it failed. */
must_check int rest_builder_check(const struct rest_builder *b);

#endif
