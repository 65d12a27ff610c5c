/* SPDX-License-Identifier: MIT */
#include "expr/fold.h"

#include "expr/expr.h"
#include "expr/tree.h"

/* What is larger stays to be computed: a text of repeat() has no place in the tree. */
enum { VALUE_MAX = 65536, EVAL_BLOCK = 16384, EVAL_MAX = 1 << 20 };

static bool is_constant(const struct expr_node *n)
{
    return n->kind == EXPR_CONSTANT;
}

static bool is_truth(const struct expr_node *n, bool value)
{
    return is_constant(n) && !n->null && (n->value.i != 0) == value;
}

static bool is_null(const struct expr_node *n)
{
    return is_constant(n) && n->null;
}

static void become_constant(struct expr_node *n, union value value, bool null)
{
    n->kind = EXPR_CONSTANT;
    n->form = EXPR_PLAIN;
    n->function = NULL;
    n->args = 0;
    n->value = value;
    n->null = null;
    tree_count(n);
}

static void become_truth(struct expr_node *n, bool value)
{
    become_constant(n, (union value){.i = value}, false);
}

/* Its place and text stay. */
static void become_arg(struct expr_node *n, const struct expr_node *arg)
{
    size_t at = n->at;
    struct slice text = n->text;
    *n = *arg;
    n->at = at;
    n->text = text;
}

/* A value that lives on; false: it is too large, or there is no memory. */
static bool keep(union value *io_value, enum type_id id, struct arena *arena)
{
    if (type_info(id)->fixed) return true;
    if (io_value->s.len > VALUE_MAX) return false;
    io_value->s = arena_copy(arena, io_value->s);
    return io_value->s.p || io_value->s.len == 0;
}

/* Once, on a row without columns. */
static void evaluate(struct expr_node *n, struct arena *arena)
{
    static const uint32_t row = 0;
    uint64_t line = 0;
    struct arena own;
    const struct expr_fault *fault = NULL;
    arena_init(&own, EVAL_BLOCK, EVAL_MAX);
    struct expr_run run = {.line = &line, .rows = 1, .arena = &own, .fault = &fault};
    const struct batch_column *column;
    int r = expr_eval_node(n, &run, &(struct expr_rows){&row, 1}, &column);
    if (r == 0 && !fault) {
        bool null = column->null[0];
        union value value = {0};
        if (!null) value = column->value[0];
        if (null || keep(&value, n->type.id, arena)) become_constant(n, value, null);
    }
    arena_done(&own);
}

/* AND without TRUE, FALSE where it has one; OR the other way round. */
static void fold_logic(struct expr_node *n)
{
    bool neutral = n->kind == EXPR_AND;
    size_t kept = 0;
    for (size_t i = 0; i < n->args; i++) {
        if (is_truth(n->arg[i], !neutral)) {
            become_truth(n, !neutral);
            return;
        }
        if (!is_truth(n->arg[i], neutral)) n->arg[kept++] = n->arg[i];
    }
    n->args = kept;
    if (kept == 0) become_truth(n, neutral);
    if (kept == 1) become_arg(n, n->arg[0]);
}

/* Without branches that are never taken. */
static void fold_case(struct expr_node *n)
{
    size_t kept = 0;
    struct expr_node *otherwise = n->arg[n->args - 1];
    for (size_t i = 0; i + 1 < n->args; i += 2) {
        if (is_constant(n->arg[i]) && !is_truth(n->arg[i], true)) continue;
        if (is_truth(n->arg[i], true)) {
            otherwise = n->arg[i + 1];
            break;
        }
        n->arg[kept++] = n->arg[i];
        n->arg[kept++] = n->arg[i + 1];
    }
    if (kept == 0) {
        struct type type = n->type;
        become_arg(n, otherwise);
        n->type = type;
        return;
    }
    n->arg[kept++] = otherwise;
    n->args = kept;
}

static void fold_coalesce(struct expr_node *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->args; i++) {
        if (is_null(n->arg[i])) continue;
        n->arg[kept++] = n->arg[i];
        if (is_constant(n->arg[i])) break;
    }
    struct type type = n->type;
    n->args = kept;
    if (kept == 0) become_constant(n, (union value){0}, true);
    if (kept == 1) become_arg(n, n->arg[0]);
    n->type = type;
}

/* NULLIF: NULL is equal to nothing. */
static void fold_nullif(struct expr_node *n)
{
    struct type type = n->type;
    become_arg(n, n->arg[0]);
    n->type = type;
}

/* One that can be called on the loop, now as well as later. */
static bool is_stable(const struct expr_function *f)
{
    return !f || !(f->flags & (EXPR_VOLATILE | EXPR_CTYPE));
}

/*
 * A function of a function as one, where there is such a one. What is evaluated behind the inner one must be constants, which raise
 * nothing: else another error might come first.
 */
static void fuse(struct expr_node *n, struct arena *arena)
{
    if (n->kind != EXPR_CALL || n->args == 0 || n->arg[0]->kind != EXPR_CALL) return;
    const struct expr_node *inner = n->arg[0];
    const struct expr_function *both = n->function && inner->function ? expr_fuse(n->function, inner->function) : NULL;
    for (size_t i = 1; i < n->args && both; i++)
        if (!is_constant(n->arg[i])) both = NULL;
    struct expr_node **arg = both ? arena_array(arena, inner->args + n->args - 1, sizeof(*arg)) : NULL;
    if (!arg) return;
    memcpy(arg, inner->arg, inner->args * sizeof(struct expr_node *));
    memcpy(arg + inner->args, n->arg + 1, (n->args - 1) * sizeof(struct expr_node *));
    n->function = both;
    n->arg = arg;
    n->args += inner->args - 1;
}

static void fold_node(struct expr_node *n, struct arena *arena)
{
    bool constant = true, null = false, call = n->kind == EXPR_CALL || n->kind == EXPR_CAST;
    for (size_t i = 0; i < n->args; i++) {
        constant &= is_constant(n->arg[i]);
        null |= is_null(n->arg[i]);
    }
    if (n->kind == EXPR_CONSTANT || n->kind == EXPR_COLUMN) return;
    if (call && null && !(n->function && n->function->flags & EXPR_NULLS))
        become_constant(n, (union value){0}, true);
    else if (n->kind == EXPR_NULLIF && null)
        fold_nullif(n);
    else if (constant && is_stable(n->function))
        evaluate(n, arena);
    else if (n->kind == EXPR_AND || n->kind == EXPR_OR)
        fold_logic(n);
    else if (n->kind == EXPR_CASE)
        fold_case(n);
    else if (n->kind == EXPR_COALESCE)
        fold_coalesce(n);
    fuse(n, arena);
    tree_count(n);
}

void fold_tree(struct expr_node *root, struct arena *arena)
{
    for (size_t i = 0; i < root->args; i++)
        fold_tree(root->arg[i], arena);
    fold_node(root, arena);
}
