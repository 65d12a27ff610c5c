/* SPDX-License-Identifier: MIT */
/*
 * Setup brings a database that answers to where loads can begin: the meta schema migrated, what an earlier run has left open
 * settled, the catalog and the derives read. It is run when the database comes up and at each reload, and tries again with a
 * growing delay until it went well.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_SETUP_H
#define CETLD_ETL_SETUP_H

#include "db/pool.h"
#include "etl/catalog.h"
#include "etl/derives.h"
#include "etl/exposed.h"
#include "etl/instance.h"

struct setup;
struct setup_config {
    struct loop *loop;
    struct db_pool *pool; /* a connection of it is held while it runs */
    struct catalog *catalog;
    struct derives *derives;
    struct exposed *exposed;
    struct instance *instance; /* is told what the server allows */
    void (*done)(void *ctx);   /* each time the catalog was read */
    void *ctx;
};

must_check int setup_new(const struct setup_config *config, struct setup **ret_setup);
void setup_free(struct setup *s);
/** Run now, or once more when it is running; with this configuration, of which a reference is taken. */
void setup_run(struct setup *s, struct config *config);
/** Why the last try failed, or "". */
const char *setup_reason(const struct setup *s);

#endif
