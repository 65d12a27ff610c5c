/* SPDX-License-Identifier: MIT */
/*
 * What can be cast to what, as pg_cast and "Type Conversion" say of our types; which of it runs here is what the tables of casts
 * have.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_COERCE_H
#define CETLD_EXPR_COERCE_H

#include "expr/expr.h"

/** pg_type.typcategory, .typispreferred. */
char coerce_category(enum type_id id);
bool coerce_preferred(enum type_id id);

enum { COERCE_NEVER = EXPR_CAST_EXPLICIT + 1 };
/** The first enum expr_cast_context in which PostgreSQL casts so, or COERCE_NEVER. Equal types: IMPLICIT. */
int coerce_context(enum type_id from, enum type_id to);
/** The memory of a `from` is that of a `to`. */
bool coerce_keeps(enum type_id from, enum type_id to);

/** The literal without type gets one. 0, EXPR_E_TYPE, EXPR_E_SERVER, -ENOMEM. */
must_check int coerce_literal(struct expr_node *literal, enum type_id to, struct arena *arena, struct expr_mistake *ret_mistake);
/**
 * Cast what the node gives, which PostgreSQL does in that context; with the type's typmod. 0, EXPR_E_TYPE (a literal that is none
 * of the type), EXPR_E_SERVER, -ENOMEM.
 */
must_check int coerce_to(struct expr_node **io_node, struct type to, enum expr_cast_context context, struct arena *arena,
                         struct expr_mistake *ret_mistake);

#endif
