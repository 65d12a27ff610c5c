/* SPDX-License-Identifier: MIT */
#include "etl/derive.h"

#include "base/name.h"
#include "base/num.h"
#include "etl/dataset.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_MAX = 4 * 1024 * 1024, NEW_NAME_BYTES = 50 };

#define VIEW_CHANGED "42P16" /* invalid_table_definition: its columns would be others */
#define DEPENDED_ON "2BP01"

struct run {
    struct db_conn *conn;
    struct config *config;
    const struct config_derive *d;
    char *inputs, *definition;
    char *table;     /* quoted */
    char *statement; /* the last that held the query, while it runs; or NULL */
    void (*done)(void *ctx, const struct derive_report *report);
    void *ctx;
    int64_t made; /* what was made for it before, as an oid; 0: nothing */
    bool exists;  /* something of ours stands under its name */
    bool was_view, same;
    char *dependents; /* SQL that drops the views that other derives made of it, or NULL */
    int64_t rows;
    struct error why;
    char fresh[2 * NEW_NAME_BYTES + 2 * NAME_MAX_BYTES]; /* a new table's name for now, quoted */
};

/* ---- its end ---- */

static void over(struct run *run, int status, const struct error *why)
{
    struct derive_report report = {.status = status, .why = why, .rows = run->rows};
    run->done(run->ctx, &report);
    config_unref(run->config);
    free(run->inputs);
    free(run->definition);
    free(run->table);
    free(run->statement);
    free(run->dependents);
    free(run);
}

static void on_rolled_back(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (r->status != 0) return over(run, r->status, r->error);
    over(run, ERROR_REFUSED, &run->why);
}

static void ask(struct run *run, const struct db_query *q)
{
    int r = db_query(run->conn, q);
    if (r < 0) over(run, r, NULL);
}

static void roll_back(struct run *run)
{
    ask(run, &(struct db_query){.sql = "ROLLBACK", .done = on_rolled_back, .ctx = run});
}

/* Consumes the text. */
static void ask_sql(struct run *run, struct buf *sql, bool one_statement, void (*done)(void *ctx, const struct db_result *r))
{
    const char *text = buf_cstr(sql);
    free(run->statement);
    run->statement = one_statement && text ? strdup(text) : NULL;
    if (text) {
        ask(run, &(struct db_query){.sql = text, .binary = one_statement, .done = done, .ctx = run});
    } else {
        over(run, -ENOMEM, NULL);
    }
    buf_done(sql);
}

/* The line of the query at the n-th character (from 1) of the statement, whose first line is not the query's. 0: none. */
static unsigned line_at(const char *statement, int64_t n)
{
    unsigned line = 0;
    for (struct slice rest = slice_of(statement); n > 1 && rest.len > 0; n--) {
        line += rest.p[0] == '\n';
        size_t len = slice_char_len(rest);
        if (len == 0) len = 1;
        rest = (struct slice){rest.p + len, rest.len - len};
    }
    return line;
}

void derive_words(const struct db_result *r, const char *statement, struct buf *out)
{
    const char *position = r->refusal ? PQresultErrorField(r->refusal, PG_DIAG_STATEMENT_POSITION) : NULL;
    int64_t n = 0;
    unsigned line = 0;
    if (position && statement && num_parse_i64(slice_of(position), &n) == 0) line = line_at(statement, n);
    buf_puts(out, r->error->text);
    if (line > 0) buf_printf(out, " (line %u of sql)", line);
    if (r->detail[0]) buf_printf(out, "; %s", r->detail);
}

/* True when the step went well; else the transaction is rolled back with the server's words. */
static bool went_well(struct run *run, const struct db_result *r)
{
    if (r->status == 0) return true;
    if (r->status != ERROR_REFUSED) {
        over(run, r->status, r->error);
        return false;
    }
    struct buf words;
    buf_init(&words, SQL_MAX);
    derive_words(r, run->statement, &words);
    const char *text = buf_cstr(&words);
    error_set(&run->why, 0, "%s", text ? text : r->error->text);
    memcpy(run->why.sqlstate, r->error->sqlstate, sizeof run->why.sqlstate);
    buf_done(&words);
    roll_back(run);
    return false;
}

/* ---- VACUUM, COMMIT, RECORD ---- */

static void on_vacuumed(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    /* The rows are committed, whatever came of it. */
    over(run, r->status == ERROR_REFUSED ? 0 : r->status, r->error);
}

static void on_committed(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    if (run->d->as == CONFIG_AS_VIEW) return over(run, 0, NULL);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "VACUUM (ANALYZE, TRUNCATE false) %s", run->table);
    ask_sql(run, &sql, false, on_vacuumed);
}

static void on_recorded(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (went_well(run, r)) ask(run, &(struct db_query){.sql = "COMMIT", .done = on_committed, .ctx = run});
}

static void record(struct run *run)
{
    struct db_param p[] = {db_text(run->d->name),    db_text(run->d->schema), db_text(run->d->table),
                           db_text(run->definition), db_text(run->inputs),    run->rows < 0 ? db_text(NULL) : db_int8(run->rows),
                           db_text(run->table)};
    ask(run, &(struct db_query){.sql = SQL_DERIVE_MADE, .param = p, .params = 7, .done = on_recorded, .ctx = run});
}

/* ---- a table ---- */

static void on_exchanged(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (r->status == ERROR_REFUSED && strcmp(r->error->sqlstate, DEPENDED_ON) == 0) {
        error_set(&run->why, 0,
                  "its columns are others now, so that %s must be made anew, and that does not go: %s; %s: drop these first",
                  run->table, r->error->text, r->detail);
        memcpy(run->why.sqlstate, r->error->sqlstate, sizeof run->why.sqlstate);
        return roll_back(run);
    }
    if (went_well(run, r)) record(run);
}

static void drop_sql(const struct run *run, struct buf *out)
{
    if (!run->exists) return;
    buf_puts(out, SQL_LOCK_SOON);
    if (run->dependents) buf_printf(out, "%s; ", run->dependents);
    buf_printf(out, "DROP %s %s; ", run->was_view ? "VIEW" : "TABLE", run->table);
}

/* The rows are there; the old table goes, and the new one takes its name. */
static void on_created(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    run->rows = db_affected(r->rows);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "DROP VIEW " SQL_DERIVE_QUERY "; ");
    drop_sql(run, &sql);
    buf_printf(&sql, "ALTER TABLE %s RENAME TO ", run->fresh);
    db_quote_identifier(&sql, slice_of(run->d->table));
    ask_sql(run, &sql, false, on_exchanged);
}

static void create(struct run *run)
{
    char name[NEW_NAME_BYTES + 16];
    struct slice stem = slice_cut_utf8(slice_of(run->d->table), NEW_NAME_BYTES);
    snprintf(name, sizeof name, SLICE_FMT "_cetl_new", SLICE_ARG(stem));
    struct buf sql;
    buf_init(&sql, sizeof run->fresh - 1);
    const char *quoted = table_quote(&sql, run->d->schema, name);
    snprintf(run->fresh, sizeof run->fresh, "%s", quoted ? quoted : "");
    buf_done(&sql);
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "CREATE TABLE %s AS SELECT * FROM " SQL_DERIVE_QUERY, run->fresh);
    ask_sql(run, &sql, false, on_created);
}

static void on_dropped_query(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (went_well(run, r)) record(run);
}

static void on_filled(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    run->rows = db_affected(r->rows);
    ask(run, &(struct db_query){.sql = "DROP VIEW " SQL_DERIVE_QUERY, .done = on_dropped_query, .ctx = run});
}

static void fill(struct run *run)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, "DELETE FROM %s; INSERT INTO %s SELECT * FROM " SQL_DERIVE_QUERY, run->table, run->table);
    ask_sql(run, &sql, false, on_filled);
}

/* ---- a view ---- */

static void on_redefined(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (went_well(run, r)) record(run);
}

static void define(struct run *run, const char *head, void (*done)(void *ctx, const struct db_result *r))
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    derive_view_sql(run->d, head, run->table, &sql);
    ask_sql(run, &sql, true, done);
}

static void on_dropped(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (r->status == ERROR_REFUSED && strcmp(r->error->sqlstate, DEPENDED_ON) == 0) return on_exchanged(run, r);
    if (went_well(run, r)) define(run, "CREATE VIEW", on_redefined);
}

/* Columns of a view can only be added; for all else it is dropped. */
static void on_defined(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!run->exists || r->status != ERROR_REFUSED || strcmp(r->error->sqlstate, VIEW_CHANGED) != 0) return on_redefined(run, r);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "ROLLBACK TO SAVEPOINT cetl_derive; ");
    drop_sql(run, &sql);
    ask_sql(run, &sql, false, on_dropped);
}

static void on_saved(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (went_well(run, r)) define(run, "CREATE OR REPLACE VIEW", on_defined);
}

static void make_view(struct run *run)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    bool was_table = run->exists && !run->was_view;
    if (was_table) {
        drop_sql(run, &sql);
        return ask_sql(run, &sql, false, on_dropped);
    }
    buf_puts(&sql, "SAVEPOINT cetl_derive");
    ask_sql(run, &sql, false, on_saved);
}

/* ---- COMPARE, QUERY, LOCK, BEGIN ---- */

static void make(struct run *run)
{
    if (run->d->as == CONFIG_AS_VIEW) return make_view(run);
    return run->same ? fill(run) : create(run);
}

/* The names of the derives whose views stand on this one, the last first, as an array. False: there are none. */
static bool put_dependents(const struct run *run, struct buf *out)
{
    const struct config *c = run->config;
    size_t self = (size_t)(run->d - c->derives);
    bool *stands = calloc(c->n_derives + 1, sizeof *stands), any = false;
    if (!stands) return false;
    stands[self] = true;
    for (size_t i = self + 1; i < c->n_derives; i++)
        for (size_t k = 0; k < c->derives[i].after.n && c->derives[i].as == CONFIG_AS_VIEW; k++) {
            const struct config_derive *input = config_derive(c, slice_of(c->derives[i].after.item[k]));
            if (input && stands[input - c->derives]) stands[i] = true;
        }
    buf_putc(out, '{');
    for (size_t i = c->n_derives; i-- > self + 1;) {
        if (!stands[i]) continue;
        buf_printf(out, "%s\"%s\"", any ? "," : "", c->derives[i].name);
        any = true;
    }
    buf_putc(out, '}');
    free(stands);
    return any;
}

static void on_dependents(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    const char *sql = db_get(r->rows, 0, 0);
    run->dependents = sql ? strdup(sql) : NULL;
    make(run);
}

/* It will perhaps be dropped: then so are the views that are made anew behind it. */
static void find_dependents(struct run *run)
{
    struct buf names;
    buf_init(&names, SQL_MAX);
    bool any = put_dependents(run, &names);
    const char *text = buf_cstr(&names);
    struct db_param p = db_text(text);
    if (any && text) {
        ask(run, &(struct db_query){.sql = SQL_DERIVE_DEPENDENTS, .param = &p, .params = 1, .done = on_dependents, .ctx = run});
    } else {
        make(run);
    }
    buf_done(&names);
}

static void on_compared(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    int64_t oid = db_get_int8(r->rows, 0, 0, 0);
    const char *kind = db_get(r->rows, 0, 1);
    run->exists = oid != 0;
    run->was_view = kind && kind[0] == 'v';
    if (oid != 0 && oid != run->made) {
        error_set(&run->why, 0,
                  "%s exists and was not made for this derive; give it another name by 'table = …', or drop or rename that one",
                  run->table);
        return roll_back(run);
    }
    run->same = run->exists && !run->was_view && PQgetvalue(r->rows, 0, 2)[0] == 't';
    return run->exists && !run->same ? find_dependents(run) : make(run);
}

static void compare(struct run *run)
{
    struct db_param p = db_text(run->table);
    ask(run, &(struct db_query){.sql = SQL_DERIVE_COMPARE, .param = &p, .params = 1, .done = on_compared, .ctx = run});
}

static void on_queried(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (went_well(run, r)) compare(run);
}

static void on_locked(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    run->made = db_get_int8(r->rows, 0, 0, 0);
    if (run->d->as == CONFIG_AS_VIEW) return compare(run);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    derive_view_sql(run->d, "CREATE TEMP VIEW", "cetl_derive", &sql);
    ask_sql(run, &sql, true, on_queried);
}

static void on_begun(void *ctx, const struct db_result *r)
{
    struct run *run = ctx;
    if (!went_well(run, r)) return;
    struct db_param p[] = {db_text(run->d->name), db_text(run->d->schema), db_text(run->d->table)};
    ask(run, &(struct db_query){.sql = SQL_DERIVE_LOCK, .param = p, .params = 3, .done = on_locked, .ctx = run});
}

void derive_definition(const struct config_derive *d, struct buf *out)
{
    buf_puts(out, d->as == CONFIG_AS_VIEW ? "view " : "table ");
    table_quote(out, d->schema, d->table);
    buf_printf(out, " as\n%s", d->sql);
}

void derive_view_sql(const struct config_derive *d, const char *head, const char *name, struct buf *out)
{
    buf_printf(out, "%s %s AS\n%s\n", head, name, d->sql);
}

int derive_refresh(const struct derive_refresh *asked)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run) return -ENOMEM;
    *run = (struct run){.conn = asked->conn,
                        .config = config_ref(asked->config),
                        .d = asked->derive,
                        .inputs = strdup(asked->inputs),
                        .done = asked->done,
                        .ctx = asked->ctx,
                        .rows = -1};
    struct buf text;
    buf_init(&text, SQL_MAX);
    derive_definition(run->d, &text);
    run->definition = buf_steal(&text, &(size_t){0});
    table_quote(&text, run->d->schema, run->d->table);
    run->table = buf_steal(&text, &(size_t){0});
    buf_printf(&text, SQL_DERIVE_BEGIN, (long long)run->d->timeout_ms);
    const char *sql = buf_cstr(&text);
    int r = sql && run->inputs && run->definition && run->table
                ? db_query(run->conn, &(struct db_query){.sql = sql, .done = on_begun, .ctx = run})
                : -ENOMEM;
    buf_done(&text);
    if (r == 0) return 0;
    config_unref(run->config);
    free(run->inputs);
    free(run->definition);
    free(run->table);
    free(run);
    return r;
}
