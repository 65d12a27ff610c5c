/* SPDX-License-Identifier: MIT */
/*
 * Runs: the loads and groups under way. A run is started with the arrival that is due in a lane; whether that goes by itself
 * (etl/load.h) or takes others of its lane along (etl/group.h) is decided here.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_RUNS_H
#define CETLD_ETL_RUNS_H

#include "etl/lane.h"
#include "etl/load.h"

struct runs {
    const struct load_env *env;
    struct loop *loop;
    /* What became of an arrival, which is in no lane now; its lane's `running` counts the run still. */
    void (*each)(void *ctx, struct lane *lane, struct arrival *a, const struct load_report *report);
    void (*over)(void *ctx); /* behind those of one run, which is gone */
    void *ctx;
    /* Its own: */
    struct list all;
    unsigned running, files; /* runs, and the files of all */
    struct load_seats seats; /* `large`: the runs of files that are not small */
};

/** With env, loop and the callbacks set. */
void runs_init(struct runs *r);
/** Small files are those that may use the connection that is kept for them. */
bool runs_is_small(const struct arrival *a);
/** Start with this arrival of the lane, which leaves the lane, as do those that go with it. False without memory. */
must_check bool runs_start(struct runs *r, struct lane *lane, struct arrival *a);
/** Does a run that began in another lane, by a configuration that was replaced meanwhile, have a file that may belong to this lane
 * now, and come before its others? */
bool runs_hold(const struct runs *r, const struct lane *lane);
/** The loads under way (small files, which travel in groups, are not told). `each` says false to stop. */
void runs_each(const struct runs *r, bool (*each)(void *ctx, const struct arrival *a, struct load_progress p), void *ctx);
/** Stop all as soon as possible. */
void runs_stop(struct runs *r);

#endif
