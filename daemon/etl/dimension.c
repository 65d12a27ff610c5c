/* SPDX-License-Identifier: MIT */
#include "etl/dimension.h"

#include "etl/sql.h"

enum { SQL_MAX = 64 * 1024 };

const struct dataset_dimension *dimension_find(const struct dataset_dimensions *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->item[i].name, name) == 0) return &all->item[i];
    return NULL;
}

static bool is_key(const struct lookup *l, const char *column)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->pair[i].column, column) == 0) return true;
    return false;
}

/* All columns of one unique index, or more than these. */
bool dimension_is_unique(const struct dataset_dimension *m, const struct lookup *l)
{
    for (size_t i = 0; i < m->uniques; i++) {
        size_t n = 0;
        while (n < m->unique[i].n && is_key(l, m->unique[i].column[n]))
            n++;
        if (n == m->unique[i].n) return true;
    }
    return false;
}

static void over(struct dimensions_reading *r, int status, const struct error *err)
{
    static const struct error nothing;
    struct error words = nothing;
    if (status < 0 && !err) error_set(&words, status, "%s", error_name(status));
    r->done(r->ctx, &(struct db_result){.status = status, .error = err ? err : &words, .detail = ""});
}

static void read_next(struct dimensions_reading *r);

/* One row a column, those of an index together. */
static int read_uniques(struct arena *a, const PGresult *rows, struct dataset_dimension *m)
{
    int n = PQntuples(rows);
    m->unique = arena_array(a, (size_t)n + 1, sizeof *m->unique);
    const char **name = arena_array(a, (size_t)n + 1, sizeof *name);
    if (!m->unique || !name) return -ENOMEM;
    for (int i = 0; i < n; i++) {
        name[i] = arena_cstr(a, slice_of(PQgetvalue(rows, i, 1)));
        if (!name[i]) return -ENOMEM;
        bool first = i == 0 || strcmp(PQgetvalue(rows, i, 0), PQgetvalue(rows, i - 1, 0)) != 0;
        if (first) m->unique[m->uniques++] = (struct dataset_unique){.column = &name[i]};
        m->unique[m->uniques - 1].n++;
    }
    return 0;
}

static void uniques_read(void *ctx, const struct db_result *result)
{
    struct dimensions_reading *r = ctx;
    if (result->status != 0) return r->done(r->ctx, result);
    struct dataset_dimensions *all = &r->d->dimensions;
    int e = read_uniques(&r->d->arena, result->rows, &all->item[all->n - 1]);
    if (e < 0) return over(r, e, NULL);
    read_next(r);
}

/* `done` gets what the server says of the table. */
static void ask(struct dimensions_reading *r, const struct config_dataset *into, const char *sql,
                void (*done)(void *ctx, const struct db_result *result))
{
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, into->schema, into->table);
    struct db_param param[] = {db_text(text ? text : ""), db_text(NULL)};
    int params = done == uniques_read ? 1 : 2;
    int e = text ? db_query(r->conn, &(struct db_query){.sql = sql, .param = param, .params = params, .done = done, .ctx = r})
                 : -ENOMEM;
    buf_done(&name);
    if (e < 0) over(r, e, NULL);
}

static void columns_read(void *ctx, const struct db_result *result)
{
    struct dimensions_reading *r = ctx;
    if (result->status != 0) return r->done(r->ctx, result);
    const struct config_column *c = &r->d->config->column[r->next - 1];
    const struct config_dataset *into = config_dataset(r->d->owner, slice_of(c->lookup.dataset));
    struct dataset_dimension m = {.name = into->name};
    int e = table_read(&r->d->arena, result->rows, into->schema, into->table, &m.table);
    if (e < 0) return over(r, e, NULL);
    if (m.table.columns == 0) {
        r->d->unready = true;
        dataset_break(r->d, "%s:%d: lookup of column %s: dataset %s, which it looks into, has no table yet", c->lookup_place.file,
                      c->lookup_place.line, c->name, into->name);
        return over(r, 0, NULL);
    }
    r->d->dimensions.item[r->d->dimensions.n++] = m;
    ask(r, into, SQL_TABLE_UNIQUE, uniques_read);
}

static void read_next(struct dimensions_reading *r)
{
    const struct config_dataset *config = r->d->config;
    while (config && r->next < config->n_columns) {
        const char *name = config->column[r->next++].lookup.dataset;
        if (!name || dimension_find(&r->d->dimensions, name)) continue;
        return ask(r, config_dataset(r->d->owner, slice_of(name)), SQL_TABLE_COLUMNS, columns_read);
    }
    over(r, 0, NULL);
}

void dimensions_read(struct dimensions_reading *r)
{
    struct dataset *d = r->d;
    r->next = 0;
    d->dimensions = (struct dataset_dimensions){
        .item = arena_array(&d->arena, (d->config ? d->config->n_columns : 0) + 1, sizeof *d->dimensions.item)};
    if (!d->dimensions.item) return over(r, -ENOMEM, NULL);
    read_next(r);
}
