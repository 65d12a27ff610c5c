/* SPDX-License-Identifier: MIT */
/*
 * The archives: each original of a loaded file (and, if asked, of a refused one) is stored in every [archive]. What is to be stored
 * is queued by a trigger in the transaction of the file's ledger row (cetl.original), so no crash loses it; here the queue is
 * worked off, a few files of each archive at a time, and a row becomes `stored` once the store has shown the object with its size
 * and SHA-256. A store that fails makes its archive pause, with growing pauses, and holds up nothing else.
 *
 *   waiting in cetl.original ──▶ FINDING (worker: original.h) ──▶ STORING ──▶ REPORTING (NAME.load.json) ──▶ NOTING ──▶ stored
 *                                     └─ gone ─▶ NOTING: lost, the third time         └─ failed ─▶ NOTING, and the archive pauses
 *
 * Which files of done/ may go says the keeper, which asks for the longest waiting.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_ARCHIVE_H
#define CETLD_ETL_ARCHIVE_H

#include "config/config.h"
#include "db/pool.h"
#include "db/query.h"
#include "etl/memory.h"
#include "etl/observer.h"
#include "spool/place.h"
#include "store/store.h"

struct archives;
struct archives_config {
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    struct place *place;
    struct db_pool *pool; /* of connections that load */
    struct memory *memory;
    struct observers *observers;
    struct config *config;
};

must_check int archives_new(const struct archives_config *config, struct archives **ret_archives);
/** A reload: takes a reference. What is under way begins anew, and pauses end. */
void archives_set_config(struct archives *all, struct config *config);
/** The database is set up, and has the queue. */
void archives_go(struct archives *all);
/** Nothing more is begun, and what is under way is left: when the daemon ends, before pools and transfers go away. NULL is fine. */
void archives_stop(struct archives *all);
/** Nothing of it may run on a worker any more. NULL is fine. */
void archives_free(struct archives *all);

/** In setup, before loads begin: the database knows which archives there are. */
must_check int archives_declare(struct db_conn *c, const struct config *config, void (*done)(void *ctx, const struct db_result *r),
                                void *ctx);

/** How a store of that URL is reached, as [store] says. */
struct store_config archives_access(const struct config *config, const char *url);

#endif
