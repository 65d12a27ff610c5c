/* SPDX-License-Identifier: MIT */
/*
 * What `cetld --check` asks the database: are the declared columns, their [column] sections, the rollups, the expressions
 * and the queries of derives what PostgreSQL accepts? Everything happens in one transaction that is rolled back.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_CHECK_H
#define CETLD_ETL_CHECK_H

#include "db/query.h"
#include "etl/dataset.h"

struct check_handler {
    void (*mistake)(void *ctx, const char *text);
    void (*note)(void *ctx, struct slice text);                   /* lines that are no mistake: where expressions run */
    void (*done)(void *ctx, int status, const struct error *err); /* once; status 0: all was asked */
    void *ctx;
};

/** On an idle connection that stays untouched until `done`. 0 or negative. */
must_check int check_run(struct db_conn *conn, struct config *config, const struct check_handler *h);

#endif
