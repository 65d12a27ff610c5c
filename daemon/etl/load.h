/* SPDX-License-Identifier: MIT */
/*
 * One load: a claimed file on its way into its table and the ledger, in one transaction.
 *
 *   CHECKING ──▶ OPENING ──▶ INFERRING ──▶ CREATING ─┐
 *      │            └───────────▶ CONNECTING ◀───────┘
 *      │                              │
 *      │                           COPYING ──▶ RECORDING ──▶ COMMITTING
 *      └──────────┬───────────────────┴─────────────┴────────────┘
 *                 ▼  (the outcome is known)
 *             UNWINDING ──▶ COMPARING (refused: is the table still what the snapshot says?)
 *                 │              │ no: again later
 *                 └──────────────┴──▶ REPORTING (failed, duplicate: a ledger row of its own) ──▶ over
 *
 * A huge file may go over several connections (load_parallel.c): GATHERING before COPYING, FINISHING behind COMMITTING.
 *
 * Rows that the server refuses lead back to CONNECTING, first by way of NARROWING (load_narrow.h: which rows are it?), which never
 * commits, then once more by the ordinary way without them.
 *
 * Where the table must follow the file first, CREATING is ALTERING (load_alter.c): new columns, of which only those are inferred
 * that come from cells, or wider types, for which COPYING is given up.
 *
 * Where its dataset looks into others, what they hold is read before CONNECTING (LOOKING).
 *
 * CHECKING only where the file may be in the ledger already: found in work/ at start, or its COMMIT is in doubt (first the old
 * transaction must be over). Every failure leads to UNWINDING, which brings jobs, COPY, transaction and connection to their ends
 * one after the other.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_LOAD_H
#define CETLD_ETL_LOAD_H

#include "db/pool.h"
#include "etl/arrival.h"
#include "etl/catalog.h"
#include "etl/instance.h"
#include "etl/lookups.h"
#include "etl/memory.h"
#include "etl/observer.h"
#include "loop/workers.h"

/** Who has the load_connections: loads of large files, and the followers of those that go over several. */
struct load_seats {
    unsigned large, followers;
};

/** What all loads share; belongs to the scheduler. */
struct load_env {
    struct workers *workers;
    struct memory *memory;
    struct place *place;
    struct db_pool *pool;
    struct catalog *catalog;
    struct lookups *lookups;
    struct counters *counters;
    struct config *config; /* the current one; a load takes a reference */
    struct instance *instance;
    struct observers *observers;
    struct load_seats *seats; /* `large` is the scheduler's, `followers` the loads' */
    void (*room)(void *ctx);  /* followers have left their seats: another load may start. Returns before it does */
    void *room_ctx;
    void (*stale)(void *ctx); /* the catalog is not as the database is any more: read it again */
    void *stale_ctx;
    bool closed; /* the pool is gone, or about to go: take nothing from it */
};

enum load_outcome {
    LOAD_LOADED,    /* committed; move the file to done/ */
    LOAD_DUPLICATE, /* in the ledger as a duplicate; move it to done/ */
    LOAD_FAILED,    /* in the ledger as failed; move it to failed/ */
    LOAD_RETRY,     /* nothing was changed; again later */
    LOAD_PAUSE,     /* a person must mend something first; again later */
    LOAD_AGAIN,     /* of groups only: nothing was changed; again at once, perhaps alone */
};

/** The most that one partial aggregate of a load into this dataset may hold, in bytes. */
size_t load_aggregate_max(const struct load_env *env, const struct dataset *d);
/** The most that expressions may make of some rows at once, and, beside what their cells come to, of one chunk's COPY, in bytes. */
size_t load_computed_max(const struct load_env *env);

struct load;
struct load_report {
    enum load_outcome outcome;
    const struct error *why;     /* of FAILED, RETRY, PAUSE */
    struct reject_list *rejects; /* of LOADED and FAILED, by line; may be empty, and may be taken over */
    int64_t duplicate_of;        /* of DUPLICATE: the ledger's id */
};
struct load_config {
    const struct load_env *env;
    struct arrival *arrival; /* stays the caller's; its counts, sum, state, ledger_id and doubt are filled in */
    void (*over)(void *ctx, struct arrival *a, const struct load_report *report); /* once; the load is gone afterwards */
    void *ctx;
};

/** 0 or -ENOMEM. `over` is never called before this returned. */
must_check int load_start(const struct load_config *config, struct load **ret_load);
/** Stop as soon as possible (not before the answer to a COMMIT that was sent) and leave everything as it was: `over` with
 * LOAD_RETRY (or what was decided already). */
void load_stop(struct load *l);
/** How far it has come: rows and bytes read so far by this attempt. */
struct load_progress {
    uint64_t rows, bytes;
};
struct load_progress load_progress(const struct load *l);

#endif
