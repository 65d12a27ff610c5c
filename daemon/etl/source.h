/* SPDX-License-Identifier: MIT */
/*
 * A source ([source NAME]): a file of another server, or what is new below a URL of a store (store/store.h), that is fetched, now
 * and then or when somebody asks for it, and then goes the way of every file that is sent: to disk under a hidden name, whole and
 * synced, then into work/ (spool/upload.h), to the scheduler.
 *
 *     resting ──time, source_pull──▶ opening ──▶ fetching ──200──▶ placing ──▶ resting
 *        ▲                                          └──304, or it failed──▶ dropping ──┘
 *
 * Of a store each object that was not taken before (etl/seen.h) goes that way, one after the other; at most SOURCE_PULL_MAX of them
 * in a pull, and the rest follows by itself. What cannot be fetched fails the pull, but does not hold up the others.
 *
 * What the server said of the file's version (ETag, Last-Modified) is kept in state/sources/NAME, once the file is in work/: a
 * crash before that fetches it again, and its bytes are then a duplicate. A pull that failed for a reason that may pass is tried
 * again with growing pauses; others wait for their time.
 *
 * Thread: loop; disks are asked by the workers.
 */
#ifndef CETLD_ETL_SOURCE_H
#define CETLD_ETL_SOURCE_H

#include "config/config.h"
#include "etl/memory.h"
#include "loop/loop.h"
#include "loop/workers.h"
#include "spool/place.h"
#include "store/transfer.h"

enum { SOURCE_PULL_MAX = 1000 };

struct source;
struct source_config {
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    struct place *place;
    struct memory *memory;
    const char *state;                                /* the daemon's folder; outlives the source */
    void (*file)(void *ctx, struct place_file *file); /* it is claimed, and the receiver's */
    void *ctx;
};

enum source_outcome { SOURCE_NEVER, SOURCE_PULLED, SOURCE_UNCHANGED, SOURCE_FAILED };
struct source_view {
    const struct config_source *settings;
    bool pulling;
    enum source_outcome outcome; /* of the last pull that ended */
    const char *why;             /* SOURCE_FAILED: for a person */
    const char *token;           /* of the file of the last SOURCE_PULLED; or "" */
    int64_t ended_us;            /* when that was; 0: never */
    uint64_t pulls;              /* that ended */
};

/** `all` is what `settings` is of; both are the caller's until source_set or source_free. */
must_check int source_new(const struct source_config *config, const struct config *all, const struct config_source *settings,
                          struct source **ret_source);
/** What is under way is given up. NULL is fine. */
void source_free(struct source *s);
/** After a reload. */
void source_set(struct source *s, const struct config *all, const struct config_source *settings);
/** Now, unless it is under way. */
void source_pull(struct source *s);
struct source_view source_look(const struct source *s);

#endif
