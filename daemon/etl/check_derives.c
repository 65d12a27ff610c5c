/* SPDX-License-Identifier: MIT */
#include "etl/check_derives.h"

#include "etl/derive.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_MAX = 4 * 1024 * 1024 };

struct checking {
    struct check_derives c;
    size_t next;    /* the derive behind the one at hand */
    bool temporary; /* that one reads a temporary view, and so must be one */
    bool *stands;
    char *statement;
};

#define INVALID_TABLE_DEFINITION "42P16"

static void next_derive(struct checking *k);
static void on_saved(void *ctx, const struct db_result *r);

static void over(struct checking *k, int status, const struct error *err)
{
    struct check_derives c = k->c;
    free(k->stands);
    free(k->statement);
    free(k);
    c.done(c.ctx, status, err);
}

static void ask(struct checking *k, const struct db_query *q)
{
    int r = db_query(k->c.conn, q);
    if (r < 0) over(k, r, NULL);
}

static const struct config_derive *at_hand(const struct checking *k)
{
    return &k->c.config->derives[k->next - 1];
}

static void on_undone(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0) return over(k, r->status, r->error);
    next_derive(k);
}

static void savepoint(struct checking *k)
{
    ask(k, &(struct db_query){.sql = "SAVEPOINT cetl_check", .done = on_saved, .ctx = k});
}

static void on_undone_once(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0) return over(k, r->status, r->error);
    savepoint(k);
}

static void on_viewed(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0 && r->status != ERROR_REFUSED) return over(k, r->status, r->error);
    if (r->status != 0 && !k->temporary && strcmp(r->error->sqlstate, INVALID_TABLE_DEFINITION) == 0) {
        k->temporary = true;
        return ask(k, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_check", .done = on_undone_once, .ctx = k});
    }
    k->stands[k->next - 1] = r->status == 0;
    if (r->status == 0) return next_derive(k);
    const struct config_derive *d = at_hand(k);
    struct buf text;
    buf_init(&text, SQL_MAX);
    buf_printf(&text, "%s:%d: derive %s: ", d->sql_place.file, d->sql_place.line, d->name);
    derive_words(r, k->statement, &text);
    const char *words = buf_cstr(&text);
    k->c.handler->mistake(k->c.handler->ctx, words ? words : r->error->text);
    buf_done(&text);
    ask(k, &(struct db_query){.sql = "ROLLBACK TO SAVEPOINT cetl_check", .done = on_undone, .ctx = k});
}

static void on_named(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0) return over(k, r->status, r->error);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    derive_view_sql(at_hand(k), "CREATE VIEW", PQgetvalue(r->rows, 0, 0), &sql);
    free(k->statement);
    k->statement = buf_steal(&sql, NULL);
    buf_done(&sql);
    if (!k->statement) return over(k, -ENOMEM, NULL);
    ask(k, &(struct db_query){.sql = k->statement, .binary = true, .done = on_viewed, .ctx = k});
}

static void on_saved(void *ctx, const struct db_result *r)
{
    struct checking *k = ctx;
    if (r->status != 0) return over(k, r->status, r->error);
    const struct config_derive *d = at_hand(k);
    struct buf full, short_name;
    char other[32];
    buf_init(&full, SQL_MAX);
    buf_init(&short_name, SQL_MAX);
    db_quote_identifier(&short_name, slice_of(d->table));
    snprintf(other, sizeof other, "cetl_derive_%zu", k->next);
    const char *text = table_quote(&full, d->schema, d->table), *alone = buf_cstr(&short_name);
    struct db_param p[] = {db_text(text), db_text(alone), db_text(other), db_text(k->temporary ? "true" : "false")};
    if (text && alone) {
        ask(k, &(struct db_query){.sql = SQL_DERIVE_CHECK_NAME, .param = p, .params = 4, .done = on_named, .ctx = k});
    } else {
        over(k, -ENOMEM, NULL);
    }
    buf_done(&full);
    buf_done(&short_name);
}

/* Which of its inputs has no table to ask about, or NULL. */
static const char *missing_input(const struct checking *k, const struct config_derive *d)
{
    for (size_t i = 0; i < d->after.n; i++) {
        struct slice name = slice_of(d->after.item[i]);
        const struct config_dataset *dataset = config_dataset(k->c.config, name);
        const struct config_derive *derive = config_derive(k->c.config, name);
        if (dataset ? !k->c.has_table[dataset - k->c.config->datasets] : !k->stands[derive - k->c.config->derives])
            return d->after.item[i];
    }
    return NULL;
}

static void next_derive(struct checking *k)
{
    while (k->next < k->c.config->n_derives) {
        const struct config_derive *d = &k->c.config->derives[k->next++];
        const char *missing = missing_input(k, d);
        k->temporary = false;
        if (!missing) return savepoint(k);
        char text[256];
        int n =
            snprintf(text, sizeof text, "derive %s: the database was not asked, because %s has no table yet\n", d->name, missing);
        k->c.handler->note(k->c.handler->ctx, (struct slice){text, n < (int)sizeof text ? (size_t)n : sizeof text - 1});
    }
    over(k, 0, NULL);
}

/* So that `done` is not called before check_derives returned. */
int check_derives(const struct check_derives *asked)
{
    struct checking *k = calloc(1, sizeof *k);
    if (!k) return -ENOMEM;
    *k = (struct checking){.c = *asked, .stands = calloc(asked->config->n_derives + 1, sizeof *k->stands)};
    int r =
        k->stands ? db_query(asked->conn, &(struct db_query){.sql = "SAVEPOINT cetl_check", .done = on_undone, .ctx = k}) : -ENOMEM;
    if (r < 0) {
        free(k->stands);
        free(k);
    }
    return r;
}
