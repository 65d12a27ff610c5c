/* SPDX-License-Identifier: MIT */
/*
 * The rows at which a node is evaluated, as they grow fewer, and the columns that values in between take. Inside of eval.c only.
 *
 * Scratch columns are used again as soon as their value was read: an expression needs no more of them at a time than it is deep,
 * and they stay in the cache. Their memory is the run's arena.
 *
 *     struct selection s = selection_of(e, rows);
 *     …                                            what may give rows a fault
 *     r = selection_settle(e, &s);                 those rows leave
 *     selection_done(e, &s);
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_EXPR_SELECTION_H
#define CETLD_EXPR_SELECTION_H

#include "expr/expr.h"

/** Arrays of run->rows, for a column or a selection. */
struct scratch {
    struct batch_column column;
    struct scratch *next;
};

/** One evaluation. */
struct eval {
    struct expr_run *run;
    struct scratch *spare;
};

/** NULL without memory. */
struct scratch *scratch_take(struct eval *e);
/** To be used again. NULL is fine. */
void scratch_give(struct eval *e, struct scratch *s);
/** Its memory as an array of rows. */
uint32_t *scratch_rows(struct scratch *s);
/** One for values of that type. 0 or -ENOMEM. */
must_check int scratch_column(struct eval *e, struct type type, struct scratch **ret);

/** `rows` is the caller's until something leaves it, then our own. */
struct selection {
    struct expr_rows rows;
    struct scratch *own;
    size_t faults; /* of the run, when it was looked at last */
};

struct selection selection_of(struct eval *e, const struct expr_rows *rows);
/** An array of our own to write the rows that stay into, which may be where they are read from. 0 or -ENOMEM. */
must_check int selection_own(struct eval *e, struct selection *s, uint32_t **ret_row);
/** Rows that have got a fault leave. 0 or -ENOMEM. */
must_check int selection_settle(struct eval *e, struct selection *s);
void selection_done(struct eval *e, struct selection *s);

#endif
