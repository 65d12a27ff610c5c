/* SPDX-License-Identifier: MIT */
/*
 * Which overload a call means, as PostgreSQL's "Type Conversion" says for operators and functions: an exact match, then those that
 * the arguments can be cast to implicitly, then the most exact arguments, preferred types, the categories of literals without type.
 * What competes is what PostgreSQL has of the name (catalog.h), what our own tables have, and what the database at hand has beside
 * them; PostgreSQL's come first in its search path.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_OVERLOAD_H
#define CETLD_EXPR_OVERLOAD_H

#include "expr/function.h"

/** Types in an overload: enum type_id, OVERLOAD_UNKNOWN for a literal without type, others for the server's. */
enum { OVERLOAD_UNKNOWN = 255 };

enum {
    OVERLOAD_E_NAME = 1,   /* no table of ours has the name */
    OVERLOAD_E_NONE = 2,   /* PostgreSQL has none that takes these */
    OVERLOAD_E_MANY = 3,   /* it cannot tell which */
    OVERLOAD_E_SERVER = 4, /* it is one that we do not have */
};

struct overload_call {
    struct slice name;
    const uint8_t *type; /* of each argument */
    size_t args;
    bool is_operator;
    struct slice own; /* what the database has beside PostgreSQL's: expr_scope.own_calls */
};
struct overload {
    const struct expr_function *function;
    const uint8_t *type; /* what each argument becomes: enum type_id, or EXPR_TYPE_ANY: it stays as it is */
};
/** 0, OVERLOAD_E_, -ENOMEM. */
must_check int overload_find(const struct overload_call *call, struct arena *arena, struct overload *ret_overload);
/** The type that CASE, COALESCE, … give these (the first counts most); OVERLOAD_UNKNOWN when all are literals. false: none. */
bool overload_common_type(const uint8_t *type, size_t n, uint8_t *ret_type, uint8_t ret_clash[2]);
/** A function of our tables, by name, the first or the next one after `last`. */
const struct expr_function *overload_next(struct slice name, const struct expr_function *last);

#endif
