/* SPDX-License-Identifier: MIT */
/*
 * Writes from outside: whoever writes to the table of a dataset with rollups and is not cetld leaves a mark, by a trigger on the
 * table (SQL_OUTSIDE_TRIGGER) that opening.h makes where the role may. The rollups of a dataset with marks that are newer than its
 * rollups are stale, and are computed anew here, all at once, while other writers are kept out; the marks are folded in the same
 * transaction. The lock is asked for with little patience, and again later: loads go first.
 *
 * Marks commit with the writes they tell of, so whoever holds the lock sees the marks of all writes that he computes with.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_REBUILDS_H
#define CETLD_ETL_REBUILDS_H

#include "db/pool.h"
#include "etl/catalog.h"

struct rebuilds;
struct rebuilds_config {
    struct loop *loop;
    struct db_pool *pool; /* one connection of it is held during a look and a rebuild */
    struct catalog *catalog;
    /* A dataset has other rows than before. */
    void (*changed)(void *ctx);
    void *ctx;
};

must_check int rebuilds_new(const struct rebuilds_config *config, struct rebuilds **ret_rebuilds);
/** Behind the pool's db_pool_free. NULL is fine. */
void rebuilds_free(struct rebuilds *r);
/** The catalog was read: look from time to time. */
void rebuilds_go(struct rebuilds *r);
/** Until rebuilds_go: no more of them. */
void rebuilds_hold(struct rebuilds *r);

#endif
