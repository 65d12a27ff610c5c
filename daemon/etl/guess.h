/* SPDX-License-Identifier: MIT */
/*
 * SQL that makes and alters tables by inference. A guess is frozen in cetl.dataset.columns, as JSON: name, type, format, reason.
 *
 * Each text is one simple query of several statements, and so one transaction.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_GUESS_H
#define CETLD_ETL_GUESS_H

#include "base/buf.h"
#include "data/infer.h"
#include "etl/dataset.h"

struct guess_column {
    const char *name;
    struct infer_column as;
};

struct guess {
    const char *name; /* of the dataset */
    const char *schema, *table;
    bool lineage; /* its rows bear their file and line */
    bool swapped; /* a `replace` dataset's: its content lies in a partition (etl/swap.h) */
    const struct guess_column *column;
    size_t columns;
};

/** CREATE TABLE, and the row in cetl.dataset. */
void guess_create_sql(struct buf *out, const struct guess *g);

/**
 * ALTER TABLE that adds columns; one that is there by now stays as it is. The lock is taken soon or not at all (55P03). `column`
 * has no type for which `as.type` alone does not speak: text is COLLATE "C".
 */
void guess_add_sql(struct buf *out, const struct dataset *d, const struct guess_column *column, size_t columns);
/** ALTER TABLE that changes the columns' types. */
void guess_widen_sql(struct buf *out, const struct dataset *d, const struct guess_column *column, size_t columns);
/** → does the table have at most GUESS_SMALL_ROWS rows? So few are rewritten in a moment. */
enum { GUESS_SMALL_ROWS = 100000 };
void guess_is_small_sql(struct buf *out, const struct dataset *d);

/** CREATE TABLE IF NOT EXISTS with the columns that are declared, and a note of whether it was made just now. */
void guess_declared_sql(struct buf *out, const struct dataset *d);

/**
 * The type to which a column of `type` may change so that it takes texts that are `seen`, too, without a value that is there being
 * lost or reading otherwise. False when there is none, or when it takes them already.
 */
bool guess_widened(struct type type, const char *format, const struct infer_column *seen, struct infer_column *ret_wider);

#endif
