/* SPDX-License-Identifier: MIT */
#include "etl/parallel.h"

#include "base/buf.h"
#include "etl/sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SQL_TEXT_MAX = 1024 * 1024 };

/*
 *   WAITING ──▶ HELD ──▶ COPYING ──▶ PREPARING ──▶ LEAVING ──▶ OUT
 *      │          │          └──────(refused)───────▲           ▲
 *      └──────────┴─────────────────────────────────────────────┘
 */
enum follower_state { WAITING, HELD, COPYING, PREPARING, LEAVING, OUT };

struct follower {
    struct followers *all;
    struct db_wait wait;
    struct db_conn *conn;
    struct sender sender;
    struct followers_copy copy;
    enum follower_state state;
    bool quitting, prepared;
    int64_t rows;
    char gid[PREPARED_NAME_MAX];
};

void followers_init(struct followers *f, const struct followers_config *config)
{
    *f = (struct followers){.config = *config};
}

void followers_done(struct followers *f)
{
    for (unsigned i = 0; i < f->n; i++)
        assert(f->follower[i].state == OUT);
    free(f->follower);
    f->follower = NULL;
    f->n = 0;
}

/* The first reason counts. */
static void note(struct followers *all, int status, const struct error *err)
{
    if (all->failed) return;
    all->failed = true;
    all->status = status;
    if (err) {
        all->why = *err;
    } else {
        error_set(&all->why, status, "%s", error_name(status));
    }
}

static void changed(struct followers *all)
{
    all->config.changed(all->config.ctx);
}

/* ---- the end ---- */

static void let_go(struct follower *f)
{
    struct db_conn *conn = f->conn;
    f->conn = NULL;
    f->state = OUT;
    if (conn) db_pool_give(f->all->config.pool, conn);
}

static void on_left(void *ctx, const struct db_result *r)
{
    struct follower *f = ctx;
    (void)r; /* a session that is lost has given everything up; what is prepared stays */
    let_go(f);
    changed(f->all);
}

/* Out of the transaction and its lock, then back into the pool. */
static void leave(struct follower *f)
{
    const char *sql = f->prepared ? SQL_UNLOCK_ALL : "ROLLBACK; " SQL_UNLOCK_ALL;
    f->state = LEAVING;
    if (db_query(f->conn, &(struct db_query){.sql = sql, .done = on_left, .ctx = f}) == 0) return;
    let_go(f);
    changed(f->all);
}

/* ---- its share ---- */

static void fail(struct follower *f, int status, const struct error *err)
{
    if (!f->quitting) note(f->all, status, err);
    leave(f);
}

static void on_prepared(void *ctx, const struct db_result *r)
{
    struct follower *f = ctx;
    if (r->status != 0) return fail(f, r->status, r->error);
    /* "ROLLBACK": the transaction had failed, and nobody said so. */
    if (strcmp(PQcmdStatus((PGresult *)r->rows), "PREPARE TRANSACTION") != 0) return fail(f, ERROR_PROTOCOL, NULL);
    f->prepared = true;
    leave(f);
}

static void prepare(struct follower *f)
{
    char sql[PREPARED_NAME_MAX + sizeof "PREPARE TRANSACTION ''"];
    snprintf(sql, sizeof sql, "PREPARE TRANSACTION '%s'", f->gid);
    int e = db_query(f->conn, &(struct db_query){.sql = sql, .done = on_prepared, .ctx = f});
    if (e < 0) fail(f, e, NULL);
}

static void on_most(void *ctx, const struct db_result *r)
{
    struct follower *f = ctx;
    if (r->status != 0) return fail(f, r->status, r->error);
    if (f->quitting) return leave(f);
    for (size_t i = 0; i < f->copy.most_columns; i++) {
        int64_t value = db_get_int8(r->rows, 0, (int)i, INT64_MIN);
        if (value > f->copy.most[i]) f->copy.most[i] = value;
    }
    prepare(f);
}

static void on_copied(void *ctx, const struct db_result *r)
{
    struct follower *f = ctx;
    if (r->status != 0) return fail(f, r->status, r->error);
    if (f->quitting) return leave(f);
    f->rows = db_affected(r->rows);
    f->state = PREPARING;
    if (!f->copy.most_sql) return prepare(f);
    int e = db_query(f->conn, &(struct db_query){.sql = f->copy.most_sql, .done = on_most, .ctx = f});
    if (e < 0) fail(f, e, NULL);
}

static int begin(struct follower *f, const struct followers_copy *copy, unsigned number)
{
    struct buf sql;
    buf_init(&sql, SQL_TEXT_MAX);
    buf_printf(&sql, SQL_LOAD_SHARE "; BEGIN; SET LOCAL lock_timeout = %d; %s", (long long)copy->file, FOLLOWERS_LOCK_TIMEOUT_MS,
               copy->sql);
    char names[PREPARED_NAME_MAX];
    prepared_names(names, copy->instance, copy->file);
    int len = snprintf(f->gid, sizeof f->gid, "%s%u", names, number);
    assert(len > 0 && (size_t)len < sizeof f->gid);
    (void)len;
    f->copy = *copy;
    f->copy.sql = NULL; /* the caller's, until this returns */
    f->sender = copy->sender;
    f->sender.conn = f->conn;
    f->sender.done = on_copied;
    f->sender.ctx = f;
    const char *text = buf_cstr(&sql);
    int r = text ? sender_begin(&f->sender, text) : -ENOMEM;
    buf_done(&sql);
    if (r == 0) f->state = COPYING;
    return r;
}

int followers_begin(struct followers *f, const struct followers_copy *copy)
{
    int r = 0;
    for (unsigned i = 0; i < f->n && r == 0; i++)
        if (f->follower[i].state == HELD) r = begin(&f->follower[i], copy, i + 1);
    return r;
}

void followers_pump(struct followers *f)
{
    for (unsigned i = 0; i < f->n; i++)
        sender_pump(&f->follower[i].sender);
}

void followers_finish(struct followers *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->follower[i].state == COPYING) sender_finish(&f->follower[i].sender);
}

bool followers_prepared(const struct followers *f)
{
    bool all = !f->failed;
    for (unsigned i = 0; i < f->n; i++)
        all = all && f->follower[i].prepared && f->follower[i].state == OUT;
    return all;
}

int64_t followers_rows(const struct followers *f)
{
    int64_t rows = 0;
    for (unsigned i = 0; i < f->n; i++)
        rows += f->follower[i].rows;
    return rows;
}

bool followers_quiet(struct followers *f)
{
    bool quiet = true;
    for (unsigned i = 0; i < f->n; i++) {
        struct follower *one = &f->follower[i];
        one->quitting = true;
        if (one->state == WAITING) db_pool_cancel(f->config.pool, &one->wait);
        if (one->state == WAITING || one->state == HELD) let_go(one);
        if (one->state == COPYING && !one->sender.aborting) sender_abort(&one->sender);
        quiet = quiet && one->state == OUT;
    }
    return quiet;
}

/* ---- connections ---- */

/* Who got none takes no part. */
static void drop(struct followers *all, struct follower *f)
{
    f->state = OUT;
    f->prepared = true;
    changed(all);
}

static void on_connection(struct db_wait *w, struct db_conn *c)
{
    struct follower *f = container_of(w, struct follower, wait);
    f->conn = c;
    f->state = HELD;
    if (!c) return drop(f->all, f);
    changed(f->all);
}

bool followers_waiting(const struct followers *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->follower[i].state == WAITING) return true;
    return false;
}

int followers_gather(struct followers *f, unsigned n)
{
    f->follower = calloc(n, sizeof *f->follower);
    if (!f->follower) return -ENOMEM;
    f->n = n;
    for (unsigned i = 0; i < n; i++) {
        struct follower *one = &f->follower[i];
        *one = (struct follower){.all = f, .wait.got = on_connection, .state = WAITING};
        db_pool_take(f->config.pool, &one->wait, f->config.wait_ms);
    }
    return 0;
}

unsigned followers_held(const struct followers *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->n; i++)
        n += f->follower[i].state == HELD;
    return n;
}
