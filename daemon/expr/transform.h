/* SPDX-License-Identifier: MIT */
/*
 * A transform: from the rows of a file to the rows of its table. Computed columns, a filter, checks. Made on the loop for one load,
 * never changed afterwards, and used by all its workers, behind the rules:
 *
 *     record ── rule_apply ──▶ batch of inputs ── transform_apply ──▶ batch of the table's columns
 *
 * Expressions of columns read inputs; the filter and the checks read inputs and columns. As in SELECT … WHERE the filter comes
 * first, behind the columns that it reads; what it does not find true is filtered, and nothing else is computed of that row. A row
 * of which an expression fails, or a check is false (not: NULL), is rejected with the expression named.
 *
 * What lookups find are inputs behind those that are read. A lookup is made where something reads it, NULL is what it does not
 * find, and where that rejects the row it does so behind the filter.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_TRANSFORM_H
#define CETLD_EXPR_TRANSFORM_H

#include "config/lookup.h"
#include "data/dictionary.h"
#include "data/reject.h"
#include "expr/expr.h"

/** An expression and its text, for messages. */
struct transform_expr {
    const struct expr *expr; /* NULL: there is none */
    struct slice text;
};

struct transform_column {
    const char *name; /* the table's */
    struct type type;
    bool absent; /* this file brings nothing for it, and the server has its DEFAULT: it is not put out, and not read */
    struct transform_expr value; /* over the inputs */
    size_t input;                /* without an expression: where it comes from */
    struct transform_expr check; /* over inputs and columns */
    bool not_null;               /* of an expression; an input's rule has seen to it */
};

struct transform_lookup {
    const struct lookup *config;
    const char *column;                  /* the table's */
    struct slice text;                   /* as configured */
    const struct dictionary *dictionary; /* its keys are in the order of config->pair */
    size_t value;                        /* the dictionary's */
    const size_t *key;                   /* of each pair: an input that is read */
    struct type type;                    /* of what is found */
    bool reject;                         /* what is not found rejects its row */
};

/** The scope of filter and checks: first the inputs, then the columns; of the columns' expressions: the inputs alone. */
struct transform {
    size_t inputs;
    const struct transform_lookup *lookup; /* what finds the last of the inputs, in their order; the others are read */
    size_t lookups;
    const struct transform_column *column;
    size_t columns;
    struct transform_expr filter;
};

/** What the rows of a batch have in common. */
struct transform_file {
    struct slice name; /* filename() */
    int64_t loaded_at; /* loaded_at() */
    locale_t ctype;    /* see struct expr_run */
};

/**
 * `in`, which knows its rows' origins, becomes `ret_out`, which has fewer rows or as many, in the same order; its memory is in's
 * and the arena's, whose ceiling bounds what expressions make. Rejects are added in no order. 0, or -ENOMEM with nothing added:
 * fewer rows at once may do.
 */
must_check int transform_apply(const struct transform *t, const struct batch *in, const struct transform_file *file,
                               struct arena *arena, struct reject_list *rejects, struct batch *ret_out, uint64_t *ret_filtered);

/** Of a row that is too much all by itself. 0 or -ENOMEM. */
must_check int transform_reject_big(const struct batch *in, size_t row, struct reject_list *rejects);

/** Memory for one batch, beside what texts come to, in bytes. */
size_t transform_bytes(const struct transform *t);

#endif
