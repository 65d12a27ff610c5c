/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "etl/formulas.h"
#include "etl/guess.h"
#include "etl/opening_private.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- its end ---- */

static void forget(struct opening *o)
{
    free(o->schema);
    free(o->table);
    free(o->guess);
    o->schema = o->table = o->guess = NULL;
}

/* The receiver may free the opening. */
void opening_over(struct opening *o, int status, const struct error *err)
{
    forget(o);
    dataset_unref(o->d);
    o->d = NULL;
    o->done(o->ctx, status, err, NULL);
}

/* The next file will make its table. */
static void absent(struct opening *o)
{
    opening_over(o, 0, NULL);
}

void opening_opened(struct opening *o)
{
    struct dataset *d = o->d;
    o->d = NULL;
    if (d->broken) log_warning("dataset %s cannot be loaded: %s", d->name, d->broken);
    forget(o);
    o->done(o->ctx, 0, NULL, d);
}

bool opening_went_well(struct opening *o, const struct db_result *r, const char *what)
{
    if (r->status == 0) return true;
    if (r->status != ERROR_REFUSED || db_refusal_of(r->error->sqlstate) == DB_RETRY) {
        opening_over(o, r->status, r->error);
        return false;
    }
    char place[ERROR_TEXT_MAX] = "";
    if (o->d->config) snprintf(place, sizeof place, "%s:%d: ", o->d->config->place.file, o->d->config->place.line);
    dataset_break(o->d, "%s%s: %s%s%s", place, what, r->error->text, r->detail[0] ? "; " : "", r->detail);
    opening_opened(o);
    return false;
}

void opening_ask(struct opening *o, const struct db_query *q)
{
    if (db_query(o->conn, q) < 0) opening_over(o, ERROR_CLOSED, NULL);
}

bool opening_is_locked(struct opening *o, const struct db_result *r, const char *what)
{
    if (r->status != ERROR_REFUSED || db_refusal_of(r->error->sqlstate) != DB_RETRY) return false;
    o->d->unready = true;
    dataset_break(o->d, "%s waits to be made: %s", what, r->error->text);
    opening_opened(o);
    return true;
}

/* ---- behind the table ---- */

static void rollups_resolve(struct opening *o)
{
    int r = dataset_resolve_rollups(o->d);
    if (r == 0) r = formulas_of_dataset(o->d);
    if (r < 0) return opening_over(o, r, NULL);
    if (o->d->broken) return opening_opened(o);
    o->next_rollup = 0;
    opening_watch_outside(o);
}

static void dimensions_known(void *ctx, const struct db_result *r)
{
    if (opening_went_well(ctx, r, "lookup")) rollups_resolve(ctx);
}

/* ---- the table ---- */

/* False: the configuration wants columns for it that the table does not have. A table made by inference has them, or has not. */
static bool lineage_is_settled(struct opening *o)
{
    enum config_lineage wanted = o->d->config ? o->d->config->lineage : CONFIG_LINEAGE_AUTO;
    if (wanted == CONFIG_LINEAGE_NO || (wanted == CONFIG_LINEAGE_AUTO && !o->d->inferred)) return true;
    return table_find_lineage(&o->d->table) || wanted == CONFIG_LINEAGE_AUTO;
}

/* The same for those of soft_delete and timestamps. */
static bool stamps_are_settled(struct opening *o, const char **ret_missing)
{
    *ret_missing = table_find_stamps(&o->d->table, o->d->config);
    return !*ret_missing;
}

static void read_definition(struct opening *o);

static void stamps_added(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] = "soft_delete or timestamps, which adds its columns to the table";
    if (opening_is_locked(o, r, what) || !opening_went_well(o, r, what)) return;
    o->stamps_added = true;
    read_definition(o);
}

static void add_stamps(struct opening *o)
{
    const struct config_dataset *c = o->d->config;
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    buf_puts(&sql, SQL_LOCK_SOON "ALTER TABLE ");
    table_quote(&sql, o->schema, o->table);
    if (c->soft_delete) buf_puts(&sql, " ADD COLUMN IF NOT EXISTS " TABLE_DELETED_AT " timestamptz");
    if (c->timestamps)
        buf_printf(&sql,
                   "%s ADD COLUMN IF NOT EXISTS " TABLE_CREATED_AT " timestamptz NOT NULL DEFAULT now(),"
                   " ADD COLUMN IF NOT EXISTS " TABLE_UPDATED_AT " timestamptz NOT NULL DEFAULT now()",
                   c->soft_delete ? "," : "");
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = stamps_added, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void lineage_added(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] =
        "lineage = yes, which adds the columns " TABLE_LINEAGE_FILE " and " TABLE_LINEAGE_LINE " (bigint) to its table";
    if (opening_is_locked(o, r, what) || !opening_went_well(o, r, what)) return;
    o->lineage_added = true;
    read_definition(o);
}

static void add_lineage(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    buf_puts(&sql, SQL_LOCK_SOON "ALTER TABLE ");
    table_quote(&sql, o->schema, o->table);
    buf_puts(&sql,
             " ADD COLUMN IF NOT EXISTS " TABLE_LINEAGE_FILE " bigint, ADD COLUMN IF NOT EXISTS " TABLE_LINEAGE_LINE " bigint");
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = lineage_added, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

/* Which references may mean a row that is deleted. */
static void note_soft(struct dataset *d)
{
    for (size_t i = 0; i < d->keys.references && d->owner; i++) {
        struct dataset_reference *r = &d->keys.reference[i];
        for (size_t k = 0; k < d->owner->n_datasets; k++) {
            const struct config_dataset *c = &d->owner->datasets[k];
            r->soft |= c->soft_delete && strcmp(c->schema, r->schema) == 0 && strcmp(c->table, r->table) == 0;
        }
    }
}

static void keys_read(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "reading the table's keys")) return;
    int e = dataset_read_keys(&o->d->arena, r->rows, &o->d->keys);
    if (e < 0) return opening_over(o, e, NULL);
    note_soft(o->d);
    o->dimensions = (struct dimensions_reading){.conn = o->conn, .d = o->d, .done = dimensions_known, .ctx = o};
    dimensions_read(&o->dimensions);
}

static void read_keys(struct opening *o)
{
    struct buf name;
    buf_init(&name, OPENING_SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param = db_text(text);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = SQL_TABLE_KEYS, .param = &param, .params = 1, .done = keys_read, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void columns_read(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "reading the table's columns")) return;
    int e = table_read(&o->d->arena, r->rows, o->schema, o->table, &o->d->table);
    if (e < 0) return opening_over(o, e, NULL);
    if (o->d->table.columns == 0) {
        if (o->may_be_absent && (o->d->config || o->d->inferred)) return absent(o);
        dataset_break(o->d, "table %s.%s does not exist; make it, or declare its `columns`", o->schema, o->table);
        return opening_opened(o);
    }
    o->d->ours = o->made != 0 && o->made == o->d->table.oid;
    if (!lineage_is_settled(o)) {
        if (!o->lineage_added) return add_lineage(o);
        dataset_break(
            o->d, "%s:%d: lineage = yes needs the columns " TABLE_LINEAGE_FILE " and " TABLE_LINEAGE_LINE " of %s.%s to be bigint",
            o->d->config->place.file, o->d->config->place.line, o->schema, o->table);
    }
    const char *missing;
    if (!stamps_are_settled(o, &missing)) {
        if (!o->stamps_added) return add_stamps(o);
        dataset_break(o->d, "%s:%d: soft_delete and timestamps need column %s of %s.%s to be timestamptz", o->d->config->place.file,
                      o->d->config->place.line, missing, o->schema, o->table);
    }
    dataset_check_columns(o->d);
    dataset_check_key(o->d);
    read_keys(o);
}

static void definition_read(void *ctx, const struct db_result *r);

/* First what a load's snapshot stands on, then the columns: a change in between is noticed by the load. */
static void read_definition(struct opening *o)
{
    struct buf name;
    buf_init(&name, OPENING_SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param[] = {db_int8(o->d->id), db_text(text)};
    if (text) {
        opening_ask(
            o, &(struct db_query){.sql = SQL_DATASET_DEFINITION, .param = param, .params = 2, .done = definition_read, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void read_columns(struct opening *o)
{
    struct buf name;
    buf_init(&name, OPENING_SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param[] = {db_text(text), db_text(o->guess)};
    if (text) {
        opening_ask(o, &(struct db_query){.sql = SQL_TABLE_COLUMNS, .param = param, .params = 2, .done = columns_read, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void definition_read(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "cetl.dataset")) return;
    const char *columns = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 1) : NULL;
    o->d->definition = PQntuples(r->rows) > 0 ? db_get_int8(r->rows, 0, 0, 0) : 0;
    o->made = PQntuples(r->rows) > 0 ? db_get_int8(r->rows, 0, 2, 0) : 0;
    o->d->columns = arena_cstr(&o->d->arena, slice_of(columns ? columns : ""));
    if (!o->d->columns) return opening_over(o, -ENOMEM, NULL);
    read_columns(o);
}

static void table_made(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (opening_went_well(o, r, "columns")) read_definition(o);
}

static void make_table(struct opening *o)
{
    const struct config_dataset *c = o->d->config;
    if (!c || !c->columns_sql[0]) return read_definition(o);
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    guess_declared_sql(&sql, o->d);
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = table_made, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

/* ---- the row in cetl.dataset ---- */

static void dataset_known(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "cetl.dataset")) return;
    if (PQntuples(r->rows) == 0) {
        dataset_break(o->d, "it is not in cetl.dataset");
        return opening_opened(o);
    }
    o->d->id = db_get_int8(r->rows, 0, 0, 0);
    o->d->inferred = PQgetvalue(r->rows, 0, 1)[0] == 't';
    o->d->loaded = PQgetvalue(r->rows, 0, 3)[0] == 't';
    const char *failed = db_get(r->rows, 0, 4);
    dataset_hold(o->d, failed);
    const char *guess = db_get(r->rows, 0, 2);
    free(o->guess);
    o->guess = guess ? strdup(guess) : NULL;
    if (guess && !o->guess) return opening_over(o, -ENOMEM, NULL);
    make_table(o);
}

/* The row of a declared dataset is made. */
static int ask_row(struct opening *o)
{
    const struct config_dataset *c = o->d->config;
    struct db_param param[] = {db_text(o->d->name), db_text(o->schema), db_text(o->table),
                               db_text(c && !c->columns_sql[0] ? "true" : "false")};
    return db_query(
        o->conn,
        &(struct db_query){
            .sql = c ? SQL_DATASET_PUT : SQL_DATASET_GET, .param = param, .params = c ? 4 : 1, .done = dataset_known, .ctx = o});
}

/* ---- its start ---- */

static void altered(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (r->status != 0) return opening_over(o, r->status, r->error);
    struct db_param name = db_text(o->d->name);
    opening_ask(o, &(struct db_query){.sql = SQL_DATASET_GET, .param = &name, .params = 1, .done = dataset_known, .ctx = o});
}

static int started(struct opening *o, int r)
{
    if (r == 0) return 0;
    forget(o);
    dataset_unref(o->d);
    o->d = NULL;
    return r;
}

static int remember(struct opening *o, struct dataset *d, const struct opening_table *t)
{
    o->d = d;
    o->schema = strdup(t->schema);
    o->table = strdup(t->name);
    o->lineage_added = o->stamps_added = false;
    return d && o->schema && o->table ? 0 : -ENOMEM;
}

int opening_start(struct opening *o, struct dataset *d, const struct opening_table *t)
{
    int r = remember(o, d, t);
    return started(o, r == 0 ? ask_row(o) : r);
}

int opening_start_with(struct opening *o, struct dataset *d, const struct opening_table *t, const char *sql)
{
    int r = remember(o, d, t);
    if (r == 0) r = db_query(o->conn, &(struct db_query){.sql = sql, .done = altered, .ctx = o});
    return started(o, r);
}
