/* SPDX-License-Identifier: MIT */
/*
 * The embedded cluster: PostgreSQL's own programs on a data folder of our own (`state`/postgresql), reached by a unix socket in
 * `state`/run only (mode 0700, trust inside). initdb at first use (UTF-8, locale C.UTF-8 with "C" collation, checksums), postmaster
 * as a child; an unprivileged user when started as root (`cetl` if it exists, else `postgres`, else nobody); adopted when a
 * postmaster already runs there; stopped (fast) by db_embedded_stop. jit=off; max_prepared_transactions set. A data folder of
 * another major version is refused with instructions. Settings of ours are in a file included by postgresql.conf.
 *
 *   initdb ──▶ starting ──▶ ready ──▶ stopping ──▶ stopped
 *                 ▲           │ (postmaster died)
 *                 └───────────┘
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_EMBEDDED_H
#define CETLD_DB_EMBEDDED_H

#include "base/error.h"
#include "loop/loop.h"

struct db_embedded;
struct db_embedded_config {
    const char *state;  /* the daemon's state folder */
    const char *pg_bin; /* where initdb and postgres lie; NULL or "": the newest /usr/lib/postgresql/N/bin */
    void (*ready)(void *ctx);
    void (*failed)(void *ctx, const struct error *why); /* it cannot be made or started; the words say what to do */
    void *ctx;
};
must_check int db_embedded_new(struct loop *l, const struct db_embedded_config *config, struct db_embedded **ret_embedded);
/** How to reach it, as libpq reads it; valid as soon as db_embedded_new returned. Owned by the object. */
const char *db_embedded_conninfo(const struct db_embedded *e);
/** Fast shutdown, then `stopped` (also when it never ran). */
void db_embedded_stop(struct db_embedded *e, void (*stopped)(void *ctx), void *ctx);
void db_embedded_free(struct db_embedded *e);

#endif
