/* SPDX-License-Identifier: MIT */
#include "api/dataset_counts.h"
#include "api/event_versions.h"
#include "api/jobs.h"
#include "api/keys.h"
#include "api/openapi.h"
#include "api/rates.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon_private.h"
#include "etl/sql.h"
#include "http/tally.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NICE = 5, /* of the workers: the loop's answers come first */
    STORERS = 2,
    ANSWER_QUEUE_MAX = 1 << 20,
    ANSWERS_MAX = 32 << 20,        /* of all clients */
    PIPELINE_TIMEOUT_MS = 250,     /* a query that takes longer goes to a connection of its own */
    PIPELINE_QUEUE_MAX = 2048,     /* queries */
    PIPELINE_ANSWER_MAX = 1 << 20, /* likewise an answer that is larger */
    MORE_CONNECTIONS = 4,          /* for small files, the catalog, the derives, and the rebuilds */
    CACHE_SHARE = 4,               /* of memory_max, for kept answers, at most */
    ROLLUP_SHARE = 4,              /* what of memory_max the pipelines may not have: a quarter, for partial aggregates */
};

/* ---- the database ---- */

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
        .waits = &d->counters.histogram[loads ? HISTOGRAM_PG_WAIT_LOAD : HISTOGRAM_PG_WAIT_API],
        .up = loads ? daemon_up : NULL,
        .down = loads ? daemon_down : NULL,
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
    char setup[1024];
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
    char api_setup[1024];
    snprintf(api_setup, sizeof api_setup, SQL_SETUP_API, (long long)d->config->database.statement_timeout_ms);
    int r = make_pool(d, conninfo, SQL_SETUP, true, &d->load_pool);
    if (r == 0) r = make_pool(d, conninfo, api_setup, false, &d->api_pool);
    return r < 0 ? r : make_pipeline(d, conninfo);
}

static void embedded_failed(void *ctx, const struct error *why)
{
    struct daemon *d = ctx;
    snprintf(d->api.embedded_why, sizeof d->api.embedded_why, "%s", why->text);
    log_error("the embedded cluster: %s", why->text);
}

static void embedded_ready(void *ctx)
{
    struct daemon *d = ctx;
    d->embedded_ready = true;
    d->api.embedded_why[0] = '\0';
    log_info("the embedded cluster is ready");
    db_pool_retry(d->load_pool); /* it tries since the daemon began */
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

/* ---- loop, ETL, API ---- */

static int make_loop(struct daemon *d)
{
    int r = loop_new(&d->loop);
    if (r == 0) r = workers_new(d->loop, config_workers(d->config), NICE, &d->workers);
    if (r == 0) r = workers_new(d->loop, STORERS, NICE, &d->storers);
    if (r == 0) r = transfers_new(&(struct transfers_config){.loop = d->loop, .workers = d->workers}, &d->transfers);
    if (r == 0) r = signals_new(d->loop, &(struct signals_handler){daemon_end, daemon_reload, d}, &d->signals);
    if (r == 0) r = notify_new(d->loop, daemon_is_alive, d, &d->notify);
    if (r == 0) r = timer_new(d->loop, daemon_show_status, d, &d->status_timer);
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

/* What is known of the tables, and who reads it. */
static int make_catalog(struct daemon *d)
{
    int r = catalog_new(&d->catalog);
    if (r < 0) return r;
    struct derives_config derives = {
        .loop = d->loop, .pool = d->load_pool, .catalog = d->catalog, .counters = &d->counters, .observers = &d->observers};
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
                                 .done = daemon_set_up,
                                 .ctx = d};
    return setup_new(&setup, &d->setup);
}

/* Loads and kept answers, who share memory_max. */
static int make_scheduler(struct daemon *d)
{
    size_t budget = (size_t)d->config->daemon.memory_max;
    size_t cache = cache_bytes_max(d->config);
    d->memory = (struct memory){.max = budget - budget / ROLLUP_SHARE - cache, .counters = &d->counters};
    int r = cache_new(cache, &d->counters, &d->cache);
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
                                 .stale = daemon_look_again,
                                 .stale_ctx = d,
                                 .changed = on_changed,
                                 .changed_ctx = d,
                                 .derives = d->derives,
                                 .observers = &d->observers};
    return scheduler_new(&c, &d->scheduler);
}

/* The scheduler may be gone, at the daemon's end: then the next start finds it in work/. */
static void on_pulled(void *ctx, struct place_file *file)
{
    struct daemon *d = ctx;
    if (d->api.scheduler)
        scheduler_take(d->api.scheduler, file);
    else
        place_file_done(file);
}

static int make_sources(struct daemon *d)
{
    struct source_config c = {.loop = d->loop,
                              .workers = d->workers,
                              .transfers = d->transfers,
                              .place = &d->place,
                              .memory = &d->memory,
                              .state = d->config->daemon.state,
                              .file = on_pulled,
                              .ctx = d};
    return sources_new(&c, d->config, &d->sources);
}

static int make_etl(struct daemon *d)
{
    observers_init(&d->observers);
    struct webhook_config notices = {.loop = d->loop, .transfers = d->transfers, .counters = &d->counters};
    int r = notices_new(&notices, &d->observers, d->config, &d->notices);
    if (r == 0) r = make_catalog(d);
    if (r == 0) r = make_scheduler(d);
    if (r < 0) return r;
    struct keeper_config keeper = {
        .loop = d->loop, .workers = d->workers, .place = &d->place, .pool = d->load_pool, .config = d->config};
    r = keeper_new(&keeper, &d->keeper);
    if (r < 0) return r;
    struct archives_config archives = {.loop = d->loop,
                                       .workers = d->storers,
                                       .transfers = d->transfers,
                                       .place = &d->place,
                                       .pool = d->load_pool,
                                       .memory = &d->memory,
                                       .observers = &d->observers,
                                       .config = d->config};
    r = archives_new(&archives, &d->archives);
    if (r < 0) return r;
    struct error err;
    r = scheduler_start(d->scheduler, &err);
    if (r < 0) log_error("%s", err.text);
    if (r == 0) r = make_sources(d);
    struct backups_config backups = {.loop = d->loop,
                                     .workers = d->storers,
                                     .observers = &d->observers,
                                     .state = d->config->daemon.state,
                                     .config_path = d->options.path};
    return r < 0 ? r : backups_new(&backups, d->config, &d->backups);
}

static void log_request(void *ctx, const struct http_request *r, const char *line)
{
    (void)ctx;
    const char *trace = http_request_trace(r);
    log_event(LOG_INFO, LOG_FIELDS({"REQUEST", http_request_id(r)}, {"TRACE", trace[0] ? trace : NULL}), "%s%s%s", line,
              trace[0] ? " trace=" : "", trace);
}

static int make_http(struct daemon *d)
{
    const struct config_api *a = &d->config->api;
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
                                   .tally = d->api.tally,
                                   .log = a->request_log ? log_request : NULL,
                                   .ctx = d};
    int r = http_server_new(d->loop, &c, &d->http);
    return r < 0 ? r : daemon_listen(d);
}

static void on_listened(void *ctx)
{
    struct daemon *d = ctx;
    event_versions_begin(d->event_versions);
}

static int make_events(struct daemon *d)
{
    const struct config_api *a = &d->config->api;
    unsigned streams =
        (unsigned)(a->max_event_streams < a->max_connections * 3 / 4 ? a->max_event_streams : a->max_connections * 3 / 4);
    struct events_config events = {.loop = d->loop,
                                   .scheduler = d->scheduler,
                                   .observers = &d->observers,
                                   .counters = &d->counters,
                                   .max = streams,
                                   .begin = on_listened,
                                   .ctx = d};
    int r = events_new(&events, &d->api.events);
    return r < 0 ? r : event_versions_new(d->loop, d->api.events, d->versions, d->api_pool, &d->event_versions);
}

static int make_counts(struct daemon *d)
{
    int r = http_tally_new(&d->api.router, &d->api.tally);
    if (r == 0) r = dataset_counts_new(&d->observers, &d->api.dataset_counts);
    return r < 0 ? r : dataset_counts_declare(d->api.dataset_counts, d->config);
}

static int make_api(struct daemon *d)
{
    d->api = (struct api){.loop = d->loop,
                          .scheduler = d->scheduler,
                          .sources = d->sources,
                          .backups = d->backups,
                          .observers = &d->observers,
                          .catalog = d->catalog,
                          .derives = d->derives,
                          .exposed = d->exposed,
                          .setup = d->setup,
                          .pool = d->api_pool,
                          .versions = d->versions,
                          .load_pool = d->load_pool,
                          .workers = d->workers,
                          .storers = d->storers,
                          .transfers = d->transfers,
                          .place = &d->place,
                          .memory = &d->memory,
                          .counters = &d->counters,
                          .config = d->config,
                          .first = config_ref(d->config),
                          .instance = &d->instance,
                          .started_us = clock_mono_us(),
                          .control = {daemon_reload_now, daemon_is_reloading, daemon_mistake, daemon_look_again, d}};
    d->api.reads = (struct reads){
        .loop = d->loop, .pipeline = d->pipeline, .versions = d->versions, .cache = d->cache, .counters = &d->counters};
    api_router(&d->api);
    int r = make_counts(d);
    if (r == 0) r = make_events(d);
    if (r == 0) r = openapi_new(&d->api.openapi);
    if (r < 0) return r;
    /* One connection is always left for the small answers. */
    r = gate_new(d->loop, (unsigned)d->config->database.api_connections - 1, &d->api.large);
    struct jobs_config jobs = {
        .scheduler = d->scheduler, .observers = &d->observers, .loop = d->loop, .place = &d->place, .sources = d->sources};
    if (r == 0) r = jobs_new(&jobs, &d->api.jobs);
    if (r == 0) r = heavy_new(&d->api.reads.heavy);
    if (r == 0) r = keys_new(d->config, &d->api.keys);
    if (r == 0) r = rates_new(&d->api.rates);
    return r < 0 ? r : make_http(d);
}

int daemon_make(struct daemon *d)
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

void daemon_done(struct daemon *d)
{
    archives_stop(d->archives);
    backups_stop(d->backups, NULL, NULL);
    daemon_close_pools(d);
    jobs_free(d->api.jobs);
    sources_free(d->sources);
    scheduler_free(d->scheduler);
    d->api.scheduler = NULL;
    gate_free(d->api.large);
    event_versions_free(d->event_versions);
    events_free(d->api.events);
    dataset_counts_free(d->api.dataset_counts);
    http_tally_free(d->api.tally);
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
    timer_free(d->accept_timer);
    notify_free(d->notify);
    signals_free(d->signals);
    notices_free(d->notices);
    transfers_free(d->transfers);
    workers_free(d->workers);
    workers_free(d->storers);
    keeper_free(d->keeper);
    archives_free(d->archives);
    backups_free(d->backups);
    d->loop_left = !loop_free(d->loop);
    if (d->placed) place_close(&d->place);
    config_unref(d->api.first);
    config_unref(d->config);
    free(d->password);
}
