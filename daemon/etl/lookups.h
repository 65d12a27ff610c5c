/* SPDX-License-Identifier: MIT */
/*
 * The tables that lookups look into, in memory, for all loads: read when a load needs one, kept for the next, read anew when its
 * dataset has another version, forgotten when nobody has used it for a while. Together they hold at most `lookup_max`, and what
 * they hold is taken from the budget of memory_max.
 *
 *     u = (struct lookups_use){.cache, .conn, .dataset, .max, .done, .ctx};
 *     lookups_take(&u);                // 0; done: later
 *     …
 *     if (u.fits) plan_look_up(plan, u.dictionary);     // else the server joins
 *     …
 *     lookups_release(&u);             // after the plan is gone
 *
 * Writes that are not cetld's are seen when the server's statistics tell them: seconds later.
 *
 * Thread: loop; workers read the dictionaries of a load.
 */
#ifndef CETLD_ETL_LOOKUPS_H
#define CETLD_ETL_LOOKUPS_H

#include "db/query.h"
#include "etl/formulas.h"
#include "etl/memory.h"

struct lookups;
struct lookups_table;

/** 0 or -ENOMEM. `memory` must outlive it. */
must_check int lookups_new(struct memory *memory, struct lookups **ret_lookups);
void lookups_free(struct lookups *c);

struct lookups_use {
    struct lookups *cache;
    struct db_conn *conn;    /* not in a transaction, and idle until `done` */
    struct dataset *dataset; /* with formulas that have sources; says in `joins` whether it fitted */
    size_t max;              /* bytes of all tables */
    /* Once. 0, ERROR_CLOSED, -ENOMEM; what the server refuses, it refuses the load's statements, too: then it does not fit. */
    void (*done)(void *ctx, const struct db_result *r);
    void *ctx;
    bool fits;
    const struct dictionary **dictionary; /* with `fits`, of each source */
    /* Its own: */
    struct lookups_table **table; /* references */
    size_t n;
    struct lookups_reading *reading;
};
/** 0; -ENOMEM or ERROR_CLOSED, and `done` is not called. */
must_check int lookups_take(struct lookups_use *u);
/** Harmless where nothing was taken. */
void lookups_release(struct lookups_use *u);

#endif
