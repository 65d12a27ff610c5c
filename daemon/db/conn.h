/* SPDX-License-Identifier: MIT */
/*
 * One nonblocking connection to PostgreSQL on the loop. Names are resolved by uv_getaddrinfo (PQconnectStart would block), then
 * PQconnectPoll runs on uv_poll.
 *
 * A connection works through a queue of operations, one after the other, in the order they were asked for: a query (query.h) or a
 * COPY FROM STDIN (copyin.h). A connection never reconnects: when it is lost every queued operation ends with ERROR_CLOSED, then
 * `lost` is called once, and the owner frees it. pool.h keeps a number of them alive.
 *
 *   connecting ──▶ ready ◀──▶ busy
 *        └───────────┴──────────┴──▶ lost
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_CONN_H
#define CETLD_DB_CONN_H

#include "base/error.h"
#include "loop/loop.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct db_conn;

struct db_conn_config {
    const char *conninfo;         /* URI or keyword string, as libpq reads it */
    const char *application_name; /* for pg_stat_activity */
    const char *password;         /* NULL: none */
    const char *setup;            /* SQL run before `ready` (SET …), or NULL */
    int64_t connect_timeout_ms;   /* for all of resolving, connecting and setup */
};
struct db_conn_handler {
    void (*ready)(void *ctx, struct db_conn *c);
    /* The connection is of no use any more (also when it could not be made); free it, here or later. */
    void (*lost)(void *ctx, struct db_conn *c, const struct error *why);
    void *ctx;
};

/** Strings are copied. The handler is never called before db_conn_new returned. 0 or -ENOMEM. */
must_check int db_conn_new(struct loop *l, const struct db_conn_config *config, const struct db_conn_handler *h,
                           struct db_conn **ret_conn);
/** Close. Pending operations end with ERROR_CANCELLED before this returns; `lost` is not called. NULL is fine; allowed in every
 * callback. */
void db_conn_free(struct db_conn *c);
bool db_conn_idle(const struct db_conn *c);
/** Inside a transaction block (also a failed one). */
bool db_conn_in_transaction(const struct db_conn *c);
/** Notifications of channels that it listens to go to `notified`; without one they are dropped. Both texts live during the call. */
void db_conn_on_notify(struct db_conn *c, void (*notified)(void *ctx, const char *channel, const char *payload), void *ctx);
/** The backend's process id, for pg_cancel_backend from another connection. */
int db_conn_backend_pid(const struct db_conn *c);

#endif
