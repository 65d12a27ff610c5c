/* SPDX-License-Identifier: MIT */
#define HASH_NONFATAL_OOM 1
#include "api/event_versions.h"

#include "db/query.h"
#include "loop/timer.h"

#include <stdlib.h>
#include <uthash.h>

enum {
    SOON_MS = 30,   /* behind a change: others may follow */
    POLL_MS = 5000, /* for changes that nobody tells */
    WAIT_MS = 5000,
    BUMPED_MAX = 64,
};

#define SQL_VERSIONS                                                                                                               \
    "SELECT d.id, d.name, d.base_version + (SELECT count(*) FROM cetl.change c WHERE c.dataset_id = d.id)"                         \
    " FROM cetl.dataset d"

struct known {
    UT_hash_handle hh;
    int64_t dataset, version;
};

struct event_versions {
    struct loop *loop;
    struct events *events;
    struct db_pool *pool; /* NULL: it is gone */
    struct versions_watch watch;
    struct timer *timer;
    struct known *known;
    int64_t bumped[BUMPED_MAX]; /* since the last question: datasets that may not be known yet */
    size_t n_bumped;
    struct db_wait wait;
    struct db_conn *conn;
    bool waiting, soon; /* a question is under way; another one is to follow it */
};

static void forget(struct event_versions *v)
{
    struct known *k, *next;
    HASH_ITER(hh, v->known, k, next)
    {
        HASH_DELETE(hh, v->known, k);
        free(k);
    }
    v->n_bumped = 0;
}

static bool was_bumped(const struct event_versions *v, int64_t dataset)
{
    for (size_t i = 0; i < v->n_bumped; i++)
        if (v->bumped[i] == dataset) return true;
    return false;
}

/* Its version now; true where that is news. What is seen for the first time is none, unless it was changed meanwhile. */
static bool is_news(struct event_versions *v, int64_t dataset, int64_t version)
{
    struct known *k;
    HASH_FIND(hh, v->known, &dataset, sizeof dataset, k);
    if (k && k->version == version) return false;
    bool news = k || was_bumped(v, dataset);
    if (!k) {
        k = calloc(1, sizeof *k);
        if (!k) return news;
        k->dataset = dataset;
        HASH_ADD(hh, v->known, dataset, sizeof k->dataset, k);
        if (!k->hh.tbl) {
            free(k);
            return news;
        }
    }
    k->version = version;
    return news;
}

static void over(struct event_versions *v)
{
    v->waiting = false;
    v->n_bumped = 0;
    timer_start(v->timer, v->soon ? SOON_MS : POLL_MS);
    v->soon = false;
}

static void on_versions(void *ctx, const struct db_result *r)
{
    struct event_versions *v = ctx;
    for (int i = 0; r->status == 0 && i < PQntuples(r->rows); i++) {
        int64_t version = db_get_int8(r->rows, i, 2, 0);
        if (is_news(v, db_get_int8(r->rows, i, 0, 0), version)) events_version(v->events, db_get(r->rows, i, 1), version);
    }
    db_pool_give(v->pool, v->conn);
    v->conn = NULL;
    over(v);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct event_versions *v = container_of(w, struct event_versions, wait);
    v->conn = c;
    if (c && db_query(c, &(struct db_query){.sql = SQL_VERSIONS, .done = on_versions, .ctx = v}) == 0) return;
    if (c) db_pool_give(v->pool, c);
    v->conn = NULL;
    over(v);
}

static void ask(void *ctx)
{
    struct event_versions *v = ctx;
    if (v->waiting) return;
    if (!events_are_watched(v->events)) return forget(v);
    v->waiting = true;
    db_pool_take(v->pool, &v->wait, WAIT_MS);
}

static void changed(struct versions_watch *w, int64_t dataset)
{
    struct event_versions *v = container_of(w, struct event_versions, watch);
    if (!events_are_watched(v->events)) return;
    if (v->n_bumped < BUMPED_MAX && dataset && !was_bumped(v, dataset)) v->bumped[v->n_bumped++] = dataset;
    if (v->waiting)
        v->soon = true;
    else
        timer_start(v->timer, SOON_MS);
}

void event_versions_begin(struct event_versions *v)
{
    if (!v->waiting) timer_start(v->timer, 0);
}

int event_versions_new(struct loop *l, struct events *events, struct versions *versions, struct db_pool *pool,
                       struct event_versions **ret_versions)
{
    struct event_versions *v = calloc(1, sizeof *v);
    if (!v) return -ENOMEM;
    *v = (struct event_versions){.loop = l, .events = events, .pool = pool, .watch.changed = changed, .wait.got = on_connected};
    list_init(&v->watch.link);
    list_init(&v->wait.link);
    int r = timer_new(l, ask, v, &v->timer);
    if (r < 0) {
        free(v);
        return r;
    }
    versions_watch(versions, &v->watch);
    *ret_versions = v;
    return 0;
}

void event_versions_free(struct event_versions *v)
{
    if (!v) return;
    versions_unwatch(&v->watch);
    timer_free(v->timer);
    forget(v);
    free(v);
}
