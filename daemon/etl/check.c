/* SPDX-License-Identifier: MIT */
#include "etl/check.h"

#include "etl/check_derives.h"
#include "etl/check_reports.h"
#include "etl/check_roles.h"
#include "etl/dimension.h"
#include "etl/formulas.h"
#include "etl/rollup.h"
#include "etl/sql.h"
#include "etl/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_MAX = 1024 * 1024 };

struct check {
    struct db_conn *conn;
    struct config *config;
    struct check_handler handler;
    size_t next;       /* the dataset to ask about next */
    size_t rollup;     /* its rollup to ask about next */
    struct dataset *d; /* the one at hand */
    bool *has_table;   /* of each: it has columns, here and now */
    struct dimensions_reading dimensions;
};

static void next_dataset(struct check *c);

static void over(struct check *c, int status, const struct error *err)
{
    struct check_handler h = c->handler;
    dataset_unref(c->d);
    config_unref(c->config);
    free(c->has_table);
    free(c);
    h.done(h.ctx, status, err);
}

static void on_rolled_back(void *ctx, const struct db_result *r)
{
    over(ctx, r->status, r->error);
}

static void ask(struct check *c, const struct db_query *q)
{
    int r = db_query(c->conn, q);
    if (r < 0) over(c, r, NULL);
}

static void on_undone(void *ctx, const struct db_result *r)
{
    struct check *c = ctx;
    if (r->status != 0) return over(c, r->status, r->error);
    next_dataset(c);
}

/* The server's words at the place of the declaration. True when there are none. */
static bool accepted(struct check *c, const struct db_result *r)
{
    if (r->status == 0) return true;
    if (r->status != ERROR_REFUSED) {
        over(c, r->status, r->error);
        return false;
    }
    const struct config_dataset *d = c->d->config;
    const struct config_place *at = d->columns_place.line ? &d->columns_place : &d->place;
    char text[2 * ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s:%d: dataset %s: %s", at->file, at->line, d->name, r->error->text);
    c->handler.mistake(c->handler.ctx, text);
    ask(c, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_check", .done = on_undone, .ctx = c});
    return false;
}

/* The stage of the dataset at hand, and what makes its rows. */
static void put_computing(struct check *c, struct buf *out, struct stage_trace *trace)
{
    struct column_rule *column = arena_array(&c->d->arena, c->d->table.columns + 1, sizeof *column);
    struct row_rule rule = {.column = column};
    if (!column) {
        out->failed = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < c->d->table.columns; i++) {
        const struct table_column *t = &c->d->table.column[i];
        if (!t->generated && !t->lineage) column[rule.columns++] = (struct column_rule){.name = t->name};
    }
    const struct stage stage = {
        .table = &c->d->table, .rule = &rule, .formulas = c->d->formulas, .newest_by = "", .file = SLICE(""), .trace = trace};
    stage_make_sql(out, &stage);
    buf_puts(out, "; ");
    stage_compute_sql(out, &stage);
    buf_puts(out, "; DROP TABLE pg_temp.cetl_stage, pg_temp.cetl_input");
}

/* The byte of the n-th character, from 1. */
static size_t byte_of(struct slice text, size_t character)
{
    size_t at = 0;
    for (; at < text.len; at++)
        if (((unsigned char)text.p[at] & 0xc0) != 0x80 && --character == 0) break;
    return at;
}

/* The expression, and the byte of it, that the server's words are about, as far as it says so. */
static struct stage_trace find_fault(struct check *c, const struct db_result *r)
{
    const char *position = r->refusal ? PQresultErrorField(r->refusal, PG_DIAG_STATEMENT_POSITION) : NULL;
    struct stage_trace trace = {.at = SIZE_MAX};
    struct buf sql;
    if (!position) return trace;
    buf_init(&sql, SQL_MAX);
    put_computing(c, &sql, NULL);
    trace.at = byte_of(buf_slice(&sql), strtoul(position, NULL, 10));
    buf_reset(&sql);
    put_computing(c, &sql, &trace);
    buf_done(&sql);
    return trace;
}

/* What to write instead: the server's hint, or ours. */
static const char *hint_of(const struct db_result *r)
{
    static const struct {
        const char *sqlstate, *hint;
    } hints[] = {
        {"42703", "a cell that only expressions read is declared by `inputs`"},
        {"42803", "an expression is of one row; what is of many is a rollup's"},
        {"42P20", "an expression is of one row; what is of many is a rollup's"},
    };
    const char *hint = r->refusal ? PQresultErrorField(r->refusal, PG_DIAG_MESSAGE_HINT) : NULL;
    for (size_t i = 0; i < sizeof hints / sizeof hints[0] && !hint; i++)
        if (strcmp(r->error->sqlstate, hints[i].sqlstate) == 0) hint = hints[i].hint;
    return hint;
}

/* The server's words about an expression at its place. */
static void on_computed(void *ctx, const struct db_result *r)
{
    struct check *c = ctx;
    if (r->status == 0) return next_dataset(c);
    if (r->status != ERROR_REFUSED) return over(c, r->status, r->error);
    char text[3 * ERROR_TEXT_MAX], where[FORMULAS_WHERE_MAX] = "expressions: ";
    struct stage_trace trace = find_fault(c, r);
    const struct config_place *at = trace.formula.p ? formulas_where(c->d->config, trace.formula, trace.in, where) : NULL;
    if (!at) at = c->d->formulas->server_place;
    const char *hint = hint_of(r);
    snprintf(text, sizeof text, "%s:%d: %s%s%s%s", at->file, at->line, where, r->error->text, hint ? "; " : "", hint ? hint : "");
    c->handler.mistake(c->handler.ctx, text);
    ask(c, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_check", .done = on_undone, .ctx = c});
}

/* Where the expressions run; and does the server take those that it is to run? */
static void check_formulas(struct check *c)
{
    const struct formulas *f = c->d->formulas;
    if (c->d->broken || !f) return next_dataset(c);
    struct buf text;
    buf_init(&text, SQL_MAX);
    formulas_describe(f, c->d->name, &text);
    if (buf_check(&text) == 0) c->handler.note(c->handler.ctx, buf_slice(&text));
    buf_reset(&text);
    if (!formulas_in_server(f)) {
        buf_done(&text);
        return next_dataset(c);
    }
    put_computing(c, &text, NULL);
    const char *sql = buf_cstr(&text);
    if (sql) {
        ask(c, &(struct db_query){.sql = sql, .done = on_computed, .ctx = c});
    } else {
        over(c, -ENOMEM, NULL);
    }
    buf_done(&text);
}

static void check_rollups(struct check *c);

static void on_rollup(void *ctx, const struct db_result *r)
{
    struct check *c = ctx;
    struct dataset_rollup *rollup = &c->d->rollup[c->rollup++];
    const struct config_place *at = &rollup->config->place;
    struct error why = {0};
    int e = 0;
    if (r->status == 0) {
        e = rollup_take_types(rollup, r->rows, &c->d->arena, &why);
    } else if (r->status == ERROR_REFUSED) {
        e = error_set(&why, 1, "%s:%d: rollup %s: %s", at->file, at->line, rollup->config->name, r->error->text);
    }
    if (e < 0 || (r->status != 0 && e == 0)) return over(c, e < 0 ? e : r->status, r->error);
    if (e > 0) c->handler.mistake(c->handler.ctx, why.text);
    if (r->status == 0) return check_rollups(c);
    ask(c, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_check", .done = on_undone, .ctx = c});
}

/* Does the server take what it is to compute? The first that it does not ends it for this dataset. */
static void check_rollups(struct check *c)
{
    while (c->rollup < c->d->rollups && c->d->rollup[c->rollup].described)
        c->rollup++;
    if (c->d->broken || c->rollup == c->d->rollups) return check_formulas(c);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    rollup_types_sql(&sql, &c->d->rollup[c->rollup], &c->d->table);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(c, &(struct db_query){.sql = text, .done = on_rollup, .ctx = c});
    } else {
        over(c, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void on_dimensions(void *ctx, const struct db_result *r)
{
    struct check *c = ctx;
    if (!accepted(c, r)) return;
    bool fine = !c->d->broken && c->d->table.columns > 0;
    int e = fine ? dataset_resolve_rollups(c->d) : 0;
    if (e == 0 && fine) e = formulas_of_dataset(c->d);
    if (e < 0) return over(c, e, NULL);
    if (c->d->broken) c->handler.mistake(c->handler.ctx, c->d->broken);
    c->rollup = 0;
    check_rollups(c);
}

static void on_columns(void *ctx, const struct db_result *r)
{
    struct check *c = ctx;
    if (!accepted(c, r)) return;
    const struct config_dataset *d = c->d->config;
    int e = table_read(&c->d->arena, r->rows, d->schema, d->table, &c->d->table);
    if (e < 0) return over(c, e, NULL);
    if (c->d->table.columns > 0) {
        dataset_check_columns(c->d);
        dataset_check_key(c->d);
    }
    c->has_table[c->config->order[c->next - 1]] = c->d->table.columns > 0;
    c->dimensions = (struct dimensions_reading){.conn = c->conn, .d = c->d, .done = on_dimensions, .ctx = c};
    dimensions_read(&c->dimensions);
}

static void on_table(void *ctx, const struct db_result *r)
{
    struct check *c = ctx;
    if (!accepted(c, r)) return;
    struct buf name;
    buf_init(&name, SQL_MAX);
    struct db_param p[] = {db_text(table_quote(&name, c->d->config->schema, c->d->config->table)), db_text(NULL)};
    ask(c, &(struct db_query){.sql = SQL_TABLE_COLUMNS, .param = p, .params = 2, .done = on_columns, .ctx = c});
    buf_done(&name);
}

static void on_roles(void *ctx, int status, const struct error *err)
{
    struct check *c = ctx;
    if (status != 0) return over(c, status, err);
    ask(c, &(struct db_query){.sql = "ROLLBACK", .done = on_rolled_back, .ctx = c});
}

static void on_reports(void *ctx, int status, const struct error *err)
{
    struct check *c = ctx;
    if (status != 0) return over(c, status, err);
    int r = check_roles(
        &(struct check_roles){.conn = c->conn, .config = c->config, .handler = &c->handler, .done = on_roles, .ctx = c});
    if (r < 0) over(c, r, NULL);
}

static void on_derives(void *ctx, int status, const struct error *err)
{
    struct check *c = ctx;
    if (status != 0) return over(c, status, err);
    int r = check_reports(&(struct check_reports){
        .conn = c->conn, .config = c->config, .has_table = c->has_table, .handler = &c->handler, .done = on_reports, .ctx = c});
    if (r < 0) over(c, r, NULL);
}

static void check_derives_too(struct check *c)
{
    int r = check_derives(&(struct check_derives){
        .conn = c->conn, .config = c->config, .has_table = c->has_table, .handler = &c->handler, .done = on_derives, .ctx = c});
    if (r < 0) over(c, r, NULL);
}

static void next_dataset(struct check *c)
{
    dataset_unref(c->d);
    c->d = NULL;
    if (c->next == c->config->n_datasets) return check_derives_too(c);
    const struct config_dataset *d = &c->config->datasets[c->config->order[c->next++]];
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SAVEPOINT cetl_check; ");
    if (d->columns_sql[0]) dataset_create_sql(&sql, d);
    const char *text = buf_cstr(&sql);
    c->d = dataset_new(d->name, c->config, d);
    if (text && c->d) {
        ask(c, &(struct db_query){.sql = text, .done = on_table, .ctx = c});
    } else {
        over(c, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

int check_run(struct db_conn *conn, struct config *config, const struct check_handler *h)
{
    struct check *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    *c = (struct check){.conn = conn, .config = config_ref(config), .handler = *h};
    c->has_table = calloc(config->n_datasets + 1, sizeof *c->has_table);
    int r = c->has_table ? db_query(conn, &(struct db_query){.sql = "BEGIN", .done = on_undone, .ctx = c}) : -ENOMEM;
    if (r < 0) {
        config_unref(c->config);
        free(c->has_table);
        free(c);
    }
    return r;
}
