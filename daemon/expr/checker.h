/* SPDX-License-Identifier: MIT */
/*
 * The check's parts: check.c walks the tree, call.c finds the overload of a call and says what is wrong with it.
 *
 * Inside expr/. Thread: any.
 */
#ifndef CETLD_EXPR_CHECKER_H
#define CETLD_EXPR_CHECKER_H

#include "expr/coerce.h"
#include "expr/lex.h"
#include "expr/overload.h"
#include "expr/tree.h"

struct checker {
    const struct expr_scope *scope;
    struct arena *arena;
    struct expr_mistake *mistake;
};

/** enum type_id, or OVERLOAD_UNKNOWN. */
static inline uint8_t checker_type(const struct expr_node *n)
{
    return n->unknown ? OVERLOAD_UNKNOWN : (uint8_t)n->type.id;
}
/** As PostgreSQL calls it: "integer", "unknown". */
const char *checker_type_name(const struct expr_node *n);
/** As it was written, with parentheses where an operator is to stand beside it. */
const char *checker_shown(const struct expr_node *n, char ret_text[96]);

static inline int checker_cast(struct checker *c, struct expr_node **io_node, enum type_id to, enum expr_cast_context context)
{
    return coerce_to(io_node, (struct type){to, -1}, context, c->arena, c->mistake);
}

/** The overload of an EXPR_CALL whose args are checked; they are cast as it wants them. */
must_check int checker_call(struct checker *c, struct expr_node **io_call);
/** A call of that operator, of args that are checked. */
must_check int checker_operator(struct checker *c, const char *name, size_t at, struct expr_node *left, struct expr_node *right,
                                struct expr_node **ret_call);
/** The collation of the args suits the function. */
must_check int checker_collation(struct checker *c, const struct expr_node *at, const struct expr_function *f,
                                 struct expr_node *const *arg, size_t args);

#endif
