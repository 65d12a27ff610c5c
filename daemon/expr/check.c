/* SPDX-License-Identifier: MIT */
#include "base/name.h"
#include "expr/checker.h"
#include "expr/fold.h"

#include <stdio.h>

static int check_node(struct checker *c, struct expr_node **io_node);

/* ---- names ---- */

struct resolver {
    const struct expr_scope *scope;
    struct expr_mistake *mistake;
};

static int no_such_name(struct resolver *r, const struct expr_node *n)
{
    struct slice shown = slice_cut_utf8(n->name, 63);
    struct name_nearest nearest = name_nearest_to(n->name);
    for (size_t i = 0; i < r->scope->names; i++)
        if (r->scope->name[i].name[0]) name_nearest_offer(&nearest, r->scope->name[i].name);
    char guess[96] = "", quotes[160] = "";
    for (const struct expr_function *f = expr_fn_misc; f->name; f++)
        if (f->args == 0 && slice_equal(n->name, slice_of(f->name))) snprintf(guess, sizeof guess, "; write %s()", f->name);
    if (nearest.best) snprintf(guess, sizeof guess, " (did you mean '%s'?)", nearest.best);
    if (n->form == EXPR_FORM_QUOTED)
        snprintf(quotes, sizeof quotes, "; a text stands in single quotes: '" SLICE_FMT "'", SLICE_ARG(shown));
    return mistake_at(r->mistake, n->at, EXPR_E_NAME, "there is no column '" SLICE_FMT "'%s%s", SLICE_ARG(shown), guess, quotes);
}

static int resolve(void *ctx, const struct expr_node *name)
{
    struct resolver *r = ctx;
    struct expr_node *n = (struct expr_node *)name; /* of the tree that the caller has handed over */
    if (n->table.p && !(r->scope->table && slice_equal(n->table, slice_of(r->scope->table))))
        return mistake_at(r->mistake, n->at, EXPR_E_NAME, "there is no table '" SLICE_FMT "' here; write " SLICE_FMT " alone",
                          SLICE_ARG(slice_cut_utf8(n->table, 63)), SLICE_ARG(slice_cut_utf8(n->name, 63)));
    for (size_t i = 0; i < r->scope->names; i++) {
        if (!slice_equal(n->name, slice_of(r->scope->name[i].name))) continue;
        n->column = i;
        n->type = r->scope->name[i].type;
        return 0;
    }
    return no_such_name(r, n);
}

static int refuse_other(void *ctx, const struct expr_node *n)
{
    struct resolver *r = ctx;
    if (n->type.id != TYPE_OTHER) return 0;
    return mistake_at(r->mistake, n->at, EXPR_E_SERVER, "only the server knows the type of column '" SLICE_FMT "'",
                      SLICE_ARG(n->name));
}

static int check_names(struct expr_node *tree, const struct expr_scope *scope, struct expr_mistake *mistake)
{
    struct resolver r = {scope, mistake};
    int found = expr_each_name(tree, resolve, &r);
    return found ? found : expr_each_name(tree, refuse_other, &r);
}

/* ---- conditions ---- */

static int be_boolean(struct checker *c, struct expr_node **io_node, const char *of)
{
    const struct expr_node *n = *io_node;
    char shown[96];
    if (n->unknown || n->type.id == TYPE_BOOL) return checker_cast(c, io_node, TYPE_BOOL, EXPR_CAST_ASSIGNMENT);
    const char *hint = coerce_category(n->type.id) == 'N'   ? " <> 0"
                       : coerce_category(n->type.id) == 'S' ? "::boolean"
                                                            : " IS NOT NULL";
    return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "%s must be type boolean, not type %s; write a condition such as %s%s", of,
                      checker_type_name(n), checker_shown(n, shown), hint);
}

static int check_logic(struct checker *c, struct expr_node *n)
{
    static const char *const of[] = {[EXPR_AND] = "argument of AND",         [EXPR_OR] = "argument of OR",
                                     [EXPR_NOT] = "argument of NOT",         [EXPR_IS_NULL] = "argument of IS UNKNOWN",
                                     [EXPR_IS_TRUE] = "argument of IS TRUE", [EXPR_IS_FALSE] = "argument of IS FALSE"};
    int r = 0;
    for (size_t i = 0; i < n->args && r == 0; i++)
        r = be_boolean(c, &n->arg[i], of[n->kind]);
    n->type = (struct type){TYPE_BOOL, -1};
    return r;
}

static int check_is_null(struct checker *c, struct expr_node *n)
{
    if (n->form == EXPR_FORM_IS_UNKNOWN) return check_logic(c, n);
    n->type = (struct type){TYPE_BOOL, -1};
    return coerce_literal(n->arg[0], TYPE_TEXT, c->arena, c->mistake);
}

/* ---- common types ---- */

/* CASE, COALESCE, GREATEST, LEAST: the args that `picked` tells get one type, the node's. */
struct branches {
    struct expr_node ***node; /* in the order in which they count */
    size_t n;
    const char *of;
};

static int unite(struct checker *c, const struct expr_node *at, const struct branches *b, struct type *ret_type)
{
    uint8_t *type = arena_array(c->arena, b->n, 1), common, clash[2];
    if (!type) return -ENOMEM;
    bool same = true;
    for (size_t i = 0; i < b->n; i++) {
        type[i] = checker_type(*b->node[i]);
        same &= type[i] == type[0] && (*b->node[i])->type.typmod == (*b->node[0])->type.typmod;
    }
    if (!overload_common_type(type, b->n, &common, clash))
        return mistake_at(c->mistake, at->at, EXPR_E_TYPE, "%s types %s and %s cannot be matched; cast one of them, as in x::%s",
                          b->of, type_info(clash[0])->name, type_info(clash[1])->name, type_info(clash[0])->name);
    if (common == OVERLOAD_UNKNOWN) common = TYPE_TEXT;
    *ret_type = (struct type){common, same && type[0] == common ? (*b->node[0])->type.typmod : -1};
    for (size_t i = 0; i < b->n; i++) {
        if (type[i] != OVERLOAD_UNKNOWN && coerce_context(type[i], common) != EXPR_CAST_IMPLICIT)
            return mistake_at(c->mistake, (*b->node[i])->at, EXPR_E_TYPE, "%s could not convert type %s to %s", b->of,
                              type_info(type[i])->name, type_info(common)->name);
        int r = checker_cast(c, b->node[i], common, EXPR_CAST_IMPLICIT);
        if (r) return r;
    }
    return 0;
}

static int unite_all(struct checker *c, struct expr_node *n, const char *of)
{
    struct branches b = {arena_array(c->arena, n->args, sizeof(struct expr_node **)), n->args, of};
    if (!b.node) return -ENOMEM;
    for (size_t i = 0; i < n->args; i++)
        b.node[i] = &n->arg[i];
    return unite(c, n, &b, &n->type);
}

static int check_greatest(struct checker *c, struct expr_node *n)
{
    bool greatest = n->kind == EXPR_GREATEST;
    int r = unite_all(c, n, greatest ? "GREATEST" : "LEAST");
    if (r) return r;
    uint8_t type[2] = {(uint8_t)n->type.id, (uint8_t)n->type.id};
    struct overload o;
    struct overload_call call = {.name = greatest ? SLICE(">") : SLICE("<"), .type = type, .args = 2, .is_operator = true};
    r = overload_find(&call, c->arena, &o);
    if (r < 0) return r;
    if (r == OVERLOAD_E_NONE)
        return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "could not identify a comparison function for type %s",
                          checker_type_name(n));
    if (r || o.type[0] >= TYPE_OTHER || !coerce_keeps(n->type.id, o.type[0]))
        return mistake_at(c->mistake, n->at, EXPR_E_SERVER, "only the server can compare values of type %s", checker_type_name(n));
    n->function = o.function;
    return checker_collation(c, n, o.function, n->arg, n->args);
}

/* ---- comparisons in disguise ---- */

/* "=" of both args, which are cast as it wants them. */
static int check_equal(struct checker *c, struct expr_node *n)
{
    struct expr_node *equal;
    int r = checker_operator(c, "=", n->at, n->arg[0], n->arg[1], &equal);
    if (r) return r;
    n->arg = equal->arg;
    n->function = equal->function;
    n->type = n->kind == EXPR_NULLIF ? n->arg[0]->type : (struct type){TYPE_BOOL, -1};
    return 0;
}

static bool is_null_literal(const struct expr_node *n)
{
    return n->kind == EXPR_CONSTANT && n->unknown && n->null;
}

/* IS DISTINCT FROM NULL is IS NOT NULL. */
static int check_distinct(struct checker *c, struct expr_node *n)
{
    if (!is_null_literal(n->arg[0]) && !is_null_literal(n->arg[1])) return check_equal(c, n);
    struct expr_node *is_null = tree_node(c->arena, EXPR_IS_NULL, n->at, is_null_literal(n->arg[1]) ? &n->arg[0] : &n->arg[1], 1);
    if (!is_null) return -ENOMEM;
    int r = check_is_null(c, is_null);
    n->kind = EXPR_NOT;
    n->arg[0] = is_null;
    n->args = 1;
    n->type = (struct type){TYPE_BOOL, -1};
    return r;
}

/* A literal may become another thing at each of its places; all else is there once. */
static struct expr_node *again(struct checker *c, struct expr_node *n)
{
    if (!n->unknown) return n;
    struct expr_node *copy = tree_node(c->arena, n->kind, n->at, n->arg, n->args);
    if (copy) *copy = *n;
    return copy;
}

/* a BETWEEN b AND c: a >= b AND a <= c */
static int check_between(struct checker *c, struct expr_node *n)
{
    struct expr_node *copy = again(c, n->arg[0]), *side[2];
    if (!copy) return -ENOMEM;
    int r = checker_operator(c, ">=", n->at, n->arg[0], n->arg[1], &side[0]);
    if (r == 0) r = checker_operator(c, "<=", n->at, copy, n->arg[2], &side[1]);
    if (r) return r;
    n->kind = EXPR_AND;
    n->arg[0] = side[0];
    n->arg[1] = side[1];
    n->args = 2;
    n->type = (struct type){TYPE_BOOL, -1};
    return 0;
}

static bool has_column(const struct expr_node *n)
{
    bool has = n->kind == EXPR_COLUMN;
    for (size_t i = 0; i < n->args && !has; i++)
        has = has_column(n->arg[i]);
    return has;
}

/* Where the list has several items without columns, these get the type that they and the left side have in common, if there is one.
 */
static int unite_list(struct checker *c, struct expr_node *n)
{
    uint8_t *type = arena_array(c->arena, n->args, 1), common, clash[2];
    bool *constant = arena_array(c->arena, n->args, sizeof *constant);
    if (!type || !constant) return -ENOMEM;
    size_t found = 1;
    type[0] = checker_type(n->arg[0]);
    for (size_t i = 1; i < n->args; i++) {
        constant[i] = !has_column(n->arg[i]);
        if (constant[i]) type[found++] = checker_type(n->arg[i]);
    }
    if (found < 3 || !overload_common_type(type, found, &common, clash)) return 0;
    if (common == OVERLOAD_UNKNOWN) common = TYPE_TEXT;
    for (size_t i = 0; i < found; i++)
        if (type[i] != OVERLOAD_UNKNOWN && coerce_context(type[i], common) != EXPR_CAST_IMPLICIT) return 0;
    int r = 0;
    for (size_t i = 1; i < n->args && r == 0; i++)
        if (constant[i]) r = checker_cast(c, &n->arg[i], common, EXPR_CAST_IMPLICIT);
    return r;
}

/* a IN (b, c): a = b OR a = c */
static int check_in(struct checker *c, struct expr_node *n)
{
    int r = unite_list(c, n);
    struct expr_node **arg = arena_array(c->arena, n->args, sizeof *arg);
    if (!arg) return -ENOMEM;
    for (size_t i = 1; i < n->args && r == 0; i++) {
        struct expr_node *left = again(c, n->arg[0]);
        r = left ? checker_operator(c, "=", n->arg[i]->at, left, n->arg[i], &arg[i - 1]) : -ENOMEM;
    }
    if (r) return r;
    n->type = (struct type){TYPE_BOOL, -1};
    if (n->args == 2) {
        struct slice text = n->text;
        *n = *arg[0];
        n->text = text;
        return 0;
    }
    n->kind = EXPR_OR;
    n->arg = arg;
    n->args--;
    return 0;
}

/* ---- CASE ---- */

/* CASE a WHEN b …: CASE WHEN a = b … */
static int write_out_case(struct checker *c, struct expr_node *n)
{
    struct expr_node *of = n->arg[0];
    int r = coerce_literal(of, TYPE_TEXT, c->arena, c->mistake);
    n->arg++;
    n->args--;
    n->form = EXPR_PLAIN;
    for (size_t i = 0; i + 1 < n->args && r == 0; i += 2)
        r = checker_operator(c, "=", n->arg[i]->at, of, n->arg[i], &n->arg[i]);
    return r;
}

static int add_else(struct checker *c, struct expr_node *n)
{
    if (n->args % 2 == 1) return 0;
    struct expr_node *null = tree_node(c->arena, EXPR_CONSTANT, n->at, NULL, 0),
                     **arg = arena_array(c->arena, n->args + 1, sizeof *arg);
    if (!null || !arg) return -ENOMEM;
    null->unknown = null->null = true;
    memcpy(arg, n->arg, n->args * sizeof(struct expr_node *));
    arg[n->args++] = null;
    n->arg = arg;
    return 0;
}

static int check_case(struct checker *c, struct expr_node *n)
{
    int r = n->form == EXPR_FORM_CASE_OF ? write_out_case(c, n) : 0;
    if (r == 0) r = add_else(c, n);
    for (size_t i = 0; i + 1 < n->args && r == 0; i += 2)
        r = be_boolean(c, &n->arg[i], "argument of CASE/WHEN");
    if (r) return r;
    struct branches b = {arena_array(c->arena, n->args, sizeof(struct expr_node **)), 0, "CASE"};
    if (!b.node) return -ENOMEM;
    b.node[b.n++] = &n->arg[n->args - 1]; /* PostgreSQL asks ELSE first */
    for (size_t i = 1; i < n->args; i += 2)
        b.node[b.n++] = &n->arg[i];
    return unite(c, n, &b, &n->type);
}

/* ---- casts ---- */

static int check_cast(struct checker *c, struct expr_node **io_node)
{
    struct expr_node *n = *io_node, *arg = n->arg[0];
    if (n->type.id == TYPE_OTHER)
        return mistake_at(c->mistake, n->at, EXPR_E_SERVER, "only the server knows the type " SLICE_FMT,
                          SLICE_ARG(slice_cut_utf8(n->name, 63)));
    if (!arg->unknown && coerce_context(arg->type.id, n->type.id) == COERCE_NEVER)
        return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "cannot cast type %s to %s", checker_type_name(arg),
                          type_info(n->type.id)->name);
    int r = coerce_to(&arg, n->type, EXPR_CAST_EXPLICIT, c->arena, c->mistake);
    if (r) return r;
    if (arg->kind != EXPR_COLUMN) arg->text = n->text;
    *io_node = arg;
    return 0;
}

/* ---- the walk ---- */

static int check_kind(struct checker *c, struct expr_node **io_node)
{
    struct expr_node *n = *io_node;
    switch (n->kind) {
    case EXPR_CONSTANT:
    case EXPR_COLUMN: return 0;
    case EXPR_CAST: return check_cast(c, io_node);
    case EXPR_CASE: return check_case(c, n);
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE: return check_logic(c, n);
    case EXPR_IS_NULL: return check_is_null(c, n);
    case EXPR_DISTINCT: return check_distinct(c, n);
    case EXPR_NULLIF: return check_equal(c, n);
    case EXPR_COALESCE: return unite_all(c, n, "COALESCE");
    case EXPR_GREATEST:
    case EXPR_LEAST: return check_greatest(c, n);
    case EXPR_CALL: break;
    }
    if (n->form == EXPR_FORM_BETWEEN) return check_between(c, n);
    if (n->form == EXPR_FORM_IN) return check_in(c, n);
    int r = checker_call(c, io_node);
    return r == 0 && (*io_node)->kind == EXPR_CAST && *io_node == n && !n->function ? check_cast(c, io_node) : r;
}

static int check_node(struct checker *c, struct expr_node **io_node)
{
    for (size_t i = 0; i < (*io_node)->args; i++) {
        int r = check_node(c, &(*io_node)->arg[i]);
        if (r) return r;
    }
    int r = check_kind(c, io_node);
    if (r) return r;
    tree_count(*io_node);
    if ((*io_node)->nodes > EXPR_NODES_MAX)
        return mistake_at(c->mistake, (*io_node)->at, EXPR_E_SERVER,
                          "only the server can evaluate an expression of more than %d parts", EXPR_NODES_MAX);
    return 0;
}

static int assign(struct checker *c, struct expr_node **io_root, struct type to)
{
    const struct expr_node *n = *io_root;
    char shown[96], name[64];
    if (to.id == TYPE_OTHER) return mistake_at(c->mistake, n->at, EXPR_E_SERVER, "only the server knows the type of its column");
    int context = n->unknown ? EXPR_CAST_IMPLICIT : coerce_context(n->type.id, to.id);
    if (context == EXPR_CAST_EXPLICIT)
        return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "the column is of type %s but the expression is of type %s; write %s::%s",
                          type_info(to.id)->name, checker_type_name(n), checker_shown(n, shown), type_sql(to, name));
    if (context == COERCE_NEVER)
        return mistake_at(c->mistake, n->at, EXPR_E_TYPE, "the column is of type %s but the expression is of type %s",
                          type_info(to.id)->name, checker_type_name(n));
    return coerce_to(io_root, to, EXPR_CAST_ASSIGNMENT, c->arena, c->mistake);
}

static int suit(struct checker *c, struct expr_node **io_root, const struct expr_want *want)
{
    if (want->condition) return be_boolean(c, io_root, "the condition");
    if (want->any) return coerce_literal(*io_root, TYPE_TEXT, c->arena, c->mistake);
    return assign(c, io_root, want->type);
}

static int note_use(void *ctx, const struct expr_node *name)
{
    ((bool *)ctx)[name->column] = true;
    return 0;
}

int expr_check(struct expr_node *tree, const struct expr_scope *scope, const struct expr_want *want, struct arena *arena,
               struct expr_mistake *ret_mistake, const struct expr **ret_expr)
{
    struct checker c = {scope, arena, ret_mistake};
    struct expr *e = arena_zalloc(arena, sizeof *e);
    bool *used = arena_array(arena, scope->names, sizeof *used);
    if (!e || !used) return -ENOMEM;
    int r = check_names(tree, scope, ret_mistake);
    if (r == 0) r = check_node(&c, &tree);
    if (r == 0) r = suit(&c, &tree, want);
    if (r == 0) fold_tree(tree, arena);
    if (r == 0) r = expr_each_name(tree, note_use, used);
    if (r) return r;
    *e = (struct expr){tree, used, scope->names};
    *ret_expr = e;
    return 0;
}
