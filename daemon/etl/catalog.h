/* SPDX-License-Identifier: MIT */
/*
 * The catalog: the datasets that exist, declared or inferred, as the database has them. Opening a dataset makes what is missing
 * (its row in cetl.dataset, its table, its rollups) and reads back what PostgreSQL made of it; a dataset that cannot be opened is
 * kept as broken, with the reason.
 *
 * All work runs on a connection that the caller holds and that must stay idle otherwise until `done`.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_CATALOG_H
#define CETLD_ETL_CATALOG_H

#include "db/query.h"
#include "etl/guess.h"

struct catalog;
typedef void (*catalog_done)(void *ctx, int status, const struct error *err); /* 0, ERROR_CLOSED, ERROR_REFUSED … */

must_check int catalog_new(struct catalog **ret_catalog);
void catalog_free(struct catalog *c);

/** Open every dataset of `config` and every inferred one; what is in neither goes away. Done with 0 also when some are broken. */
must_check int catalog_refresh(struct catalog *c, struct db_conn *conn, struct config *config, catalog_done done, void *ctx);

/** The last refresh left a dataset unready, because something held a lock: refresh again soon. */
bool catalog_unfinished(const struct catalog *c);

/**
 * Make the table of a guess, freeze the guess, open the dataset. `owner` and `config`: where it is declared without columns, else
 * NULL. ERROR_REFUSED when the table exists or cannot be made. Everything is copied.
 */
must_check int catalog_create(struct catalog *c, struct db_conn *conn, const struct guess *guess, struct config *owner,
                              const struct config_dataset *config, catalog_done done, void *ctx);
/**
 * Run `sql` of etl/guess.h, which alters the dataset's table, and open the dataset anew. ERROR_REFUSED when the server refused it;
 * nothing is changed then.
 */
must_check int catalog_alter(struct catalog *c, struct db_conn *conn, const struct dataset *d, const char *sql, catalog_done done,
                             void *ctx);

/** Another number whenever what is in it is not what it was. */
uint64_t catalog_generation(const struct catalog *c);
/** The dataset of that name or NULL; take a reference to keep it. */
struct dataset *catalog_find(const struct catalog *c, const char *name);
/** By number, in the order of the configuration, then of creation; NULL behind the last. */
struct dataset *catalog_at(const struct catalog *c, size_t i);
/** The readable table (a dataset's or a rollup's) of that name, or NULL; valid while `*ret_dataset`, of which no reference is
 * taken, is. */
const struct table *catalog_table(const struct catalog *c, struct slice name, struct dataset **ret_dataset);

#endif
