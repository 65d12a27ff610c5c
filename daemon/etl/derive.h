/* SPDX-License-Identifier: MIT */
/*
 * One refresh of a derive, in one transaction.
 *
 *   BEGIN ─▶ LOCK its row ─▶ QUERY ─▶ COMPARE ─┬─▶ FILL ────────────────────────┬─▶ RECORD ─▶ COMMIT ─▶ VACUUM
 *                                              ├─▶ CREATE ─▶ EXCHANGE (tables) ─┤
 *                                              └─▶ DEFINE ⟲ (views) ────────────┘
 *
 * Where the table has the query's columns, FILL is DELETE + INSERT … SELECT: a snapshot of any age sees the old rows or the new
 * ones, and grants, indexes and views that somebody put on the table stay. (A fresh table that takes the old one's place would be
 * empty for an older snapshot, since INSERT … SELECT cannot freeze; etl/swap.h has COPY for that.) VACUUM behind it makes room of
 * the old rows. Only where the columns are others the table is made anew under a name that is renamed at the end.
 *
 * What must be dropped takes the views with it that other derives of the configuration made of it; those are out of date then, and
 * follow. What exists under the derive's name and was not made for it is never touched, nor what others made of it.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_DERIVE_H
#define CETLD_ETL_DERIVE_H

#include "config/config.h"
#include "db/query.h"

struct derive_report {
    int status;              /* 0; ERROR_REFUSED: rolled back; else the connection is of no use */
    const struct error *why; /* unless status is 0; may be NULL */
    int64_t rows;            /* of a table; -1: it is a view */
};

struct derive_refresh {
    struct db_conn *conn; /* idle, and untouched until `done` */
    struct config *config;
    const struct config_derive *derive;                          /* of config, of which a reference is kept */
    const char *inputs;                                          /* what it will be made of, as JSON; copied */
    void (*done)(void *ctx, const struct derive_report *report); /* once, and not before derive_refresh returned */
    void *ctx;
};

/** 0, -ENOMEM or ERROR_CLOSED. */
must_check int derive_refresh(const struct derive_refresh *asked);
/** What the derive is made by, as it is recorded: a change of it makes it anew. */
void derive_definition(const struct config_derive *d, struct buf *out);
/** CREATE [OR REPLACE] [TEMP] VIEW `name` (quoted) of its query: `head` stands in front of the name. A statement for db_query with
 * `binary`, so that the query cannot be more than one statement. */
void derive_view_sql(const struct config_derive *d, const char *head, const char *name, struct buf *out);
/** The server's words, and the line of the query that they are about, where that is known. `statement`: derive_view_sql's, or NULL.
 */
void derive_words(const struct db_result *r, const char *statement, struct buf *out);

#endif
