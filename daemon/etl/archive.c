/* SPDX-License-Identifier: MIT */
#include "etl/archive.h"

#include "base/log.h"
#include "db/query.h"
#include "etl/archive_private.h"
#include "etl/archive_sql.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SOON_MS = 100,    /* after a load: more may come */
    MISSED_MS = 3500, /* to look once more for what was not there */
    LOOK_MS = 30000,  /* without a sign: others may load into the database */
    PAUSE_MS = 1000,  /* after a failure, doubled */
    PAUSE_MAX_MS = 300000,
    DECLARE_MAX = 64 * 1024,
};

static void pump(struct archive *a);

/* ---- the queue ---- */

static int64_t id_of(const PGresult *rows, int row)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | (unsigned char)PQgetvalue(rows, row, 0)[i];
    return (int64_t)v;
}

static bool is_under_way(const struct archive *a, int64_t id)
{
    for (const struct list *l = a->tasks.next; l != &a->tasks; l = l->next)
        if (container_of(l, struct archive_task, link)->id == id) return true;
    return false;
}

static void on_next(void *ctx, const struct db_result *r)
{
    struct archive *a = ctx;
    struct archives *all = a->all;
    if (a->conn) db_pool_give(all->config.pool, a->conn);
    a->conn = NULL;
    a->asking = false;
    if (!a->name) return free(a); /* archive_free has waited for this */
    if (r->status == ERROR_REFUSED) log_warning("archive %s: its queue cannot be read: %s", a->name, r->error->text);
    if (a->paused) return; /* meanwhile: the timer has the end of that */
    if (r->status != 0) return timer_start(a->timer, LOOK_MS);
    a->more = false;
    for (int i = 0; i < PQntuples(r->rows); i++) {
        if (is_under_way(a, id_of(r->rows, i))) continue;
        a->more = true;
        if (a->n_tasks == ARCHIVE_TASKS) break;
        if (!archive_task_start(a, r->rows, i)) break;
        a->n_tasks++;
        a->more = i + 1 == PQntuples(r->rows); /* there may be others behind it */
    }
    timer_start(a->timer, a->more && a->n_tasks == 0 ? PAUSE_MS : a->missed ? MISSED_MS : LOOK_MS);
    a->missed = false;
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct archive *a = container_of(w, struct archive, wait);
    a->waiting = false;
    if (!c) return;
    a->conn = c;
    a->asking = true;
    struct db_param p[] = {db_text(a->name), db_int8(2 * ARCHIVE_TASKS)};
    struct db_query q = {.sql = SQL_ARCHIVE_NEXT, .param = p, .params = 2, .binary = true, .done = on_next, .ctx = a};
    if (db_query(c, &q) < 0) on_next(a, &(struct db_result){.status = ERROR_CANCELLED});
}

static void pump(struct archive *a)
{
    if (!a->all->going || a->all->stopped || a->paused || a->waiting || a->asking || a->n_tasks == ARCHIVE_TASKS || !a->store)
        return;
    a->waiting = true;
    a->wait.got = on_connected;
    db_pool_take(a->all->config.pool, &a->wait, 0);
}

static void on_time(void *ctx)
{
    struct archive *a = ctx;
    a->paused = false;
    pump(a);
}

static int64_t pause_ms(const struct archive *a)
{
    int64_t ms = PAUSE_MS;
    for (unsigned i = 1; i < a->failures && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

static void works(struct archive *a)
{
    if (a->failures > 0) counters_add(a->all->config.memory->counters, COUNTER_ARCHIVES_PAUSED, -1);
    a->failures = 0;
}

void archive_task_over(struct archive *a, const struct archive_task *t)
{
    a->n_tasks--;
    char name[4 * NAME_MAX + 1];
    log_escape(slice_of(t->name), name, sizeof name);
    static const enum counter_id counted[] = {
        [TASK_STORED] = COUNTER_ARCHIVE_STORED, [TASK_FAILED] = COUNTER_ARCHIVE_FAILED, [TASK_GONE] = COUNTER_ARCHIVE_FAILED};
    counters_add(a->all->config.memory->counters, t->lost ? COUNTER_ARCHIVE_LOST : counted[t->outcome], 1);
    if (t->outcome == TASK_FAILED) {
        if (a->failures == 0) counters_add(a->all->config.memory->counters, COUNTER_ARCHIVES_PAUSED, 1);
        if (!a->paused) a->failures++;
        a->paused = true;
        if (!a->complained)
            log_warning("archive %s: %s cannot be stored: %s; it stays in done/, and is tried again", a->name, name, t->why);
        a->complained = true;
        return timer_start(a->timer, pause_ms(a));
    }
    if (t->outcome == TASK_STORED) {
        if (a->complained) log_info("archive %s: files are stored again", a->name);
        a->complained = false;
        works(a);
        log_debug("archive %s: %s is stored as %s%s", a->name, name, a->base, t->key);
        if (t->unseen && !a->blind)
            log_info("archive %s: its key may not look at what is stored; that the store took it is believed", a->name);
        a->blind |= t->unseen;
    }
    if (t->outcome == TASK_GONE && !t->lost) a->missed = true;
    if (!a->paused && (a->more || a->missed)) timer_start(a->timer, 0);
}

/* ---- one ---- */

static void archive_free(struct archive *a)
{
    list_remove(&a->link);
    works(a);
    for (list_each(l, next, &a->tasks))
        archive_task_cancel(container_of(l, struct archive_task, link));
    store_free(a->store);
    timer_free(a->timer);
    if (a->waiting) db_pool_cancel(a->all->config.pool, &a->wait);
    free(a->name);
    free(a->key);
    free(a->base);
    a->name = NULL;
    if (!a->asking) free(a);
}

/* The folder of file:// ends before the first component with a placeholder. */
static size_t base_len(const char *url)
{
    struct slice all = slice_of(url), key = store_url_key(all);
    if (!slice_starts(all, SLICE("file:"))) return key.len > 0 ? (size_t)(key.p - url) : all.len;
    const char *brace = strchr(url, '{');
    size_t n = brace ? (size_t)(brace - url) : all.len;
    while (n > 0 && url[n - 1] != '/')
        n--;
    return n;
}

struct store_config archives_access(const struct config *config, const char *url)
{
    const struct config_store *s = config_store_for(config, url);
    struct store_config c = {.url = url};
    if (!s) return c;
    c.endpoint = s->endpoint;
    c.region = s->region;
    c.key_id = s->key_id;
    c.secret = s->secret;
    c.ca_file = s->ca_file;
    return c;
}

static int archive_new(struct archives *all, const struct config_archive *from)
{
    struct archive *a = calloc(1, sizeof *a);
    if (!a) return -ENOMEM;
    a->all = all;
    list_init(&a->link);
    list_init(&a->tasks);
    size_t n = base_len(from->url);
    a->name = strdup(from->name);
    a->base = strndup(from->url, n);
    a->key = strdup(from->url + n);
    int r = a->name && a->base && a->key ? timer_new(all->config.loop, on_time, a, &a->timer) : -ENOMEM;
    if (r < 0) {
        archive_free(a);
        return r;
    }
    struct store_config c = archives_access(all->config.config, from->url);
    c.url = a->base;
    c.loop = all->config.loop;
    c.workers = all->config.workers;
    c.transfers = all->config.transfers;
    struct error err = {0};
    r = store_new(&c, &err, &a->store);
    if (r > 0) log_error("archive %s: %s; nothing is stored there", a->name, err.text);
    list_append(&all->all, &a->link);
    return r < 0 ? r : 0;
}

/* ---- all of them ---- */

static void on_over(struct observer *o, const struct arrival *arrival)
{
    (void)arrival;
    struct archives *all = container_of(o, struct archives, observer);
    for (struct list *l = all->all.next; l != &all->all; l = l->next) {
        struct archive *a = container_of(l, struct archive, link);
        a->more = true;
        if (!a->paused && a->n_tasks < ARCHIVE_TASKS) timer_start(a->timer, SOON_MS);
    }
}

static void make_all(struct archives *all)
{
    const struct config *c = all->config.config;
    for (size_t i = 0; i < c->n_archives; i++)
        if (archive_new(all, &c->archives[i]) < 0)
            log_error("no memory for archive %s; nothing is stored there", c->archives[i].name);
}

int archives_new(const struct archives_config *config, struct archives **ret_archives)
{
    struct archives *all = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    all->config = *config;
    config_ref(config->config);
    list_init(&all->all);
    list_init(&all->orphans);
    all->observer.over = on_over;
    observers_add(config->observers, &all->observer);
    make_all(all);
    *ret_archives = all;
    return 0;
}

void archives_set_config(struct archives *all, struct config *config)
{
    for (list_each(l, next, &all->all))
        archive_free(container_of(l, struct archive, link));
    config_ref(config);
    config_unref(all->config.config);
    all->config.config = config;
    all->going = false; /* until the database knows, too */
    if (!all->stopped) make_all(all);
}

void archives_go(struct archives *all)
{
    all->going = true;
    for (struct list *l = all->all.next; l != &all->all; l = l->next)
        pump(container_of(l, struct archive, link));
}

void archives_stop(struct archives *all)
{
    if (!all || all->stopped) return;
    all->stopped = true;
    list_remove(&all->observer.link);
    for (list_each(l, next, &all->all))
        archive_free(container_of(l, struct archive, link));
}

void archives_free(struct archives *all)
{
    if (!all) return;
    archives_stop(all);
    config_unref(all->config.config);
    free(all);
}

int archives_declare(struct db_conn *c, const struct config *config, void (*done)(void *ctx, const struct db_result *r), void *ctx)
{
    struct buf values, sql;
    buf_init(&values, DECLARE_MAX);
    buf_init(&sql, 4 * DECLARE_MAX);
    for (size_t i = 0; i < config->n_archives; i++) {
        buf_puts(&values, i > 0 ? ", (" : "(");
        db_quote_literal(&values, slice_of(config->archives[i].name));
        buf_puts(&values, config->archives[i].failed ? ", true)" : ", false)");
    }
    if (config->n_archives > 0) {
        buf_puts(&sql, SQL_ARCHIVE_COMPARE);
        buf_put(&sql, buf_slice(&values));
        buf_puts(&sql, SQL_ARCHIVE_INSERT);
        buf_put(&sql, buf_slice(&values));
        buf_puts(&sql, SQL_ARCHIVE_TRIGGER_MAKE);
    } else {
        buf_puts(&sql, SQL_ARCHIVE_NONE);
    }
    int r = buf_check(&values);
    if (r == 0) r = buf_check(&sql);
    if (r == 0) r = db_query(c, &(struct db_query){.sql = buf_cstr(&sql), .done = done, .ctx = ctx});
    buf_done(&values);
    buf_done(&sql);
    return r;
}
