/* SPDX-License-Identifier: MIT */
#include "etl/opening.h"

#include "base/log.h"
#include "etl/formulas.h"
#include "etl/guess.h"
#include "etl/rollup.h"
#include "etl/sql.h"
#include "format/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 1024 * 1024 };

/* ---- its end ---- */

static void forget(struct opening *o)
{
    free(o->schema);
    free(o->table);
    free(o->guess);
    o->schema = o->table = o->guess = NULL;
}

/* The receiver may free the opening. */
static void over(struct opening *o, int status, const struct error *err)
{
    forget(o);
    dataset_unref(o->d);
    o->d = NULL;
    o->done(o->ctx, status, err, NULL);
}

/* The next file will make its table. */
static void absent(struct opening *o)
{
    over(o, 0, NULL);
}

/* It is open, or broken. */
static void opened(struct opening *o)
{
    struct dataset *d = o->d;
    o->d = NULL;
    if (d->broken) log_warning("dataset %s cannot be loaded: %s", d->name, d->broken);
    forget(o);
    o->done(o->ctx, 0, NULL, d);
}

/*
 * A step that the server refused breaks the dataset; a lost connection ends the whole. True when the step went well.
 */
static bool went_well(struct opening *o, const struct db_result *r, const char *what)
{
    if (r->status == 0) return true;
    if (r->status != ERROR_REFUSED || db_refusal_of(r->error->sqlstate) == DB_RETRY) {
        over(o, r->status, r->error);
        return false;
    }
    char place[ERROR_TEXT_MAX] = "";
    if (o->d->config) snprintf(place, sizeof place, "%s:%d: ", o->d->config->place.file, o->d->config->place.line);
    dataset_break(o->d, "%s%s: %s%s%s", place, what, r->error->text, r->detail[0] ? "; " : "", r->detail);
    opened(o);
    return false;
}

static void ask(struct opening *o, const struct db_query *q)
{
    if (db_query(o->conn, q) < 0) over(o, ERROR_CLOSED, NULL);
}

/* ---- rollups ---- */

static void rollup_next(struct opening *o);

/* A load or a reader is in its way; the dataset waits, and must not hold up the others. */
static bool is_locked(struct opening *o, const struct db_result *r, const char *what)
{
    if (r->status != ERROR_REFUSED || db_refusal_of(r->error->sqlstate) != DB_RETRY) return false;
    o->d->unready = true;
    dataset_break(o->d, "%s waits to be made: %s", what, r->error->text);
    opened(o);
    return true;
}

static void rollup_created(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    char what[128];
    snprintf(what, sizeof what, "rollup %s", o->d->rollup[o->next_rollup].config->name);
    if (is_locked(o, r, what) || !went_well(o, r, what)) return;
    o->d->definition = db_get_int8(r->rows, 0, 0, 0);
    o->next_rollup++;
    rollup_next(o);
}

static void rollup_create(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    rollup_create_sql(&sql, &o->d->rollup[o->next_rollup], &o->d->table);
    buf_printf(&sql, "; " SQL_DATASET_REDEFINE, (long long)o->d->id);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(o, &(struct db_query){.sql = text, .done = rollup_created, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void rollup_seen(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "rollup")) return;
    const struct dataset_rollup *rollup = &o->d->rollup[o->next_rollup];
    if (PQntuples(r->rows) == 0) return rollup_create(o);

    struct buf wanted;
    buf_init(&wanted, SQL_MAX);
    rollup_comment(&wanted, rollup, &o->d->table);
    const char *text = buf_cstr(&wanted), *comment = db_get(r->rows, 0, 0);
    bool same = text && comment && strcmp(text, comment) == 0;
    bool ours = comment && (strncmp(comment, "SELECT ", 7) == 0 || strcmp(comment, SQL_ROLLUP_STALE) == 0);
    buf_done(&wanted);
    if (!text) return over(o, -ENOMEM, NULL);
    if (same) {
        o->next_rollup++;
        return rollup_next(o);
    }
    if (ours) return rollup_create(o);
    dataset_break(o->d, "rollup %s: the table %s.%s exists and is none of ours; rename one of them", rollup->config->name,
                  rollup->table.schema, rollup->table.name);
    opened(o);
}

static void rollup_described(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    struct dataset_rollup *rollup = &o->d->rollup[o->next_rollup];
    struct error why = {0};
    int e = r->status == 0 ? rollup_take_types(rollup, r->rows, &o->d->arena, &why) : 0;
    if (e < 0) return over(o, e, NULL);
    if (e > 0) {
        dataset_break(o->d, "%s", why.text);
        return opened(o);
    }
    char what[128];
    snprintf(what, sizeof what, "rollup %s", rollup->config->name);
    if (went_well(o, r, what)) rollup_next(o);
}

static void rollup_describe(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    rollup_types_sql(&sql, &o->d->rollup[o->next_rollup], &o->d->table);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(o, &(struct db_query){.sql = text, .done = rollup_described, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void rollup_next(struct opening *o)
{
    if (o->next_rollup == o->d->rollups) return opened(o);
    if (!o->d->rollup[o->next_rollup].described) return rollup_describe(o);
    const struct table *t = &o->d->rollup[o->next_rollup].table;
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, t->schema, t->name);
    struct db_param param = db_text(text);
    if (text) {
        ask(o, &(struct db_query){.sql = SQL_TABLE_COMMENT, .param = &param, .params = 1, .done = rollup_seen, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void abandoned_marked(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] = "a rollup that is not configured any more";
    if (!is_locked(o, r, what) && went_well(o, r, what)) rollup_next(o);
}

static void abandoned_found(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "rollups")) return;
    const char *statements = db_get(r->rows, 0, 0);
    if (!statements) return rollup_next(o);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_printf(&sql, SQL_LOCK_SOON "%s", statements);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(o, &(struct db_query){.sql = text, .done = abandoned_marked, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

/* Before loads pass by a rollup that was taken out of the configuration, its table is marked: should it come back, its definition
 * alone would not tell that rows are missing. */
static void mark_abandoned(struct opening *o)
{
    struct buf source, names;
    buf_init(&source, SQL_MAX);
    buf_init(&names, SQL_MAX);
    struct json_writer w;
    json_writer_init(&w, &names);
    json_write_array(&w);
    for (size_t i = 0; i < o->d->rollups; i++)
        json_write_text(&w, o->d->rollup[i].table.name);
    json_write_end(&w);
    const char *table = table_quote(&source, o->schema, o->table), *kept = buf_cstr(&names);
    struct db_param param[] = {db_text(table), db_text(o->schema), db_text(kept)};
    if (table && kept) {
        ask(o, &(struct db_query){.sql = SQL_ROLLUPS_ABANDONED, .param = param, .params = 3, .done = abandoned_found, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&source);
    buf_done(&names);
}

/* ---- the trigger that tells of others' writes ---- */

/* Whoever writes to the table leaves a mark: what is read of it, and of its rollups, has a version. */
static void mark_versioned(struct opening *o)
{
    const struct table_version version = {TABLE_OF_DATASET, o->d->id};
    o->d->table.version = version;
    for (size_t i = 0; i < o->d->rollups; i++)
        o->d->rollup[i].table.version = version;
}

/* Only rollups cannot do without it. */
static void outside_made(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] = "the trigger " SQL_OUTSIDE_NAME ", which tells of others' writes,";
    if (r->status == ERROR_REFUSED && o->d->rollups == 0) {
        log_notice("dataset %s: what is read of it has no ETag and is not kept: %s: %s", o->d->name, what, r->error->text);
        return mark_abandoned(o);
    }
    if (is_locked(o, r, what) || !went_well(o, r, what)) return;
    if (o->countable) mark_versioned(o);
    mark_abandoned(o);
}

/* What was written before nobody knows: rollups that are there already are computed anew. */
static void put_unknown(struct opening *o, struct buf *sql)
{
    if (o->d->rollups == 0) return;
    const struct table *rollup = &o->d->rollup[0].table;
    struct buf name;
    buf_init(&name, SQL_MAX);
    table_quote(&name, rollup->schema, rollup->name);
    buf_printf(sql, "; " SQL_OUTSIDE_UNKNOWN, (long long)o->d->id);
    db_quote_literal(sql, buf_slice(&name));
    buf_puts(sql, ") IS NOT NULL");
    if (buf_check(&name) < 0) sql->failed = buf_check(&name);
    buf_done(&name);
}

/* Before the rollups are made: from then on nobody writes unseen. */
static void make_outside(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, SQL_LOCK_SOON "CREATE OR REPLACE TRIGGER " SQL_OUTSIDE_NAME " AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ");
    table_quote(&sql, o->schema, o->table);
    buf_puts(&sql, SQL_OUTSIDE_TRIGGER "; ALTER TABLE ");
    table_quote(&sql, o->schema, o->table);
    buf_puts(&sql, SQL_OUTSIDE_ALWAYS);
    put_unknown(o, &sql);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(o, &(struct db_query){.sql = text, .done = outside_made, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void outside_looked(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "pg_trigger")) return;
    bool is_table = PQntuples(r->rows) > 0;
    bool there = is_table && PQgetvalue(r->rows, 0, 0)[0] == 't', may = is_table && PQgetvalue(r->rows, 0, 1)[0] == 't';
    /* The partitions of a table that cetld made are its own; to others' anybody may write. */
    o->countable = is_table && (PQgetvalue(r->rows, 0, 2)[0] == 't' || (PQgetvalue(r->rows, 0, 3)[0] == 't' && o->d->ours));
    if (there && o->countable) mark_versioned(o);
    if (there || !may || (!o->countable && o->d->rollups == 0)) return mark_abandoned(o);
    make_outside(o);
}

static void watch_outside(struct opening *o)
{
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param = db_text(text);
    if (text) {
        ask(o, &(struct db_query){.sql = SQL_OUTSIDE_LOOK, .param = &param, .params = 1, .done = outside_looked, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void rollups_resolve(struct opening *o)
{
    int r = dataset_resolve_rollups(o->d);
    if (r == 0) r = formulas_of_dataset(o->d);
    if (r < 0) return over(o, r, NULL);
    if (o->d->broken) return opened(o);
    o->next_rollup = 0;
    watch_outside(o);
}

static void dimensions_known(void *ctx, const struct db_result *r)
{
    if (went_well(ctx, r, "lookup")) rollups_resolve(ctx);
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
    if (is_locked(o, r, what) || !went_well(o, r, what)) return;
    o->stamps_added = true;
    read_definition(o);
}

static void add_stamps(struct opening *o)
{
    const struct config_dataset *c = o->d->config;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
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
        ask(o, &(struct db_query){.sql = text, .done = stamps_added, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void lineage_added(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] =
        "lineage = yes, which adds the columns " TABLE_LINEAGE_FILE " and " TABLE_LINEAGE_LINE " (bigint) to its table";
    if (is_locked(o, r, what) || !went_well(o, r, what)) return;
    o->lineage_added = true;
    read_definition(o);
}

static void add_lineage(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, SQL_LOCK_SOON "ALTER TABLE ");
    table_quote(&sql, o->schema, o->table);
    buf_puts(&sql,
             " ADD COLUMN IF NOT EXISTS " TABLE_LINEAGE_FILE " bigint, ADD COLUMN IF NOT EXISTS " TABLE_LINEAGE_LINE " bigint");
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(o, &(struct db_query){.sql = text, .done = lineage_added, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
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
    if (!went_well(o, r, "reading the table's keys")) return;
    int e = dataset_read_keys(&o->d->arena, r->rows, &o->d->keys);
    if (e < 0) return over(o, e, NULL);
    note_soft(o->d);
    o->dimensions = (struct dimensions_reading){.conn = o->conn, .d = o->d, .done = dimensions_known, .ctx = o};
    dimensions_read(&o->dimensions);
}

static void read_keys(struct opening *o)
{
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param = db_text(text);
    if (text) {
        ask(o, &(struct db_query){.sql = SQL_TABLE_KEYS, .param = &param, .params = 1, .done = keys_read, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void columns_read(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "reading the table's columns")) return;
    int e = table_read(&o->d->arena, r->rows, o->schema, o->table, &o->d->table);
    if (e < 0) return over(o, e, NULL);
    if (o->d->table.columns == 0) {
        if (o->may_be_absent && (o->d->config || o->d->inferred)) return absent(o);
        dataset_break(o->d, "table %s.%s does not exist; make it, or declare its `columns`", o->schema, o->table);
        return opened(o);
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
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param[] = {db_int8(o->d->id), db_text(text)};
    if (text) {
        ask(o, &(struct db_query){.sql = SQL_DATASET_DEFINITION, .param = param, .params = 2, .done = definition_read, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void read_columns(struct opening *o)
{
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param[] = {db_text(text), db_text(o->guess)};
    if (text) {
        ask(o, &(struct db_query){.sql = SQL_TABLE_COLUMNS, .param = param, .params = 2, .done = columns_read, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}

static void definition_read(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "cetl.dataset")) return;
    const char *columns = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 1) : NULL;
    o->d->definition = PQntuples(r->rows) > 0 ? db_get_int8(r->rows, 0, 0, 0) : 0;
    o->made = PQntuples(r->rows) > 0 ? db_get_int8(r->rows, 0, 2, 0) : 0;
    o->d->columns = arena_cstr(&o->d->arena, slice_of(columns ? columns : ""));
    if (!o->d->columns) return over(o, -ENOMEM, NULL);
    read_columns(o);
}

static void table_made(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (went_well(o, r, "columns")) read_definition(o);
}

static void make_table(struct opening *o)
{
    const struct config_dataset *c = o->d->config;
    if (!c || !c->columns_sql[0]) return read_definition(o);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    guess_declared_sql(&sql, o->d);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(o, &(struct db_query){.sql = text, .done = table_made, .ctx = o});
    } else {
        over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

/* ---- the row in cetl.dataset ---- */

static void dataset_known(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "cetl.dataset")) return;
    if (PQntuples(r->rows) == 0) {
        dataset_break(o->d, "it is not in cetl.dataset");
        return opened(o);
    }
    o->d->id = db_get_int8(r->rows, 0, 0, 0);
    o->d->inferred = PQgetvalue(r->rows, 0, 1)[0] == 't';
    o->d->loaded = PQgetvalue(r->rows, 0, 3)[0] == 't';
    const char *failed = db_get(r->rows, 0, 4);
    dataset_hold(o->d, failed);
    const char *guess = db_get(r->rows, 0, 2);
    free(o->guess);
    o->guess = guess ? strdup(guess) : NULL;
    if (guess && !o->guess) return over(o, -ENOMEM, NULL);
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
    if (r->status != 0) return over(o, r->status, r->error);
    struct db_param name = db_text(o->d->name);
    ask(o, &(struct db_query){.sql = SQL_DATASET_GET, .param = &name, .params = 1, .done = dataset_known, .ctx = o});
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
