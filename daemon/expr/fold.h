/* SPDX-License-Identifier: MIT */
/*
 * What does not hang on a row is evaluated once, as PostgreSQL's planner does: constants of constants, an AND with FALSE, an OR
 * with TRUE, a strict function of NULL, NULLIF with one, branches of CASE that are never taken. What raises an error stays, to
 * raise it at its rows. And a function of a function becomes one, where expr_fuse knows it.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_FOLD_H
#define CETLD_EXPR_FOLD_H

#include "base/arena.h"
#include "expr/node.h"

/** The checked tree in its place. */
void fold_tree(struct expr_node *root, struct arena *arena);

#endif
