/* SPDX-License-Identifier: MIT */
/*
 * Evaluation. Each node is evaluated at a selection of rows, and only there, so that what PostgreSQL would not evaluate (a branch
 * not taken, what is behind the FALSE of an AND) raises nothing; rows that get a fault on the way leave the selection.
 *
 * Columns of the run and of results are used where they lie. Others are scratch columns (selection.h), which are used again as soon
 * as their value was read.
 */
#include "base/buf.h"
#include "expr/selection.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARGS_USUAL = 4 };

/* A node's value at the rows it was evaluated at */
struct result {
    const struct batch_column *column;
    struct scratch *own; /* NULL: it is the run's, and nothing to give back */
};

int expr_fail(struct expr_run *run, uint32_t row, const char *code, const char *format, ...)
{
    if (run->fault[row]) return 0;
    struct expr_fault *f = arena_alloc(run->arena, sizeof(*f));
    if (!f) return -ENOMEM;
    memcpy(f->code, code, sizeof(f->code));
    f->message = format;
    if (strchr(format, '%')) {
        va_list args, again;
        va_start(args, format);
        va_copy(again, args);
        int n = vsnprintf(NULL, 0, format, args);
        va_end(args);
        char *text = n < 0 ? NULL : arena_alloc(run->arena, (size_t)n + 1);
        if (text) vsnprintf(text, (size_t)n + 1, format, again);
        va_end(again);
        if (!text) return -ENOMEM;
        f->message = text;
    }
    run->fault[row] = f;
    run->faults++;
    return 0;
}

static int evaluate(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret);

static void result_done(struct eval *e, const struct result *r)
{
    scratch_give(e, r->own);
}

/* Evaluate, and let the rows that failed leave the selection. */
static int evaluate_in(struct eval *e, const struct expr_node *n, struct selection *s, struct result *ret)
{
    int r = evaluate(e, n, &s->rows, ret);
    return r ? r : selection_settle(e, s);
}

static int constant(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    int r = scratch_column(e, n->type, &ret->own);
    if (r) return r;
    struct batch_column *c = &ret->own->column;
    ret->column = c;
    if (rows->n == 0) return 0;
    size_t first = rows->row[0], end = rows->row[rows->n - 1] + 1;
    memset(c->null + first, n->null, end - first);
    const union value value = n->value; /* copies that no store can change */
    union value *to = c->value;
    if (n->null) return 0;
    for (size_t i = first; i < end; i++)
        to[i] = value;
    return 0;
}

/* NULL where an argument is. False: nowhere. */
static bool nulls_of(const struct expr_call *call, const struct expr_rows *rows, bool *null)
{
    size_t n = rows->n, first = rows->row[0], span = rows->row[n - 1] - first + 1;
    bool found = false;
    memset(null + first, false, span);
    for (size_t a = 0; a < call->args; a++) {
        const bool *more = call->arg[a]->null;
        if (!memchr(more + first, 1, span)) continue; /* most columns have no NULL at all, and to see that is cheap */
        for (size_t i = 0; i < n; i++)
            found |= null[rows->row[i]] |= more[rows->row[i]];
    }
    return found;
}

/*
 * The function's value at the rows. Where it is strict the rows with a NULL argument get NULL, and it never sees them.
 */
static int apply(struct eval *e, const struct expr_function *f, const struct expr_call *call, const struct expr_rows *rows,
                 struct batch_column *ret)
{
    if (rows->n == 0) return 0;
    if (f->flags & EXPR_NULLS) return f->run(e->run, call, rows, ret);
    bool *null = ret->null;
    if (!nulls_of(call, rows, null)) return f->run(e->run, call, rows, ret);
    struct scratch *own = scratch_take(e);
    if (!own) return -ENOMEM;
    uint32_t *row = scratch_rows(own);
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        row[n] = rows->row[i];
        n += !null[rows->row[i]];
    }
    int r = n > 0 ? f->run(e->run, call, &(struct expr_rows){row, n}, ret) : 0;
    scratch_give(e, own);
    return r;
}

static int call_args(struct eval *e, const struct expr_node *n, struct selection *s, struct result *result,
                     const struct batch_column **arg, struct expr_call *call)
{
    bool swapped = n->function->flags & EXPR_SWAPPED;
    for (size_t k = 0; k < n->args; k++) {
        size_t i = swapped ? n->args - 1 - k : k;
        int r = evaluate_in(e, n->arg[i], s, &result[i]);
        if (r) return r;
        arg[i] = result[i].column;
        if (i < 32 && n->arg[i]->kind == EXPR_CONSTANT) call->constant |= UINT32_C(1) << i;
    }
    return 0;
}

static int call(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    struct result few[ARGS_USUAL] = {{0}}, *result = few;
    const struct batch_column *few_args[ARGS_USUAL], **arg = few_args;
    if (n->args > ARGS_USUAL) {
        result = arena_array(e->run->arena, n->args, sizeof(*result));
        arg = arena_array(e->run->arena, n->args, sizeof(const struct batch_column *));
        if (!result || !arg) return -ENOMEM;
    }
    struct selection s = selection_of(e, rows);
    struct expr_call c = {.type = n->type, .arg = arg, .args = n->args};
    int r = call_args(e, n, &s, result, arg, &c);
    if (!r) r = scratch_column(e, n->type, &ret->own);
    if (!r) r = apply(e, n->function, &c, &s.rows, &ret->own->column);
    if (!r) ret->column = &ret->own->column;
    for (size_t i = 0; i < n->args; i++)
        result_done(e, &result[i]);
    selection_done(e, &s);
    return r;
}

/* A value that stays as it is has a new type all the same. */
static int relabel(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    int r = evaluate(e, n->arg[0], rows, ret);
    if (r) return r;
    if (ret->own) {
        ret->own->column.type = n->type;
        return 0;
    }
    struct batch_column *c = arena_alloc(e->run->arena, sizeof(*c));
    if (!c) return -ENOMEM;
    *c = *ret->column;
    c->type = n->type;
    ret->column = c;
    return 0;
}

/* Of the rows, those that the argument leaves to the next one; the others get their value. */
static size_t undecided(const struct expr_rows *rows, const struct batch_column *arg, bool decisive, struct batch_column *to,
                        uint32_t *row)
{
    const struct expr_rows from = *rows; /* copies that no store can change */
    const union value *value = arg->value;
    union value *to_value = to->value;
    const bool *null = arg->null;
    bool *to_null = to->null;
    size_t left = 0;
    for (size_t i = 0; i < from.n; i++) {
        uint32_t at = from.row[i];
        bool decided = !null[at] && (bool)value[at].i == decisive;
        to_null[at] = !decided && (to_null[at] || null[at]);
        if (decided) to_value[at].i = decisive;
        row[left] = at;
        left += !decided;
    }
    return left;
}

/*
 * AND and OR: a row is decided, and left alone, by the first argument that is `decisive` (FALSE for AND, TRUE for OR); one that
 * meets none is NULL where an argument was NULL, else the opposite.
 */
static int logic(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    bool decisive = n->kind == EXPR_OR;
    int r = scratch_column(e, n->type, &ret->own);
    if (r) return r;
    struct batch_column *to = &ret->own->column;
    struct selection s = selection_of(e, rows);
    for (size_t i = 0; i < rows->n; i++) {
        to->value[rows->row[i]].i = !decisive;
        to->null[rows->row[i]] = false;
    }
    for (size_t a = 0; a < n->args && s.rows.n > 0 && !r; a++) {
        struct result arg = {0};
        r = evaluate_in(e, n->arg[a], &s, &arg);
        uint32_t *row = NULL;
        if (!r) r = selection_own(e, &s, &row);
        if (!r) s.rows = (struct expr_rows){row, undecided(&s.rows, arg.column, decisive, to, row)};
        result_done(e, &arg);
    }
    ret->column = to;
    selection_done(e, &s);
    return r;
}

/* NOT, IS NULL, IS TRUE, IS FALSE */
static int test(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    struct result arg = {0};
    struct selection s = selection_of(e, rows);
    int r = evaluate_in(e, n->arg[0], &s, &arg);
    if (!r) r = scratch_column(e, n->type, &ret->own);
    if (!r) {
        struct batch_column *to = &ret->own->column;
        const bool *null = arg.column->null;
        const union value *value = arg.column->value;
        for (size_t i = 0; i < s.rows.n; i++) {
            uint32_t at = s.rows.row[i];
            to->null[at] = false;
            switch (n->kind) {
            case EXPR_IS_NULL: to->value[at].i = null[at]; break;
            case EXPR_IS_TRUE: to->value[at].i = !null[at] && value[at].i; break;
            case EXPR_IS_FALSE: to->value[at].i = !null[at] && !value[at].i; break;
            default:
                to->null[at] = null[at];
                if (!null[at]) to->value[at].i = !value[at].i;
            }
        }
        ret->column = to;
    }
    result_done(e, &arg);
    selection_done(e, &s);
    return r;
}

/* The function of two columns, a boolean; NULL where one of them is. */
static int compare(struct eval *e, const struct expr_function *f, const struct batch_column *a, const struct batch_column *b,
                   struct selection *s, struct scratch **ret)
{
    const struct batch_column *arg[] = {a, b};
    struct expr_call c = {.type = {TYPE_BOOL, -1}, .arg = arg, .args = 2};
    int r = scratch_column(e, c.type, ret);
    if (!r) r = apply(e, f, &c, &s->rows, &(*ret)->column);
    return r ? r : selection_settle(e, s);
}

/* a IS DISTINCT FROM b, and NULLIF(a, b) */
static int equality(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    struct result a = {0}, b = {0};
    struct scratch *own = NULL;
    struct selection s = selection_of(e, rows);
    int r = evaluate_in(e, n->arg[0], &s, &a);
    if (!r) r = evaluate_in(e, n->arg[1], &s, &b);
    if (!r) r = compare(e, n->function, a.column, b.column, &s, &own);
    if (!r) {
        struct batch_column *to = &own->column;
        to->type = n->type;
        for (size_t i = 0; i < s.rows.n; i++) {
            uint32_t at = s.rows.row[i];
            bool equal = !to->null[at] && to->value[at].i;
            if (n->kind == EXPR_NULLIF) {
                to->null[at] = equal || a.column->null[at];
                to->value[at] = a.column->value[at];
            } else {
                to->value[at].i = to->null[at] ? a.column->null[at] != b.column->null[at] : !equal;
                to->null[at] = false;
            }
        }
        *ret = (struct result){to, own};
    } else {
        scratch_give(e, own);
    }
    result_done(e, &a);
    result_done(e, &b);
    selection_done(e, &s);
    return r;
}

/* At the rows, a copy of the values and NULLs. */
static void copy(const struct batch_column *from, const struct expr_rows *rows, struct batch_column *to)
{
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t at = rows->row[i];
        to->value[at] = from->value[at];
        to->null[at] = from->null[at];
    }
}

/* GREATEST and LEAST take the first of equal values, and all arguments are evaluated before any is compared. */
static int extreme(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    struct result *arg = arena_array(e->run->arena, n->args, sizeof(*arg));
    if (!arg) return -ENOMEM;
    struct selection s = selection_of(e, rows);
    int r = scratch_column(e, n->type, &ret->own);
    for (size_t a = 0; a < n->args && !r; a++)
        r = evaluate_in(e, n->arg[a], &s, &arg[a]);
    struct batch_column *best = r ? NULL : &ret->own->column;
    if (!r) copy(arg[0].column, &s.rows, best);
    for (size_t a = 1; a < n->args && !r; a++) {
        struct scratch *better = NULL;
        const struct batch_column *next = arg[a].column;
        r = compare(e, n->function, next, best, &s, &better);
        for (size_t i = 0; i < s.rows.n && !r; i++) {
            uint32_t at = s.rows.row[i];
            bool takes = better->column.null[at] ? !next->null[at] && best->null[at] : (bool)better->column.value[at].i;
            if (!takes) continue;
            best->value[at] = next->value[at];
            best->null[at] = false;
        }
        scratch_give(e, better);
    }
    for (size_t a = 0; a < n->args; a++)
        result_done(e, &arg[a]);
    selection_done(e, &s);
    ret->column = best;
    return r;
}

/* The first argument that is not NULL; those behind it are not evaluated at that row. */
static int coalesce(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    int r = scratch_column(e, n->type, &ret->own);
    if (r) return r;
    struct selection s = selection_of(e, rows);
    for (size_t a = 0; a < n->args && s.rows.n > 0 && !r; a++) {
        struct result arg = {0};
        r = evaluate_in(e, n->arg[a], &s, &arg);
        uint32_t *row = NULL;
        if (!r) r = selection_own(e, &s, &row);
        if (!r) {
            copy(arg.column, &s.rows, &ret->own->column);
            size_t left = 0;
            for (size_t i = 0; i < s.rows.n; i++) {
                uint32_t at = s.rows.row[i];
                row[left] = at;
                left += arg.column->null[at];
            }
            s.rows = (struct expr_rows){row, left};
        }
        result_done(e, &arg);
    }
    selection_done(e, &s);
    ret->column = &ret->own->column;
    return r;
}

/* Of s, the rows for which the condition is true go to `taken`, whose array is the caller's; the others stay. */
static int split(struct eval *e, const struct expr_node *when, struct selection *s, uint32_t *row_taken, size_t *ret_taken)
{
    struct result condition = {0};
    int r = evaluate_in(e, when, s, &condition);
    uint32_t *row = NULL;
    if (!r) r = selection_own(e, s, &row);
    size_t taken = 0, left = 0;
    for (size_t i = 0; i < s->rows.n && !r; i++) {
        uint32_t at = s->rows.row[i];
        bool yes = !condition.column->null[at] && condition.column->value[at].i;
        row_taken[taken] = row[left] = at;
        taken += yes;
        left += !yes;
    }
    result_done(e, &condition);
    if (r) return r;
    s->rows = (struct expr_rows){row, left};
    *ret_taken = taken;
    return 0;
}

static int take_branch(struct eval *e, const struct expr_node *then, const struct expr_rows *rows, struct batch_column *to)
{
    if (rows->n == 0) return 0;
    struct selection s = selection_of(e, rows);
    struct result value = {0};
    int r = evaluate_in(e, then, &s, &value);
    if (!r) copy(value.column, &s.rows, to);
    result_done(e, &value);
    selection_done(e, &s);
    return r;
}

static int branches(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    struct scratch *taken = scratch_take(e);
    if (!taken) return -ENOMEM;
    int r = scratch_column(e, n->type, &ret->own);
    struct selection s = selection_of(e, rows);
    for (size_t a = 0; a + 1 < n->args && s.rows.n > 0 && !r; a += 2) {
        struct expr_rows yes = {.row = scratch_rows(taken)};
        r = split(e, n->arg[a], &s, scratch_rows(taken), &yes.n);
        if (!r) r = take_branch(e, n->arg[a + 1], &yes, &ret->own->column);
    }
    if (!r) r = take_branch(e, n->arg[n->args - 1], &s.rows, &ret->own->column);
    scratch_give(e, taken);
    selection_done(e, &s);
    if (!r) ret->column = &ret->own->column;
    return r;
}

static int evaluate(struct eval *e, const struct expr_node *n, const struct expr_rows *rows, struct result *ret)
{
    *ret = (struct result){0};
    switch (n->kind) {
    case EXPR_CONSTANT: return constant(e, n, rows, ret);
    case EXPR_COLUMN: ret->column = &e->run->column[n->column]; return 0;
    case EXPR_CAST: return n->function && n->function->run ? call(e, n, rows, ret) : relabel(e, n, rows, ret);
    case EXPR_CALL: return call(e, n, rows, ret);
    case EXPR_CASE: return branches(e, n, rows, ret);
    case EXPR_AND:
    case EXPR_OR: return logic(e, n, rows, ret);
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IS_TRUE:
    case EXPR_IS_FALSE: return test(e, n, rows, ret);
    case EXPR_DISTINCT:
    case EXPR_NULLIF: return equality(e, n, rows, ret);
    case EXPR_COALESCE: return coalesce(e, n, rows, ret);
    case EXPR_GREATEST:
    case EXPR_LEAST: return extreme(e, n, rows, ret);
    }
    return -EINVAL;
}

int expr_eval_node(const struct expr_node *node, struct expr_run *run, const struct expr_rows *rows,
                   const struct batch_column **ret_column)
{
    struct eval e = {.run = run};
    struct result result;
    int r = evaluate(&e, node, rows, &result);
    if (r) return r;
    *ret_column = result.column;
    return 0;
}

int expr_eval(const struct expr *e, struct expr_run *run, const struct expr_rows *rows, const struct batch_column **ret_column)
{
    return expr_eval_node(expr_root(e), run, rows, ret_column);
}
