/* SPDX-License-Identifier: MIT */
/*
 * cetl restore, its parts: what is to become of each table (restore_check.c), and how (restore_rows.c, restore_merge.c,
 * restore_ledger.c). Inside of
 * the command only.
 *
 *   read the manifest ─▶ check every file ─▶ check the tables ─▶ BEGIN ─▶ stages ─▶ lock ─▶ check again ─▶ ledger ─▶ rows out
 *   ─▶ rows in ─▶ marks ─▶ COMMIT
 *
 * The lock lets others read and keeps them from writing. Whoever loads takes such a lock before it looks into the ledger, so ledger
 * and rows change together for it. Rows go out children first, and in parents first, as foreign keys have it. A table that others
 * refer to keeps the rows whose keys the backup has, and these are written over, so that nothing cascades.
 */
#ifndef CETL_RESTORE_H
#define CETL_RESTORE_H

#include "base/error.h"
#include "carried.h"
#include "feed.h"
#include "manifest.h"

struct restore_table {
    const struct manifest_table *m;
    size_t number;             /* of its stage */
    long long oid;             /* 0: it is made */
    bool direct;               /* nothing is in it, and the rows may go in as they are */
    bool referred;             /* by foreign keys of other tables: rows are written over */
    bool lineage;              /* its rows bear their file */
    const char *changer;       /* a trigger or rule that may write other values than the backup's; or NULL */
    const char *sum;           /* of its rows as they came in, where there is any changer */
    long long dataset;         /* its id; 0: none, or not known here yet */
    struct manifest_table now; /* as it is; column NULL where it is made */
};

struct restore {
    const struct cli *cli;
    const char *folder; /* or a URL, whose files come to a temporary folder */
    int dir;
    PGconn *pg;
    struct manifest m;
    struct arena arena;          /* of what is found out about the tables */
    struct restore_table *table; /* those that are wanted, parents first; malloc'd */
    size_t tables;
};

/** Can it become what the backup has? Fills in oid, dataset, now. CLI_OK, or CLI_FAILED with what is in the way. Changes nothing.
 */
must_check int restore_check(struct restore *x, struct restore_table *t);
/** Who refers to whom: sorts the tables, and fills in `referred`. */
must_check int restore_sort(struct restore *x);

/** CREATE TABLE for one that is missing. */
must_check int restore_make(struct restore *x, struct restore_table *t);
/** COPY into the stage, or into the table itself. */
must_check int restore_fill(struct restore *x, struct restore_table *t);
/** Is there nothing in it, so that rows may go in directly? */
must_check int restore_find_direct(struct restore *x, struct restore_table *t);
/** Fills in `changer`; then its rows are compared with the stage's. */
must_check int restore_find_changer(struct restore *x, struct restore_table *t);
/** `map`: ids of files are others than they were (restore_ledger). */
must_check int restore_rows_out(struct restore *x, struct restore_table *t);
must_check int restore_rows_in(struct restore *x, struct restore_table *t);
/** Where triggers and rules of one table may change rows of another: take a sum when a table's rows are in, and compare it at the
 * end. CLI_OK, or CLI_FAILED with words. */
must_check int restore_sum(struct restore *x, struct restore_table *t);
must_check int restore_compare_sum(struct restore *x, const struct restore_table *t);
/** Sequences behind the values that came in. */
must_check int restore_sequences(struct restore *x, const struct restore_table *t);

/** The ledger says what the backup's said; cetl_restore_map has the files that have other ids here. */
must_check int restore_ledger(struct restore *x, struct restore_table *t);
must_check int restore_ledger_end(struct restore *x, const struct restore_table *t);
/** The change is told to whoever follows the table's datasets. */
must_check int restore_mark(struct restore *x, const struct restore_table *t);

/*
 * Of restore_merge.c: rows are written over by the primary key, because other tables refer to them.
 */

/** The key by which that is done; NULL: the old rows simply go. */
const struct manifest_key *restore_merge_key(const struct restore_table *t);
/** Would rows of tables that are not restored change, or go, with rows that these refer to? Then CLI_FAILED. */
must_check int restore_merge_check(struct restore *x, const struct restore_table *t, const struct manifest_key *key);
/** Of a DELETE of `t`: the rows whose key the stage does not have. */
void restore_merge_lost(struct buf *sql, const struct restore_table *t, const struct manifest_key *key);
/** `insert`: INSERT INTO … SELECT of the stage. It is emptied. */
must_check int restore_merge(struct restore *x, const struct restore_table *t, const struct manifest_key *key, struct buf *insert);

/* Shared by these files. */
void restore_put_stage(struct buf *sql, const struct restore_table *t);
/** What stage `s` has for a column, as the table wants it. */
void restore_put_value(struct buf *sql, const struct restore_table *t, const struct manifest_column *c);
const struct manifest_column *restore_column(const struct restore_table *t, const char *name);

/** COPY … FROM STDIN, fed from a file of the backup. */
must_check int restore_copy(struct restore *x, const char *sql, const struct manifest_file *file);

#endif
