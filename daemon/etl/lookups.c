/* SPDX-License-Identifier: MIT */
#include "etl/lookups.h"

#include "base/clock.h"
#include "base/log.h"
#include "etl/dimension.h"
#include "etl/sql.h"

#include <stdlib.h>

enum {
    SQL_MAX = 64 * 1024,
    TAKEN_AT_ONCE = 256 * 1024, /* bytes of the budget */
    PARSED_BLOCK = 16 * 1024,
    PARSED_MAX = 64 * 1024 * 1024,
    IDLE_US = 10 * 60 * 1000 * 1000,
    LOOKUPS_E_BUDGET = DICTIONARY_E_FULL + 1, /* there is no room in memory_max, at the moment */
};

/* What was read of a table. A list with the latest used first. */
struct lookups_table {
    struct lookups_table *next;
    unsigned refs;
    bool dropped; /* not in the list any more */
    char *sql, *version;
    struct dictionary *dictionary; /* NULL: it was too large */
    size_t max;                    /* for this ceiling */
    size_t taken;                  /* bytes of the budget */
    int64_t used_us;
};

struct lookups {
    struct memory *memory;
    struct lookups_table *first;
};

/* A statement that reads a table. */
struct lookups_reading {
    struct lookups_use *use;
    struct lookups_table *table;
    struct arena arena;
    struct type *type; /* keys, then values */
    size_t keys, values;
    int rc; /* DICTIONARY_E_FULL, LOOKUPS_E_BUDGET, a TYPE_E_ code, -ENOMEM; or 0 */
};

/* ---- the cache ---- */

int lookups_new(struct memory *memory, struct lookups **ret_lookups)
{
    struct lookups *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    c->memory = memory;
    *ret_lookups = c;
    return 0;
}

static void table_free(struct lookups *c, struct lookups_table *t)
{
    memory_give(c->memory, t->taken);
    dictionary_free(t->dictionary);
    free(t->sql);
    free(t->version);
    free(t);
}

static void drop(struct lookups *c, struct lookups_table **at)
{
    struct lookups_table *t = *at;
    *at = t->next;
    t->dropped = true;
    if (t->refs == 0) table_free(c, t);
}

/* What nobody uses and was used last before `before_us`. */
static void forget(struct lookups *c, int64_t before_us)
{
    for (struct lookups_table **at = &c->first; *at;) {
        if ((*at)->refs == 0 && (*at)->used_us <= before_us)
            drop(c, at);
        else
            at = &(*at)->next;
    }
}

void lookups_free(struct lookups *c)
{
    if (!c) return;
    while (c->first)
        drop(c, &c->first);
    free(c);
}

static size_t held(const struct lookups *c)
{
    size_t n = 0;
    for (const struct lookups_table *t = c->first; t; t = t->next)
        n += t->taken;
    return n;
}

static struct lookups_table **find(struct lookups *c, const char *sql)
{
    struct lookups_table **at = &c->first;
    while (*at && strcmp((*at)->sql, sql) != 0)
        at = &(*at)->next;
    return at;
}

void lookups_release(struct lookups_use *u)
{
    for (size_t i = 0; i < u->n; i++) {
        struct lookups_table *t = u->table[i];
        t->used_us = clock_real_us();
        if (--t->refs == 0 && t->dropped) table_free(u->cache, t);
    }
    free(u->table);
    free(u->dictionary);
    u->table = NULL;
    u->dictionary = NULL;
    u->n = 0;
    u->fits = false;
    if (u->cache) forget(u->cache, clock_real_us() - IDLE_US);
}

/* ---- reading ---- */

static int next_source(struct lookups_use *u);

static void over(struct lookups_use *u, int status, const struct error *err)
{
    static const struct error nothing;
    u->done(u->ctx, &(struct db_result){.status = status, .error = err ? err : &nothing, .detail = ""});
}

/* The server joins: said once. */
static void does_not_fit(struct lookups_use *u, const char *dimension, const char *why)
{
    if (!u->dataset->joins)
        log_notice("dataset %s: its lookups are joined by the server, since %s %s", u->dataset->name, dimension, why);
    u->dataset->joins = true;
    over(u, 0, NULL);
}

static const struct formulas_source *source_of(const struct lookups_use *u)
{
    return &u->dataset->formulas->source[u->n];
}

static int take_source(struct lookups_use *u, struct lookups_table *t)
{
    t->refs++;
    u->dictionary[u->n] = t->dictionary;
    u->table[u->n++] = t;
    return next_source(u);
}

static bool take_memory(struct lookups *c, struct lookups_table *t)
{
    size_t bytes = dictionary_bytes(t->dictionary);
    if (bytes <= t->taken) return true;
    size_t more = bytes - t->taken + TAKEN_AT_ONCE;
    if (!memory_take(c->memory, more, false)) return false;
    t->taken += more;
    return true;
}

static int add_row(struct lookups_reading *r, const PGresult *row)
{
    enum { COLUMNS_MAX = DICTIONARY_KEYS_MAX + 256 };
    union value v[COLUMNS_MAX];
    bool null[COLUMNS_MAX];
    size_t n = r->keys + r->values;
    if (n > COLUMNS_MAX || PQnfields(row) != (int)n) return DICTIONARY_E_FULL;
    arena_reset(&r->arena);
    for (size_t i = 0; i < n; i++) {
        if (PQftype(row, (int)i) != type_info(r->type[i].id)->oid) return TYPE_E_SYNTAX;
        const struct slice text = {PQgetvalue(row, 0, (int)i), (size_t)PQgetlength(row, 0, (int)i)};
        null[i] = PQgetisnull(row, 0, (int)i);
        int e = null[i] ? 0 : type_parse(&(struct type_input){.type = {r->type[i].id, -1}}, text, &r->arena, &v[i]);
        if (e != 0) return e;
    }
    const struct dictionary_row add = {v, null, v + r->keys, null + r->keys};
    int e = dictionary_add(r->table->dictionary, &add);
    if (e == 0 && !take_memory(r->use->cache, r->table)) e = LOOKUPS_E_BUDGET;
    return e;
}

static bool on_row(void *ctx, const PGresult *row)
{
    struct lookups_reading *r = ctx;
    if (r->rc == 0) r->rc = add_row(r, row);
    return true;
}

static void reading_free(struct lookups_reading *r)
{
    arena_done(&r->arena);
    free(r->type);
    free(r);
}

/* It is in the list: with its dictionary, or as one that is too large. */
static void keep(struct lookups *c, struct lookups_table *t)
{
    size_t bytes = t->dictionary ? dictionary_bytes(t->dictionary) : 0;
    memory_give(c->memory, t->taken - bytes);
    t->taken = bytes;
    t->used_us = clock_real_us();
    struct lookups_table **old = find(c, t->sql);
    if (*old) drop(c, old);
    t->next = c->first;
    c->first = t;
}

static void on_read(void *ctx, const struct db_result *result)
{
    struct lookups_reading *r = ctx;
    struct lookups_use *u = r->use;
    struct lookups_table *t = r->table;
    int rc = r->rc;
    reading_free(r);
    u->reading = NULL;
    if (result->status != 0 || rc < 0 || rc == LOOKUPS_E_BUDGET) {
        table_free(u->cache, t);
        if (result->status == 0 && rc > 0) return does_not_fit(u, source_of(u)->dimension->name, "finds no room in memory_max");
        if (result->status == ERROR_REFUSED) return does_not_fit(u, source_of(u)->dimension->name, result->error->text);
        return over(u, result->status != 0 ? result->status : rc, result->error);
    }
    if (rc > 0) {
        dictionary_free(t->dictionary);
        t->dictionary = NULL;
    }
    keep(u->cache, t);
    const char *why = rc == DICTIONARY_E_FULL ? "does not fit into lookup_max" : "has a value that only the server can read";
    if (rc > 0) return does_not_fit(u, source_of(u)->dimension->name, why);
    int e = take_source(u, t);
    if (e < 0) over(u, e, NULL);
}

static void put_columns(struct buf *sql, const struct formulas_source *s)
{
    for (size_t k = 0; k < s->by->n; k++) {
        buf_puts(sql, k ? ", " : "SELECT ");
        db_quote_identifier(sql, slice_of(s->by->pair[k].column));
    }
    for (size_t i = 0; i < s->values; i++) {
        buf_puts(sql, ", ");
        db_quote_identifier(sql, slice_of(s->dimension->table.column[s->value[i]].name));
    }
    buf_puts(sql, " FROM ");
    table_quote(sql, s->dimension->table.schema, s->dimension->table.name);
}

static char *source_sql(const struct formulas_source *s)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    put_columns(&sql, s);
    const char *text = buf_cstr(&sql);
    char *copy = text ? strdup(text) : NULL;
    buf_done(&sql);
    return copy;
}

static int read_types(struct lookups_reading *r, const struct formulas_source *s)
{
    const struct table *t = &s->dimension->table;
    r->keys = s->by->n;
    r->values = s->values;
    r->type = calloc(r->keys + r->values, sizeof *r->type);
    if (!r->type) return -ENOMEM;
    for (size_t k = 0; k < r->keys; k++)
        r->type[k] = t->column[table_find(t, s->by->pair[k].column)].type;
    for (size_t i = 0; i < r->values; i++)
        r->type[r->keys + i] = t->column[s->value[i]].type;
    return 0;
}

/* Takes over both texts. */
static int read_table(struct lookups_use *u, char *sql, char *version)
{
    const struct formulas_source *s = source_of(u);
    struct lookups_reading *r = calloc(1, sizeof *r);
    struct lookups_table *t = calloc(1, sizeof *t);
    struct error err;
    if (!r || !t || !version) {
        free(r);
        free(t);
        free(sql);
        free(version);
        return -ENOMEM;
    }
    *t = (struct lookups_table){.sql = sql, .version = version, .max = u->max};
    *r = (struct lookups_reading){.use = u, .table = t};
    arena_init(&r->arena, PARSED_BLOCK, PARSED_MAX);
    int e = read_types(r, s);
    if (held(u->cache) > u->max / 2) forget(u->cache, INT64_MAX); /* what this load has is in use */
    size_t others = held(u->cache);
    const struct dictionary_spec spec = {.key = r->type,
                                         .keys = r->keys,
                                         .value = r->type + r->keys,
                                         .values = r->values,
                                         .bytes_max = others < u->max ? u->max - others : 0};
    if (e == 0) e = dictionary_new(&spec, &err, &t->dictionary);
    u->reading = r;
    if (e == 0) e = db_query(u->conn, &(struct db_query){.sql = sql, .done = on_read, .row = on_row, .ctx = r});
    if (e == 0) return 0;
    u->reading = NULL;
    reading_free(r);
    table_free(u->cache, t);
    if (e < 0) return e;
    does_not_fit(u, s->dimension->name, err.text);
    return 0;
}

static void on_version(void *ctx, const struct db_result *result)
{
    struct lookups_use *u = ctx;
    if (result->status != 0 && result->status != ERROR_REFUSED) return over(u, result->status, result->error);
    const char *name = source_of(u)->dimension->name;
    if (result->status == ERROR_REFUSED) return does_not_fit(u, name, result->error->text);
    const char *version = PQntuples(result->rows) > 0 ? db_get(result->rows, 0, 0) : NULL;
    if (!version) return does_not_fit(u, name, "is not in cetl.dataset");
    char *sql = source_sql(source_of(u));
    if (!sql) return over(u, -ENOMEM, NULL);
    struct lookups_table **at = find(u->cache, sql);
    /* lookup_max may be another than it was then. */
    bool known = *at && strcmp((*at)->version, version) == 0 && ((*at)->dictionary ? (*at)->taken <= u->max : (*at)->max >= u->max);
    int e = 0;
    if (known) {
        free(sql);
        if (!(*at)->dictionary) return does_not_fit(u, name, "does not fit into lookup_max");
        e = take_source(u, *at);
    } else {
        if (*at) drop(u->cache, at);
        e = read_table(u, sql, strdup(version));
    }
    if (e < 0) over(u, e, NULL);
}

/* The version first: what is read after it is at least as new. */
static int next_source(struct lookups_use *u)
{
    if (u->n == u->dataset->formulas->sources) {
        u->fits = true;
        u->dataset->joins = false;
        over(u, 0, NULL);
        return 0;
    }
    const struct formulas_source *s = source_of(u);
    struct buf name;
    buf_init(&name, SQL_MAX);
    const char *text = table_quote(&name, s->dimension->table.schema, s->dimension->table.name);
    struct db_param param[] = {db_text(s->dimension->name), db_text(text ? text : "")};
    const struct db_query q = {.sql = SQL_DIMENSION_VERSION, .param = param, .params = 2, .done = on_version, .ctx = u};
    int r = text ? db_query(u->conn, &q) : -ENOMEM;
    buf_done(&name);
    return r;
}

int lookups_take(struct lookups_use *u)
{
    size_t n = u->dataset->formulas->sources;
    u->n = 0;
    u->fits = false;
    u->table = calloc(n + 1, sizeof(struct lookups_table *));
    u->dictionary = calloc(n + 1, sizeof(struct dictionary *));
    int r = u->table && u->dictionary ? next_source(u) : -ENOMEM;
    if (r < 0) lookups_release(u);
    return r;
}
