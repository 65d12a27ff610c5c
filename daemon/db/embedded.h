/* SPDX-License-Identifier: MIT */
/*
 * The embedded cluster: PostgreSQL's own programs on a data folder of our own (`state`/postgresql), reached by a unix socket in
 * `state`/run only (mode 0700, trust inside). initdb at first use (UTF-8, ctype C.UTF-8, collation "C", checksums), into a folder
 * that gets its name when it is whole; postmaster as a child in its own session, so that a terminal's Ctrl-C does not reach it; an
 * unprivileged user when started as root (cluster.h says which). A postmaster that already runs there, left by a daemon that was
 * killed, is adopted. One that dies is started again, with backoff. db_embedded_stop shuts it down (fast), an adopted one too.
 *
 *   initdb ──▶ starting ──▶ creating (the database) ──▶ ready ──▶ stopping ──▶ stopped
 *     │            ▲ └──────────────┴──────────────────────┘ the postmaster died, or cannot be started
 *     │            │                        ▼
 *     │            └───────────────── resting (backoff)
 *     └──▶ failed                                   from every state: stopping
 *
 * db_embedded_new prepares files and folders and so blocks for some milliseconds: before the loop runs.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_EMBEDDED_H
#define CETLD_DB_EMBEDDED_H

#include "base/error.h"
#include "loop/loop.h"

struct db_embedded;
struct db_embedded_config {
    const char *state;        /* the daemon's state folder */
    const char *pg_bin;       /* where initdb and postgres lie; NULL or "": the newest /usr/lib/postgresql/N/bin */
    void (*ready)(void *ctx); /* it answers and the database is there; again after each restart */
    /* It cannot be made or started; the words say what to do. Once an outage; a start is tried again, another failure is final. */
    void (*failed)(void *ctx, const struct error *why);
    void *ctx;
};
/** Strings are copied. `ready` and `failed` are never called before this returned. 0 or -ENOMEM. */
must_check int db_embedded_new(struct loop *l, const struct db_embedded_config *config, struct db_embedded **ret_embedded);
/** How to reach it, as libpq reads it; valid as soon as db_embedded_new returned. Owned by the object. */
const char *db_embedded_conninfo(const struct db_embedded *e);
/** Fast shutdown, then `stopped` (also when it never ran), never before this returned. Once. */
void db_embedded_stop(struct db_embedded *e, void (*stopped)(void *ctx), void *ctx);
/** A postmaster that still runs goes on, to be adopted by the next daemon. NULL is fine. */
void db_embedded_free(struct db_embedded *e);

#endif
