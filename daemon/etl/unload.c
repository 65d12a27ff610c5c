/* SPDX-License-Identifier: MIT */
#include "etl/unload.h"

#include "etl/rollup.h"
#include "etl/sql.h"

#include <stdlib.h>

enum { WAIT_MS = 10000, SQL_MAX = 1024 * 1024 };

struct unload {
    struct unload_config config;
    struct unload_report report;
    struct db_wait wait;
    struct db_conn *conn;
    struct dataset *dataset; /* a reference */
    int64_t written;         /* rows that the file put into the table, as the ledger says */
    int64_t updated;         /* of these, the ones it wrote over others */
};

enum { AROUND_LEFT, AROUND_IGNORED, AROUND_EARLIER };

static void tell(const struct unload *u)
{
    observers_file(u->config.observers,
                   &(struct observed_file){.dataset = u->dataset->name, .state = "unloaded", .id = u->config.file});
}

static void over(struct unload *u)
{
    if (u->conn) db_pool_give(u->config.pool, u->conn); /* inside a transaction: it is closed, and so rolled back */
    if (u->report.outcome == UNLOAD_DONE) tell(u);
    dataset_unref(u->dataset);
    u->config.done(u->config.ctx, &u->report);
    free(u);
}

static void refuse(struct unload *u, enum unload_outcome outcome, const char *format, ...) printf_like(3, 4);
static void on_refused(void *ctx, const struct db_result *r)
{
    (void)r;
    over(ctx);
}

/* The transaction has changed nothing so far, or is rolled back. */
static void refuse(struct unload *u, enum unload_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(u->report.why.text, sizeof u->report.why.text, format, args);
    va_end(args);
    u->report.outcome = outcome;
    if (db_query(u->conn, &(struct db_query){.sql = "ROLLBACK", .done = on_refused, .ctx = u}) < 0) over(u);
}

static void ask(struct unload *u, const struct db_query *q)
{
    if (db_query(u->conn, q) == 0) return;
    u->report.outcome = UNLOAD_BUSY;
    error_set(&u->report.why, 0, "the connection to the database was lost");
    over(u);
}

#define LOCK_NOT_AVAILABLE "55P03"

static void refused_by_server(struct unload *u, const struct db_result *r)
{
    if (strcmp(r->error->sqlstate, LOCK_NOT_AVAILABLE) == 0)
        return refuse(u, UNLOAD_BUSY, "others write to its table now, a load perhaps; try again when they are through");
    bool later = db_refusal_of(r->error->sqlstate) == DB_RETRY;
    refuse(u, later ? UNLOAD_BUSY : UNLOAD_REFUSED, "PostgreSQL refused it: %s%s%s", r->error->text, r->detail[0] ? "; " : "",
           r->detail);
}

/* A statement's answer: true when it goes on. */
static bool answered(struct unload *u, const struct db_result *r)
{
    if (r->status == 0) return true;
    if (r->status == ERROR_REFUSED) {
        refused_by_server(u, r);
    } else {
        u->report.outcome = UNLOAD_BUSY;
        error_set(&u->report.why, 0, "the connection to the database was lost; whether it is unloaded is in /v1/files");
        over(u);
    }
    return false;
}

static void on_committed(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    u->report.outcome = UNLOAD_DONE;
    over(u);
}

static void on_recorded(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (answered(u, r)) ask(u, &(struct db_query){.sql = "COMMIT", .done = on_committed, .ctx = u});
}

/* The rollups, filled anew, then the ledger. */
static void record(struct unload *u)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (size_t i = 0; i < u->dataset->rollups; i++) {
        rollup_refill_sql(&sql, &u->dataset->rollup[i], &u->dataset->table);
        buf_puts(&sql, "; ");
    }
    buf_printf(&sql, SQL_LEDGER_UNLOAD, (long long)u->config.file, (long long)u->dataset->id, (long long)u->report.rows);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(u, &(struct db_query){.sql = text, .done = on_recorded, .ctx = u});
    } else {
        refuse(u, UNLOAD_BUSY, "%s", error_name(-ENOMEM));
    }
    buf_done(&sql);
}

/* What would be lost, in words; "" when nothing. */
static void describe_loss(const struct unload *u, const PGresult *around, struct error *ret_why)
{
    const struct config_dataset *c = u->dataset->config;
    bool keyed = c && c->mode != CONFIG_MODE_APPEND;
    long long ignored = db_get_int8(around, 0, AROUND_IGNORED, 0), rows = u->report.rows, written = u->written;
    *ret_why = (struct error){0};
    if (rows == 0 && written > 0)
        error_set(ret_why, 0, "none of its %lld rows is in the table any more", written);
    else if (keyed && u->updated > 0)
        error_set(ret_why, 0, "it wrote over %lld rows of earlier files, and these would not come back", (long long)u->updated);
    else if (keyed && rows != written)
        error_set(ret_why, 0, "of its %lld rows %lld are as it wrote them; the others were written over by later files, or deleted",
                  written, rows);
    else if (keyed && c->mode == CONFIG_MODE_REPLACE && PQgetvalue(around, 0, AROUND_EARLIER)[0] == 't')
        error_set(ret_why, 0, "it took the place of what was loaded before, and that would not come back");
    else if (keyed && ignored > 0)
        error_set(
            ret_why, 0,
            "of later files %lld rows were left out for what the table had, perhaps for its rows, and these would not come back",
            ignored);
}

static void on_looked_around(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    if (PQgetvalue(r->rows, 0, AROUND_LEFT)[0] == 't')
        return refuse(u, UNLOAD_REFUSED, "a trigger, a rule or a policy of its table kept rows of it from being deleted");
    struct error loss;
    describe_loss(u, r->rows, &loss);
    if (loss.text[0] && !u->config.force) return refuse(u, UNLOAD_KEYS, "%s", loss.text);
    record(u);
}

static void on_deleted(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    u->report.rows = db_affected(r->rows);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT EXISTS (SELECT FROM ");
    table_quote(&sql, u->dataset->table.schema, u->dataset->table.name);
    buf_puts(&sql, " WHERE " TABLE_LINEAGE_FILE " = $1::int8), " SQL_LEDGER_AROUND);
    struct db_param param[] = {db_int8(u->config.file), db_int8(u->dataset->id)};
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(u, &(struct db_query){.sql = text, .param = param, .params = 2, .done = on_looked_around, .ctx = u});
    } else {
        refuse(u, UNLOAD_BUSY, "%s", error_name(-ENOMEM));
    }
    buf_done(&sql);
}

static void on_defined(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    const char *columns = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 1) : NULL;
    if (!columns || strcmp(columns, u->dataset->columns) != 0 || db_get_int8(r->rows, 0, 0, -1) != u->dataset->definition) {
        u->config.stale(u->config.stale_ctx);
        return refuse(u, UNLOAD_BUSY, "its table or its rollups were just changed; try again");
    }
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "DELETE FROM ");
    table_quote(&sql, u->dataset->table.schema, u->dataset->table.name);
    buf_puts(&sql, " WHERE " TABLE_LINEAGE_FILE " = $1::int8");
    struct db_param id = db_int8(u->config.file);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(u, &(struct db_query){.sql = text, .param = &id, .params = 1, .done = on_deleted, .ctx = u});
    } else {
        refuse(u, UNLOAD_BUSY, "%s", error_name(-ENOMEM));
    }
    buf_done(&sql);
}

static void on_locked(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, u->dataset->table.schema, u->dataset->table.name);
    struct db_param param[] = {db_int8(u->dataset->id), db_text(text)};
    if (text) {
        ask(u, &(struct db_query){.sql = SQL_DATASET_DEFINITION, .param = param, .params = 2, .done = on_defined, .ctx = u});
    } else {
        refuse(u, UNLOAD_BUSY, "%s", error_name(-ENOMEM));
    }
    buf_done(&name);
}

/* No load of this table, and nobody else who writes, until it is done. */
static void lock_table(struct unload *u)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SET LOCAL lock_timeout = '5s'; LOCK TABLE ");
    table_quote(&sql, u->dataset->table.schema, u->dataset->table.name);
    buf_puts(&sql, " IN SHARE ROW EXCLUSIVE MODE");
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(u, &(struct db_query){.sql = text, .done = on_locked, .ctx = u});
    } else {
        refuse(u, UNLOAD_BUSY, "%s", error_name(-ENOMEM));
    }
    buf_done(&sql);
}

enum { FOUND_STATE, FOUND_LINEAGE, FOUND_LOADED, FOUND_UPDATED, FOUND_DATASET };

static void on_found(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    if (PQntuples(r->rows) == 0) return refuse(u, UNLOAD_UNKNOWN, "there is no file with this id");
    const char *state = PQgetvalue(r->rows, 0, FOUND_STATE), *name = db_get(r->rows, 0, FOUND_DATASET);
    if (strcmp(state, "loaded") != 0) return refuse(u, UNLOAD_STATE, "it is %s, not loaded", state);
    u->dataset = name ? dataset_ref(catalog_find(u->config.catalog, name)) : NULL;
    if (!u->dataset) return refuse(u, UNLOAD_STATE, "its dataset is not there any more");
    /* Its rollups may not be resolved, and would go on counting the rows. */
    if (u->dataset->broken)
        return refuse(u, u->dataset->unready ? UNLOAD_BUSY : UNLOAD_REFUSED, "dataset %s cannot be used now: %s", name,
                      u->dataset->broken);
    u->updated = db_get_int8(r->rows, 0, FOUND_UPDATED, 0);
    u->written = db_get_int8(r->rows, 0, FOUND_LOADED, 0) + u->updated;
    if (PQgetvalue(r->rows, 0, FOUND_LINEAGE)[0] != 't' || !u->dataset->table.lineage)
        return refuse(u, UNLOAD_LINEAGE,
                      "its rows do not bear the file that they came from; set lineage = yes for dataset %s, which "
                      "holds for the files that are loaded from then on",
                      name);
    lock_table(u);
}

static void on_begun(void *ctx, const struct db_result *r)
{
    struct unload *u = ctx;
    if (!answered(u, r)) return;
    struct db_param id = db_int8(u->config.file);
    ask(u, &(struct db_query){.sql = SQL_LEDGER_FOR_UNLOAD, .param = &id, .params = 1, .done = on_found, .ctx = u});
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct unload *u = container_of(w, struct unload, wait);
    u->conn = c;
    if (c) return ask(u, &(struct db_query){.sql = "BEGIN", .done = on_begun, .ctx = u});
    u->report.outcome = UNLOAD_BUSY;
    error_set(&u->report.why, 0, "no connection to the database is free; try again");
    over(u);
}

int unload_start(const struct unload_config *config)
{
    struct unload *u = calloc(1, sizeof *u);
    if (!u) return -ENOMEM;
    u->config = *config;
    u->wait.got = on_connected;
    db_pool_take(config->pool, &u->wait, WAIT_MS);
    return 0;
}
