/* SPDX-License-Identifier: MIT */
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

static struct convert_plan plan_of_table(void)
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
    int hold_turns;    /* turns of the loop between taking and releasing; NEVER: nothing is taken */
    int discard_after; /* outputs; NEVER */
    int stop_after;    /* turns; NEVER */
    bool free_at_end;  /* in `ended` itself */
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

static struct flow flow_of(unsigned workers, size_t chunk_bytes)
{
    return (struct flow){.workers = workers,
                         .chunk_bytes = chunk_bytes,
                         .memory_max = 64 << 20,
                         .plan = plan_of_table(),
                         .discard_after = NEVER,
                         .stop_after = NEVER};
}

static void watch_memory(struct flow *f)
{
    if (f->memory.used > f->memory_peak) f->memory_peak = f->memory.used;
}

static void release(struct flow *f)
{
    f->holding = 0;
    pipeline_release(f->pipeline, f->piece);
}

static void take(struct flow *f)
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

static void on_ready(void *ctx)
{
    struct flow *f = ctx;
    assert_int_equal(f->ended, 0);
    watch_memory(f);
    if (f->hold_turns != NEVER) take(f);
}

/* The merged groups in their order, as text. */
static void keep_groups(struct flow *f, struct convert_bench *bench)
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

static void on_ended(void *ctx, int rc, const struct error *err)
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

static void flow_open(struct flow *f, struct slice text)
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
static void flow_turn(struct flow *f)
{
    uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
    watch_memory(f);
    f->turns++;
    if (f->turns == f->stop_after && !f->ended) pipeline_stop(f->pipeline);
    if (f->holding > 0 && --f->holding == 0) release(f);
    if (f->hold_turns != NEVER) take(f);
}

static void flow_wait(struct flow *f)
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

static void flow_close(struct flow *f)
{
    if (f->holding > 0) release(f);
    pipeline_free(f->pipeline);
    assert_int_equal(f->memory.used, 0);
    workers_free(f->pool);
    loop_free(f->loop);
    close(f->fd);
}

static void flow_done(struct flow *f)
{
    buf_done(&f->joined);
    buf_done(&f->reject_csv);
    buf_done(&f->groups);
}

/* Start with nobody who takes, and go on until no job runs: everything that may wait for its turn does. */
static void flow_fill(struct flow *f, struct slice text)
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
static void flow_empty(struct flow *f)
{
    f->hold_turns = 0;
    flow_wait(f);
    flow_close(f);
}

/* From start to end. */
static void flow_run(struct flow *f, struct slice text)
{
    flow_open(f, text);
    pipeline_start(f->pipeline);
    flow_wait(f);
    flow_close(f);
}

static void assert_same_buf(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len > 0) assert_memory_equal(a->data, b->data, a->len);
}

/* Two flows over the same text brought the same. */
static void assert_same_results(const struct flow *a, const struct flow *b)
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
static struct slice mixed_text(struct buf *out, int rows, int bad_every)
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

static struct slice repeated(struct buf *out, const char *head, const char *line, int lines)
{
    buf_init(out, 64 << 20);
    buf_puts(out, head);
    for (int i = 0; i < lines; i++)
        buf_puts(out, line);
    assert_int_equal(buf_check(out), 0);
    return buf_slice(out);
}

/* ---- order, results ---- */

static void many_workers_bring_what_one_chunk_brings(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 5000, 11);
    struct flow whole = flow_of(1, text.len + 1);
    flow_run(&whole, text);
    assert_int_equal(whole.rc, 0);
    assert_int_equal(whole.outputs, 1);
    assert_int_equal(whole.rows_read, 5000);
    assert_int_equal(whole.rejects, 5000 / 11);
    assert_true(whole.groups.len > 0);

    static const size_t sizes[] = {200, 1024, 7000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned workers = 1; workers <= WORKERS; workers += WORKERS - 1) {
            struct flow f = flow_of(workers, sizes[i]);
            flow_run(&f, text);
            assert_true(f.outputs > 1);
            assert_same_results(&f, &whole);
            flow_done(&f);
        }
    flow_done(&whole);
    buf_done(&memory);
}

static void slow_taker_gets_everything(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 13);
    struct flow whole = flow_of(1, text.len + 1), slow = flow_of(WORKERS, 1024);
    flow_run(&whole, text);
    slow.hold_turns = 20;
    flow_run(&slow, text);
    assert_same_results(&slow, &whole);
    flow_done(&slow);
    flow_done(&whole);
    buf_done(&memory);
}

static void inference_over_chunks_is_that_over_the_file(void **state)
{
    (void)state;
    struct buf memory;
    repeated(&memory, "n,t\n", "12,x\n", 2000);
    buf_puts(&memory, "1.5,x\n");
    struct flow f = flow_of(WORKERS, 256);
    f.plan = (struct convert_plan){.header = true, .infer_columns = 2};
    flow_run(&f, buf_slice(&memory));
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.rows_read, 2001);
    assert_int_equal(f.outputs, 0);
    assert_string_equal(f.type, "numeric");
    flow_done(&f);
    buf_done(&memory);
}

/* ---- outputs without rows ---- */

static void chunks_of_rejects_only_are_passed_over(void **state)
{
    (void)state;
    static const char *const bodies[][3] = {
        {"bad,1\n", "2,x\n", "bad,3\n"},   /* none at the start and at the end */
        {"1,x\n", "bad,2\n", "3,x\n"},     /* none in between */
        {"bad,1\n", "bad,2\n", "bad,3\n"}, /* none at all */
    };
    for (size_t i = 0; i < 3; i++) {
        struct buf text;
        int good = 0;
        buf_init(&text, 1 << 20);
        buf_puts(&text, "n,t\n");
        for (int part = 0; part < 3; part++)
            for (int row = 0; row < 300; row++) {
                buf_puts(&text, bodies[i][part]);
                good += bodies[i][part][0] != 'b';
            }
        struct flow f = flow_of(WORKERS, 64);
        flow_run(&f, buf_slice(&text));
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.rows_read, 900);
        assert_int_equal(f.rejects, 900 - good);
        assert_int_equal(f.outputs == 0, good == 0);
        flow_done(&f);
        buf_done(&text);
    }
}

static void empty_files_end_well(void **state)
{
    (void)state;
    static const struct slice texts[] = {{"", 0}, {"\xef\xbb\xbf", 3}, {"n,t\n", 4}, {"n,t", 3}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct flow f = flow_of(WORKERS, 100);
        f.plan.rollups = 0;
        flow_open(&f, texts[i]);
        f.outputs = texts[i].len >= 4 || i == 3; /* a bench exists where a chunk was converted */
        pipeline_start(f.pipeline);
        flow_wait(&f);
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.rows_read, 0);
        assert_int_equal(f.bytes, texts[i].len);
        flow_close(&f);
        flow_done(&f);
    }
}

/* ---- memory ---- */

static void memory_stays_below_its_ceiling(void **state)
{
    (void)state;
    enum { CHUNK = 16 * 1024, MAX = 1 << 20 };
    struct buf memory;
    struct slice text = mixed_text(&memory, 20000, 1000);
    assert_true(text.len > 20 * CHUNK);
    struct flow f = flow_of(WORKERS, CHUNK);
    f.memory_max = MAX;
    f.hold_turns = 3;
    flow_run(&f, text);
    assert_int_equal(f.rc, 0);
    assert_in_range(f.memory_peak, CHUNK, MAX);
    assert_int_equal(counters_get(&f.counters, COUNTER_MEMORY_USED), 0);
    flow_done(&f);
    buf_done(&memory);
}

/* numeric is the type whose binary form is longest beside its text: 16 bytes for "1\n". What a chunk took beforehand must do. */
static void rows_that_grow_most_stay_below_the_ceiling_too(void **state)
{
    (void)state;
    enum { CHUNK = 17 * 1024, MAX = 1 << 20 };
    struct buf memory;
    struct slice text = repeated(&memory, "", "1\n", 400000);
    struct flow f = flow_of(WORKERS, CHUNK);
    f.plan.rule = &narrow_rule;
    f.plan.rollups = 0;
    f.plan.header = false;
    f.memory_max = MAX;
    flow_fill(&f, text);
    assert_in_range(f.memory_peak, CHUNK, MAX);
    flow_empty(&f);
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.joined.len, 400000 * 16);
    assert_in_range(f.memory_peak, CHUNK, MAX);
    flow_done(&f);
    buf_done(&memory);
}

/* Rejects are memory too, as long as they wait for their turn. */
static void waiting_rejects_are_counted(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = repeated(&memory, "n,t\n1,first\n", "no number,this row is refused\n", 20000);
    struct flow f = flow_of(WORKERS, 4096);
    f.plan.rollups = 0;
    f.memory_max = (1 << 20) + (WORKERS + 1) * convert_bench_bytes(&f.plan);
    flow_fill(&f, text);
    /* The first output stands before the taker; what waits behind it has rejects only, which take more than their text. */
    assert_in_range(f.memory.used, pipeline_result(f.pipeline)->bytes, f.memory_max);
    flow_empty(&f);
    assert_int_equal(f.rejects, 20000);
    flow_done(&f);
    buf_done(&memory);
}

static void one_chunk_at_a_time_goes_even_without_room(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 10);
    struct flow whole = flow_of(1, text.len + 1), f = flow_of(WORKERS, 1024);
    flow_run(&whole, text);
    f.memory_max = 1;
    flow_run(&f, text);
    size_t bench = convert_bench_bytes(&f.plan);
    assert_in_range(f.memory_peak, bench + 1024, bench + 16 * 1024);
    assert_same_results(&f, &whole);
    flow_done(&f);
    flow_done(&whole);
    buf_done(&memory);
}

/* What was taken before it was cut is for usual records only: this one waits until the budget has room for it. */
static void long_records_are_counted_as_what_they_are(void **state)
{
    (void)state;
    enum { LONG = 4 << 20 };
    struct buf memory;
    repeated(&memory, "n,t\n", "1,short\n", 1000);
    buf_puts(&memory, "2,\"");
    for (int i = 0; i < LONG; i++)
        buf_putc(&memory, 'x');
    buf_puts(&memory, "\"\n");
    for (int i = 0; i < 300; i++)
        buf_puts(&memory, "3,short\n");
    struct flow f = flow_of(WORKERS, 1024);
    f.plan.rollups = 0;
    f.memory_max = 3 * LONG;
    flow_fill(&f, buf_slice(&memory));
    assert_in_range(f.memory.used, LONG, f.memory_max);
    assert_in_range(pipeline_result(f.pipeline)->bytes, LONG, memory.len - 1000); /* nothing was read behind it */
    flow_empty(&f);
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.rows_read, 1301);
    flow_done(&f);
    buf_done(&memory);
}

/* Rows that take long to convert: chunks wait for a bench, of which there is one a worker and one more, or two where the budget has
 * no room for more. */
static void chunks_wait_for_a_bench(void **state)
{
    (void)state;
    enum { MANY = 20, WIDE = 200, ROWS = 100000 };
    struct column_rule column[WIDE];
    struct type type[WIDE];
    for (int i = 0; i < WIDE; i++) {
        type[i] = (struct type){TYPE_INT8, -1};
        column[i] = (struct column_rule){.name = "c", .input = {.type = type[i]}, .source = i == 0 ? 0 : -1};
    }
    struct row_rule wide = {.column = column, .columns = WIDE, .cells = 1};
    struct buf memory;
    struct slice text = repeated(&memory, "", "1\n", ROWS);
    for (int budget = 0; budget < 2; budget++) {
        struct flow f = flow_of(MANY, 2048);
        f.plan = (struct convert_plan){.rule = &wide, .types = type, .rejects_max = 1000};
        f.memory_max = budget ? 2 * convert_bench_bytes(&f.plan) : (size_t)1 << 30;
        f.discard_after = 1;
        flow_run(&f, text);
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.rows_read, ROWS);
        flow_done(&f);
    }
    buf_done(&memory);
}

static void taker_that_takes_nothing_stops_the_reading(void **state)
{
    (void)state;
    enum { CHUNK = 1024 };
    struct buf memory;
    struct slice text = mixed_text(&memory, 5000, 100);
    struct flow f = flow_of(WORKERS, CHUNK);
    flow_fill(&f, text);
    assert_in_range(pipeline_result(f.pipeline)->bytes, CHUNK, 40 * CHUNK);
    flow_empty(&f);
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.bytes, text.len);
    flow_done(&f);
    buf_done(&memory);
}

/* ---- discard, stop, failures ---- */

static void discarded_rows_are_still_counted(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 2000, 10);
    for (int hold = 0; hold <= 5; hold += 5) {
        struct flow f = flow_of(WORKERS, 1024);
        f.discard_after = 3;
        f.hold_turns = hold;
        flow_run(&f, text);
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.outputs, 3);
        assert_int_equal(f.rows_read, 2000);
        assert_int_equal(f.rejects, 200);
        assert_int_equal(f.bytes, text.len);
        flow_done(&f);
    }
    buf_done(&memory);
}

static void stopped_at_any_moment_it_ends_once(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 300, 10);
    int cancelled = 0;
    for (int moment = 1; moment < 60; moment++)
        for (int hold = NEVER; hold <= 4; hold += 5) {
            struct flow f = flow_of(WORKERS, 512);
            f.stop_after = moment;
            f.hold_turns = hold;
            f.free_at_end = moment % 2;
            flow_run(&f, text);
            assert_true(f.rc == ERROR_CANCELLED || f.rc == 0);
            if (f.rc != 0) assert_string_equal(f.err.text, "stopped");
            cancelled += f.rc != 0;
            flow_done(&f);
        }
    assert_true(cancelled > 0);
    buf_done(&memory);
}

static void stopped_while_an_output_is_held_it_waits_for_the_release(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 10);
    struct flow f = flow_of(WORKERS, 512);
    f.hold_turns = 1 << 30;
    flow_open(&f, text);
    pipeline_start(f.pipeline);
    int64_t give_up = loop_now_ms(f.loop) + PATIENCE_MS;
    while (f.outputs == 0 || workers_pending(f.pool) > 0) {
        flow_turn(&f);
        assert_true(loop_now_ms(f.loop) < give_up);
    }
    pipeline_stop(f.pipeline);
    for (int i = 0; i < 20; i++)
        uv_run(loop_uv(f.loop), UV_RUN_NOWAIT);
    assert_int_equal(f.ended, 0);
    release(&f);
    flow_wait(&f);
    assert_int_equal(f.rc, ERROR_CANCELLED);
    flow_close(&f);
    flow_done(&f);
    buf_done(&memory);
}

static void stopped_before_the_start_it_ends_without_a_job(void **state)
{
    (void)state;
    struct flow f = flow_of(WORKERS, 512);
    flow_open(&f, SLICE("n,t\n1,a\n"));
    pipeline_stop(f.pipeline);
    assert_int_equal(f.ended, 1);
    assert_int_equal(f.rc, ERROR_CANCELLED);
    assert_int_equal(workers_finished(f.pool), 0);
    flow_close(&f);
    flow_done(&f);
}

static void pipeline_that_was_never_started_can_be_freed(void **state)
{
    (void)state;
    struct flow f = flow_of(WORKERS, 512);
    flow_open(&f, SLICE("n,t\n1,a\n"));
    flow_close(&f);
    assert_int_equal(f.ended, 0);
    flow_done(&f);
}

static void open_quote_ends_it_with_the_words(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 10);
    buf_puts(&memory, "1,\"never closed\n2,3\n");
    text = buf_slice(&memory);
    struct flow f = flow_of(WORKERS, 1024);
    flow_run(&f, text);
    assert_int_equal(f.rc, CUTTER_E_UNCLOSED);
    assert_non_null(strstr(f.err.text, "line 2002: "));
    flow_done(&f);
    buf_done(&memory);
}

static void file_that_changes_ends_it(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 10);
    struct flow f = flow_of(WORKERS, 1024);
    flow_open(&f, text);
    assert_int_equal(pwrite(f.fd, "1,x\n", 4, (off_t)text.len), 4);
    pipeline_start(f.pipeline);
    flow_wait(&f);
    assert_int_equal(f.rc, CUTTER_E_CHANGED);
    flow_close(&f);
    flow_done(&f);
    buf_done(&memory);
}

static void too_many_groups_are_an_outcome_of_their_own(void **state)
{
    (void)state;
    struct buf memory;
    buf_init(&memory, 1 << 24);
    buf_puts(&memory, "n,t\n");
    for (int i = 0; i < 50000; i++)
        buf_printf(&memory, "1,group number %d\n", i);
    struct flow f = flow_of(WORKERS, 4096);
    f.plan.aggregate_max = 64 * 1024;
    flow_run(&f, buf_slice(&memory));
    assert_int_equal(f.rc, PIPELINE_E_CROWDED);
    assert_non_null(strstr(f.err.text, "memory_max"));
    flow_done(&f);
    buf_done(&memory);
}

/* Two files at a time share a budget that is too small for either: both get on. */
static void pipelines_that_share_a_small_budget_both_end(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 10);
    struct flow a = flow_of(WORKERS, 1024), b = flow_of(WORKERS, 1024);
    flow_open(&a, text);
    flow_open(&b, text);
    pipeline_free(b.pipeline);
    struct pipeline_config c = {.workers = a.pool,
                                .memory = &a.memory,
                                .input = fixture_input(b.fd, text, b.chunk_bytes),
                                .plan = &b.plan,
                                .rejects_max = 1 << 20,
                                .ready = on_ready,
                                .ended = on_ended,
                                .ctx = &b};
    assert_int_equal(pipeline_new(&c, &b.pipeline), 0);
    a.memory.max = 12 * 1024;
    a.hold_turns = b.hold_turns = 2;
    pipeline_start(a.pipeline);
    pipeline_start(b.pipeline);
    int64_t give_up = loop_now_ms(a.loop) + PATIENCE_MS;
    while (!a.ended || !b.ended) {
        flow_turn(&a);
        uv_run(loop_uv(a.loop), UV_RUN_NOWAIT);
        flow_turn(&b);
        assert_true(loop_now_ms(a.loop) < give_up);
    }
    assert_same_results(&a, &b);
    flow_close(&b);
    flow_close(&a);
    flow_done(&a);
    flow_done(&b);
    buf_done(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_workers_bring_what_one_chunk_brings),
        cmocka_unit_test(slow_taker_gets_everything),
        cmocka_unit_test(inference_over_chunks_is_that_over_the_file),
        cmocka_unit_test(chunks_of_rejects_only_are_passed_over),
        cmocka_unit_test(empty_files_end_well),
        cmocka_unit_test(memory_stays_below_its_ceiling),
        cmocka_unit_test(rows_that_grow_most_stay_below_the_ceiling_too),
        cmocka_unit_test(waiting_rejects_are_counted),
        cmocka_unit_test(one_chunk_at_a_time_goes_even_without_room),
        cmocka_unit_test(long_records_are_counted_as_what_they_are),
        cmocka_unit_test(chunks_wait_for_a_bench),
        cmocka_unit_test(taker_that_takes_nothing_stops_the_reading),
        cmocka_unit_test(discarded_rows_are_still_counted),
        cmocka_unit_test(stopped_at_any_moment_it_ends_once),
        cmocka_unit_test(stopped_while_an_output_is_held_it_waits_for_the_release),
        cmocka_unit_test(stopped_before_the_start_it_ends_without_a_job),
        cmocka_unit_test(pipeline_that_was_never_started_can_be_freed),
        cmocka_unit_test(open_quote_ends_it_with_the_words),
        cmocka_unit_test(file_that_changes_ends_it),
        cmocka_unit_test(too_many_groups_are_an_outcome_of_their_own),
        cmocka_unit_test(pipelines_that_share_a_small_budget_both_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
