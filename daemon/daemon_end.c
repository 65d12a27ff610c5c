/* SPDX-License-Identifier: MIT */
#include "api/events.h"
#include "base/log.h"
#include "daemon_private.h"

enum {
    LOAD_GRACE_MS = 10000,  /* for running loads, at the end; then they are rolled back */
    ABANDON_MS = 15000,     /* for the server's answer to that */
    HTTP_GRACE_MS = 5000,   /* for open requests, at the end */
    NOTICE_GRACE_MS = 2000, /* for the receivers of notifications, when all else is over */
    NOTICE_STEP_MS = 10,
};

static void embedded_stopped(void *ctx)
{
    struct daemon *d = ctx;
    loop_stop(d->loop);
}

void daemon_close_pools(struct daemon *d)
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
    daemon_close_pools(d);
}

/* Loads and requests are over, and whoever is to be told was told: close the connections, then the cluster may go. */
static void close_database(void *ctx)
{
    struct daemon *d = ctx;
    if (notices_hurry(d->notices) && loop_now_ms(d->loop) - d->over_ms < NOTICE_GRACE_MS)
        return timer_start(d->next_timer, NOTICE_STEP_MS);
    http_server_free(d->http); /* who did not get away in time would ask pools that are gone */
    d->http = NULL;
    daemon_close_pools(d);
    if (d->embedded) {
        db_embedded_stop(d->embedded, embedded_stopped, d);
    } else {
        loop_stop(d->loop);
    }
}

static void maybe_close(struct daemon *d)
{
    if (!d->loads_stopped || !d->http_drained || !d->backups_stopped) return;
    d->over_ms = loop_now_ms(d->loop);
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

static void backups_stopped(void *ctx)
{
    struct daemon *d = ctx;
    d->backups_stopped = true;
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

void daemon_end(void *ctx)
{
    struct daemon *d = ctx;
    if (d->stopping) return;
    d->stopping = true;
    log_info("stopping");
    notify_stopping(d->notify);
    daemon_show_status(d);
    if (timer_new(d->loop, http_drained, d, &d->http_timer) == 0) timer_start(d->http_timer, HTTP_GRACE_MS);
    if (timer_new(d->loop, abandon, d, &d->abandon_timer) == 0) timer_start(d->abandon_timer, ABANDON_MS);
    events_close(d->api.events);
    http_server_drain(d->http, http_drained, d); /* may call back at once */
    notices_hurry(d->notices);
    backups_stop(d->backups, backups_stopped, d);
    keeper_stop(d->keeper);
    archives_stop(d->archives);
    derives_stop(d->derives);
    rebuilds_hold(d->rebuilds);
    scheduler_stop(d->scheduler, LOAD_GRACE_MS, loads_stopped, d);
}
