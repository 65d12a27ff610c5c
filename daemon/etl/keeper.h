/* SPDX-License-Identifier: MIT */
/*
 * The keeper: what is older than keep_done, keep_failed and keep_rejects say is removed from done/, failed/ and cetl.reject, now
 * and then. What waits to be archived, and whatever came after it, stays. A file's age counts from when it came into its folder
 * (its ctime, which the rename there sets).
 *
 * Thread: loop; folders are read on a worker.
 */
#ifndef CETLD_ETL_KEEPER_H
#define CETLD_ETL_KEEPER_H

#include "config/config.h"
#include "db/pool.h"
#include "loop/loop.h"
#include "loop/workers.h"
#include "spool/place.h"

struct keeper;
struct keeper_config {
    struct loop *loop;
    struct workers *workers;
    struct place *place;
    struct db_pool *pool; /* of connections that load */
    struct config *config;
};

must_check int keeper_new(const struct keeper_config *config, struct keeper **ret_keeper);
/** A reload: takes a reference. */
void keeper_set_config(struct keeper *k, struct config *config);
/** No more rounds: when the daemon ends, before the pool goes away. */
void keeper_stop(struct keeper *k);
/** Nothing of it may run on a worker any more. NULL is fine. */
void keeper_free(struct keeper *k);

#endif
