/* SPDX-License-Identifier: MIT */
/*
 * What a load does to its rollups, inside its transaction and at its end: the merge of its partial aggregates, groups in key order,
 * a batch a statement, encoded on a worker; or what the server computes.
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

enum merge_way {
    MERGE_PARTIALS, /* every row is a new one */
    MERGE_RENEW,    /* the same, and nothing else is left of the table: the partials are its groups */
    MERGE_TOUCHED,  /* the groups in the touched tables (touched.h) are computed anew */
    MERGE_REFILL,   /* all groups are */
};

struct merge {
    /* Set by the caller: */
    enum merge_way way;
    struct workers *workers;
    struct db_conn *conn;
    const struct dataset *dataset;
    struct convert_bench *bench; /* the merged partials; NULL when the file had no row, or they do not count */
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
