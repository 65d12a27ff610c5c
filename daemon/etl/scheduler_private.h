/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the scheduler share: scheduler.c (its life; what becomes of loads), scheduler_entry.c (how files come in:
 * claims, uploads, what an earlier run left), scheduler_due.c (which may start now), scheduler_view.c (what others see of it).
 * Nobody else includes this.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_SCHEDULER_PRIVATE_H
#define CETLD_ETL_SCHEDULER_PRIVATE_H

#include "base/log.h"
#include "base/name.h"
#include "etl/claims.h"
#include "etl/ending.h"
#include "etl/lane.h"
#include "etl/refusals.h"
#include "etl/runs.h"
#include "etl/scheduler.h"
#include "loop/timer.h"

enum {
    SCHEDULER_ARRIVALS_MAX = 100000, /* claimed files kept in memory; more stay in incoming/ until there is room */
    SCHEDULER_SHOWN_MAX = 4 * NAME_MAX + 1,
};

struct scheduler {
    struct scheduler_config config;
    struct config *settings;
    struct load_env env;
    struct watcher *watcher;
    struct timer *timer;   /* the next arrival or lane whose backoff is over */
    struct timer *looker;  /* reads the catalog again before a pause is over: what was in the way may be mended */
    struct timer *sweeper; /* of refusals */
    struct timer *grace;
    struct claims claims;
    struct lanes lanes;
    struct list all;  /* every arrival, in the order of arrival */
    struct runs runs; /* loads and groups under way */
    struct endings endings;
    struct refusals refusals;
    unsigned arrivals, claiming;
    int64_t bytes; /* of the arrivals' files */
    struct revisions revisions;
    unsigned random; /* for jitter */
    bool going, stopping;
    bool full; /* the queue was, and has not become half empty since */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/** Start what may start, lane by lane in turn. Large files get load_connections; the pool has one more, and that one is for small
 * files only, so that none of them waits behind a large one. */
void scheduler_pump(struct scheduler *s);
/** The numbers of files in each state are published. */
void scheduler_count(struct scheduler *s);
/** scheduler_stop's `stopped`, once all is quiet. */
void scheduler_maybe_stopped(struct scheduler *s);
/** Why a lane waits is said once, and again when it is another reason. */
bool scheduler_is_news(struct lane *lane, const char *why);

/** The lane of a claimed file. ret_name holds NAME_MAX_BYTES + 1. */
const char *scheduler_lane_of(const struct config *c, const struct place_file *f, char ret_name[NAME_MAX_BYTES + 1]);
/** Its files load in the order in which they arrive. */
bool scheduler_in_order(const struct config_dataset *d);
/** Its name, for the log. */
static inline const char *scheduler_shown(const struct arrival *a, char text[SCHEDULER_SHOWN_MAX])
{
    return log_escape(slice_of(a->file.name), text, SCHEDULER_SHOWN_MAX);
}

/* Callbacks; each is given the scheduler. */

/** The watcher's: claim a complete file. False: not now, or never. */
bool scheduler_claim(void *ctx, const char *path);
/** The claims'. */
void scheduler_claim_over(void *ctx, struct claim *c);
void scheduler_claims_then(void *ctx);
/** A timer's: what was refused and is gone by now need not be shown any more. */
void scheduler_sweep(void *ctx);
/** place_recover's. */
void scheduler_recovered(void *ctx, struct place_file *f);
/** The revisions': a file is to be loaded once more. */
void scheduler_taken(void *ctx, struct place_file *file);

#endif
