/* SPDX-License-Identifier: MIT */
/*
 * Revisions: what somebody asked of files of the ledger, and is under way. A file's rows are taken out of its table again
 * (etl/unload.h), or it is loaded once more (etl/replay.h).
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_REVISIONS_H
#define CETLD_ETL_REVISIONS_H

#include "etl/load.h"
#include "etl/replay.h"

struct revisions {
    const struct load_env *env;
    void (*taken)(void *ctx, struct place_file *file); /* a file is to be loaded once more; it is the receiver's */
    void (*unloaded)(void *ctx);                       /* a file's rows may have gone; nobody was told yet */
    void (*over)(void *ctx);                           /* behind each one */
    void *ctx;
    bool stopping; /* no more of them */
    /* Its own: */
    unsigned running;
};

struct revisions_unload {
    int64_t file; /* cetl.file.id */
    bool force;
    void (*done)(void *ctx, const struct unload_report *report); /* once, and not before revisions_unload returned */
    void *ctx;
};
/** 0; ERROR_CANCELLED: stopping; -ENOMEM. */
must_check int revisions_unload(struct revisions *r, const struct revisions_unload *asked);

struct revisions_replay {
    int64_t file;
    bool force, anyway;
    void (*done)(void *ctx, const struct replay_report *report); /* likewise; a file in it is not the receiver's */
    void *ctx;
};
/** Likewise. */
must_check int revisions_replay(struct revisions *r, const struct revisions_replay *asked);

#endif
