/* SPDX-License-Identifier: MIT */
#include "etl/rebuilds.h"

#include "base/log.h"
#include "etl/rollup.h"
#include "etl/sql.h"
#include "loop/timer.h"

#include <stdlib.h>

enum { LOOK_MS = 1000, SQL_MAX = 4 * 1024 * 1024 };

struct rebuilds {
    struct rebuilds_config c;
    struct timer *timer;
    struct db_wait wait;
    struct db_conn *conn;
    struct dataset *dataset; /* whose rollups are being computed: a reference */
    char *told;              /* the dataset that the log has said is stale, malloc'd */
    int refused;             /* how many of the stale ones were in others' hands in this look */
    bool going, waiting;
};

static void look(struct rebuilds *r);

/* The next look is the timer's. */
static void over(struct rebuilds *r)
{
    struct db_conn *conn = r->conn;
    r->conn = NULL;
    dataset_unref(r->dataset);
    r->dataset = NULL;
    r->refused = 0;
    if (conn) db_pool_give(r->c.pool, conn);
}

static void on_rebuilt(void *ctx, const struct db_result *r)
{
    struct rebuilds *b = ctx;
    if (r->status == 0) {
        log_info("the rollups of %s are computed anew", b->dataset->name);
        free(b->told);
        b->told = NULL;
        b->c.changed(b->c.ctx);
    } else if (r->status == ERROR_REFUSED) {
        b->refused++;
        if (db_refusal_of(r->error->sqlstate) != DB_RETRY)
            log_warning("the rollups of %s could not be computed anew: %s", b->dataset->name, r->error->text);
    } else {
        return over(b);
    }
    dataset_unref(b->dataset);
    b->dataset = NULL;
    look(b);
}

/* All in one query, which is one transaction. */
static void put_rebuild(struct buf *sql, const struct dataset *d)
{
    buf_puts(sql, SQL_LOCK_SOON "LOCK TABLE ");
    table_quote(sql, d->table.schema, d->table.name);
    buf_puts(sql, " IN SHARE MODE; ");
    for (size_t i = 0; i < d->rollups; i++) {
        rollup_refill_sql(sql, &d->rollup[i], &d->table);
        buf_puts(sql, "; ");
    }
    buf_printf(sql, SQL_OUTSIDE_SETTLE "; " SQL_OUTSIDE_SETTLED, (long long)d->id, (long long)d->id, (long long)d->id);
}

static void tell(struct rebuilds *b)
{
    if (b->told && strcmp(b->told, b->dataset->name) == 0) return;
    log_notice("the rollups of %s are stale: somebody else wrote to %s.%s; they are computed anew", b->dataset->name,
               b->dataset->table.schema, b->dataset->table.name);
    free(b->told);
    b->told = strdup(b->dataset->name);
}

static void on_looked(void *ctx, const struct db_result *r)
{
    struct rebuilds *b = ctx;
    if (r->status != 0) return over(b);
    int skip = b->refused;
    for (int i = 0; i < PQntuples(r->rows) && !b->dataset; i++) {
        struct dataset *d = catalog_find(b->c.catalog, PQgetvalue(r->rows, i, 0));
        if (d && !d->broken && d->rollups > 0 && skip-- == 0) b->dataset = dataset_ref(d);
    }
    if (!b->dataset) return over(b);
    tell(b);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    put_rebuild(&sql, b->dataset);
    const char *text = buf_cstr(&sql);
    if (!text || db_query(b->conn, &(struct db_query){.sql = text, .done = on_rebuilt, .ctx = b}) < 0) over(b);
    buf_done(&sql);
}

static void look(struct rebuilds *b)
{
    if (!b->going || db_query(b->conn, &(struct db_query){.sql = SQL_OUTSIDE_STALE, .done = on_looked, .ctx = b}) < 0) over(b);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct rebuilds *b = container_of(w, struct rebuilds, wait);
    b->waiting = false;
    b->conn = c;
    if (c) look(b);
}

static bool has_rollups(const struct catalog *c)
{
    const struct dataset *d;
    for (size_t i = 0; (d = catalog_at(c, i)); i++)
        if (d->rollups > 0) return true;
    return false;
}

static void on_timer(void *ctx)
{
    struct rebuilds *b = ctx;
    if (!b->going || b->waiting || b->conn || !has_rollups(b->c.catalog)) return;
    b->waiting = true;
    b->wait.got = on_connected;
    db_pool_take(b->c.pool, &b->wait, 0);
}

int rebuilds_new(const struct rebuilds_config *config, struct rebuilds **ret_rebuilds)
{
    struct rebuilds *b = calloc(1, sizeof *b);
    if (!b) return -ENOMEM;
    b->c = *config;
    int r = timer_new(config->loop, on_timer, b, &b->timer);
    if (r < 0) {
        free(b);
        return r;
    }
    *ret_rebuilds = b;
    return 0;
}

void rebuilds_free(struct rebuilds *b)
{
    if (!b) return;
    timer_free(b->timer);
    dataset_unref(b->dataset);
    free(b->told);
    free(b);
}

void rebuilds_go(struct rebuilds *b)
{
    b->going = true;
    timer_repeat(b->timer, LOOK_MS);
}

void rebuilds_hold(struct rebuilds *b)
{
    b->going = false;
    timer_stop(b->timer);
}
