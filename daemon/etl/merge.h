/* SPDX-License-Identifier: MIT */
/*
 * The merge of a load's partial aggregates into its rollups' tables, inside the load's transaction and at its end: groups in key
 * order, a batch a statement, encoded on a worker.
 *
 *     merge_begin(&m);  …  m.done(ctx, result)      once, after the last rollup, or with the first refusal
 *
 * Thread: loop; encoding runs on a worker.
 */
#ifndef CETLD_ETL_MERGE_H
#define CETLD_ETL_MERGE_H

#include "db/query.h"
#include "etl/convert.h"
#include "etl/dataset.h"
#include "loop/workers.h"

struct merge {
    /* Set by the caller: */
    struct workers *workers;
    struct db_conn *conn;
    const struct dataset *dataset;
    struct convert_bench *bench; /* the merged partials; NULL when the file had no row */
    void (*done)(void *ctx, int status, const struct error *err);
    void *ctx;
    /* Its own: */
    struct worker_job job;
    struct arena arena;
    struct buf *array; /* a column each */
    size_t columns, rollup, position, rows;
    struct buf sql;
    int rc;
};

void merge_begin(struct merge *m);

#endif
