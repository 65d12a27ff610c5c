/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include "api/api.h"
#include "api/event_versions.h"
#include "api/jobs.h"
#include "api/keys.h"
#include "api/openapi.h"
#include "api/rates.h"
#include "api/scope.h"
#include "api/versions.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/embedded.h"
#include "etl/formulas.h"
#include "etl/keeper.h"
#include "etl/rebuilds.h"
#include "etl/scheduler.h"
#include "etl/setup.h"
#include "etl/sql.h"
#include "http/server.h"
#include "loop/notify.h"
#include "loop/signals.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

enum {
    NICE = 5,              /* of the workers: the loop's answers come first */
    LOAD_GRACE_MS = 10000, /* for running loads, at the end; then they are rolled back */
    ABANDON_MS = 15000,    /* for the server's answer to that */
    HTTP_GRACE_MS = 5000,  /* for open requests, at the end */
    STATUS_MS = 1000,
    STALLED_MS = 60000, /* workers that finish nothing for so long while jobs wait are stuck */
    ANSWER_QUEUE_MAX = 1 << 20,
    ANSWERS_MAX = 32 << 20,        /* of all clients */
    PIPELINE_TIMEOUT_MS = 250,     /* a query that takes longer goes to a connection of its own */
    PIPELINE_QUEUE_MAX = 2048,     /* queries */
    PIPELINE_ANSWER_MAX = 1 << 20, /* likewise an answer that is larger */
    MORE_CONNECTIONS = 4,          /* for small files, the catalog, the derives, and the rebuilds */
    CACHE_SHARE = 4,               /* of memory_max, for kept answers, at most */
    ROLLUP_SHARE = 4,              /* what of memory_max the pipelines may not have: a quarter, for partial aggregates */
};

struct daemon {
    struct daemon_options options;
    struct config *config;
    struct counters counters;
    struct memory memory;
    struct place place;
    struct instance instance;
    bool placed;
    char *password;

    struct loop *loop;
    struct workers *workers;
    struct signals *signals;
    struct notify *notify;
    struct timer *status_timer, *next_timer, *http_timer, *abandon_timer;
    struct db_embedded *embedded;
    struct db_pool *load_pool, *api_pool;
    struct db_pipeline *pipeline;
    struct versions *versions;
    struct cache *cache;
    struct catalog *catalog;
    struct derives *derives;
    struct exposed *exposed;
    struct rebuilds *rebuilds;
    struct setup *setup;
    struct event_versions *event_versions;
    struct observer observer; /* the clients of /events */
    struct scheduler *scheduler;
    struct keeper *keeper;
    struct api api;
    struct http_server *http;

    uint64_t progress; /* of the workers, in jobs and copied bytes */
    int64_t progress_ms;
    bool embedded_ready, stopping, loads_stopped, http_drained;
    int status;
};

/* ---- alive ---- */

/* Work waits and nothing has come of it for a long time, not even a piece of a long copy: the workers hang. */
static bool alive(void *ctx)
{
    struct daemon *d = ctx;
    uint64_t finished = workers_finished(d->workers) + atomic_load_explicit(&d->place.copied, memory_order_relaxed);
    int64_t now = loop_now_ms(d->loop);
    if (finished != d->progress || workers_pending(d->workers) == 0) {
        d->progress = finished;
        d->progress_ms = now;
    }
    return now - d->progress_ms < STALLED_MS;
}

static void on_status(void *ctx)
{
    struct daemon *d = ctx;
    struct scheduler_totals t = scheduler_totals(d->scheduler);
    counters_set(&d->counters, COUNTER_FILES_WAITING, t.waiting);
    const char *reason = db_pool_is_up(d->load_pool) ? setup_reason(d->setup) : db_pool_reason(d->load_pool);
    notify_status(d->notify, "%u queued, %u waiting, %u loading, %u unreadable, %lld rows loaded%s%s", t.queued, t.waiting,
                  t.loading, t.unreadable, (long long)counters_get(&d->counters, COUNTER_ROWS_LOADED),
                  reason[0] ? "; database: " : "", reason);
}

/* ---- the end ---- */

static void embedded_stopped(void *ctx)
{
    struct daemon *d = ctx;
    loop_stop(d->loop);
}

/*
 * Requests that are still open go first, for they ask the pools; then the pools, since what they end under the setup's hands the
 * setup must still be there for.
 */
static void close_pools(struct daemon *d)
{
    http_server_free(d->http);
    d->http = NULL;
    d->http_drained = true;
    d->api.ready = false;
    d->api.setup = NULL;
    db_pipeline_free(d->pipeline);
    db_pool_free(d->api_pool);
    db_pool_free(d->load_pool);
    d->api_pool = d->load_pool = NULL;
    d->pipeline = NULL;
    setup_free(d->setup);
    d->setup = NULL;
}

/* Neither commit nor rollback was answered in time: close the connections under the loads. The ledger tells the next start what
 * came of them. */
static void abandon(void *ctx)
{
    struct daemon *d = ctx;
    log_warning("the database does not answer; the loads are left as they are");
    scheduler_abandon(d->scheduler);
    close_pools(d);
}

/* Loads and requests are over: close the connections, then the cluster may go. */
static void close_database(void *ctx)
{
    struct daemon *d = ctx;
    http_server_free(d->http); /* who did not get away in time would ask pools that are gone */
    d->http = NULL;
    close_pools(d);
    if (d->embedded) {
        db_embedded_stop(d->embedded, embedded_stopped, d);
    } else {
        loop_stop(d->loop);
    }
}

static void maybe_close(struct daemon *d)
{
    if (!d->loads_stopped || !d->http_drained) return;
    if (timer_new(d->loop, close_database, d, &d->next_timer) == 0) {
        timer_start(d->next_timer, 0);
    } else {
        loop_stop(d->loop);
    }
}

static void loads_stopped(void *ctx)
{
    struct daemon *d = ctx;
    d->loads_stopped = true;
    timer_free(d->abandon_timer);
    d->abandon_timer = NULL;
    maybe_close(d);
}

static void http_drained(void *ctx)
{
    struct daemon *d = ctx;
    if (d->http_drained) return;
    d->http_drained = true;
    timer_free(d->http_timer);
    d->http_timer = NULL;
    maybe_close(d);
}

static void on_terminate(void *ctx)
{
    struct daemon *d = ctx;
    if (d->stopping) return;
    d->stopping = true;
    log_info("stopping");
    notify_stopping(d->notify);
    timer_stop(d->status_timer);
    if (timer_new(d->loop, http_drained, d, &d->http_timer) == 0) timer_start(d->http_timer, HTTP_GRACE_MS);
    if (timer_new(d->loop, abandon, d, &d->abandon_timer) == 0) timer_start(d->abandon_timer, ABANDON_MS);
    events_close(d->api.events);
    http_server_drain(d->http, http_drained, d); /* may call back at once */
    keeper_stop(d->keeper);
    derives_stop(d->derives);
    rebuilds_hold(d->rebuilds);
    scheduler_stop(d->scheduler, LOAD_GRACE_MS, loads_stopped, d);
}

/* ---- reload ---- */

static void log_mistakes(const struct mistakes *m, const char *verdict)
{
    for (size_t i = 0; i < m->stored; i++)
        log_error("%s", m->text[i]);
    log_error("%zu mistakes in the configuration; %s", m->n, verdict);
}

static void on_reload(void *ctx)
{
    struct daemon *d = ctx;
    if (d->stopping) return;
    notify_reloading(d->notify);
    struct mistakes m;
    mistakes_init(&m);
    struct config *fresh;
    struct keys *keys;
    int r = formulas_load_config(d->options.path, d->options.presence, &m, &fresh);
    if (r != 0) {
        log_mistakes(&m, "the old one stays");
    } else if (keys_new(fresh, &keys) < 0) {
        log_error("no memory for the keys of the configuration; the old one stays");
        config_unref(fresh);
    } else {
        struct buf fixed;
        buf_init(&fixed, ERROR_TEXT_MAX);
        if (config_diff(d->config, fresh, &fixed) > 0)
            log_warning("these take a restart: " SLICE_FMT, SLICE_ARG(buf_slice(&fixed)));
        buf_done(&fixed);
        config_unref(d->config);
        d->config = fresh;
        d->api.config = fresh;
        keys_free(d->api.keys);
        d->api.keys = keys;
        log_set_level(fresh->daemon.log_level);
        scheduler_hold(d->scheduler); /* until the catalog is as the configuration says */
        scheduler_set_config(d->scheduler, fresh);
        keeper_set_config(d->keeper, fresh);
        events_ask_again(d->api.events);
        setup_run(d->setup, fresh);
        scheduler_rescan(d->scheduler);
        log_info("configuration reloaded");
    }
    mistakes_done(&m);
    notify_ready(d->notify);
}

/* ---- the database ---- */

static void on_up(void *ctx)
{
    struct daemon *d = ctx;
    log_info("the database answers");
    setup_run(d->setup, d->config);
}

static void on_down(void *ctx, const struct error *why)
{
    struct daemon *d = ctx;
    bool starting = d->embedded && !d->embedded_ready; /* it cannot answer yet */
    if (!d->stopping && !starting) log_warning("the database does not answer: %s", why->text);
    d->api.ready = false;
    scheduler_hold(d->scheduler);
    derives_hold(d->derives);
    rebuilds_hold(d->rebuilds);
}

static void on_set_up(void *ctx)
{
    struct daemon *d = ctx;
    d->api.ready = true;
    if (d->stopping) return;
    scope_check(&d->api);
    cache_clear(d->cache); /* what is read, and how, may be another than before */
    versions_go(d->versions, d->config->api.freshness == CONFIG_FRESHNESS_NOTIFY);
    scheduler_go(d->scheduler);
    derives_go(d->derives);
    rebuilds_go(d->rebuilds);
}

static void on_stale(void *ctx)
{
    struct daemon *d = ctx;
    if (!d->stopping && d->setup) setup_run(d->setup, d->config);
}

static int make_pool(struct daemon *d, const char *conninfo, const char *setup, bool loads, struct db_pool **ret_pool)
{
    struct db_pool_config c = {
        .conn = {.conninfo = conninfo,
                 .application_name = loads ? "cetld load" : "cetld api",
                 .password = d->password,
                 .setup = setup,
                 .connect_timeout_ms = d->config->database.connect_timeout_ms},
        .size = (unsigned)(loads ? d->config->database.load_connections + MORE_CONNECTIONS : d->config->database.api_connections),
        .backoff_max_ms = d->config->database.backoff_max_ms,
        .waiting_max = loads ? 0 : (unsigned)d->config->api.max_waiting,
        .counters = &d->counters,
        .up = loads ? on_up : NULL,
        .down = loads ? on_down : NULL,
        .ctx = d,
    };
    return db_pool_new(d->loop, &c, ret_pool);
}

static void on_pipeline_up(void *ctx)
{
    struct daemon *d = ctx;
    versions_up(d->versions);
}

static void on_pipeline_down(void *ctx)
{
    struct daemon *d = ctx;
    versions_down(d->versions);
}

static void on_notified(void *ctx, const char *channel, const char *payload)
{
    struct daemon *d = ctx;
    versions_notified(d->versions, channel, payload);
}

/* One for the small reads, and the versions for what is read there. */
static int make_pipeline(struct daemon *d, const char *conninfo)
{
    char setup[640];
    snprintf(setup, sizeof setup, SQL_SETUP_API "; " VERSIONS_LISTEN, (long long)PIPELINE_TIMEOUT_MS);
    bool notify = d->config->api.freshness == CONFIG_FRESHNESS_NOTIFY;
    struct db_pipeline_config c = {.conn = {.conninfo = conninfo,
                                            .application_name = notify ? VERSIONS_NOTIFY : "cetld api",
                                            .password = d->password,
                                            .setup = setup,
                                            .connect_timeout_ms = d->config->database.connect_timeout_ms},
                                   .backoff_max_ms = d->config->database.backoff_max_ms,
                                   .counters = &d->counters,
                                   .queue_max = PIPELINE_QUEUE_MAX,
                                   .answer_max = PIPELINE_ANSWER_MAX,
                                   .up = on_pipeline_up,
                                   .down = on_pipeline_down,
                                   .notified = on_notified,
                                   .ctx = d};
    int r = db_pipeline_new(d->loop, &c, &d->pipeline);
    if (r < 0) return r;
    struct versions_config v = {.loop = d->loop, .pipeline = d->pipeline, .pool = d->load_pool};
    return versions_new(&v, &d->versions);
}

static int make_pools(struct daemon *d)
{
    const char *conninfo = d->embedded ? db_embedded_conninfo(d->embedded) : d->config->database.url;
    char api_setup[512];
    snprintf(api_setup, sizeof api_setup, SQL_SETUP_API, (long long)d->config->database.statement_timeout_ms);
    int r = make_pool(d, conninfo, SQL_SETUP, true, &d->load_pool);
    if (r == 0) r = make_pool(d, conninfo, api_setup, false, &d->api_pool);
    return r < 0 ? r : make_pipeline(d, conninfo);
}

static void embedded_failed(void *ctx, const struct error *why)
{
    (void)ctx;
    log_error("the embedded cluster: %s", why->text);
}

static void embedded_ready(void *ctx)
{
    struct daemon *d = ctx;
    d->embedded_ready = true;
    log_info("the embedded cluster is ready");
}

static int make_database(struct daemon *d)
{
    const struct config_database *c = &d->config->database;
    struct error err;
    if (c->password_file[0]) {
        int r = config_read_secret(c->password_file, &err, &d->password);
        if (r < 0) {
            log_error("%s", err.text);
            return r;
        }
    }
    if (c->url[0]) return make_pools(d);
    struct db_embedded_config e = {
        .state = d->config->daemon.state, .pg_bin = c->pg_bin, .ready = embedded_ready, .failed = embedded_failed, .ctx = d};
    int r = db_embedded_new(d->loop, &e, &d->embedded);
    return r < 0 ? r : make_pools(d);
}

/* ---- the start ---- */

static int make_loop(struct daemon *d)
{
    int r = loop_new(&d->loop);
    if (r == 0) r = workers_new(d->loop, config_workers(d->config), NICE, &d->workers);
    if (r == 0) r = signals_new(d->loop, &(struct signals_handler){on_terminate, on_reload, d}, &d->signals);
    if (r == 0) r = notify_new(d->loop, alive, d, &d->notify);
    if (r == 0) r = timer_new(d->loop, on_status, d, &d->status_timer);
    return r;
}

static void on_outside(void *ctx)
{
    struct daemon *d = ctx;
    versions_bump(d->versions, NULL);
    derives_changed(d->derives);
}

/* Rows of it were committed; whoever asked for that was not answered yet. */
static void on_changed(void *ctx, const struct dataset *dataset)
{
    struct daemon *d = ctx;
    versions_bump(d->versions, dataset);
}

/* Kept answers have their share for themselves, so that loads never wait for them. */
static size_t cache_bytes_max(const struct config *c)
{
    int64_t most = c->daemon.memory_max / CACHE_SHARE;
    return (size_t)(c->api.cache_max < most ? c->api.cache_max : most);
}

static int make_etl(struct daemon *d)
{
    int r = catalog_new(&d->catalog);
    if (r < 0) return r;
    struct derives_config derives = {
        .loop = d->loop, .pool = d->load_pool, .catalog = d->catalog, .counters = &d->counters, .observer = &d->observer};
    r = derives_new(&derives, &d->derives);
    if (r == 0) r = exposed_new(&d->exposed);
    if (r < 0) return r;
    struct rebuilds_config rebuilds = {
        .loop = d->loop, .pool = d->load_pool, .catalog = d->catalog, .changed = on_outside, .ctx = d};
    r = rebuilds_new(&rebuilds, &d->rebuilds);
    if (r < 0) return r;
    struct setup_config setup = {.loop = d->loop,
                                 .pool = d->load_pool,
                                 .catalog = d->catalog,
                                 .derives = d->derives,
                                 .exposed = d->exposed,
                                 .instance = &d->instance,
                                 .done = on_set_up,
                                 .ctx = d};
    r = setup_new(&setup, &d->setup);
    if (r < 0) return r;
    size_t budget = (size_t)d->config->daemon.memory_max;
    size_t cache = cache_bytes_max(d->config);
    d->memory = (struct memory){.max = budget - budget / ROLLUP_SHARE - cache, .counters = &d->counters};
    r = cache_new(cache, &d->counters, &d->cache);
    if (r < 0) return r;
    struct scheduler_config c = {.loop = d->loop,
                                 .workers = d->workers,
                                 .memory = &d->memory,
                                 .place = &d->place,
                                 .pool = d->load_pool,
                                 .catalog = d->catalog,
                                 .counters = &d->counters,
                                 .config = d->config,
                                 .instance = &d->instance,
                                 .stale = on_stale,
                                 .stale_ctx = d,
                                 .changed = on_changed,
                                 .changed_ctx = d,
                                 .derives = d->derives,
                                 .observer = &d->observer};
    r = scheduler_new(&c, &d->scheduler);
    if (r < 0) return r;
    struct keeper_config keeper = {
        .loop = d->loop, .workers = d->workers, .place = &d->place, .pool = d->load_pool, .config = d->config};
    r = keeper_new(&keeper, &d->keeper);
    if (r < 0) return r;
    struct error err;
    r = scheduler_start(d->scheduler, &err);
    if (r < 0) log_error("%s", err.text);
    return r;
}

static void log_request(void *ctx, const struct http_request *r, const char *line)
{
    (void)ctx;
    const char *trace = http_request_trace(r);
    log_event(LOG_INFO, LOG_FIELDS({"REQUEST", http_request_id(r)}, {"TRACE", trace[0] ? trace : NULL}), "%s%s%s", line,
              trace[0] ? " trace=" : "", trace);
}

static int listen_all(struct daemon *d)
{
    struct error err;
    int passed = sd_listen_fds(1);
    for (int i = 0; i < passed; i++) {
        int r = http_server_adopt(d->http, SD_LISTEN_FDS_START + i);
        if (r < 0) return r;
    }
    for (size_t i = 0; passed <= 0 && i < d->config->api.listen.n; i++) {
        int r = http_server_listen(d->http, d->config->api.listen.item[i], &err);
        if (r >= 0) continue;
        log_error("%s", err.text);
        return r;
    }
    for (unsigned i = 0; http_server_address(d->http, i); i++)
        log_info("listening on %s", http_server_address(d->http, i));
    return 0;
}

static void on_listened(void *ctx)
{
    struct daemon *d = ctx;
    event_versions_begin(d->event_versions);
}

static int make_api(struct daemon *d)
{
    const struct config_api *a = &d->config->api;
    d->api = (struct api){.loop = d->loop,
                          .scheduler = d->scheduler,
                          .catalog = d->catalog,
                          .derives = d->derives,
                          .exposed = d->exposed,
                          .setup = d->setup,
                          .pool = d->api_pool,
                          .versions = d->versions,
                          .load_pool = d->load_pool,
                          .workers = d->workers,
                          .place = &d->place,
                          .memory = &d->memory,
                          .counters = &d->counters,
                          .config = d->config,
                          .instance = &d->instance,
                          .started_us = clock_mono_us()};
    d->api.reads = (struct reads){
        .loop = d->loop, .pipeline = d->pipeline, .versions = d->versions, .cache = d->cache, .counters = &d->counters};
    api_router(&d->api);
    unsigned streams =
        (unsigned)(a->max_event_streams < a->max_connections * 3 / 4 ? a->max_event_streams : a->max_connections * 3 / 4);
    struct events_config events = {
        .loop = d->loop, .scheduler = d->scheduler, .counters = &d->counters, .max = streams, .begin = on_listened, .ctx = d};
    int r = events_new(&events, &d->api.events);
    if (r == 0) r = openapi_new(&d->api.openapi);
    if (r == 0) r = event_versions_new(d->loop, d->api.events, d->versions, d->api_pool, &d->event_versions);
    if (r < 0) return r;
    d->observer = events_observer(d->api.events);
    /* One connection is always left for the small answers. */
    r = gate_new(d->loop, (unsigned)d->config->database.api_connections - 1, &d->api.large);
    if (r == 0) r = jobs_new(d->scheduler, d->loop, &d->place, &d->api.jobs);
    if (r == 0) r = heavy_new(&d->api.reads.heavy);
    if (r == 0) r = keys_new(d->config, &d->api.keys);
    if (r == 0) r = rates_new(&d->api.rates);
    if (r < 0) return r;
    struct http_server_config c = {.limits = {.header_max = (size_t)a->header_max,
                                              .body_max = (size_t)a->body_max,
                                              .queue_max = ANSWER_QUEUE_MAX,
                                              .answers_max = ANSWERS_MAX,
                                              .header_timeout_ms = a->header_timeout_ms,
                                              .idle_timeout_ms = a->idle_timeout_ms,
                                              .gzip_level = (int)a->gzip,
                                              .connections = (unsigned)a->max_connections,
                                              .address_connections = (unsigned)a->max_address_connections},
                                   .socket_mode = (mode_t)a->socket_mode,
                                   .router = &d->api.router,
                                   .counters = &d->counters,
                                   .log = a->request_log ? log_request : NULL,
                                   .ctx = d};
    r = http_server_new(d->loop, &c, &d->http);
    return r < 0 ? r : listen_all(d);
}

static int start(struct daemon *d)
{
    struct error err;
    int r = place_open(&d->place, d->config->daemon.spool, &err);
    if (r < 0) {
        log_error("%s", err.text);
        return r;
    }
    d->placed = true;
    instance_open(&d->instance, d->config->daemon.state);
    r = make_loop(d);
    if (r == 0) r = make_database(d);
    if (r == 0) r = make_etl(d);
    if (r == 0) r = make_api(d);
    return r;
}

/* In the reverse order of making; anything may be missing. */
static void daemon_done(struct daemon *d)
{
    close_pools(d);
    jobs_free(d->api.jobs);
    scheduler_free(d->scheduler);
    d->api.scheduler = NULL;
    gate_free(d->api.large);
    event_versions_free(d->event_versions);
    events_free(d->api.events);
    openapi_free(d->api.openapi);
    keys_free(d->api.keys);
    rates_free(d->api.rates);
    heavy_free(d->api.reads.heavy);
    versions_free(d->versions);
    cache_free(d->cache);
    derives_free(d->derives);
    exposed_free(d->exposed);
    rebuilds_free(d->rebuilds);
    catalog_free(d->catalog);
    db_embedded_free(d->embedded);
    timer_free(d->status_timer);
    timer_free(d->next_timer);
    timer_free(d->http_timer);
    timer_free(d->abandon_timer);
    notify_free(d->notify);
    signals_free(d->signals);
    workers_free(d->workers);
    keeper_free(d->keeper);
    loop_free(d->loop);
    if (d->placed) place_close(&d->place);
    config_unref(d->config);
    free(d->password);
}

int daemon_run(const struct daemon_options *options, struct config *config)
{
    struct daemon d = {.options = *options, .config = config};
    log_set_level(config->daemon.log_level);
    int r = start(&d);
    if (r == 0) {
        timer_repeat(d.status_timer, STATUS_MS);
        notify_ready(d.notify);
        log_info("cetld " CETLD_VERSION " is ready; drop files into %s/incoming", config->daemon.spool);
        loop_run(d.loop);
        log_info("stopped");
    }
    daemon_done(&d);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
