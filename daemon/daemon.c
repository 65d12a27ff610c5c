/* SPDX-License-Identifier: MIT */
#include "api/dataset_counts.h"
#include "api/events.h"
#include "api/keys.h"
#include "api/scope.h"
#include "base/log.h"
#include "daemon_private.h"
#include "etl/formulas.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STATUS_MS = 1000,
};

/* ---- reload ---- */

static void log_mistakes(const struct mistakes *m, const char *verdict)
{
    for (size_t i = 0; i < m->stored; i++)
        log_error("%s", m->text[i]);
    log_error("%zu mistake%s in the configuration; %s", m->n, m->n == 1 ? "" : "s", verdict);
}

static void apply(struct daemon *d, struct config *fresh)
{
    struct buf fixed;
    buf_init(&fixed, ERROR_TEXT_MAX);
    if (config_diff(d->api.first, fresh, &fixed) > 0) log_warning("these take a restart: " SLICE_FMT, SLICE_ARG(buf_slice(&fixed)));
    buf_done(&fixed);
    config_settle(fresh, d->api.first);
    config_unref(d->config);
    d->config = fresh;
    d->api.config = fresh;
    log_set_level(fresh->daemon.log_level);
    scheduler_hold(d->scheduler); /* until the catalog is as the configuration says */
    backups_hold(d->backups);
    scheduler_set_config(d->scheduler, fresh);
    keeper_set_config(d->keeper, fresh);
    archives_set_config(d->archives, fresh);
    events_ask_again(d->api.events);
    if (notices_set_config(d->notices, fresh) < 0) log_warning("no memory for the receivers of notifications; the old ones stay");
    if (sources_set_config(d->sources, fresh) < 0) log_warning("no memory for the sources; the old ones stay");
    if (backups_set_config(d->backups, fresh) < 0) log_warning("no memory for the backups; the old ones stay");
    if (dataset_counts_declare(d->api.dataset_counts, fresh) < 0) log_warning("no memory to count by dataset");
    setup_run(d->setup, fresh);
    scheduler_rescan(d->scheduler);
    log_info("configuration reloaded");
}

/* 0: it is in force (its tables a moment later); else the old one stays, which was logged, and `m` says why; positive: its
 * mistakes. */
static int read_config(struct daemon *d, struct mistakes *m)
{
    struct config *fresh;
    struct keys *keys;
    d->mistake[0] = '\0';
    int r = formulas_load_config(d->options.path, d->options.presence, m, &fresh);
    if (r == 0 && keys_new(fresh, &keys) < 0) {
        config_unref(fresh);
        r = -ENOMEM;
    }
    if (r == 0) {
        keys_free(d->api.keys);
        d->api.keys = keys;
        apply(d, fresh);
        return 0;
    }
    snprintf(d->mistake, sizeof d->mistake, "%s", m->stored > 0 ? m->text[0] : error_name(r));
    if (m->n > 0)
        log_mistakes(m, "the old one stays");
    else
        log_error("the configuration cannot be read: %s; the old one stays", error_name(r));
    return r;
}

int daemon_reload_now(void *ctx, struct mistakes *m)
{
    struct daemon *d = ctx;
    if (d->stopping) return ERROR_CANCELLED;
    notify_reloading(d->notify);
    d->reloading = true;
    d->reload_ms = loop_now_ms(d->loop);
    int r = read_config(d, m);
    daemon_show_status(d);
    if (r != 0 || !db_pool_is_up(d->load_pool)) daemon_reloaded(d);
    return r;
}

bool daemon_is_reloading(void *ctx)
{
    const struct daemon *d = ctx;
    return d->reloading;
}

const char *daemon_mistake(void *ctx)
{
    const struct daemon *d = ctx;
    return d->mistake;
}

void daemon_reload(void *ctx)
{
    struct mistakes m;
    mistakes_init(&m);
    int r = daemon_reload_now(ctx, &m);
    (void)r; /* it was logged */
    mistakes_done(&m);
}

/* ---- the database ---- */

void daemon_up(void *ctx)
{
    struct daemon *d = ctx;
    log_info("the database answers");
    db_pool_retry(d->api_pool);
    db_pipeline_retry(d->pipeline);
    setup_run(d->setup, d->config);
}

void daemon_down(void *ctx, const struct error *why)
{
    struct daemon *d = ctx;
    bool starting = d->embedded && !d->embedded_ready; /* it cannot answer yet */
    if (!d->stopping && !starting) log_warning("the database does not answer: %s", why->text);
    d->api.ready = false;
    scheduler_hold(d->scheduler);
    derives_hold(d->derives);
    rebuilds_hold(d->rebuilds);
    backups_hold(d->backups);
}

void daemon_set_up(void *ctx)
{
    struct daemon *d = ctx;
    d->api.ready = true;
    if (d->stopping) return;
    if (d->accept_timer) daemon_accept(d);
    daemon_reloaded(d);
    scope_check(&d->api);
    cache_clear(d->cache); /* what is read, and how, may be another than before */
    versions_go(d->versions, d->config->api.freshness == CONFIG_FRESHNESS_NOTIFY);
    scheduler_go(d->scheduler);
    derives_go(d->derives);
    rebuilds_go(d->rebuilds);
    archives_go(d->archives);
    backups_go(d->backups);
}

void daemon_look_again(void *ctx)
{
    struct daemon *d = ctx;
    if (!d->stopping && d->setup) setup_run(d->setup, d->config);
}

/* ---- the whole ---- */

int daemon_run(const struct daemon_options *options, struct config *config)
{
    struct daemon d = {.options = *options, .config = config};
    log_set_level(config->daemon.log_level);
    int r = daemon_make(&d);
    if (r == 0) {
        timer_repeat(d.status_timer, STATUS_MS);
        notify_ready(d.notify);
        log_info("cetld " CETLD_VERSION " is ready; drop files into %s/incoming", config->daemon.spool);
        loop_run(d.loop);
        log_info("stopped");
    }
    daemon_done(&d);
    int status = r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (d.loop_left) _exit(status);
    return status;
}
