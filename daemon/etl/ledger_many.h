/* SPDX-License-Identifier: MIT */
/*
 * The ledger for many files of one dataset in one transaction (etl/group.h): each call is one statement for all of them.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_LEDGER_MANY_H
#define CETLD_ETL_LEDGER_MANY_H

#include "etl/ledger.h"

/**
 * BEGIN; lock the contents, in one order for all who do this, so that no two wait for each other; → (place, id) for each content
 * that the dataset has loaded already, place from 0. One round trip. (The sums go as hex text: the locks and the look behind them
 * must be statements of their own.)
 */
must_check int ledger_begin_many(struct db_conn *c, int64_t dataset, const uint8_t *const *sum, size_t n, ledger_done done,
                                 void *ctx);

struct ledger_many {
    const struct table *table;
    int64_t dataset;
    int64_t rows_delta;           /* how the dataset's row count changes */
    const struct ledger_row *row; /* lineage is the table's; `loaded` or `duplicate` each, none with an error; dataset and rows_delta are those above */
    size_t n;
};
/**
 * Their rows, and one mark of a change when one is `loaded` → for each id, token, xid, and the dataset's definition and columns as
 * they are now (as ledger_lock gives them).
 */
must_check int ledger_insert_many(struct db_conn *c, const struct ledger_many *many, ledger_done done, void *ctx);

#endif
