/* SPDX-License-Identifier: MIT */
/*
 * Where the original of a file is kept, for whoever wants it back: in an object store that says it has it, with its SHA-256, for
 * which a link is signed; in a folder that is an archive; or still in work/, done/ or failed/ (original.h). What lies here is read
 * to its end first, so that nothing but the bytes that the ledger knows is given.
 *
 *   each URL, as it stands ──▶ ASKING (the store: is it there?) ──there──▶ link; where none can be signed: a copy, open
 *                        └──▶ OPENING (worker: a folder) ──there──▶ open
 *        none of them has it ──▶ OPENING (worker: the spool) ──there──▶ open, else gone
 *
 * Thread: loop; disks are asked by the workers.
 */
#ifndef CETLD_ETL_KEPT_H
#define CETLD_ETL_KEPT_H

#include "config/config.h"
#include "etl/original.h"
#include "loop/loop.h"
#include "loop/workers.h"
#include "store/transfer.h"

enum { KEPT_URLS_MAX = 16, KEPT_LINK_S = 5 * 60 };

enum kept_outcome {
    KEPT_LINK, /* url */
    KEPT_OPEN, /* fd */
    KEPT_GONE, /* it is nowhere any more; with links only: nowhere where it would have one */
    KEPT_BUSY, /* a store or disk that may have it cannot be asked, or says no */
};

struct kept_report {
    enum kept_outcome outcome;
    const char *url;     /* KEPT_LINK: whoever has it gets the file; a secret */
    int64_t until_s;     /* how long, since 1970 */
    const char *ca_file; /* of the store; "" */
    int fd;              /* KEPT_OPEN: the receiver's */
    uint64_t bytes;      /* of it */
    const char *why;     /* KEPT_BUSY: for a person; KEPT_GONE: what else is to be said, or "" */
};

struct kept_config {
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    struct place *place;
    struct config *config;    /* says how stores are reached; a reference is taken */
    struct original original; /* copied */
    const char *const *url;   /* as cetl.original has them; copied; at most KEPT_URLS_MAX */
    size_t urls;
    const char *disposition; /* what a link says of the file's name; copied */
    bool link_only;
    /* Once, later. The report is valid during the call. */
    void (*done)(void *ctx, const struct kept_report *report);
    void *ctx;
};

struct kept;
/** 0 or -ENOMEM. It ends with `done`. */
must_check int kept_start(const struct kept_config *config, struct kept **ret_kept);
/** `done` is not called. NULL is fine; not in `done`. */
void kept_cancel(struct kept *k);

#endif
