/* SPDX-License-Identifier: MIT */
#include "etl/derives.h"

#include "base/log.h"
#include "etl/derive.h"
#include "etl/derive_set.h"
#include "etl/sql.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SOON_MS = 200,  /* from the first change to the round: others may follow */
    PAUSE_MS = 500, /* between two rounds, or as long as the first one took */
    RETRY_FIRST_MS = 1000,
    RETRY_MAX_MS = 60000,
};

struct derives {
    struct derives_config c;
    struct derive_set set;
    struct timer *timer;
    struct db_wait wait;
    struct db_conn *conn; /* of a round */
    size_t cursor;        /* the next of the round */
    char *under_way;      /* the name of the one that is being made, or NULL */
    char *trying;         /* of what */
    int64_t round_began_ms, refresh_began_ms, not_before_ms;
    uint64_t generation; /* of the tables' columns */
    bool going, stopped, waiting, again;
};

uint64_t derives_generation(const struct derives *d)
{
    return d ? d->generation : 0;
}

/* Which of its inputs has no table yet, or NULL. */
static const char *missing_input(const struct derives *ds, const struct derive *d)
{
    for (size_t i = 0; i < d->config->after.n; i++) {
        const char *name = d->config->after.item[i];
        const struct derive *input = derive_set_find(&ds->set, name);
        const struct dataset *dataset = input ? NULL : catalog_find(ds->c.catalog, name);
        if (input ? !input->made : !dataset || dataset->table.columns == 0) return name;
    }
    return NULL;
}

/* ---- rounds ---- */

static void go_on(struct derives *ds);

static int64_t now_ms(const struct derives *ds)
{
    return loop_now_ms(ds->c.loop);
}

static void start_timer(struct derives *ds, int64_t at_ms)
{
    int64_t after = at_ms - now_ms(ds);
    timer_start(ds->timer, after > 0 ? after : 1);
}

/* When the next round begins without a change: what failed is tried again. */
static void rest(struct derives *ds)
{
    int64_t at = INT64_MAX;
    for (size_t i = 0; i < ds->set.n; i++) {
        const struct derive *d = &ds->set.derive[i];
        if (d->state == DERIVE_FAILED && d->retry_at_ms && d->retry_at_ms < at) at = d->retry_at_ms;
    }
    if (ds->again) at = now_ms(ds) + SOON_MS;
    if (at == INT64_MAX) return;
    start_timer(ds, at > ds->not_before_ms ? at : ds->not_before_ms);
}

static void round_over(struct derives *ds)
{
    struct db_conn *conn = ds->conn;
    ds->conn = NULL;
    int64_t took = now_ms(ds) - ds->round_began_ms;
    ds->not_before_ms = now_ms(ds) + (took > PAUSE_MS ? took : PAUSE_MS);
    if (conn) db_pool_give(ds->c.pool, conn);
    if (ds->going && !ds->stopped) rest(ds);
}

/* The connection is of no use any more: another one, later. */
static void round_lost(struct derives *ds)
{
    ds->again = true;
    ds->round_began_ms = now_ms(ds) - RETRY_FIRST_MS;
    round_over(ds);
}

static void on_columns(void *ctx, const struct db_result *r)
{
    struct derives *ds = ctx;
    if (r->status != 0 && r->status != ERROR_REFUSED) return round_lost(ds);
    struct derive *d = ds->under_way ? derive_set_find(&ds->set, ds->under_way) : NULL;
    derive_set_text(&ds->under_way, NULL);
    if (r->status == 0 && d) {
        arena_reset(&d->arena);
        d->table = (struct table){0};
        if (derive_take_columns(d, r->rows) < 0) d->table.columns = 0;
        ds->generation++;
    }
    go_on(ds);
}

/* ---- the end of a refresh ---- */

static void on_failure_kept(void *ctx, const struct db_result *r)
{
    struct derives *ds = ctx;
    if (r->status != 0 && r->status != ERROR_REFUSED) return round_lost(ds);
    derive_set_text(&ds->under_way, NULL);
    go_on(ds);
}

static void failed(struct derives *ds, const struct config_derive *config, const struct error *why)
{
    struct derive *d = derive_set_find(&ds->set, config->name);
    char text[ERROR_TEXT_MAX + 64];
    snprintf(text, sizeof text, "%s:%d: %s", config->sql_place.file, config->sql_place.line, why->text);
    counters_add(ds->c.counters, COUNTER_DERIVE_FAILURES, 1);
    if (d) {
        bool passes = db_refusal_of(why->sqlstate) == DB_RETRY && why->sqlstate[0];
        int64_t delay = RETRY_FIRST_MS << (d->failures < 6 ? d->failures : 6);
        bool news = !d->error || strcmp(d->error, text) != 0 || d->failures == 0;
        d->failures++;
        d->state = DERIVE_FAILED;
        d->retry_at_ms = passes ? now_ms(ds) + (delay < RETRY_MAX_MS ? delay : RETRY_MAX_MS) : 0;
        derive_set_text(&d->error, text);
        derive_set_text(&d->tried, ds->trying);
        if (news) observers_derive(ds->c.observers, &(struct observed_derive){.name = config->name, .error = text, .rows = -1});
        if (news)
            log_warning("derive %s failed, and keeps the rows that it has; it is tried again %s: %s", config->name,
                        passes ? "soon" : "when one of its inputs changes, or the configuration", text);
    }
    struct db_param p[] = {db_text(config->name), db_text(config->schema), db_text(config->table), db_text(text)};
    if (db_query(ds->conn,
                 &(struct db_query){.sql = SQL_DERIVE_FAILED, .param = p, .params = 4, .done = on_failure_kept, .ctx = ds}) < 0)
        round_lost(ds);
}

static void on_refreshed(void *ctx, const struct derive_report *report)
{
    struct derives *ds = ctx;
    struct derive *d = derive_set_find(&ds->set, ds->under_way);
    int64_t ms = now_ms(ds) - ds->refresh_began_ms;
    if (d && d->state == DERIVE_REFRESHING) d->state = DERIVE_STALE;
    if (report->status == ERROR_REFUSED) {
        if (d) return failed(ds, d->config, report->why);
        derive_set_text(&ds->under_way, NULL); /* it is not configured any more */
        return go_on(ds);
    }
    if (report->status != 0) {
        derive_set_text(&ds->under_way, NULL);
        return round_lost(ds);
    }
    counters_add(ds->c.counters, COUNTER_DERIVE_REFRESHES, 1);
    observers_derive(ds->c.observers, &(struct observed_derive){.name = ds->under_way, .rows = report->rows, .duration_ms = ms});
    if (report->rows >= 0)
        log_info("derive %s: %lld rows, %.3f s", ds->under_way, (long long)report->rows, (double)ms / 1000);
    else
        log_info("derive %s: the view is defined", ds->under_way);
    if (d) {
        d->failures = 0;
        d->retry_at_ms = 0;
        derive_set_text(&d->tried, NULL);
    }
    int r = d ? derive_ask_columns(ds->conn, d->config, on_columns, ds) : ERROR_CLOSED;
    if (r < 0) round_lost(ds);
}

/* ---- which is next ---- */

/* Does it wait for nothing, and is it out of date? Its state says so. */
static bool is_due(struct derives *ds, struct derive *d, const char *inputs)
{
    const char *missing = missing_input(ds, d);
    if (missing) {
        char text[160];
        snprintf(text, sizeof text, "%s has no table yet", missing);
        if (d->state != DERIVE_WAITING) log_info("derive %s waits: %s", d->config->name, text);
        d->state = DERIVE_WAITING;
        derive_set_text(&d->error, text);
        return false;
    }
    bool same = d->config->as == CONFIG_AS_VIEW || (d->inputs && strcmp(d->inputs, inputs) == 0);
    if (d->current && same) {
        d->state = DERIVE_FRESH;
        derive_set_text(&d->error, NULL);
        return false;
    }
    if (d->tried && strcmp(d->tried, inputs) == 0 && (!d->retry_at_ms || d->retry_at_ms > now_ms(ds))) {
        d->state = DERIVE_FAILED;
        return false;
    }
    if (d->state != DERIVE_FAILED) d->state = DERIVE_STALE;
    return true;
}

static int refresh(struct derives *ds, struct derive *d, const char *inputs)
{
    derive_set_text(&ds->under_way, d->config->name);
    derive_set_text(&ds->trying, inputs);
    if (!ds->under_way || !ds->trying) return -ENOMEM;
    ds->refresh_began_ms = now_ms(ds);
    struct derive_refresh asked = {
        .conn = ds->conn, .config = ds->set.config, .derive = d->config, .inputs = inputs, .done = on_refreshed, .ctx = ds};
    int r = derive_refresh(&asked);
    if (r == 0) d->state = DERIVE_REFRESHING;
    return r;
}

static void on_looked(void *ctx, const struct db_result *r)
{
    struct derives *ds = ctx;
    if (r->status != 0) return round_lost(ds);
    derive_set_take(&ds->set, r->rows);
    if (!ds->going || ds->stopped) return round_over(ds);
    struct derive *chosen = NULL;
    char *chosen_inputs = NULL;
    for (size_t i = 0; i < ds->set.n; i++) {
        struct derive *d = &ds->set.derive[i];
        char *inputs;
        if (derive_set_inputs(&ds->set, d, r->rows, &inputs) < 0) break;
        bool due = is_due(ds, d, inputs);
        if (due && i < ds->cursor && d->state != DERIVE_FAILED) ds->again = true; /* it had its turn: the next round */
        if (due && i >= ds->cursor && !chosen) {
            chosen = d;
            chosen_inputs = inputs;
            ds->cursor = i + 1;
        } else {
            free(inputs);
        }
    }
    if (!chosen) return round_over(ds);
    int e = refresh(ds, chosen, chosen_inputs);
    free(chosen_inputs);
    if (e < 0) round_lost(ds);
}

static void go_on(struct derives *ds)
{
    if (!ds->going || ds->stopped) return round_over(ds);
    if (db_query(ds->conn, &(struct db_query){.sql = SQL_DERIVE_LOOK, .done = on_looked, .ctx = ds}) < 0) round_lost(ds);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct derives *ds = container_of(w, struct derives, wait);
    ds->waiting = false;
    ds->conn = c;
    if (c) go_on(ds);
}

static void on_timer(void *ctx)
{
    struct derives *ds = ctx;
    if (!ds->going || ds->stopped || ds->waiting || ds->conn) return;
    ds->waiting = true;
    ds->again = false;
    ds->cursor = 0;
    ds->round_began_ms = now_ms(ds);
    ds->wait.got = on_connected;
    db_pool_take(ds->c.pool, &ds->wait, 0);
}

/* ---- opening ---- */

struct opening {
    struct derives *all;
    struct derive_set set;
    struct db_conn *conn;
    size_t next;
    catalog_done done;
    void *ctx;
};

static void opened(struct opening *o, int status, const struct error *err)
{
    struct derives *ds = o->all;
    if (status == 0) {
        for (size_t i = 0; i < o->set.n; i++) {
            struct derive *d = &o->set.derive[i];
            struct derive *old = ds->set.config == o->set.config ? &ds->set.derive[i] : NULL;
            if (old) derive_keep_failure(d, old);
            if (ds->conn && ds->under_way && strcmp(ds->under_way, d->config->name) == 0) d->state = DERIVE_REFRESHING;
        }
        derive_set_done(&ds->set);
        ds->set = o->set;
        ds->generation++;
        ds->cursor = 0;
    } else {
        derive_set_done(&o->set);
    }
    catalog_done done = o->done;
    void *ctx = o->ctx;
    free(o);
    done(ctx, status, err);
}

static void open_next(struct opening *o);

static void on_opened_columns(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (r->status != 0) return opened(o, r->status, r->error);
    struct derive *d = &o->set.derive[o->next++];
    int e = derive_take_columns(d, r->rows);
    if (e < 0) return opened(o, e, NULL);
    open_next(o);
}

static void open_next(struct opening *o)
{
    while (o->next < o->set.n && !(o->set.derive[o->next].made && o->set.derive[o->next].current))
        o->next++;
    if (o->next == o->set.n) return opened(o, 0, NULL);
    int r = derive_ask_columns(o->conn, o->set.derive[o->next].config, on_opened_columns, o);
    if (r < 0) opened(o, r, NULL);
}

static void on_opening_looked(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (r->status != 0) return opened(o, r->status, r->error);
    derive_set_take(&o->set, r->rows);
    open_next(o);
}

int derives_open(struct derives *d, struct db_conn *conn, struct config *config, catalog_done done, void *ctx)
{
    struct opening *o = calloc(1, sizeof *o);
    if (!o) return -ENOMEM;
    *o = (struct opening){.all = d, .conn = conn, .done = done, .ctx = ctx};
    int r = derive_set_init(&o->set, config);
    if (r == 0) r = db_query(conn, &(struct db_query){.sql = SQL_DERIVE_LOOK, .done = on_opening_looked, .ctx = o});
    if (r < 0) {
        derive_set_done(&o->set);
        free(o);
    }
    return r;
}

/* ---- the outside ---- */

int derives_new(const struct derives_config *config, struct derives **ret_derives)
{
    struct derives *ds = calloc(1, sizeof *ds);
    if (!ds) return -ENOMEM;
    ds->c = *config;
    int r = timer_new(config->loop, on_timer, ds, &ds->timer);
    if (r < 0) {
        free(ds);
        return r;
    }
    *ret_derives = ds;
    return 0;
}

void derives_free(struct derives *ds)
{
    if (!ds) return;
    timer_free(ds->timer);
    derive_set_done(&ds->set);
    free(ds->under_way);
    free(ds->trying);
    free(ds);
}

void derives_changed(struct derives *ds)
{
    bool known = ds->again && timer_active(ds->timer);
    ds->again = true;
    if (known || !ds->going || ds->stopped || ds->waiting || ds->conn || ds->set.n == 0) return;
    rest(ds);
}

void derives_go(struct derives *ds)
{
    ds->going = true;
    derives_changed(ds);
}

void derives_hold(struct derives *ds)
{
    ds->going = false;
    timer_stop(ds->timer);
}

void derives_stop(struct derives *ds)
{
    ds->stopped = true;
    timer_stop(ds->timer);
    if (ds->waiting) db_pool_cancel(ds->c.pool, &ds->wait);
    ds->waiting = false;
    struct db_conn *conn = ds->conn;
    ds->conn = NULL;
    if (conn) db_pool_give(ds->c.pool, conn); /* its transaction goes with it */
}

bool derives_at(const struct derives *ds, size_t i, struct derive_view *ret_view)
{
    if (!ds || i >= ds->set.n) return false;
    const struct derive *d = &ds->set.derive[i];
    *ret_view = (struct derive_view){.config = d->config,
                                     .table = &d->table,
                                     .state = d->state,
                                     .error = d->state == DERIVE_FAILED || d->state == DERIVE_WAITING ? d->error : NULL,
                                     .refreshed_at = d->refreshed_at,
                                     .rows = d->rows};
    return true;
}

bool derives_find(const struct derives *ds, struct slice name, struct derive_view *ret_view)
{
    for (size_t i = 0; derives_at(ds, i, ret_view); i++)
        if (slice_equal(slice_of(ret_view->config->name), name)) return true;
    return false;
}
