/* SPDX-License-Identifier: MIT */
/*
 * Tidying: files whose fate is in the ledger are moved from work/ to done/ or failed/, on workers, again and again until it
 * worked; many in one job, while many wait. Nothing depends on it but order in the folders: after a crash the ledger says where a
 * file of work/ belongs.
 *
 *     tidies_init(&t, &config);  tidies_add(&t, &file, …) …  config.over(ctx, file) once for each;  tidies_done(&t)
 *
 * Thread: loop; the moving runs on workers.
 */
#ifndef CETLD_ETL_TIDY_H
#define CETLD_ETL_TIDY_H

#include "data/reject.h"
#include "loop/timer.h"
#include "loop/workers.h"
#include "spool/place.h"

struct tidies_config {
    struct loop *loop;
    struct workers *workers;
    struct place *place;
    void (*over)(void *ctx, struct place_file *file);
    void *ctx;
};

struct tidies {
    struct tidies_config config;
    struct list waiting; /* for a job */
    struct list failed;  /* for the timer */
    struct timer *timer;
    unsigned jobs, files; /* under way; not over */
    bool hurried;
};

must_check int tidies_init(struct tidies *t, const struct tidies_config *config);
/** Nothing may be under way any more. */
void tidies_done(struct tidies *t);
/**
 * `file` stays the caller's until `over`. `rejects` are taken over (empty afterwards): NAME.errors.csv is made of them, when there
 * are any. 0 or -ENOMEM.
 */
must_check int tidies_add(struct tidies *t, struct place_file *file, enum place_target target, struct reject_list *rejects);
/** Give up waiting for next tries (at the end of the daemon); `over` comes soon for all, also for those that are added later. */
void tidies_hurry(struct tidies *t);
/** Files that are not over yet. */
static inline unsigned tidies_count(const struct tidies *t)
{
    return t->files;
}

#endif
