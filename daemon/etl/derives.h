/* SPDX-License-Identifier: MIT */
/*
 * The derives: which are out of date, and when they are made anew (etl/derive.h makes one).
 *
 * What a derive was made of, as versions of its inputs, stands in cetl.derive, and is compared with what there is: at start, behind
 * each reading of the catalog, and soon after derives_changed, which is only a hint. So it does not matter how many commits there
 * were, or whether the daemon was killed in between. A round goes once through all of them, each behind its inputs; a pause as
 * long as the round took follows, so that derives cost no more than half of a core of the server.
 *
 * A failure is kept until an input changes, a reload, or, where it may pass by itself, for a growing delay. It never touches loads.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_DERIVES_H
#define CETLD_ETL_DERIVES_H

#include "base/counters.h"
#include "db/pool.h"
#include "etl/catalog.h"
#include "etl/derive_set.h"
#include "etl/observer.h"

struct derives;
struct derives_config {
    struct loop *loop;
    struct db_pool *pool; /* one connection of it is held while a round lasts */
    struct catalog *catalog;
    struct counters *counters;
    struct observers *observers;
};

must_check int derives_new(const struct derives_config *config, struct derives **ret_derives);
/** Behind the pool's db_pool_free, or derives_stop. NULL is fine. */
void derives_free(struct derives *d);
/** Read what is known of the derives of this configuration (a reference is taken), on an idle connection that stays untouched until
 * `done`. 0 or negative. */
must_check int derives_open(struct derives *d, struct db_conn *conn, struct config *config, catalog_done done, void *ctx);
/** They are open, and the catalog was read: refreshes may begin. */
void derives_go(struct derives *d);
/** The database is gone: no more of them until derives_go. */
void derives_hold(struct derives *d);
/** Something was committed to a dataset. */
void derives_changed(struct derives *d);
/** A refresh under way is cancelled, and no other begins. */
void derives_stop(struct derives *d);

struct derive_view {
    const struct config_derive *config;
    const struct table *table; /* without columns: it was never made */
    enum derive_state state;
    const char *error;        /* of FAILED and WAITING; or NULL */
    const char *refreshed_at; /* ISO 8601, or NULL */
    int64_t rows;             /* of a table; -1: not known */
};
/** The n-th, each behind its inputs; false behind the last. `d` may be NULL. Valid until the loop turns. */
bool derives_at(const struct derives *d, size_t i, struct derive_view *ret_view);
/** The one of that name. */
bool derives_find(const struct derives *d, struct slice name, struct derive_view *ret_view);
/** Another number whenever the tables may not have the columns that they had. `d` may be NULL. */
uint64_t derives_generation(const struct derives *d);

#endif
