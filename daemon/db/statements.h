/* SPDX-License-Identifier: MIT */
/*
 * The prepared statements of one connection, found by their key (parameter types and SQL text). At most DB_STATEMENTS_MAX; the one
 * that was not used for the longest time makes room. This table only remembers: PREPARE and DEALLOCATE are query.c's.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_STATEMENTS_H
#define CETLD_DB_STATEMENTS_H

#include "base/error.h"
#include "base/slice.h"

enum { DB_STATEMENTS_MAX = 256, DB_STATEMENT_NAME = 24 };

struct db_statement;
struct db_statements {
    struct db_statement *table; /* in order of use, the oldest first */
    unsigned made;              /* for names that never come again */
};

void db_statements_done(struct db_statements *s);
/** NULL when it is not there. What is found becomes the youngest. */
struct db_statement *db_statements_find(struct db_statements *s, struct slice key);
/** The one to deallocate before another may be added, or NULL while there is room. */
struct db_statement *db_statements_surplus(struct db_statements *s);
/** A name for the next statement. */
void db_statements_name(struct db_statements *s, char ret_name[DB_STATEMENT_NAME]);
must_check int db_statements_add(struct db_statements *s, struct slice key, const char *name);
/** Forget it; NULL is fine. */
void db_statements_remove(struct db_statements *s, struct db_statement *st);
const char *db_statement_name(const struct db_statement *st);

#endif
