/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: from the watcher's "this file is complete" to the file's final folder. It claims, queues, orders, starts loads,
 * retries, and tidies up.
 *
 * Files wait in lanes, one a dataset (or a stem, for undeclared files), in the order of arrival. Datasets never wait for each
 * other, but as `requires` says (etl/requires.h). A `replace` dataset, and one that does not exist yet, loads one file at a time,
 * and a file in backoff holds its followers; an append dataset loads side by side.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_SCHEDULER_H
#define CETLD_ETL_SCHEDULER_H

#include "etl/derives.h"
#include "etl/load.h"
#include "etl/refusals.h"
#include "etl/revisions.h"
#include "loop/loop.h"
#include "spool/watcher.h"

struct scheduler;
struct scheduler_config {
    struct loop *loop;
    struct workers *workers;
    struct memory *memory;
    struct place *place;
    struct db_pool *pool;
    struct catalog *catalog;
    struct counters *counters;
    struct config *config;
    struct instance *instance;
    void (*stale)(void *ctx); /* read the catalog again; scheduler_go follows */
    void *stale_ctx;
    /* Rows were committed or taken out, of a dataset (NULL: of any); called before anybody is told so. Or NULL. */
    void (*changed)(void *ctx, const struct dataset *d);
    void *changed_ctx;
    struct derives *derives;     /* is told of commits; or NULL */
    struct observers *observers; /* stay */
};

must_check int scheduler_new(const struct scheduler_config *config, struct scheduler **ret_scheduler);
/** Only after scheduler_stop's `stopped`. NULL is fine. */
void scheduler_free(struct scheduler *s);
/** Take up what lies in work/, then watch incoming/. 0 or negative with the words in err. */
must_check int scheduler_start(struct scheduler *s, struct error *err);
/** The catalog was read: loads may begin. Called again after every reading. */
void scheduler_go(struct scheduler *s);
/** The database is gone: no new loads until scheduler_go. */
void scheduler_hold(struct scheduler *s);
/** A reload: takes a reference. */
void scheduler_set_config(struct scheduler *s, struct config *config);
/** What is asked of files of the ledger: unloads and replays. The scheduler's. */
struct revisions *scheduler_revisions(struct scheduler *s);
/** Is no file that was claimed with a lower token than this one on its way any more? */
bool scheduler_is_through(const struct scheduler *s, const char *token);
/** May more files be claimed? */
bool scheduler_has_room(const struct scheduler *s);
/** A file that was claimed elsewhere than from incoming/ (spool/upload.h) is queued. It is the scheduler's in any case; false: it
 * stays in work/ until the next start, because this one is ending, or has no memory. */
bool scheduler_take(struct scheduler *s, struct place_file *file);
/** The arrival of that token that is not over yet, or NULL. Lives until the caller returns to the loop. */
const struct arrival *scheduler_find(const struct scheduler *s, const char *token);
/** Scan incoming/ now; the observers are told when it is through. */
void scheduler_rescan(struct scheduler *s);
/**
 * Claim nothing more and start nothing; loads that run get `grace_ms`, then they are rolled back. `stopped` once all is quiet; it
 * must not free the scheduler at once. */
void scheduler_stop(struct scheduler *s, int64_t grace_ms, void (*stopped)(void *ctx), void *ctx);

/** The connections are about to be closed under the loads: none takes another. Loads that still run end without having changed
 * anything. */
void scheduler_abandon(struct scheduler *s);

/* What /v1/files and /status show of memory. */
struct scheduler_totals {
    unsigned queued, waiting, loading, unreadable;
};
struct scheduler_totals scheduler_totals(const struct scheduler *s);
/** What a dataset's files wait for: NULL (their turn), "held" (order = strict, and one failed), "paused" (a person must mend
 * something), "waiting" (for another dataset). */
struct scheduler_lane {
    unsigned queued, loads; /* files, those that wait for others included; loads of it under way */
    const char *stopped;
};
struct scheduler_lane scheduler_lane(const struct scheduler *s, const char *dataset);
/** Every arrival that is not over yet, in the order of arrival. `each` says false to stop. */
void scheduler_each(const struct scheduler *s, bool (*each)(void *ctx, const struct arrival *a), void *ctx);
/** How far the loads of files that are not small have come. `each` says false to stop. */
void scheduler_each_load(const struct scheduler *s, bool (*each)(void *ctx, const struct arrival *a, struct load_progress p),
                         void *ctx);
/** Why a queued arrival waits for another dataset (its state is `waiting` then), or NULL. */
const char *scheduler_waits(const struct scheduler *s, const struct arrival *a);
/** Every entry of incoming/ that was refused, with the mend. */
void scheduler_each_unreadable(const struct scheduler *s, bool (*each)(void *ctx, const struct unreadable *u), void *ctx);

#endif
