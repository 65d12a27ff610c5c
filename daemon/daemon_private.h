/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the daemon share: daemon.c (what happens while it runs, reload among that),
 * daemon_tell.c (what systemd is told), daemon_listen.c (sockets), daemon_make.c (everything is made
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
#include "etl/archive.h"
#include "etl/backups.h"
#include "etl/keeper.h"
#include "etl/notices.h"
#include "etl/rebuilds.h"
#include "etl/scheduler.h"
#include "etl/setup.h"
#include "etl/sources.h"
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
    struct workers *storers;     /* of archives: a folder may be a mount that hangs, and loads go on */
    struct transfers *transfers; /* to other servers */
    struct notices *notices;
    struct sources *sources;
    struct backups *backups;
    struct signals *signals;
    struct notify *notify;
    struct timer *status_timer, *next_timer, *http_timer, *abandon_timer, *accept_timer;
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
    struct archives *archives;
    struct api api;
    struct http_server *http;

    bool hangs; /* a worker, and it was said */
    bool reloading;
    int64_t reload_ms;            /* when it began */
    char mistake[ERROR_TEXT_MAX]; /* why the newest configuration is not in force */
    bool embedded_ready, stopping, loads_stopped, http_drained, backups_stopped;
    bool loop_left;  /* see loop_free */
    int64_t over_ms; /* loads and requests are, since then */
};

/** Everything, from the spool's lock to the listeners. 0 or negative; what went wrong was logged, and daemon_done frees the rest.
 */
must_check int daemon_make(struct daemon *d);
/** In the reverse order of making; anything may be missing. */
void daemon_done(struct daemon *d);
/** Requests that are still open go first, for they ask the pools; then the pools, since what they end under the setup's hands the
 * setup must still be there for. */
void daemon_close_pools(struct daemon *d);

/** The listeners, and who comes first: for make. 0 or negative, which was logged. */
must_check int daemon_listen(struct daemon *d);
/** Whoever waits for a reload may go on. */
void daemon_reloaded(struct daemon *d);

/* What happens; each is given the daemon. */

/** Reads can be answered, or are waited for no longer: the sockets that systemd passed are listened to. */
void daemon_accept(void *ctx);

/** SIGTERM: HTTP drains, loads end or roll back, connections close, the embedded cluster stops, then the loop. */
void daemon_end(void *ctx);
/** SIGHUP: the configuration is read again. With mistakes the old one stays. */
void daemon_reload(void *ctx);
/** The same for the API, which tells the mistakes: 0, positive with mistakes, negative. */
must_check int daemon_reload_now(void *ctx, struct mistakes *m);
/** Until the tables are as the new one says, a few seconds at most. */
bool daemon_is_reloading(void *ctx);
/** Why the newest one is not in force, or "". */
const char *daemon_mistake(void *ctx);
/** For systemd's watchdog: false while a worker hangs. */
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
