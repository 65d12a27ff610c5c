/* SPDX-License-Identifier: MIT */
/*
 * A pipeline on a real loop and real workers over the bytes of a test, and somebody who takes its outputs: at once, slowly, or not
 * at all.
 *
 *     struct flow f = flow_of(4, 1024);     then set what is to be otherwise
 *     flow_run(&f, text);                   or flow_fill, then flow_empty
 *     …                                     what happened
 *     flow_done(&f);
 */
#ifndef CETLD_TESTS_ETL_FLOW_H
#define CETLD_TESTS_ETL_FLOW_H

#include "etl/pipeline.h"
#include "fixture.h"

#include <stdlib.h>

enum { WORKERS = 4, PATIENCE_MS = 30000, NEVER = -1 };

/* ---- the plan: a table (n numeric, t text), a rollup of it by t ---- */

static const struct type types[] = {{TYPE_NUMERIC, -1}, {TYPE_TEXT, -1}};
static struct column_rule columns[] = {{.name = "n", .input = {.type = {TYPE_NUMERIC, -1}}, .source = 0, .not_null = true},
                                       {.name = "t", .input = {.type = {TYPE_TEXT, -1}}, .source = 1}};
static const struct row_rule rule = {.column = columns, .columns = 2, .cells = 2};
static const struct row_rule narrow_rule = {.column = columns, .columns = 1, .cells = 1};
static const struct aggregate_key key = {.kind = AGGREGATE_KEY_COLUMN, .column = 1};
static const struct aggregate_measure measures[] = {{.function = AGGREGATE_COUNT_ALL}, {.function = AGGREGATE_SUM, .column = 0}};
static const struct aggregate_spec rollup = {
    .key = &key, .keys = 1, .measure = measures, .measures = 2, .type = types, .columns = 2};

static inline struct convert_plan plan_of_table(void)
{
    return (struct convert_plan){.header = true,
                                 .rule = &rule,
                                 .types = types,
                                 .rollup = &rollup,
                                 .rollups = 1,
                                 .aggregate_max = 1 << 20,
                                 .rejects_max = 1 << 20};
}

/* ---- a pipeline on a real loop and real workers, and somebody who takes its outputs ---- */

struct flow {
    /* Set by the test: */
    unsigned workers;
    size_t chunk_bytes, memory_max;
    struct convert_plan plan;
    struct piece *piece; /* that is held */
    int hold_turns;      /* turns of the loop between taking and releasing; NEVER: nothing is taken */
    int discard_after;   /* outputs; NEVER */
    int stop_after;      /* turns; NEVER */
    bool free_at_end;    /* in `ended` itself */
    /* What happened: */
    struct loop *loop;
    struct workers *pool;
    struct memory memory;
    struct counters counters;
    struct pipeline *pipeline;
    int fd;
    struct buf joined; /* the outputs */
    int outputs, holding, turns, ended, rc;
    size_t memory_peak;
    uint64_t rows_read, rejects, bytes;
    struct buf reject_csv, groups;
    uint8_t sum[DIGEST_BYTES];
    char type[64];
    struct error err;
};

static inline struct flow flow_of(unsigned workers, size_t chunk_bytes)
{
    return (struct flow){.workers = workers,
                         .chunk_bytes = chunk_bytes,
                         .memory_max = 64 << 20,
                         .plan = plan_of_table(),
                         .discard_after = NEVER,
                         .stop_after = NEVER};
}

static inline void watch_memory(struct flow *f)
{
    if (f->memory.used > f->memory_peak) f->memory_peak = f->memory.used;
}

static inline void release(struct flow *f)
{
    f->holding = 0;
    pipeline_release(f->pipeline, f->piece);
}

static inline void take(struct flow *f)
{
    while (!f->ended && f->holding == 0 && (f->piece = pipeline_take(f->pipeline))) {
        watch_memory(f);
        assert_int_equal(f->ended, 0);
        assert_true(f->piece->copy.len > 0);
        buf_put(&f->joined, f->piece->copy);
        f->outputs++;
        f->holding = f->hold_turns + 1;
        if (f->outputs == f->discard_after) pipeline_discard(f->pipeline);
        if (f->hold_turns == 0) release(f);
    }
}

static inline void on_ready(void *ctx)
{
    struct flow *f = ctx;
    assert_int_equal(f->ended, 0);
    watch_memory(f);
    if (f->hold_turns != NEVER) take(f);
}

/* The merged groups in their order, as text. */
static inline void keep_groups(struct flow *f, struct convert_bench *bench)
{
    struct arena arena;
    struct batch b = {.rows = 1};
    arena_init(&arena, 1 << 16, 1 << 24);
    for (size_t position = 0; bench && bench->partial && b.rows > 0;) {
        assert_int_equal(aggregate_read(bench->partial[0], &position, &arena, &b), 0);
        for (size_t r = 0; r < b.rows; r++) {
            struct slice sum = b.column[2].value[r].s;
            buf_printf(&f->groups, SLICE_FMT " %lld ", SLICE_ARG(b.column[0].value[r].s), (long long)b.column[1].value[r].i);
            buf_put(&f->groups, sum);
        }
    }
    arena_done(&arena);
}

static inline void on_ended(void *ctx, int rc, const struct error *err)
{
    struct flow *f = ctx;
    f->ended++;
    f->rc = rc;
    f->err = *err;
    struct pipeline_result *r = pipeline_result(f->pipeline);
    f->rows_read = r->rows_read;
    f->rejects = r->rejects.count;
    f->bytes = r->bytes;
    reject_list_csv(&r->rejects, &f->reject_csv);
    memcpy(f->sum, r->sum, sizeof f->sum);
    assert_int_equal(r->bench == NULL, rc != 0 || f->outputs + (int)r->rows_read == 0);
    keep_groups(f, r->bench);
    if (r->bench && r->bench->infer) {
        struct infer_column c;
        infer_result(r->bench->infer, 0, &c);
        snprintf(f->type, sizeof f->type, "%s", type_info(c.type.id)->name);
    }
    if (f->free_at_end) {
        pipeline_free(f->pipeline);
        f->pipeline = NULL;
    }
}

static inline void flow_open(struct flow *f, struct slice text)
{
    buf_init(&f->joined, 64 << 20);
    buf_init(&f->reject_csv, 64 << 20);
    buf_init(&f->groups, 1 << 20);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(workers_new(f->loop, f->workers, 0, &f->pool), 0);
    f->memory = (struct memory){.max = f->memory_max, .counters = &f->counters};
    f->fd = fixture_file(text);
    struct pipeline_config c = {.workers = f->pool,
                                .memory = &f->memory,
                                .input = fixture_input(f->fd, text, f->chunk_bytes),
                                .plan = &f->plan,
                                .rejects_max = 1 << 20,
                                .ready = on_ready,
                                .ended = on_ended,
                                .ctx = f};
    f->plan.dialect = c.input.dialect;
    assert_int_equal(pipeline_new(&c, &f->pipeline), 0);
}

/* One turn of the loop, and what the taker does in it. */
static inline void flow_turn(struct flow *f)
{
    uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
    watch_memory(f);
    f->turns++;
    if (f->turns == f->stop_after && !f->ended) pipeline_stop(f->pipeline);
    if (f->holding > 0 && --f->holding == 0) release(f);
    if (f->hold_turns != NEVER) take(f);
}

static inline void flow_wait(struct flow *f)
{
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (!f->ended) {
        flow_turn(f);
        if (loop_now_ms(f->loop) > give_up) fail_msg("the pipeline did not end");
    }
    for (int i = 0; i < 3; i++) /* nothing comes behind the end */
        uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
    assert_int_equal(f->ended, 1);
}

static inline void flow_close(struct flow *f)
{
    if (f->holding > 0) release(f);
    pipeline_free(f->pipeline);
    assert_int_equal(f->memory.used, 0);
    workers_free(f->pool);
    loop_free(f->loop);
    close(f->fd);
}

static inline void flow_done(struct flow *f)
{
    buf_done(&f->joined);
    buf_done(&f->reject_csv);
    buf_done(&f->groups);
}

/* Start with nobody who takes, and go on until no job runs: everything that may wait for its turn does. */
static inline void flow_fill(struct flow *f, struct slice text)
{
    f->hold_turns = NEVER;
    flow_open(f, text);
    pipeline_start(f->pipeline);
    int64_t give_up = loop_now_ms(f->loop) + PATIENCE_MS;
    while (workers_pending(f->pool) > 0) {
        pipeline_result(f->pipeline); /* progress may be asked for at any time */
        flow_turn(f);
        assert_true(loop_now_ms(f->loop) < give_up);
    }
    assert_int_equal(f->ended, 0);
}

/* Behind flow_fill: take everything. */
static inline void flow_empty(struct flow *f)
{
    f->hold_turns = 0;
    flow_wait(f);
    flow_close(f);
}

/* From start to end. */
static inline void flow_run(struct flow *f, struct slice text)
{
    flow_open(f, text);
    pipeline_start(f->pipeline);
    flow_wait(f);
    flow_close(f);
}

static inline void assert_same_buf(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len > 0) assert_memory_equal(a->data, b->data, a->len);
}

/* Two flows over the same text brought the same. */
static inline void assert_same_results(const struct flow *a, const struct flow *b)
{
    assert_int_equal(a->rc, b->rc);
    assert_int_equal(a->rows_read, b->rows_read);
    assert_int_equal(a->rejects, b->rejects);
    assert_int_equal(a->bytes, b->bytes);
    assert_memory_equal(a->sum, b->sum, sizeof a->sum);
    assert_same_buf(&a->joined, &b->joined);
    assert_same_buf(&a->reject_csv, &b->reject_csv);
    assert_same_buf(&a->groups, &b->groups);
}

/* ---- texts ---- */

/* Rows of very different lengths, some in quotes over lines, a bad one among `bad_every`. */
static inline struct slice mixed_text(struct buf *out, int rows, int bad_every)
{
    buf_init(out, 64 << 20);
    buf_puts(out, "n,t\r\n");
    unsigned seed = 1;
    for (int i = 0; i < rows; i++) {
        seed = seed * 1103515245 + 12345;
        const char *n = i % bad_every == bad_every - 1 ? "bad" : "";
        buf_printf(out, "%s%d.%d,\"%*d\n\"\"%d\"\"\"\n", n, i, i % 7, (int)(seed >> 16) % 60 + 1, i % 5, i % 3);
    }
    assert_int_equal(buf_check(out), 0);
    return buf_slice(out);
}

static inline struct slice repeated(struct buf *out, const char *head, const char *line, int lines)
{
    buf_init(out, 64 << 20);
    buf_puts(out, head);
    for (int i = 0; i < lines; i++)
        buf_puts(out, line);
    assert_int_equal(buf_check(out), 0);
    return buf_slice(out);
}

#endif
