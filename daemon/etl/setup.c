/* SPDX-License-Identifier: MIT */
#include "etl/setup.h"

#include "base/log.h"
#include "db/migrate.h"
#include "etl/archive.h"
#include "etl/prepared.h"
#include "etl/sql.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>

enum { RETRY_FIRST_MS = 500, RETRY_MAX_MS = 30000, UNFINISHED_MS = 500 };

struct setup {
    struct setup_config config;
    struct config *settings;
    struct db_wait wait;
    struct db_conn *conn;
    struct timer *timer;
    int64_t delay_ms;
    struct config *migrating; /* whose migrations are being run */
    struct db_migration *migration;
    bool waiting, running, again;
    bool swept; /* once, before the first load: later there are open loads that are running */
    struct error why;
};

static void start(void *ctx);

static void again_later(struct setup *s, const struct error *err)
{
    /* The same words again need no second line. */
    if (err && strcmp(err->text, s->why.text) != 0) log_warning("the database cannot be set up: %s", err->text);
    if (err) s->why = *err;
    s->delay_ms = s->delay_ms ? s->delay_ms * 2 : RETRY_FIRST_MS;
    if (s->delay_ms > RETRY_MAX_MS) s->delay_ms = RETRY_MAX_MS;
    timer_start(s->timer, s->delay_ms);
}

static void over(struct setup *s, int status, const struct error *err)
{
    s->running = false;
    free(s->migration);
    s->migration = NULL;
    config_unref(s->migrating);
    s->migrating = NULL;
    if (s->conn) db_pool_give(s->config.pool, s->conn);
    s->conn = NULL;
    if (status == ERROR_CANCELLED) return;
    if (status != 0) return again_later(s, err);
    s->delay_ms = 0;
    s->why.text[0] = '\0';
    if (s->again) return start(s);
    if (catalog_unfinished(s->config.catalog)) timer_start(s->timer, UNFINISHED_MS);
    s->config.done(s->config.ctx);
}

static void on_archives(void *ctx, const struct db_result *r)
{
    over(ctx, r->status, r->error);
}

/* Before loads begin: what they load is to be stored there. */
static void on_exposed(void *ctx, int status, const struct error *err)
{
    struct setup *s = ctx;
    if (status != 0) return over(s, status, err);
    int e = archives_declare(s->conn, s->settings, on_archives, s);
    if (e < 0) over(s, e, NULL);
}

static void on_derives(void *ctx, int status, const struct error *err)
{
    struct setup *s = ctx;
    if (status != 0) return over(s, status, err);
    int e = exposed_refresh(s->config.exposed, s->conn, s->settings, on_exposed, s);
    if (e < 0) over(s, e, NULL);
}

static void on_catalog(void *ctx, int status, const struct error *err)
{
    struct setup *s = ctx;
    if (status != 0) return over(s, status, err);
    int e = derives_open(s->config.derives, s->conn, s->settings, on_derives, s);
    if (e < 0) over(s, e, NULL);
}

static void refresh(struct setup *s)
{
    int e = catalog_refresh(s->config.catalog, s->conn, s->settings, on_catalog, s);
    if (e < 0) over(s, e, NULL);
}

static void on_swept(void *ctx, int status, const struct error *err)
{
    struct setup *s = ctx;
    if (status != 0) return over(s, status, err);
    s->swept = true;
    refresh(s);
}

static void on_allowance(void *ctx, const struct db_result *r)
{
    struct setup *s = ctx;
    if (r->status != 0) return over(s, r->status, r->error);
    struct instance *i = s->config.instance;
    instance_judge(i, (long)db_get_int8(r->rows, 0, 0, 0));
    if (s->swept || !i->id[0]) return refresh(s);
    int e = prepared_sweep(s->conn, i, on_swept, s);
    if (e < 0) over(s, e, NULL);
}

static void ask_allowance(struct setup *s)
{
    int e = db_query(s->conn, &(struct db_query){.sql = SQL_PREPARED_MAX, .done = on_allowance, .ctx = s});
    if (e < 0) over(s, e, NULL);
}

static void on_reset(void *ctx, const struct db_result *r)
{
    struct setup *s = ctx;
    if (r->status != 0) return over(s, r->status, r->error);
    ask_allowance(s);
}

/* They may have changed the session's settings. */
static void on_user_migrated(void *ctx, const struct db_result *r)
{
    struct setup *s = ctx;
    if (r->status != 0) return over(s, r->status, r->error);
    int e = db_query(
        s->conn,
        &(struct db_query){.sql = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; " SQL_SETUP, .done = on_reset, .ctx = s});
    if (e < 0) over(s, e, NULL);
}

static int migrate_user(struct setup *s)
{
    size_t n = s->settings->n_migrations;
    s->migrating = config_ref(s->settings);
    s->migration = calloc(n + 1, sizeof *s->migration);
    if (!s->migration) return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct config_migration *m = &s->migrating->migration[i];
        s->migration[i] = (struct db_migration){m->number, m->name, m->sql, m->path};
    }
    return db_migrate_user(s->conn, s->migration, on_user_migrated, s);
}

static void on_migrated(void *ctx, const struct db_result *r)
{
    struct setup *s = ctx;
    if (r->status != 0) return over(s, r->status, r->error);
    if (s->settings->n_migrations == 0) return ask_allowance(s);
    int e = migrate_user(s);
    if (e < 0) over(s, e, NULL);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct setup *s = container_of(w, struct setup, wait);
    s->waiting = false;
    s->conn = c;
    if (!c) return over(s, ERROR_CANCELLED, NULL);
    int r = db_migrate(c, on_migrated, s);
    if (r < 0) over(s, r, NULL);
}

static void start(void *ctx)
{
    struct setup *s = ctx;
    if (s->running) return;
    s->running = s->waiting = true;
    s->again = false;
    s->wait.got = on_connected;
    db_pool_take(s->config.pool, &s->wait, 0);
}

int setup_new(const struct setup_config *config, struct setup **ret_setup)
{
    struct setup *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->config = *config;
    int r = timer_new(config->loop, start, s, &s->timer);
    if (r < 0) {
        free(s);
        return r;
    }
    *ret_setup = s;
    return 0;
}

void setup_free(struct setup *s)
{
    if (!s) return;
    if (s->waiting) db_pool_cancel(s->config.pool, &s->wait);
    timer_free(s->timer);
    config_unref(s->settings);
    free(s);
}

void setup_run(struct setup *s, struct config *config)
{
    config_ref(config);
    config_unref(s->settings);
    s->settings = config;
    s->again = s->running;
    timer_stop(s->timer);
    start(s);
}

const char *setup_reason(const struct setup *s)
{
    return s->why.text;
}
