/* SPDX-License-Identifier: MIT */
/*
 * Unloading: the rows of one loaded file are taken out of its table again, in one transaction with the ledger's row (which becomes
 * `unloaded`), the change mark and the rollups. Only where the rows bear their file (lineage).
 *
 * Unless forced, a file is not unloaded when that would lose something or do nothing: what a file of a keyed or replacing dataset
 * wrote over, or what others left out for its rows, does not come back; rows that later files wrote over are theirs now; and where
 * none of its rows is there any more there is nothing to take out.
 *
 *     unload_start(&config);  …  config.done(ctx, &report)      once, never before unload_start returned
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_UNLOAD_H
#define CETLD_ETL_UNLOAD_H

#include "db/pool.h"
#include "etl/catalog.h"
#include "etl/observer.h"

enum unload_outcome {
    UNLOAD_DONE,
    UNLOAD_UNKNOWN, /* no such file */
    UNLOAD_STATE,   /* it is not loaded */
    UNLOAD_LINEAGE, /* its rows do not bear its id */
    UNLOAD_REFUSED, /* its dataset is broken, or PostgreSQL or a trigger does not let the rows go */
    UNLOAD_KEYS,    /* something would be lost; `force` does it anyway */
    UNLOAD_BUSY,    /* the table is locked, or the database does not answer: try again */
};

struct unload_report {
    enum unload_outcome outcome;
    struct error why; /* for a person, of all but DONE */
    int64_t rows;     /* that were taken out */
};

struct unload_config {
    struct db_pool *pool; /* of connections that load */
    struct catalog *catalog;
    void (*stale)(void *ctx); /* the catalog is not as the database is any more: read it again */
    void *stale_ctx;
    struct observers *observers;
    int64_t file; /* cetl.file.id */
    bool force;
    void (*done)(void *ctx, const struct unload_report *report);
    void *ctx;
};

/** 0 or -ENOMEM. */
must_check int unload_start(const struct unload_config *config);

#endif
