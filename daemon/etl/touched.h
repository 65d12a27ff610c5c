/* SPDX-License-Identifier: MIT */
/*
 * The groups of a rollup that a load touches, recomputed in the server: for rows that the server updates, ignores or computes.
 *
 *   touched_make_sql ─▶ touched_add_sql, before the rows are merged: the groups of the staged rows, and of those that they may
 * write over ─▶ the merge ─▶ touched_recompute_sql
 *
 * The recomputation first locks its groups, in the order of their keys as everybody does who writes to a rollup; those that are not
 * there yet are put there, so that there is something to lock. The next statement sees everything that was committed by then
 * (READ COMMITTED): without the lock two loads would each compute a group without the other's rows. Loads that merge partials lock
 * the groups they change by changing them, and so come before the lock, and are seen, or wait for it, and add to what it leaves.
 *
 * Thread: any. SQL goes into a buf; failures are in it.
 */
#ifndef CETLD_ETL_TOUCHED_H
#define CETLD_ETL_TOUCHED_H

#include "base/buf.h"
#include "etl/dataset.h"

/** The temporary table of rollup number `i` of `d`, until the end of the transaction. */
void touched_make_sql(struct buf *out, const struct dataset *d, size_t i);
/** INSERT the groups of the rows of cetl_stage; `keyed`: and of the table's rows that have their keys. */
void touched_add_sql(struct buf *out, const struct dataset *d, size_t i, bool keyed);
/** The same for the keys of partials (rollup_put_unnest). */
void touched_add_keys_sql(struct buf *out, const struct dataset *d, size_t i);
/** Several statements: lock, forget, compute. */
void touched_recompute_sql(struct buf *out, const struct dataset *d, size_t i);

#endif
