/* SPDX-License-Identifier: MIT */
/*
 * The dimensions of a dataset: the tables of other datasets that its lookups look into, as the database has them. They are read
 * behind its own table, before its formulas are resolved.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_DIMENSION_H
#define CETLD_ETL_DIMENSION_H

#include "db/query.h"
#include "etl/dataset.h"

struct dimensions_reading {
    struct db_conn *conn;
    struct dataset *d;
    /* Once; perhaps before dimensions_read has returned. A table that is not there breaks the dataset for the moment. */
    void (*done)(void *ctx, const struct db_result *r);
    void *ctx;
    /* Its own: */
    size_t next; /* the column whose lookup is looked at next */
};

/** Fill d->dimension; conn, d, done and ctx are set, the rest is zero. */
void dimensions_read(struct dimensions_reading *r);

/** The one of that name, or NULL. */
const struct dataset_dimension *dimension_find(const struct dataset_dimensions *all, const char *name);
/** Do the lookup's keys tell its rows apart? */
bool dimension_is_unique(const struct dataset_dimension *m, const struct lookup *l);

#endif
