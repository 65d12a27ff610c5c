/* SPDX-License-Identifier: MIT */
/*
 * Numbered, checksummed migrations of the meta schema `cetl`, under an advisory lock, each in a transaction, recorded in
 * cetl.migration. A database that was migrated by a newer cetld is refused.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_MIGRATE_H
#define CETLD_DB_MIGRATE_H

#include "db/query.h"

struct db_migration {
    int number;       /* from 1, without gaps */
    const char *name; /* "ledger" */
    const char *sql;  /* several statements; no transaction control */
};
/** sql.h's table of them, ended by a row with number 0. */
const struct db_migration *db_migrations(void);
/** Bring the database up to date on an idle connection that must stay untouched until `done`. 0 or -ENOMEM. */
must_check int db_migrate(struct db_conn *c, void (*done)(void *ctx, const struct db_result *r), void *ctx);

#endif
