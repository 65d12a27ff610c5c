/* SPDX-License-Identifier: MIT */
/*
 * An expression: PostgreSQL's text in, a value a row out, computed by column on the workers. What is beyond the subset that is
 * proven equal to PostgreSQL runs in the server; who asks is told which, and why.
 *
 *     r = expr_parse(text, &arena, &fault, &tree);          loop: the text's syntax, no names
 *     r = expr_check(tree, &scope, &want, &arena, &fault, &expr);   loop: names and types
 *     r = expr_eval(expr, &run, &rows, &column);            a worker, batch after batch
 *
 * NULL, overflow, division by zero, integer division, casts and the order of evaluation are as in PostgreSQL: a row whose
 * evaluation raises an error there has that error's SQLSTATE and words in run->fault, and the others have their values.
 *
 * Thread: any; what is checked is immutable.
 */
#ifndef CETLD_EXPR_EXPR_H
#define CETLD_EXPR_EXPR_H

#include "expr/function.h"
#include "expr/node.h"

enum {
    EXPR_E_SYNTAX = 1, /* no expression of PostgreSQL's */
    EXPR_E_NAME = 2,   /* no such column in the scope */
    EXPR_E_TYPE = 3,   /* PostgreSQL would refuse it by its types */
    EXPR_E_SERVER = 4, /* it may well be right, but only the server can run it; the words say what of it */
};

/** What is wrong, and where in the text. */
struct expr_mistake {
    size_t at; /* byte offset */
    struct error why;
};

enum { EXPR_DEPTH_MAX = 100, EXPR_NODES_MAX = 10000 };

/** The whole text is one expression. 0, EXPR_E_SYNTAX, EXPR_E_SERVER (syntax beyond the subset), -ENOMEM. `text` must live as long
 * as the tree. */
must_check int expr_parse(struct slice text, struct arena *arena, struct expr_mistake *ret_mistake, struct expr_node **ret_tree);
/** Call `each` for each name of a column in the tree, in the order of the text; stops at and returns what is not 0. */
int expr_each_name(const struct expr_node *tree, int (*each)(void *ctx, const struct expr_node *name), void *ctx);
/** 1-based line and column (in characters) of a byte offset in a text. */
void expr_place(struct slice text, size_t at, unsigned *ret_line, unsigned *ret_column);

/** A name that expressions may use. */
struct expr_name {
    const char *name;
    struct type type; /* TYPE_OTHER: whatever touches it runs in the server */
    bool bytewise;    /* compares as COLLATE "C", or has no collation */
    bool collate;     /* has a collation that is not the database's: what lower() makes of it, only the server knows */
};
struct expr_scope {
    const struct expr_name *name;
    size_t names;
    const char *table; /* a name may stand behind it and a point; NULL: none may */
    /* Functions and operators of the database's own that compete with PostgreSQL's: lines "NAME\tTYPE,TYPE" with pg_type's names. A
     * call that means one of them runs in the server. NULL: there are none. */
    const char *own_calls;
    bool bytewise;    /* the database's own collation is C: what is computed compares bytewise */
    bool ctype_known; /* lower, upper, initcap can run here: the database's LC_CTYPE is C, or one this machine has */
};
/** What the value is for. */
struct expr_want {
    bool condition;   /* a boolean (filter, check), not a column's value */
    bool any;         /* whatever type it has, as in a SELECT list */
    struct type type; /* of the column that it is assigned to, else ignored */
};

struct expr;
/**
 * Names, overloads and types; constants are folded (one whose evaluation fails is kept, to fail at its rows). The tree is completed
 * and becomes the result's. 0, EXPR_E_NAME, EXPR_E_TYPE, EXPR_E_SERVER, -ENOMEM.
 */
must_check int expr_check(struct expr_node *tree, const struct expr_scope *scope, const struct expr_want *want, struct arena *arena,
                          struct expr_mistake *ret_mistake, const struct expr **ret_expr);
struct type expr_type(const struct expr *e);
/** Does it use that name of the scope? */
bool expr_uses(const struct expr *e, size_t name);

/**
 * Evaluate at these rows, which must have no fault yet. `ret_column` is filled with arrays of run->rows in the run's arena, or
 * points to a column of the run; it has values at the rows without a fault. 0 or -ENOMEM.
 */
must_check int expr_eval(const struct expr *e, struct expr_run *run, const struct expr_rows *rows,
                         const struct batch_column **ret_column);

/** The root, for who evaluates and tests. */
const struct expr_node *expr_root(const struct expr *e);
/** expr_eval of one node that the check has completed, for who folds constants and tests. */
must_check int expr_eval_node(const struct expr_node *node, struct expr_run *run, const struct expr_rows *rows,
                              const struct batch_column **ret_column);

#endif
