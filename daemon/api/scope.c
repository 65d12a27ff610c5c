/* SPDX-License-Identifier: MIT */
#include "api/scope.h"

#include "api/access.h"
#include "base/log.h"
#include "etl/exposed.h"

enum { CHECK_MAX = 16 << 20 };

/* ---- tables ---- */

bool scope_find(struct api *api, struct slice name, struct rest_table *ret_table)
{
    struct dataset *d;
    struct derive_view derive;
    const struct table *t = name.p ? catalog_table(api->catalog, name, &d) : NULL;
    if (t) {
        *ret_table = (struct rest_table){t == &d->table ? d->name : t->name, t};
        return t->columns > 0;
    }
    if (name.p && derives_find(api->derives, name, &derive)) {
        *ret_table = (struct rest_table){derive.config->name, derive.table};
        return derive.table->columns > 0;
    }
    const struct exposed_table *e;
    for (size_t i = 0; name.p && (e = exposed_at(api->exposed, i)); i++) {
        *ret_table = (struct rest_table){e->table.name, &e->table};
        if (slice_equal(slice_of(e->table.name), name)) return true;
    }
    return false;
}

static bool find(void *ctx, struct slice name, struct rest_table *ret_table)
{
    return scope_find(ctx, name, ret_table);
}

static bool is(const struct table *t, const char *schema, const char *name)
{
    return t->columns > 0 && strcmp(t->name, name) == 0 && strcmp(t->schema, schema) == 0;
}

static bool find_in_dataset(const struct dataset *d, const char *schema, const char *table, struct rest_table *ret_table)
{
    *ret_table = (struct rest_table){d->name, &d->table};
    if (is(&d->table, schema, table)) return true;
    for (size_t i = 0; i < d->rollups; i++) {
        *ret_table = (struct rest_table){d->rollup[i].table.name, &d->rollup[i].table};
        if (is(ret_table->table, schema, table)) return true;
    }
    return false;
}

static bool find_table(void *ctx, const char *schema, const char *table, struct rest_table *ret_table)
{
    struct api *api = ctx;
    struct derive_view derive;
    const struct dataset *d;
    for (size_t i = 0; (d = catalog_at(api->catalog, i)); i++)
        if (find_in_dataset(d, schema, table, ret_table)) return true;
    for (size_t i = 0; derives_at(api->derives, i, &derive); i++) {
        *ret_table = (struct rest_table){derive.config->name, derive.table};
        if (is(derive.table, schema, table)) return true;
    }
    const struct exposed_table *e;
    for (size_t i = 0; (e = exposed_at(api->exposed, i)); i++) {
        *ret_table = (struct rest_table){e->table.name, &e->table};
        if (is(&e->table, schema, table)) return true;
    }
    return false;
}

/* ---- foreign keys ---- */

static bool has(const char *const *column, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(column[i], name) == 0) return true;
    return false;
}

/* A unique index on some of the columns: then no two rows have the same of all. */
static bool is_unique(const struct dataset_keys *keys, const struct dataset_reference *r)
{
    for (size_t u = 0; u < keys->uniques; u++) {
        size_t in = 0;
        while (in < keys->unique[u].n && has(r->column, r->n, keys->unique[u].column[in]))
            in++;
        if (in == keys->unique[u].n) return true;
    }
    return false;
}

static bool is_in_key(const struct table *t, const struct dataset_reference *r)
{
    size_t in = 0;
    for (size_t i = 0; i < t->keys; i++)
        in += has(r->column, r->n, t->column[t->key[i]].name);
    return in == r->n;
}

static struct rest_key key_of(const struct table *t, const struct dataset_keys *keys, const struct dataset_reference *r)
{
    return (struct rest_key){.name = r->constraint,
                             .schema = t->schema,
                             .table = t->name,
                             .to_schema = r->schema,
                             .to_table = r->table,
                             .column = r->column,
                             .to_column = r->to,
                             .columns = r->n,
                             .unique = is_unique(keys, r),
                             .in_key = is_in_key(t, r)};
}

static size_t add_keys(const struct table *t, const struct dataset_keys *keys, struct rest_key *key)
{
    for (size_t k = 0; k < keys->references && key; k++)
        key[k] = key_of(t, keys, &keys->reference[k]);
    return keys->references;
}

/* Their number; `key` NULL: only that. */
static size_t each_key(struct api *api, struct rest_key *key)
{
    size_t n = 0;
    const struct dataset *d;
    const struct exposed_table *e;
    for (size_t i = 0; (d = catalog_at(api->catalog, i)); i++)
        n += add_keys(&d->table, &d->keys, key ? key + n : NULL);
    for (size_t i = 0; (e = exposed_at(api->exposed, i)); i++)
        n += add_keys(&e->table, &e->keys, key ? key + n : NULL);
    return n;
}

static int read_keys(struct api *api, struct arena *arena, struct rest_scope *scope)
{
    struct rest_key *key = arena_array(arena, each_key(api, NULL), sizeof *key);
    if (!key) return -ENOMEM;
    scope->key = key;
    scope->keys = each_key(api, key);
    return 0;
}

static bool embeds(const struct rest_query *query)
{
    for (const struct rest_select *s = query->root.select; s; s = s->next)
        if (s->kind == REST_EMBED) return true;
    return false;
}

int scope_make(struct api *api, const struct rest_query *query, struct arena *arena, struct rest_scope *ret_scope)
{
    *ret_scope = (struct rest_scope){.find = find, .find_table = find_table, .ctx = api};
    return query && embeds(query) ? read_keys(api, arena, ret_scope) : 0;
}

/* ---- api_select ---- */

static int try_select(struct api *api, const struct dataset *d, struct arena *arena, struct rest_error *err)
{
    struct rest_query q;
    struct rest_scope scope;
    struct rest_statement s;
    int r = rest_select_parse(SLICE("api_select"), slice_of(d->config->api_select), arena, &q, err);
    if (r == 0) r = scope_make(api, &q, arena, &scope);
    if (r != 0) return r;
    return rest_statement_make(&(struct rest_ask){.query = &q, .scope = &scope, .table = {d->name, &d->table}, .json = true}, arena,
                               &s, err);
}

void scope_check(struct api *api)
{
    const struct dataset *d;
    for (size_t i = 0; (d = catalog_at(api->catalog, i)); i++) {
        struct arena arena;
        struct rest_error err;
        if (!d->config || !d->config->api_select[0] || d->table.columns == 0) continue;
        arena_init(&arena, 4096, CHECK_MAX);
        if (try_select(api, d, &arena, &err) == REST_E_QUERY)
            log_warning("%s:%d: api_select: %s", d->config->api_select_place.file, d->config->api_select_place.line, err.message);
        arena_done(&arena);
    }
}

/* ---- deleted rows ---- */

static bool mentions(const struct rest_condition *c, struct slice column)
{
    if (c->kind == REST_TEST) return slice_equal(c->field.name, column);
    for (const struct rest_condition *part = c->first; part; part = part->next)
        if (mentions(part, column)) return true;
    return false;
}

int scope_choose_deleted(const struct rest_query *query, struct arena *arena, struct rest_table *table)
{
    if (!table->table->deleted_at || !mentions(&query->root.where, SLICE(TABLE_DELETED_AT))) return 0;
    struct table *t = arena_alloc(arena, sizeof *t);
    if (!t) return -ENOMEM;
    *t = *table->table;
    t->deleted_at = NULL;
    table->table = t;
    return 0;
}

/* ---- answers ---- */

bool scope_may_read(struct http_request *r, const struct rest_tables *tables)
{
    for (size_t i = 0; i < tables->n; i++)
        if (!access_may(r, ACCESS_READ, slice_of(tables->table[i].name))) return false;
    return true;
}

void scope_refuse(struct http_request *r, const struct rest_error *err)
{
    http_problem(r, &(struct http_problem){.status = err->status,
                                           .code = err->code,
                                           .message = err->message,
                                           .details = err->details[0] ? err->details : NULL,
                                           .hint = err->hint[0] ? err->hint : NULL});
}
