/* SPDX-License-Identifier: MIT */
/*
 * The file and its table have drifted apart, and the table may follow: columns that it lacks (`new_columns = add | rescue`), and
 * types that do not take the file's values (`widen`). Each in a short transaction of its own, before the load's; then the dataset
 * is looked at anew, and the file planned again.
 */
#include "base/log.h"
#include "etl/load_private.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALTERATIONS_MAX = 8, SQL_MAX = 16 * 1024 * 1024 };

/* ---- ALTERING ---- */

/* The file fails after all, in the words of its rejects, and with what stood in the way of widening. */
static void fail_unwidened(struct load *l, const char *why)
{
    struct error words;
    error_set(&words, 0, "%s%s%s", l->why.text, why[0] ? "; " : "", why);
    load_conclude(l, LOAD_FAILED, &words);
}

/* What the table is to be told of once it is so. The names are the plan's. */
static int remember(struct load *l, const struct guess_column *column, size_t n)
{
    free(l->altered);
    l->altered = calloc(n + 1, sizeof *column);
    l->n_altered = l->altered ? n : 0;
    if (!l->altered) return -ENOMEM;
    memcpy(l->altered, column, n * sizeof *column);
    return 0;
}

static void tell(const struct load *l)
{
    const struct table *t = &l->plan->dataset->table;
    char type[64], name[4 * NAME_MAX + 1];
    log_escape(slice_of(l->arrival->file.name), name, sizeof name);
    for (size_t i = 0; i < l->n_altered; i++)
        log_notice("%s: table %s.%s %s column %s %s: %s", name, t->schema, t->name, l->widening ? "changes" : "gets",
                   l->altered[i].name, type_sql(l->altered[i].as.type, type), l->altered[i].as.reason);
}

static void on_altered(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (status == ERROR_REFUSED && l->widening && !l->decided && db_refusal_of(err->sqlstate) != DB_RETRY) {
        char why[ERROR_TEXT_MAX];
        l->asking = false;
        snprintf(why, sizeof why, "the column cannot be widened: %.600s", err->text);
        return fail_unwidened(l, why);
    }
    if (!load_answered(l, &r)) return;
    tell(l);
    if (load_outlived(l)) return;
    struct dataset *d = catalog_find(l->env->catalog, l->plan->dataset->name);
    if (!d) return load_retry(l, -ESTALE, NULL);
    dataset_ref(d);
    l->widening = false;
    load_forget_attempt(l);
    load_narrow_forget(l);
    plan_free(l->plan);
    l->plan = NULL;
    load_plan(l, d);
    dataset_unref(d);
}

/* Make the columns as they are to be; 0 or negative. */
static int run_sql(struct load *l, const struct guess_column *column, size_t n)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    const struct dataset *d = l->plan->dataset;
    if (l->widening) {
        guess_widen_sql(&sql, d, column, n);
    } else {
        guess_add_sql(&sql, d, column, n);
    }
    const char *text = buf_cstr(&sql);
    int r = text ? remember(l, column, n) : -ENOMEM;
    if (r == 0) r = catalog_alter(l->env->catalog, l->conn, d, text, on_altered, l);
    buf_done(&sql);
    return r;
}

/* ---- columns that the table lacks ---- */

static int guess_wanted(struct load *l, const struct plan_column *wanted, struct guess_column *ret_column)
{
    ret_column->name = wanted->name;
    switch (wanted->kind) {
    case PLAN_FROM_CELL: infer_result(pipeline_result(l->pipeline)->bench->infer, wanted->cell, &ret_column->as); return 0;
    case PLAN_FROM_PART: return infer_text(wanted->text, &l->plan->convert.reading, &ret_column->as);
    case PLAN_FOR_RESCUE:
        ret_column->as = (struct infer_column){.type = {TYPE_JSONB, -1}, .reason = "cells that are no column"};
        return 0;
    }
    return -EINVAL;
}

static int add_columns(struct load *l)
{
    const struct plan *p = l->plan;
    struct guess_column *column = calloc(p->n_wanted + 1, sizeof *column);
    int r = column ? 0 : -ENOMEM;
    for (size_t i = 0; i < p->n_wanted && r == 0; i++)
        r = guess_wanted(l, &p->wanted[i], &column[i]);
    if (r == 0) r = run_sql(l, column, p->n_wanted);
    free(column);
    return r;
}

static void want_alteration(struct load *l)
{
    l->state = STATE_ALTERING;
    if (l->conn) return load_alter(l);
    load_want_connection(l);
}

static void on_inferred(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    l->flowing = false;
    l->flow_rc = rc;
    l->flow_err = *err;
    if (l->decided) return load_unwind(l);
    if (rc != 0) return load_fail_flow(l);
    if (pipeline_result(l->pipeline)->rows_read == 0)
        return load_fail(l, "it has new columns in its header but no row, so that nothing tells their types");
    want_alteration(l);
}

static void infer(struct load *l)
{
    load_enter(l, STATE_INFERRING);
    int r = load_flow_start(l, NULL, on_inferred);
    if (r < 0) return load_retry(l, r, NULL);
    if (l->flowing) pipeline_discard(l->pipeline);
}

void load_add_columns(struct load *l)
{
    /* Somebody takes the columns away again and again. */
    if (l->alterations++ >= ALTERATIONS_MAX) return load_retry(l, -ESTALE, NULL);
    if (l->plan->convert.infer_columns > 0) return infer(l);
    want_alteration(l);
}

/* ---- types that do not take the file's values ---- */

static bool is_of_type(const char *code)
{
    static const char *const codes[] = {"22P02", "22003", "22007", "22008"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(code, codes[i]) == 0) return true;
    return false;
}

/* The rule's column of which a reject with that code speaks, where a cell feeds it and its type may change; or NULL. */
static const struct column_rule *refused_column(const struct load *l, struct slice column, const char *code)
{
    const struct plan *p = l->plan;
    for (size_t i = 0; i < p->rule.columns && is_of_type(code); i++) {
        const struct column_rule *c = &p->rule.column[i];
        if (!slice_equal(slice_of(c->name), column)) continue;
        bool fixed = match_used_by_rollup(p->dataset, (size_t)table_find(&p->dataset->table, c->name));
        return c->source >= 0 && !fixed ? c : NULL;
    }
    return NULL;
}

bool load_may_widen(const struct load *l)
{
    const struct dataset *d = l->plan->dataset;
    if (!d->ours || !d->inferred || (d->config && !d->config->widen) || l->alterations >= ALTERATIONS_MAX) return false;
    static const struct config_budget none;
    uint64_t fit = 0; /* rows that would */
    for (size_t i = 0; i < l->rejects.n; i++)
        fit += refused_column(l, l->rejects.item[i].column, l->rejects.item[i].code) != NULL;
    for (size_t i = 0; i < l->rejects.n_unlisted; i++) {
        const struct reject_kind *k = &l->rejects.unlisted[i];
        if (refused_column(l, slice_of(k->column), k->code)) fit += k->count;
    }
    const struct config_budget *budget = d->config ? &d->config->max_errors : &none;
    return fit > 0 && config_budget_allows(budget, l->rejects.count - fit, l->arrival->counts.read);
}

void load_widen(struct load *l)
{
    struct plan *p = l->plan;
    l->restarting = false;
    l->alterations++;
    pipeline_free(l->pipeline);
    l->pipeline = NULL;
    bool *only = arena_array(&p->arena, p->rule.cells + 1, sizeof *only);
    if (!only) return load_retry(l, -ENOMEM, NULL);
    const struct column_rule *c;
    for (size_t i = 0; i < l->rejects.n; i++)
        if ((c = refused_column(l, l->rejects.item[i].column, l->rejects.item[i].code))) only[c->source] = true;
    for (size_t i = 0; i < l->rejects.n_unlisted; i++)
        if ((c = refused_column(l, slice_of(l->rejects.unlisted[i].column), l->rejects.unlisted[i].code))) only[c->source] = true;
    p->convert.infer_columns = p->rule.cells;
    p->convert.infer_only = only;
    infer(l);
}

/* The new types of the refused columns; false when one of them cannot change so that it takes what the file has. */
static bool find_wider(const struct load *l, struct guess_column *ret_column, size_t *ret_n)
{
    const struct plan *p = l->plan;
    size_t n = 0;
    for (size_t i = 0; i < p->rule.columns; i++) {
        const struct column_rule *c = &p->rule.column[i];
        if (c->source < 0 || !p->convert.infer_only[c->source]) continue;
        const struct table_column *t = &p->dataset->table.column[table_find(&p->dataset->table, c->name)];
        struct infer_column seen;
        infer_result(pipeline_result(l->pipeline)->bench->infer, (size_t)c->source, &seen);
        if (!guess_widened(t->type, c->input.format ? "declared" : "", &seen, &ret_column[n].as)) return false;
        ret_column[n++].name = c->name;
    }
    *ret_n = n;
    return n > 0;
}

static void widen(struct load *l, bool small)
{
    struct guess_column *column = calloc(l->plan->rule.columns + 1, sizeof *column);
    size_t n = 0;
    if (!column) return load_retry(l, -ENOMEM, NULL);
    bool found = find_wider(l, column, &n);
    int r = found && small ? run_sql(l, column, n) : 0;
    if (found && !small) {
        char why[256], type[64];
        snprintf(why, sizeof why,
                 "%s would take them as column %s, but the table has more than %d rows; alter it yourself, or set "
                 "max_errors",
                 type_sql(column[0].as.type, type), column[0].name, GUESS_SMALL_ROWS);
        free(column);
        return fail_unwidened(l, why);
    }
    free(column);
    if (!found) return fail_unwidened(l, "");
    load_asked(l, r);
}

static void on_counted(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (load_answered(l, r)) widen(l, PQgetvalue(r->rows, 0, 0)[0] == 't');
}

void load_alter(struct load *l)
{
    load_enter(l, STATE_ALTERING);
    if (!l->widening) return load_asked(l, add_columns(l));
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    guess_is_small_sql(&sql, l->plan->dataset);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_counted, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}
