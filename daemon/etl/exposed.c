/* SPDX-License-Identifier: MIT */
#include "etl/exposed.h"

#include "base/log.h"
#include "etl/sql.h"

#include <stdlib.h>

enum { ARENA_MAX = 64 << 20, NAME_SQL_MAX = 1024 };

struct exposed {
    struct arena arena; /* of what is served */
    struct exposed_table *table;
    size_t n;
    uint64_t generation;
    /* a refresh under way */
    struct arena fresh_arena;
    struct exposed_table *fresh;
    size_t fresh_n, next; /* `next` of the configuration's */
    struct config *config;
    struct db_conn *conn;
    catalog_done done;
    void *ctx;
};

static void read_next(struct exposed *e);

static void over(struct exposed *e, int status, const struct error *err)
{
    catalog_done done = e->done;
    void *ctx = e->ctx;
    if (status == 0) {
        arena_done(&e->arena);
        e->arena = e->fresh_arena;
        e->table = e->fresh;
        e->n = e->fresh_n;
        e->generation++;
    } else {
        arena_done(&e->fresh_arena);
    }
    config_unref(e->config);
    e->config = NULL;
    done(ctx, status, err);
}

static const struct config_exposed *at_hand(const struct exposed *e)
{
    return &e->config->exposed[e->next];
}

/* True: this one cannot be read, and the next is. */
static bool left_out(struct exposed *e, const struct db_result *r)
{
    const struct config_exposed *c = at_hand(e);
    if (r->status == 0) return false;
    if (r->status == ERROR_REFUSED && db_refusal_of(r->error->sqlstate) != DB_RETRY) {
        log_warning("expose: %s.%s cannot be read: %s", c->schema, c->table, r->error->text);
        e->next++;
        read_next(e);
    } else {
        over(e, r->status, r->error);
    }
    return true;
}

static void on_keys(void *ctx, const struct db_result *r)
{
    struct exposed *e = ctx;
    if (left_out(e, r)) return;
    if (dataset_read_keys(&e->fresh_arena, r->rows, &e->fresh[e->fresh_n].keys) < 0) return over(e, -ENOMEM, NULL);
    e->fresh_n++;
    e->next++;
    read_next(e);
}

static int ask(struct exposed *e, const char *sql, int params, void (*done)(void *ctx, const struct db_result *r))
{
    struct buf name;
    buf_init(&name, NAME_SQL_MAX);
    struct db_param p[] = {db_text(table_quote(&name, at_hand(e)->schema, at_hand(e)->table)), db_text(NULL)};
    int r = buf_check(&name);
    if (r == 0) r = db_query(e->conn, &(struct db_query){.sql = sql, .param = p, .params = params, .done = done, .ctx = e});
    buf_done(&name);
    return r;
}

static void on_columns(void *ctx, const struct db_result *r)
{
    struct exposed *e = ctx;
    const struct config_exposed *c = at_hand(e);
    if (left_out(e, r)) return;
    if (PQntuples(r->rows) == 0) {
        log_warning("expose: there is no table %s.%s; the next reload looks again", c->schema, c->table);
        e->next++;
        return read_next(e);
    }
    e->fresh[e->fresh_n] = (struct exposed_table){{0}, {0}};
    int rc = table_read(&e->fresh_arena, r->rows, c->schema, c->table, &e->fresh[e->fresh_n].table);
    if (rc == 0) rc = ask(e, SQL_TABLE_KEYS, 1, on_keys);
    if (rc < 0) over(e, rc, NULL);
}

static void read_next(struct exposed *e)
{
    if (e->next == e->config->n_exposed) return over(e, 0, NULL);
    int rc = ask(e, SQL_TABLE_COLUMNS, 2, on_columns);
    if (rc < 0) over(e, rc, NULL);
}

int exposed_new(struct exposed **ret_exposed)
{
    struct exposed *e = calloc(1, sizeof *e);
    if (!e) return -ENOMEM;
    arena_init(&e->arena, 4096, ARENA_MAX);
    *ret_exposed = e;
    return 0;
}

void exposed_free(struct exposed *e)
{
    if (!e) return;
    if (e->config) arena_done(&e->fresh_arena); /* it was cut short */
    config_unref(e->config);
    arena_done(&e->arena);
    free(e);
}

int exposed_refresh(struct exposed *e, struct db_conn *conn, struct config *config, catalog_done done, void *ctx)
{
    arena_init(&e->fresh_arena, 4096, ARENA_MAX);
    e->fresh = arena_array(&e->fresh_arena, config->n_exposed + 1, sizeof *e->fresh);
    if (!e->fresh) {
        arena_done(&e->fresh_arena);
        return -ENOMEM;
    }
    e->fresh_n = e->next = 0;
    e->config = config_ref(config);
    e->conn = conn;
    e->done = done;
    e->ctx = ctx;
    read_next(e);
    return 0;
}

const struct exposed_table *exposed_at(const struct exposed *e, size_t i)
{
    return e && i < e->n ? &e->table[i] : NULL;
}

uint64_t exposed_generation(const struct exposed *e)
{
    return e ? e->generation : 0;
}
