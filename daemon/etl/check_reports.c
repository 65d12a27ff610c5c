/* SPDX-License-Identifier: MIT */
#include "etl/check_reports.h"

#include "etl/derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_MAX = 1024 * 1024 };

#define UNDEFINED_TABLE "42P01"
#define READ_ONLY "SAVEPOINT cetl_check; SET LOCAL transaction_read_only = on"

struct checking {
    struct check_reports c;
    size_t next;  /* the report behind the one at hand */
    size_t param; /* its parameter at hand; behind the last it is the query */
    char *statement;
};

static void next_report(struct checking *k);
static void next_param(struct checking *k);

static void over(struct checking *k, int status, const struct error *err)
{
    struct check_reports c = k->c;
    free(k->statement);
    free(k);
    c.done(c.ctx, status, err);
}

static void ask(struct checking *k, const struct db_query *q)
{
    int r = db_query(k->c.conn, q);
    if (r < 0) over(k, r, NULL);
}

static const struct config_report *at_hand(const struct checking *k)
{
    return &k->c.config->reports[k->next - 1];
}

static void on_undone(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0) return over(k, r->status, r->error);
    next_report(k);
}

static void undo(struct checking *k)
{
    ask(k, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_check", .done = on_undone, .ctx = k});
}

/* A mistake at the report's query, or at its section. */
static void tell(struct checking *k, const struct config_place *at, const char *format, ...) printf_like(3, 4);
static void tell(struct checking *k, const struct config_place *at, const char *format, ...)
{
    struct buf text;
    buf_init(&text, SQL_MAX);
    buf_printf(&text, "%s:%d: report %s: ", at->file, at->line, at_hand(k)->name);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    const char *words = buf_cstr(&text);
    k->c.handler->mistake(k->c.handler->ctx, words ? words : "a report is not accepted");
    buf_done(&text);
}

/* The table that the first file, or the first load, of something configured will make, where the server's words name one. */
static const char *missing_table(const struct checking *k, const char *words)
{
    const struct config *c = k->c.config;
    for (size_t i = 0; i < c->n_datasets; i++) {
        const struct config_dataset *d = &c->datasets[i];
        if (!k->c.has_table[i] && strstr(words, d->table)) return d->table;
        for (size_t n = 0; n < d->n_rollups; n++)
            if (strstr(words, d->rollup[n].table)) return d->rollup[n].table;
    }
    for (size_t i = 0; i < c->n_derives; i++)
        if (strstr(words, c->derives[i].table)) return c->derives[i].table;
    return NULL;
}

/* True: it is no mistake, since what is missing is still to be made. */
static bool forgive(struct checking *k, const struct db_result *r)
{
    const char *table = strcmp(r->error->sqlstate, UNDEFINED_TABLE) == 0 ? missing_table(k, r->error->text) : NULL;
    if (!table) return false;
    char text[256];
    int n =
        snprintf(text, sizeof text, "report %s: the database was not asked, because there is no %s yet\n", at_hand(k)->name, table);
    k->c.handler->note(k->c.handler->ctx, (struct slice){text, n < (int)sizeof text ? (size_t)n : sizeof text - 1});
    return true;
}

/* ---- the query ---- */

static void check_names(struct checking *k, const PGresult *columns)
{
    for (int i = 0; i < PQnfields(columns); i++) {
        const char *name = PQfname(columns, i);
        if (strcmp(name, "?column?") == 0) return tell(k, &at_hand(k)->sql_place, "column %d has no name; write … AS name", i + 1);
        for (int other = 0; other < i; other++)
            if (strcmp(name, PQfname(columns, other)) == 0)
                return tell(k, &at_hand(k)->sql_place,
                            "the columns %d and %d are both called %s; name one of them otherwise: … AS name", other + 1, i + 1,
                            name);
    }
    if (PQnfields(columns) == 0) tell(k, &at_hand(k)->sql_place, "the query has no columns");
}

static void on_described(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0 && r->status != ERROR_REFUSED) return over(k, r->status, r->error);
    if (r->status == 0) {
        check_names(k, r->rows);
    } else if (!forgive(k, r)) {
        struct buf words;
        buf_init(&words, SQL_MAX);
        derive_words(r, k->statement, &words);
        const char *text = buf_cstr(&words);
        tell(k, &at_hand(k)->sql_place, "%s", text ? text : r->error->text);
        buf_done(&words);
    }
    undo(k);
}

static void check_query(struct checking *k)
{
    const struct config_report *report = at_hand(k);
    struct db_param null[REPORT_PARAMS_MAX];
    for (size_t i = 0; i < report->params.n; i++)
        null[i] = db_text(NULL);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT * FROM (\n");
    report_sql(&report->text, &report->params, 1, &sql);
    buf_puts(&sql, "\n) AS report LIMIT 0");
    free(k->statement);
    k->statement = buf_steal(&sql, NULL);
    buf_done(&sql);
    if (!k->statement) return over(k, -ENOMEM, NULL);
    ask(k,
        &(struct db_query){
            .sql = k->statement, .param = null, .params = (int)report->params.n, .binary = true, .done = on_described, .ctx = k});
}

/* ---- the parameters ---- */

static void on_param(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status == 0) {
        k->param++;
        return next_param(k);
    }
    if (r->status != ERROR_REFUSED) return over(k, r->status, r->error);
    const struct config_report *report = at_hand(k);
    if (!forgive(k, r)) tell(k, &report->place, "param %s: %s", report->params.item[k->param].name, r->error->text);
    undo(k);
}

static void next_param(struct checking *k)
{
    const struct config_report *report = at_hand(k);
    if (k->param == report->params.n) return check_query(k);
    const struct report_param *p = &report->params.item[k->param];
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "SELECT ((%s)::%s)::text", p->otherwise ? p->otherwise : "NULL", p->type);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(k, &(struct db_query){.sql = text, .binary = true, .done = on_param, .ctx = k});
    } else {
        over(k, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void on_begun(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0) return over(k, r->status, r->error);
    k->param = 0;
    next_param(k);
}

static void next_report(struct checking *k)
{
    if (k->next == k->c.config->n_reports) return over(k, 0, NULL);
    k->next++;
    ask(k, &(struct db_query){.sql = READ_ONLY, .done = on_begun, .ctx = k});
}

/* So that `done` is not called before check_reports returned. */
int check_reports(const struct check_reports *asked)
{
    struct checking *k = calloc(1, sizeof *k);
    if (!k) return -ENOMEM;
    *k = (struct checking){.c = *asked};
    int r = db_query(asked->conn, &(struct db_query){.sql = "SAVEPOINT cetl_check", .done = on_undone, .ctx = k});
    if (r < 0) free(k);
    return r;
}
