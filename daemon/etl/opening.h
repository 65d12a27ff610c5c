/* SPDX-License-Identifier: MIT */
/*
 * The opening of one dataset: what is missing is made (its row in cetl.dataset, its table, its columns for lineage, its rollups),
 * and what PostgreSQL made of it is read back. A dataset that cannot be opened is broken, with the reason; one that waits for a
 * lock is also unready.
 *
 *     statements (its table is made or altered) ──▶ row ──▶ declared table ──▶ definition ──▶ columns ──▶ [lineage, stamps] ──▶
 * [dimensions] ──▶ rollups
 *
 * All work runs on a connection that the caller holds and that must stay idle otherwise until `done`.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_OPENING_H
#define CETLD_ETL_OPENING_H

#include "db/query.h"
#include "etl/dimension.h"

struct opening {
    struct db_conn *conn;
    bool may_be_absent; /* what is declared without columns, or was inferred, need not have its table */
    /* 0: the dataset is the receiver's, and open or broken; NULL: its table is not there. Else the world failed. */
    void (*done)(void *ctx, int status, const struct error *err, struct dataset *d);
    void *ctx;
    /* Its own: */
    struct dataset *d;
    char *schema, *table;
    int64_t made; /* the oid of the table that cetld made for it, or 0 */
    char *guess;  /* its frozen columns as JSON, or NULL */
    size_t next_rollup;
    bool lineage_added, stamps_added; /* to its table */
    bool countable;                   /* the trigger sees every write to its table */
    struct dimensions_reading dimensions;
};

struct opening_table {
    const char *schema, *name;
};
/** Open `d`, which is taken over in any case; conn, may_be_absent, done and ctx are set, the rest is zero. 0; or negative, then
 * `done` is not called. */
must_check int opening_start(struct opening *o, struct dataset *d, const struct opening_table *t);
/** The same behind statements, which are one transaction; ERROR_REFUSED is theirs, and nothing was changed. */
must_check int opening_start_with(struct opening *o, struct dataset *d, const struct opening_table *t, const char *sql);

#endif
