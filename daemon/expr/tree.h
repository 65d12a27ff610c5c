/* SPDX-License-Identifier: MIT */
/*
 * How trees are made, by the parser and by the check: inside this layer.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_TREE_H
#define CETLD_EXPR_TREE_H

#include "base/arena.h"
#include "expr/node.h"

/** A checked expression. */
struct expr {
    const struct expr_node *root;
    const bool *used; /* of each name of the scope */
    size_t names;
};

/** Arena, or NULL. The args are copied. */
struct expr_node *tree_node(struct arena *arena, enum expr_kind kind, size_t at, struct expr_node *const *arg, size_t args);

/** Count `nodes` and `depth` anew, from those of the args. */
void tree_count(struct expr_node *node);

#endif
