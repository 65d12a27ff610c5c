/* SPDX-License-Identifier: MIT */
/*
 * The tree of an expression: what the parser makes of the text, and the check completes by types and functions. Precedence, names
 * and semantics are PostgreSQL's ("Value Expressions", "Operator Precedence" in its manual).
 *
 * The parser writes sugar out, so that few kinds are left:
 *   a BETWEEN b AND c    a >= b AND a <= c            (SYMMETRIC: is the server's)
 *   a IN (b, c)          a = b OR a = c               (NOT IN: NOT of it)
 *   a != b               a <> b
 *   a LIKE b             a ~~ b;  NOT LIKE: !~~, ILIKE: ~~*, NOT ILIKE: !~~*;  LIKE b ESCAPE c: a ~~ like_escape(b, c)
 *   CASE a WHEN b …      CASE WHEN a = b …
 *   a AT TIME ZONE b     timezone(b, a)
 *   CAST(a AS t)         a::t
 *   EXTRACT(f FROM a)    extract('f', a);  TRIM(BOTH b FROM a) btrim(a, b);  SUBSTRING(a FROM b FOR c) substring(a, b, c);
 *   POSITION(a IN b)     position(b, a)
 *
 * IN, BETWEEN and CASE a are written out by the check, since the types decide how: then several nodes have the same node below them
 * (a is there once). What bounds a tree counts such a node each time; below the root a checked tree has at most EXPR_NODES_MAX
 * nodes.
 *
 * Thread: any. All memory is the arena's that it was parsed with; immutable after the check.
 */
#ifndef CETLD_EXPR_NODE_H
#define CETLD_EXPR_NODE_H

#include "base/slice.h"
#include "data/type.h"

enum expr_kind {
    EXPR_CONSTANT, /* value, null. Before the check a quoted literal and NULL have no type (`unknown`) */
    EXPR_COLUMN,   /* a name; after the check `column` is its index in the scope */
    EXPR_CALL,     /* an operator or a function; after the check `function` is set */
    EXPR_CAST, /* arg[0]; `type` is what it becomes; after the check `function` is the cast's, or NULL: the value stays as it is */
    EXPR_CASE, /* arg: when, then, when, then, …, else (after the check there always is one) */
    EXPR_AND,  /* two or more args */
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL, /* IS NOT NULL: NOT of it */
    EXPR_IS_TRUE, /* IS TRUE; never NULL, as the next */
    EXPR_IS_FALSE,
    EXPR_DISTINCT, /* IS DISTINCT FROM; `function` is the type's "=" */
    EXPR_COALESCE,
    EXPR_NULLIF,   /* `function` is the "=" of both */
    EXPR_GREATEST, /* `function` is the type's ">" */
    EXPR_LEAST,    /* the type's "<" */
};

struct expr_function;

/** Before the check: what was written, where that matters. */
enum expr_form {
    EXPR_PLAIN,
    EXPR_FORM_QUOTED,     /* a name in double quotes */
    EXPR_FORM_NUMBER,     /* a constant: a number, as `name` has it */
    EXPR_FORM_IS_UNKNOWN, /* EXPR_IS_NULL of a boolean */
    EXPR_FORM_IN,         /* EXPR_CALL: a, then the list */
    EXPR_FORM_BETWEEN,    /* EXPR_CALL: a, b, c */
    EXPR_FORM_CASE_OF,    /* EXPR_CASE: a, then as it is without a */
};

struct expr_node {
    enum expr_kind kind;
    enum expr_form form;
    size_t at;          /* byte offset in the text, of what a message points at */
    struct slice text;  /* all of it, as written; {NULL, 0} of what the check adds */
    struct slice table; /* of a column: what stood before its point */
    struct slice name;  /* column's, function's or operator's; folded as PostgreSQL folds; of a cast the type's text */
    bool unknown;       /* a literal whose type its place decides: a quoted one, or NULL */
    struct type type;   /* of the result; of a cast also before the check */
    const struct expr_function *function;
    size_t column;
    union value value; /* EXPR_CONSTANT */
    bool null;
    struct expr_node **arg;
    size_t args;
    uint32_t nodes, depth; /* of all of it, as it is evaluated */
};

#endif
