/* SPDX-License-Identifier: MIT */
/*
 * The tables and views of option `expose`, as the database has them: read with the catalog, at start and at each reload. What is
 * not there, or may not be seen, is left out, and the log says so.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_EXPOSED_H
#define CETLD_ETL_EXPOSED_H

#include "db/query.h"
#include "etl/catalog.h"

struct exposed;
struct exposed_table {
    struct table table;
    struct dataset_keys keys;
};

must_check int exposed_new(struct exposed **ret_exposed);
/** NULL is fine. */
void exposed_free(struct exposed *e);
/** Read those of this configuration (a reference is taken), on an idle connection that stays untouched until `done`. 0 or negative.
 */
must_check int exposed_refresh(struct exposed *e, struct db_conn *conn, struct config *config, catalog_done done, void *ctx);
/** The i-th of those that are there; NULL behind the last, and for `e` NULL. Valid until the loop turns. */
const struct exposed_table *exposed_at(const struct exposed *e, size_t i);
/** Another number once they were read anew. */
uint64_t exposed_generation(const struct exposed *e);

#endif
