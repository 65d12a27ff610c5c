/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the daemon share: daemon.c (what happens while it runs, reload among that), daemon_make.c (everything is made
 * and freed), daemon_end.c (from SIGTERM on). Nobody else includes this.
 *
 * Thread: loop.
 */
#ifndef CETLD_DAEMON_PRIVATE_H
#define CETLD_DAEMON_PRIVATE_H

#include "api/api.h"
#include "api/versions.h"
#include "daemon.h"
#include "db/embedded.h"
#include "etl/keeper.h"
#include "etl/rebuilds.h"
#include "etl/scheduler.h"
#include "etl/setup.h"
#include "http/server.h"
#include "loop/notify.h"
#include "loop/signals.h"
#include "loop/timer.h"
#include "store/transfer.h"

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
    struct transfers *transfers; /* to other servers */
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
    struct observers observers; /* of files and derives */
    struct scheduler *scheduler;
    struct keeper *keeper;
    struct api api;
    struct http_server *http;

    uint64_t progress; /* of the workers, in jobs and copied bytes */
    int64_t progress_ms;
    bool embedded_ready, stopping, loads_stopped, http_drained;
};

/** Everything, from the spool's lock to the listeners. 0 or negative; what went wrong was logged, and daemon_done frees the rest.
 */
must_check int daemon_make(struct daemon *d);
/** In the reverse order of making; anything may be missing. */
void daemon_done(struct daemon *d);
/** Requests that are still open go first, for they ask the pools; then the pools, since what they end under the setup's hands the
 * setup must still be there for. */
void daemon_close_pools(struct daemon *d);

/* What happens; each is given the daemon. */

/** SIGTERM: HTTP drains, loads end or roll back, connections close, the embedded cluster stops, then the loop. */
void daemon_end(void *ctx);
/** SIGHUP: the configuration is read again. With mistakes the old one stays. */
void daemon_reload(void *ctx);
/** For systemd's watchdog: false once work waits and nothing has come of it for a long time, not even a piece of a long copy: the
 * workers hang. */
bool daemon_is_alive(void *ctx);
/** The line of `systemctl status`. */
void daemon_show_status(void *ctx);
/** The pool of loading connections has one; or lost its last. */
void daemon_up(void *ctx);
void daemon_down(void *ctx, const struct error *why);
/** The database is as the configuration says, and the catalog was read. */
void daemon_set_up(void *ctx);
/** The catalog may be out of date. */
void daemon_look_again(void *ctx);

#endif
