/* SPDX-License-Identifier: MIT */
#include "etl/catalog.h"

#include "base/log.h"
#include "etl/rollup.h"
#include "etl/sql.h"
#include "etl/swap.h"
#include "format/json_writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 1024 * 1024, GUESS_SQL_MAX = 16 * SQL_MAX };

struct catalog {
    struct dataset **dataset;
    size_t n, cap;
    uint64_t creations; /* by inference, since the start */
    bool unfinished;    /* the last refresh left a dataset unready */
};

/* One dataset on its way, and what is to be opened after it. */
struct opening {
    struct catalog *catalog;
    struct db_conn *conn;
    catalog_done done;
    void *ctx;

    struct config *config; /* of a refresh, else NULL */
    size_t next_declared;  /* the configuration's dataset to open next */
    char **inferred;       /* name, schema, table of each that was ever inferred */
    size_t n_inferred, next_inferred;
    uint64_t creations;     /* the catalog's when the refresh began */
    struct dataset **fresh; /* what a refresh has opened so far */
    size_t n_fresh, cap_fresh;

    struct dataset *d; /* the one that is being opened */
    char *schema, *table;
    int64_t made; /* the oid of the table that cetld made for it, or 0 */
    char *guess;  /* its frozen columns as JSON, or NULL */
    size_t next_rollup;
    bool lineage_added; /* to its table */
};

/* ---- the set ---- */

int catalog_new(struct catalog **ret_catalog)
{
    struct catalog *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    *ret_catalog = c;
    return 0;
}

void catalog_free(struct catalog *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n; i++)
        dataset_unref(c->dataset[i]);
    free(c->dataset);
    free(c);
}

struct dataset *catalog_find(const struct catalog *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->dataset[i]->name, name) == 0) return c->dataset[i];
    return NULL;
}

struct dataset *catalog_at(const struct catalog *c, size_t i)
{
    return i < c->n ? c->dataset[i] : NULL;
}

const struct table *catalog_table(const struct catalog *c, struct slice name, struct dataset **ret_dataset)
{
    for (size_t i = 0; i < c->n; i++) {
        struct dataset *d = c->dataset[i];
        const struct table *found = slice_equal(slice_of(d->name), name) ? &d->table : NULL;
        for (size_t r = 0; r < d->rollups && !found; r++)
            if (slice_equal(slice_of(d->rollup[r].table.name), name)) found = &d->rollup[r].table;
        if (!found) continue;
        *ret_dataset = d;
        return found;
    }
    return NULL;
}

static int push(struct dataset ***list, size_t *n, size_t *cap, struct dataset *d)
{
    if (*n == *cap) {
        size_t more = *cap ? *cap * 2 : 16;
        struct dataset **grown = realloc(*list, more * sizeof **list);
        if (!grown) return -ENOMEM;
        *list = grown;
        *cap = more;
    }
    (*list)[(*n)++] = d;
    return 0;
}

/* ---- the end of an opening ---- */

/* What a refresh has gathered. */
static void forget(struct opening *o)
{
    for (size_t i = 0; i < o->n_fresh; i++)
        dataset_unref(o->fresh[i]);
    for (size_t i = 0; i < o->n_inferred * 3; i++)
        free(o->inferred[i]);
    free(o->inferred);
    o->inferred = NULL;
    o->n_fresh = o->n_inferred = o->next_inferred = o->next_declared = 0;
}

static void opening_free(struct opening *o)
{
    forget(o);
    free(o->fresh);
    dataset_unref(o->d);
    config_unref(o->config);
    free(o->schema);
    free(o->table);
    free(o->guess);
    free(o);
}

static void over(struct opening *o, int status, const struct error *err)
{
    catalog_done done = o->done;
    void *ctx = o->ctx;
    opening_free(o);
    done(ctx, status, err);
}

static void refresh_next(struct opening *o);

/* Its columns are left to inference, and its table is not there (yet, or not any more): the next file will make it. */
static void absent(struct opening *o)
{
    assert(o->config);
    dataset_unref(o->d);
    o->d = NULL;
    refresh_next(o);
}

/* The dataset is open, or broken: keep it. */
static void opened(struct opening *o)
{
    struct dataset *d = o->d;
    o->d = NULL;
    if (d->broken) log_warning("dataset %s cannot be loaded: %s", d->name, d->broken);
    if (o->config) {
        if (push(&o->fresh, &o->n_fresh, &o->cap_fresh, d) < 0) {
            dataset_unref(d);
            return over(o, -ENOMEM, NULL);
        }
        return refresh_next(o);
    }
    struct catalog *c = o->catalog;
    c->creations++;
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->dataset[i]->name, d->name) != 0) continue;
        dataset_unref(c->dataset[i]);
        c->dataset[i] = d;
        return over(o, 0, NULL);
    }
    if (push(&c->dataset, &c->n, &c->cap, d) == 0) return over(o, 0, NULL);
    dataset_unref(d);
    over(o, -ENOMEM, NULL);
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
    o->d->unready = o->catalog->unfinished = true;
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

static void rollup_next(struct opening *o)
{
    if (o->next_rollup == o->d->rollups) return opened(o);
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

static void rollups_resolve(struct opening *o)
{
    int r = dataset_resolve_rollups(o->d);
    if (r < 0) return over(o, r, NULL);
    if (o->d->broken) return opened(o);
    o->next_rollup = 0;
    mark_abandoned(o);
}

/* ---- the table ---- */

/* False: the configuration wants columns for it that the table does not have. A table made by inference has them, or has not. */
static bool lineage_is_settled(struct opening *o)
{
    enum config_lineage wanted = o->d->config ? o->d->config->lineage : CONFIG_LINEAGE_AUTO;
    if (wanted == CONFIG_LINEAGE_NO || (wanted == CONFIG_LINEAGE_AUTO && !o->d->inferred)) return true;
    return table_find_lineage(&o->d->table) || wanted == CONFIG_LINEAGE_AUTO;
}

static void read_definition(struct opening *o);

static void lineage_added(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (is_locked(o, r, "lineage") || !went_well(o, r, "lineage")) return;
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

static void columns_read(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!went_well(o, r, "reading the table's columns")) return;
    int e = table_read(&o->d->arena, r->rows, o->schema, o->table, &o->d->table);
    if (e < 0) return over(o, e, NULL);
    if (o->d->table.columns == 0) {
        if (o->config && (o->d->config || o->d->inferred)) return absent(o);
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
    dataset_check_columns(o->d);
    dataset_check_key(o->d);
    rollups_resolve(o);
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

static void open_dataset(struct opening *o, const char *name, const struct config_dataset *config)
{
    o->lineage_added = false;
    o->d = dataset_new(name, config ? o->config : NULL, config);
    if (!o->d) return over(o, -ENOMEM, NULL);
    struct db_param param[] = {db_text(name), db_text(o->schema), db_text(o->table),
                               db_text(config && !config->columns_sql[0] ? "true" : "false")};
    ask(o, &(struct db_query){.sql = config ? SQL_DATASET_PUT : SQL_DATASET_GET,
                              .param = param,
                              .params = config ? 4 : 1,
                              .done = dataset_known,
                              .ctx = o});
}

/* False without memory; then one of both is NULL. */
static bool remember_table(struct opening *o, const char *schema, const char *table)
{
    free(o->schema);
    free(o->table);
    o->schema = strdup(schema);
    o->table = strdup(table);
    return o->schema && o->table;
}

/* ---- refresh ---- */

static void list_inferred(struct opening *o);

static void refresh_over(struct opening *o)
{
    struct catalog *c = o->catalog;
    if (c->creations != o->creations) return list_inferred(o); /* a load made a dataset meanwhile: again */
    for (size_t i = 0; i < o->n_fresh; i++) {
        const struct dataset *old = catalog_find(c, o->fresh[i]->name);
        if (!old) continue;
        o->fresh[i]->clashes = old->clashes;
        o->fresh[i]->repeats = old->repeats;
        dataset_hold(o->fresh[i], old->held_by);
    }
    for (size_t i = 0; i < c->n; i++)
        dataset_unref(c->dataset[i]);
    free(c->dataset);
    c->dataset = o->fresh;
    c->n = o->n_fresh;
    c->cap = o->cap_fresh;
    o->fresh = NULL;
    o->n_fresh = 0;
    over(o, 0, NULL);
}

static void refresh_next(struct opening *o)
{
    while (o->next_declared < o->config->n_datasets) {
        const struct config_dataset *c = &o->config->datasets[o->next_declared++];
        if (!remember_table(o, c->schema, c->table)) return over(o, -ENOMEM, NULL);
        return open_dataset(o, c->name, c);
    }
    while (o->next_inferred < o->n_inferred) {
        char **row = &o->inferred[3 * o->next_inferred++];
        if (config_dataset(o->config, slice_of(row[0]))) continue; /* declared by now */
        if (!remember_table(o, row[1], row[2])) return over(o, -ENOMEM, NULL);
        return open_dataset(o, row[0], NULL);
    }
    refresh_over(o);
}

static void inferred_listed(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (r->status != 0) return over(o, r->status, r->error);
    size_t n = (size_t)PQntuples(r->rows);
    o->inferred = calloc(3 * n + 1, sizeof *o->inferred);
    if (!o->inferred) return over(o, -ENOMEM, NULL);
    o->n_inferred = n;
    for (size_t i = 0; i < 3 * n; i++) {
        o->inferred[i] = strdup(PQgetvalue(r->rows, (int)(i / 3), (int)(i % 3)));
        if (!o->inferred[i]) return over(o, -ENOMEM, NULL);
    }
    refresh_next(o);
}

static int ask_inferred(struct opening *o)
{
    o->creations = o->catalog->creations;
    o->catalog->unfinished = false;
    return db_query(o->conn, &(struct db_query){.sql = SQL_DATASET_INFERRED, .done = inferred_listed, .ctx = o});
}

static void list_inferred(struct opening *o)
{
    forget(o);
    int r = ask_inferred(o);
    if (r < 0) over(o, r, NULL);
}

static struct opening *opening_new(struct catalog *c, struct db_conn *conn, catalog_done done, void *ctx)
{
    struct opening *o = calloc(1, sizeof *o);
    if (o) *o = (struct opening){.catalog = c, .conn = conn, .done = done, .ctx = ctx};
    return o;
}

int catalog_refresh(struct catalog *c, struct db_conn *conn, struct config *config, catalog_done done, void *ctx)
{
    struct opening *o = opening_new(c, conn, done, ctx);
    if (!o) return -ENOMEM;
    o->config = config_ref(config);
    int r = ask_inferred(o);
    if (r < 0) opening_free(o);
    return r;
}

bool catalog_unfinished(const struct catalog *c)
{
    return c->unfinished;
}

/* ---- tables that are made and altered ---- */

static void created(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (r->status != 0) return over(o, r->status, r->error);
    struct db_param name = db_text(o->d->name);
    ask(o, &(struct db_query){.sql = SQL_DATASET_GET, .param = &name, .params = 1, .done = dataset_known, .ctx = o});
}

/* Several statements in one simple query are one transaction. */
static int run_and_open(struct opening *o, const char *sql)
{
    int r = sql && o->d && o->schema && o->table ? db_query(o->conn, &(struct db_query){.sql = sql, .done = created, .ctx = o})
                                                 : -ENOMEM;
    if (r < 0) opening_free(o);
    return r;
}

int catalog_create(struct catalog *c, struct db_conn *conn, const struct guess *guess, struct config *owner,
                   const struct config_dataset *config, catalog_done done, void *ctx)
{
    struct opening *o = opening_new(c, conn, done, ctx);
    if (!o) return -ENOMEM;
    o->d = dataset_new(guess->name, owner, config);
    remember_table(o, guess->schema, guess->table);
    struct buf sql;
    buf_init(&sql, GUESS_SQL_MAX);
    guess_create_sql(&sql, guess);
    int r = run_and_open(o, buf_cstr(&sql));
    buf_done(&sql);
    return r;
}

int catalog_alter(struct catalog *c, struct db_conn *conn, const struct dataset *d, const char *sql, catalog_done done, void *ctx)
{
    struct opening *o = opening_new(c, conn, done, ctx);
    if (!o) return -ENOMEM;
    o->d = dataset_new(d->name, d->owner, d->config);
    remember_table(o, d->table.schema, d->table.name);
    return run_and_open(o, sql);
}
