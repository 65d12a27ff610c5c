/* SPDX-License-Identifier: MIT */
/*
 * Replaying: a file that was through is loaded once more. It is looked for in done/ and failed/ by the ledger's size, name and
 * digest, its rows are unloaded where it is loaded (unload.h), and it goes back into work/ under a new token, as if it had been
 * dropped now where it was dropped then.
 *
 *   reading the ledger ──▶ FINDING (worker) ──▶ [unloading] ──▶ MOVING (worker) ──▶ done
 *
 * A crash between the last two leaves the file unloaded, and where it lay: replay it again.
 *
 * Thread: loop; finding and moving run on a worker.
 */
#ifndef CETLD_ETL_REPLAY_H
#define CETLD_ETL_REPLAY_H

#include "etl/unload.h"
#include "loop/workers.h"
#include "spool/place.h"

enum replay_outcome {
    REPLAY_TAKEN,   /* report.file is claimed; it is the receiver's */
    REPLAY_UNKNOWN, /* no such file in the ledger */
    REPLAY_GONE,    /* its bytes are not in done/ or failed/ any more */
    REPLAY_REFUSED, /* it cannot be unloaded, as unload says */
    REPLAY_BUSY,    /* the database does not answer, or the disk fails: try again */
};

struct replay_report {
    enum replay_outcome outcome;
    struct error why;       /* of all but TAKEN */
    struct place_file file; /* of TAKEN */
    int64_t unloaded;       /* rows that were taken out before */
};

struct replay_config {
    struct workers *workers;
    struct place *place;
    struct db_pool *pool; /* of connections that load */
    struct catalog *catalog;
    int64_t file; /* cetl.file.id */
    bool force;   /* unload although something is lost */
    bool anyway;  /* do not unload; load it although its bytes are loaded already */
    void (*done)(void *ctx, struct replay_report *report);
    void *ctx;
};

/** 0 or -ENOMEM; `done` is called once, never before this returned. */
must_check int replay_start(const struct replay_config *config);

#endif
