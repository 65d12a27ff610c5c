/* SPDX-License-Identifier: MIT */
/*
 * The part of etl/check.h about reports: does PostgreSQL take their parameters' types and defaults, and their queries? Each query
 * is asked for no rows, in a part of the transaction that only reads, so that nothing but one SELECT gets through; and its columns
 * must have names, each its own.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_CHECK_REPORTS_H
#define CETLD_ETL_CHECK_REPORTS_H

#include "etl/check.h"

struct check_reports {
    struct db_conn *conn; /* in a transaction, in which the tables and derives stand */
    const struct config *config;
    const bool *has_table;               /* of each dataset; what reads another one is not judged */
    const struct check_handler *handler; /* its `done` is not called */
    void (*done)(void *ctx, int status, const struct error *err);
    void *ctx;
};

/** All of `asked` outlives `done`, but the struct. 0 or negative. */
must_check int check_reports(const struct check_reports *asked);

#endif
