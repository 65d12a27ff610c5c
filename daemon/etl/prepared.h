/* SPDX-License-Identifier: MIT */
/*
 * Settling a load over several connections: whatever was killed when, its row in the ledger decides, and its prepared transactions
 * follow.
 *
 *     loading      nothing was decided: it is given up (shares = 0, so that no leader can decide any more), what is prepared is
 *                  rolled back, the row goes
 *     committing   it was decided: what is prepared is committed, then `loaded` and the mark of a change
 *
 * First the sessions that still work on the load, for a daemon that was killed, say, are ended, and their end is waited for: behind
 * them nothing is prepared any more. Each step may be the last before a crash; doing it again goes on from there. The same serves a
 * leader that has just decided, and one that gives up.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_PREPARED_H
#define CETLD_ETL_PREPARED_H

#include "db/query.h"
#include "etl/instance.h"

enum prepared_fate {
    PREPARED_GONE,   /* the ledger has no such file: nothing of it is in the table */
    PREPARED_LOADED, /* all of it is */
    PREPARED_OTHER,  /* it never was a load over several connections that is open */
};

enum { PREPARED_NAME_MAX = 96 };

struct prepared {
    struct db_conn *conn; /* outside of a transaction; nothing else is asked of it until `done` */
    int64_t file;         /* the row's id */
    /* Once, never before prepared_settle returned. With status 0 `fate` is known; else it is still open. */
    void (*done)(void *ctx, int status, const struct error *err);
    void *ctx;
    /* ---- */
    enum prepared_fate fate;
    int status;
    struct error why;
    bool commit;
    char names[PREPARED_NAME_MAX]; /* what the transactions' names begin with */
};

/** How the names of a load's transactions begin. */
void prepared_names(char ret_names[PREPARED_NAME_MAX], const char *instance, int64_t file);

/** Fill in what is above the line. All of the session's advisory locks are given up. */
void prepared_settle(struct prepared *p);

/**
 * At start, before any load: settle what earlier runs of this instance have left open, then roll back prepared transactions of ours
 * that belong to no load. What the server refuses is logged and left. `done` once: status 0, or the connection failed. 0 or
 * -ENOMEM.
 */
must_check int prepared_sweep(struct db_conn *conn, const struct instance *instance,
                              void (*done)(void *ctx, int status, const struct error *err), void *ctx);

#endif
