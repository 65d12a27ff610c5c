/* SPDX-License-Identifier: MIT */
/*
 * The part of etl/check.h about who may do what: are the roles of [token NAME] and [role NAME] there, and may the daemon take them?
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_CHECK_ROLES_H
#define CETLD_ETL_CHECK_ROLES_H

#include "etl/check.h"

struct check_roles {
    struct db_conn *conn;
    const struct config *config;
    const struct check_handler *handler; /* its `done` is not called */
    void (*done)(void *ctx, int status, const struct error *err);
    void *ctx;
};

/** All of `asked` outlives `done`, but the struct. 0 or negative. */
must_check int check_roles(const struct check_roles *asked);

#endif
