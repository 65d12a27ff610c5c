/* SPDX-License-Identifier: MIT */
/*
 * The SQL of a rollup: its table, its first filling, and the merge of a load's partial aggregates. The table always equals SELECT …
 * GROUP BY over the dataset's (float sums within rounding), because it changes in the load's own transaction; NULL keys are groups
 * (NULLS NOT DISTINCT, PostgreSQL 15).
 *
 * Thread: any.
 */
#ifndef CETLD_ETL_ROLLUP_H
#define CETLD_ETL_ROLLUP_H

#include "base/buf.h"
#include "etl/dataset.h"

enum { ROLLUP_E_UNKNOWN_COLUMN = 2, ROLLUP_E_TYPE = 3 };

/** What a column is named that a measure keeps beside its result; a user's cannot begin with '_'. */
#define ROLLUP_STATE_COLUMN "_%zu"

/**
 * Resolve the rollup's columns in the dataset's table: the aggregate spec (whose columns are indexes of the table's) and
 * the rollup's own table. Memory is the arena's. 0, ROLLUP_E_… with the words in err, or -ENOMEM.
 */
must_check int rollup_resolve(const struct config_rollup *config, const struct table *source, struct arena *a, struct error *err,
                              struct dataset_rollup *ret_rollup);
/** The expression of key `i`, over the source's columns. */
void rollup_put_key(struct buf *out, const struct dataset_rollup *r, size_t i);
/** "SELECT keys, measures FROM source", with a WHERE where `source` has rows that are deleted softly; and what ends it, behind
 * more of a WHERE perhaps. */
void rollup_select(struct buf *out, const struct dataset_rollup *r, const struct table *source);
void rollup_group_by(struct buf *out, const struct dataset_rollup *r);
/** "SELECT keys, measures FROM source GROUP BY keys", as a person would write it. */
void rollup_definition(struct buf *out, const struct dataset_rollup *r, const struct table *source);
/**
 * What the comment of its table says while it is as it should be: the definition, the source by its oid (a table that was dropped
 * and made anew is another), and the types.
 */
void rollup_comment(struct buf *out, const struct dataset_rollup *r, const struct table *source);
/** Statements for one simple query, which makes them one transaction: lock the source against writers, (re)make the table, fill it,
 * comment it. */
void rollup_create_sql(struct buf *out, const struct dataset_rollup *r, const struct table *source);
/** Empty its table, inside a transaction that keeps writers out of its source. */
void rollup_empty_sql(struct buf *out, const struct dataset_rollup *r);
/** Empty its table and fill it from `source`, inside a transaction that keeps writers out. */
void rollup_refill_sql(struct buf *out, const struct dataset_rollup *r, const struct table *source);
/**
 * Where only the server knows the types of its columns (!described): the query that tells them by its columns, and what takes them.
 * 0, ROLLUP_E_TYPE, or -ENOMEM.
 */
void rollup_types_sql(struct buf *out, const struct dataset_rollup *r, const struct table *source);
must_check int rollup_take_types(struct dataset_rollup *r, const PGresult *rows, struct arena *a, struct error *err);
/** unnest($1::…[], …): parameter i is column i of the partials as an array; and which of the rollup's table that is. */
void rollup_put_unnest(struct buf *out, const struct dataset_rollup *r);
size_t rollup_partial_column(const struct dataset_rollup *r, size_t i);
/** ROLLUP_MERGED: INSERT … SELECT FROM unnest ON CONFLICT DO UPDATE. */
void rollup_merge_sql(struct buf *out, const struct dataset_rollup *r);

#endif
