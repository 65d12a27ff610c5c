/* SPDX-License-Identifier: MIT */
/*
 * Replaying: a file that was through is loaded once more. It is looked for in done/ and failed/ by the ledger's size, name and
 * digest, held (spool/hold.h), its rows are unloaded where it is loaded (unload.h), and it is claimed under a new token, as if it
 * had been dropped now where it was dropped then. A file of a replacing dataset is not unloaded: it takes the place of all rows. It
 * goes to the dataset that the ledger has, as long as that is declared.
 *
 *   reading the ledger ──▶ FINDING (worker) ──▶ [unloading] ──▶ CLAIMING (worker) ──▶ done
 *                                                    └─ refused ──▶ RELEASING (worker) ──▶ done
 *
 * Only what lies in work/ is unloaded. A crash before the claim leaves the file where it lay, unloaded perhaps: replay it again.
 *
 * Thread: loop; finding, claiming and releasing run on a worker.
 */
#ifndef CETLD_ETL_REPLAY_H
#define CETLD_ETL_REPLAY_H

#include "etl/unload.h"
#include "loop/workers.h"
#include "spool/hold.h"

enum replay_outcome {
    REPLAY_TAKEN,   /* report.file is claimed; it is the receiver's */
    REPLAY_UNKNOWN, /* no such file in the ledger */
    REPLAY_GONE,    /* its bytes are not in done/ or failed/ any more */
    REPLAY_STATE,   /* it is being loaded just now */
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
    struct config *const *settings; /* the configuration as it is at any time */
    void (*stale)(void *ctx);       /* as unload's */
    void *stale_ctx;
    struct observers *observers;
    int64_t file; /* cetl.file.id */
    bool force;   /* unload although something is lost */
    bool anyway;  /* do not unload; load it although its bytes are loaded already */
    void (*done)(void *ctx, struct replay_report *report);
    void *ctx;
};

/** 0 or -ENOMEM; `done` is called once, never before this returned. */
must_check int replay_start(const struct replay_config *config);

#endif
