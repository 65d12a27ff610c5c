/* SPDX-License-Identifier: MIT */
#include "expr/expr.h"

#include "expr/tree.h"

void tree_count(struct expr_node *node)
{
    node->nodes = node->depth = 1;
    for (size_t i = 0; i < node->args; i++) {
        const struct expr_node *arg = node->arg[i];
        if (__builtin_add_overflow(node->nodes, arg->nodes, &node->nodes)) node->nodes = UINT32_MAX;
        if (arg->depth >= node->depth) node->depth = arg->depth + 1;
    }
}

struct expr_node *tree_node(struct arena *arena, enum expr_kind kind, size_t at, struct expr_node *const *arg, size_t args)
{
    struct expr_node *n = arena_zalloc(arena, sizeof(*n));
    struct expr_node **copy = arena_array(arena, args, sizeof(*copy));
    if (!n || !copy) return NULL;
    if (args > 0) memcpy(copy, arg, args * sizeof(struct expr_node *));
    *n = (struct expr_node){.kind = kind, .at = at, .type = {TYPE_OTHER, -1}, .arg = copy, .args = args};
    tree_count(n);
    return n;
}

int expr_each_name(const struct expr_node *tree, int (*each)(void *ctx, const struct expr_node *name), void *ctx)
{
    if (tree->kind == EXPR_COLUMN) return each(ctx, tree);
    for (size_t i = 0; i < tree->args; i++) {
        int r = expr_each_name(tree->arg[i], each, ctx);
        if (r) return r;
    }
    return 0;
}

void expr_place(struct slice text, size_t at, unsigned *ret_line, unsigned *ret_column)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.p[i] == '\n')
            line++, column = 1;
        else if (((unsigned char)text.p[i] & 0xc0) != 0x80)
            column++;
    }
    *ret_line = line;
    *ret_column = column;
}

struct type expr_type(const struct expr *e)
{
    return e->root->type;
}

bool expr_uses(const struct expr *e, size_t name)
{
    return name < e->names && e->used[name];
}

const struct expr_node *expr_root(const struct expr *e)
{
    return e->root;
}
