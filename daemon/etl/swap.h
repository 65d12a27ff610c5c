/* SPDX-License-Identifier: MIT */
/*
 * Replace by exchange. A table that cetld makes for `mode = replace` is partitioned, with all of its rows in one DEFAULT partition;
 * a large file goes into a fresh table, and just before the COMMIT that becomes the partition in the place of the old one. Views,
 * grants on the table and prepared statements survive; nothing has to be deleted, row by row, and vacuumed.
 *
 * A snapshot that is older than the exchange sees the new rows (COPY FREEZE), never an empty table.
 *
 * It needs a column to partition by that is in all of the table's unique constraints; where there is none, or PostgreSQL does not
 * want the table partitioned for another reason, the table is a plain one and keeps DELETE + COPY. So do tables that somebody else
 * made, and those with triggers or identity columns.
 *
 * Thread: any. SQL goes into a buf; failures are in it.
 */
#ifndef CETLD_ETL_SWAP_H
#define CETLD_ETL_SWAP_H

#include "etl/plan.h"

/** What is said of the partition in its comment; by this it is known as ours. */
#define SWAP_COMMENT "cetld: the rows of its table; a large file brings another"

/**
 * CREATE TABLE with this list, partitioned if possible; one statement. `if_missing`: a table that exists is left as it is, and is
 * no error.
 */
void swap_make_sql(struct buf *out, const struct table *t, struct slice columns, bool if_missing);

/** $1 the table's oid → the partition that holds its rows, quoted; no row where it cannot be exchanged. */
#define SQL_SWAP_PARTITION                                                                                                         \
    "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partdefid"              \
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.partrelid = $1::int8::oid AND c.relkind = 'r'"                         \
    " AND obj_description(c.oid, 'pg_class') = '" SWAP_COMMENT "' AND pg_has_role(c.relowner, 'USAGE')"                            \
    " AND (SELECT count(*) FROM pg_inherits WHERE inhparent = p.partrelid) = 1"                                                    \
    " AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid IN (p.partrelid, c.oid) AND NOT tgisinternal"                           \
    "  AND tgname <> 'cetl_outside')"                                                                                              \
    " AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = p.partrelid AND attidentity <> '')"

struct swap {
    const struct table *table;
    const char *partition; /* quoted: the one that holds the rows */
    const char *fresh;     /* quoted: the one that will */
};
/** The name of a fresh partition, quoted, distinct by the arrival's token. */
void swap_name(struct buf *out, const struct table *t, const char *token);
/** BEGIN, a lock that keeps writers out, the fresh table. */
void swap_begin_sql(struct buf *out, const struct swap *s);
/** Behind a savepoint, with little patience for locks: take the old partition away. `again`: back to the savepoint first, and wait.
 */
void swap_detach_sql(struct buf *out, const struct swap *s, bool again);
/** Put the fresh one into its place. */
void swap_attach_sql(struct buf *out, const struct swap *s);

#endif
