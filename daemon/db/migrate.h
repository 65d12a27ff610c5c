/* SPDX-License-Identifier: MIT */
/*
 * Numbered, checksummed migrations under an advisory lock, each in a transaction and recorded with it: those of the meta schema
 * `cetl` in cetl.migration, those of the user in cetl.user_migration. A database that was migrated by a newer cetld, or by another
 * text of a number, is refused.
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
    const char *file; /* where the user's text stands; NULL: it is ours */
};
/** sql.h's table of them, ended by a row with number 0. */
const struct db_migration *db_migrations(void);
/** Bring the database up to date on an idle connection that must stay untouched until `done`. 0 or -ENOMEM. */
must_check int db_migrate(struct db_conn *c, void (*done)(void *ctx, const struct db_result *r), void *ctx);

/**
 * The same with the user's: a list that ends with number 0, and outlives `done`; behind db_migrate. What the server refuses is said
 * with file and line. `done` sees rows == NULL and status 0; the session's settings may be others afterwards.
 */
must_check int db_migrate_user(struct db_conn *c, const struct db_migration *list,
                               void (*done)(void *ctx, const struct db_result *r), void *ctx);

#endif
