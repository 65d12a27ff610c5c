/* SPDX-License-Identifier: MIT */
#include "etl/merge.h"

#include "etl/rollup.h"
#include "etl/touched.h"
#include "format/pgcopy.h"

#include <stdlib.h>

enum { ARENA_BLOCK = 64 * 1024, ARRAY_MAX = 256 * 1024 * 1024, SQL_MAX = 1024 * 1024 };

static void merge_next(struct merge *m);

static void drop_arrays(struct merge *m)
{
    for (size_t i = 0; i < m->columns; i++)
        buf_done(&m->array[i]);
    free(m->array);
    m->array = NULL;
    m->columns = 0;
}

static void over(struct merge *m, int status, const struct error *err)
{
    drop_arrays(m);
    buf_done(&m->sql);
    arena_done(&m->arena);
    m->done(m->ctx, status, err);
}

static void next_rollup(struct merge *m)
{
    m->rollup++;
    merge_next(m);
}

static void computed(void *ctx, const struct db_result *r)
{
    struct merge *m = ctx;
    if (r->status != 0) return over(m, r->status, r->error);
    next_rollup(m);
}

static void ask(struct merge *m, void (*done)(void *ctx, const struct db_result *r))
{
    const char *sql = buf_cstr(&m->sql);
    int r = sql ? db_query(m->conn, &(struct db_query){.sql = sql, .done = done, .ctx = m}) : -ENOMEM;
    if (r < 0) over(m, r, NULL);
}

/* On a worker: the next groups as one array a column. */
static void encode(struct worker_job *job)
{
    struct merge *m = container_of(job, struct merge, job);
    struct batch batch;
    arena_reset(&m->arena);
    m->rc = aggregate_read(m->bench->partial[m->rollup], &m->position, &m->arena, &batch);
    if (m->rc != 0) return;
    m->rows = batch.rows;
    for (size_t i = 0; i < m->columns && m->rc == 0; i++) {
        buf_reset(&m->array[i]);
        pgcopy_array(&m->array[i], &batch, i);
        m->rc = buf_check(&m->array[i]);
    }
}

static void merged(void *ctx, const struct db_result *r)
{
    struct merge *m = ctx;
    if (r->status != 0) return over(m, r->status, r->error);
    workers_submit(m->workers, &m->job);
}

static void put_groups(struct merge *m)
{
    const struct dataset_rollup *rollup = &m->dataset->rollup[m->rollup];
    const struct table *t = &rollup->table;
    struct db_param *p = calloc(m->columns, sizeof *p);
    const char *sql = buf_cstr(&m->sql);
    int r = p && sql ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < m->columns; i++)
        p[i] = db_binary(type_info(t->column[rollup_partial_column(rollup, i)].type.id)->array_oid, buf_slice(&m->array[i]));
    if (r == 0)
        r = db_query(m->conn, &(struct db_query){.sql = sql, .param = p, .params = (int)m->columns, .done = merged, .ctx = m});
    free(p);
    if (r < 0) over(m, r, NULL);
}

static void encoded(struct worker_job *job)
{
    struct merge *m = container_of(job, struct merge, job);
    if (m->rc != 0) return over(m, m->rc < 0 ? m->rc : -ENOMEM, NULL);
    if (m->rows > 0) return put_groups(m);
    if (m->dataset->rollup[m->rollup].how == ROLLUP_MERGED) return next_rollup(m);
    buf_reset(&m->sql);
    touched_recompute_sql(&m->sql, m->dataset, m->rollup);
    ask(m, computed);
}

/* The partials go to m->sql, batch by batch. */
static void send_partials(struct merge *m)
{
    const struct aggregate_spec *spec = &m->dataset->rollup[m->rollup].spec;
    m->array = calloc(spec->keys + spec->measures, sizeof *m->array);
    if (!m->array) return over(m, -ENOMEM, NULL);
    m->columns = spec->keys + spec->measures;
    for (size_t i = 0; i < m->columns; i++)
        buf_init(&m->array[i], ARRAY_MAX);
    m->position = 0;
    workers_submit(m->workers, &m->job);
}

static void touched_made(void *ctx, const struct db_result *r)
{
    struct merge *m = ctx;
    if (r->status != 0) return over(m, r->status, r->error);
    buf_reset(&m->sql);
    touched_add_keys_sql(&m->sql, m->dataset, m->rollup);
    send_partials(m);
}

static void merge_partials(struct merge *m)
{
    const struct dataset_rollup *r = &m->dataset->rollup[m->rollup];
    buf_reset(&m->sql);
    if (r->how == ROLLUP_MERGED) {
        rollup_merge_sql(&m->sql, r);
        return send_partials(m);
    }
    touched_make_sql(&m->sql, m->dataset, m->rollup);
    ask(m, touched_made);
}

static void emptied(void *ctx, const struct db_result *r)
{
    struct merge *m = ctx;
    if (r->status != 0) return over(m, r->status, r->error);
    m->bench ? merge_partials(m) : next_rollup(m);
}

static void merge_next(struct merge *m)
{
    const struct dataset *d = m->dataset;
    drop_arrays(m);
    if (m->rollup == d->rollups || (m->way == MERGE_PARTIALS && !m->bench)) return over(m, 0, NULL);
    if (m->way == MERGE_PARTIALS) return merge_partials(m);
    buf_reset(&m->sql);
    if (m->way == MERGE_RENEW && d->rollup[m->rollup].how == ROLLUP_MERGED) {
        rollup_empty_sql(&m->sql, &d->rollup[m->rollup]);
        return ask(m, emptied);
    }
    if (m->way == MERGE_TOUCHED) {
        touched_recompute_sql(&m->sql, d, m->rollup);
    } else {
        rollup_refill_sql(&m->sql, &d->rollup[m->rollup], &d->table);
    }
    ask(m, computed);
}

void merge_begin(struct merge *m)
{
    arena_init(&m->arena, ARENA_BLOCK, (size_t)1 << 30);
    buf_init(&m->sql, SQL_MAX);
    m->array = NULL;
    m->columns = m->rollup = 0;
    m->job = (struct worker_job){.run = encode, .done = encoded, .priority = WORKER_URGENT};
    merge_next(m);
}
