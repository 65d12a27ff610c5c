/* SPDX-License-Identifier: MIT */
/*
 * The part of etl/check.h about derives: does PostgreSQL take their queries? Each becomes a view in the transaction that is rolled
 * back, under the name of its table where nothing has that name, else as a temporary view that stands before it, so that the
 * derives made of it find it.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_CHECK_DERIVES_H
#define CETLD_ETL_CHECK_DERIVES_H

#include "etl/check.h"

struct check_derives {
    struct db_conn *conn; /* in a transaction */
    const struct config *config;
    const bool *has_table;               /* of each dataset; what reads another one is not judged */
    const struct check_handler *handler; /* its `done` is not called */
    void (*done)(void *ctx, int status, const struct error *err);
    void *ctx;
};

/** All of `asked` outlives `done`, but the struct. 0 or negative. */
must_check int check_derives(const struct check_derives *asked);

#endif
