/* SPDX-License-Identifier: MIT */
#include "etl/catalog.h"

#include "etl/opening.h"
#include "etl/sql.h"

#include <stdlib.h>

enum { GUESS_SQL_MAX = 16 * 1024 * 1024 };

struct catalog {
    struct dataset **dataset;
    size_t n, cap;
    uint64_t generation; /* of its content */
    uint64_t creations;  /* by inference, since the start */
    bool unfinished;     /* the last refresh left a dataset unready */
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

uint64_t catalog_generation(const struct catalog *c)
{
    return c->generation;
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

/* ---- refresh ---- */

struct refresh {
    struct catalog *catalog;
    struct opening opening;
    catalog_done done;
    void *ctx;
    struct config *config;
    size_t next_declared; /* the configuration's dataset to open next */
    char **inferred;      /* name, schema, table of each that was ever inferred */
    size_t n_inferred, next_inferred;
    uint64_t creations;     /* the catalog's when it began */
    struct dataset **fresh; /* what is open so far */
    size_t n_fresh, cap_fresh;
};

/* What it has gathered. */
static void forget(struct refresh *f)
{
    for (size_t i = 0; i < f->n_fresh; i++)
        dataset_unref(f->fresh[i]);
    for (size_t i = 0; i < f->n_inferred * 3; i++)
        free(f->inferred[i]);
    free(f->inferred);
    f->inferred = NULL;
    f->n_fresh = f->n_inferred = f->next_inferred = f->next_declared = 0;
}

static void refresh_free(struct refresh *f)
{
    forget(f);
    free(f->fresh);
    config_unref(f->config);
    free(f);
}

static void over(struct refresh *f, int status, const struct error *err)
{
    catalog_done done = f->done;
    void *ctx = f->ctx;
    refresh_free(f);
    done(ctx, status, err);
}

static int list_inferred(struct refresh *f);

static int by_declaration(const void *a, const void *b)
{
    const struct config_dataset *x = (*(struct dataset *const *)a)->config, *y = (*(struct dataset *const *)b)->config;
    return (x > y) - (x < y);
}

/* They were opened in another order. */
static void sort_declared(struct refresh *f)
{
    size_t n = 0;
    while (n < f->n_fresh && f->fresh[n]->config)
        n++;
    if (n > 1) qsort(f->fresh, n, sizeof *f->fresh, by_declaration);
}

static void refresh_over(struct refresh *f)
{
    struct catalog *c = f->catalog;
    if (c->creations != f->creations) { /* a load made a dataset meanwhile: again */
        forget(f);
        int r = list_inferred(f);
        if (r < 0) over(f, r, NULL);
        return;
    }
    sort_declared(f);
    for (size_t i = 0; i < f->n_fresh; i++) {
        const struct dataset *old = catalog_find(c, f->fresh[i]->name);
        if (!old) continue;
        f->fresh[i]->clashes = old->clashes;
        f->fresh[i]->repeats = old->repeats;
        f->fresh[i]->joins = old->joins;
        dataset_hold(f->fresh[i], old->held_by);
    }
    for (size_t i = 0; i < c->n; i++)
        dataset_unref(c->dataset[i]);
    free(c->dataset);
    c->dataset = f->fresh;
    c->n = f->n_fresh;
    c->cap = f->cap_fresh;
    c->generation++;
    f->fresh = NULL;
    f->n_fresh = 0;
    over(f, 0, NULL);
}

/* The next one to open; NULL behind the last, or without memory. */
static struct dataset *next_dataset(struct refresh *f, struct opening_table *ret_table, bool *ret_last)
{
    *ret_last = false;
    while (f->next_declared < f->config->n_datasets) {
        const struct config_dataset *c = &f->config->datasets[f->config->order[f->next_declared++]];
        *ret_table = (struct opening_table){c->schema, c->table};
        return dataset_new(c->name, f->config, c);
    }
    while (f->next_inferred < f->n_inferred) {
        char **row = &f->inferred[3 * f->next_inferred++];
        if (config_dataset(f->config, slice_of(row[0]))) continue; /* declared by now */
        *ret_table = (struct opening_table){row[1], row[2]};
        return dataset_new(row[0], NULL, NULL);
    }
    *ret_last = true;
    return NULL;
}

static void refresh_next(struct refresh *f)
{
    struct opening_table t;
    bool last;
    struct dataset *d = next_dataset(f, &t, &last);
    if (last) return refresh_over(f);
    int r = d ? opening_start(&f->opening, d, &t) : -ENOMEM;
    if (r < 0) over(f, r, NULL);
}

static void on_opened(void *ctx, int status, const struct error *err, struct dataset *d)
{
    struct refresh *f = ctx;
    if (status != 0) return over(f, status, err);
    if (d && d->unready) f->catalog->unfinished = true;
    if (d && push(&f->fresh, &f->n_fresh, &f->cap_fresh, d) < 0) {
        dataset_unref(d);
        return over(f, -ENOMEM, NULL);
    }
    refresh_next(f);
}

static void inferred_listed(void *ctx, const struct db_result *r)
{
    struct refresh *f = ctx;
    if (r->status != 0) return over(f, r->status, r->error);
    size_t n = (size_t)PQntuples(r->rows);
    f->inferred = calloc(3 * n + 1, sizeof *f->inferred);
    if (!f->inferred) return over(f, -ENOMEM, NULL);
    f->n_inferred = n;
    for (size_t i = 0; i < 3 * n; i++) {
        f->inferred[i] = strdup(PQgetvalue(r->rows, (int)(i / 3), (int)(i % 3)));
        if (!f->inferred[i]) return over(f, -ENOMEM, NULL);
    }
    refresh_next(f);
}

static int list_inferred(struct refresh *f)
{
    f->creations = f->catalog->creations;
    f->catalog->unfinished = false;
    return db_query(f->opening.conn, &(struct db_query){.sql = SQL_DATASET_INFERRED, .done = inferred_listed, .ctx = f});
}

int catalog_refresh(struct catalog *c, struct db_conn *conn, struct config *config, catalog_done done, void *ctx)
{
    struct refresh *f = calloc(1, sizeof *f);
    if (!f) return -ENOMEM;
    *f = (struct refresh){.catalog = c,
                          .opening = {.conn = conn, .may_be_absent = true, .done = on_opened, .ctx = f},
                          .done = done,
                          .ctx = ctx,
                          .config = config_ref(config)};
    int r = list_inferred(f);
    if (r < 0) refresh_free(f);
    return r;
}

bool catalog_unfinished(const struct catalog *c)
{
    return c->unfinished;
}

/* ---- tables that are made and altered ---- */

struct making {
    struct catalog *catalog;
    struct opening opening;
    catalog_done done;
    void *ctx;
};

/* In the place of the one of its name. */
static int put(struct catalog *c, struct dataset *d)
{
    c->creations++;
    c->generation++;
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->dataset[i]->name, d->name) != 0) continue;
        dataset_unref(c->dataset[i]);
        c->dataset[i] = d;
        return 0;
    }
    int r = push(&c->dataset, &c->n, &c->cap, d);
    if (r < 0) dataset_unref(d);
    return r;
}

static void on_made(void *ctx, int status, const struct error *err, struct dataset *d)
{
    struct making m = *(struct making *)ctx;
    free(ctx);
    if (status == 0 && d->unready) m.catalog->unfinished = true;
    m.done(m.ctx, status == 0 ? put(m.catalog, d) : status, err);
}

static struct making *making_new(struct catalog *c, struct db_conn *conn, catalog_done done, void *ctx)
{
    struct making *m = calloc(1, sizeof *m);
    if (m) *m = (struct making){.catalog = c, .opening = {.conn = conn, .done = on_made, .ctx = m}, .done = done, .ctx = ctx};
    return m;
}

int catalog_create(struct catalog *c, struct db_conn *conn, const struct guess *guess, struct config *owner,
                   const struct config_dataset *config, catalog_done done, void *ctx)
{
    struct making *m = making_new(c, conn, done, ctx);
    if (!m) return -ENOMEM;
    struct buf sql;
    buf_init(&sql, GUESS_SQL_MAX);
    guess_create_sql(&sql, guess);
    const char *text = buf_cstr(&sql);
    struct opening_table t = {guess->schema, guess->table};
    int r = text ? opening_start_with(&m->opening, dataset_new(guess->name, owner, config), &t, text) : -ENOMEM;
    buf_done(&sql);
    if (r < 0) free(m);
    return r;
}

int catalog_alter(struct catalog *c, struct db_conn *conn, const struct dataset *d, const char *sql, catalog_done done, void *ctx)
{
    struct making *m = making_new(c, conn, done, ctx);
    if (!m) return -ENOMEM;
    struct opening_table t = {d->table.schema, d->table.name};
    int r = opening_start_with(&m->opening, dataset_new(d->name, d->owner, d->config), &t, sql);
    if (r < 0) free(m);
    return r;
}
