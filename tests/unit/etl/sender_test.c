/* SPDX-License-Identifier: MIT */
#include "../db/pg_fixture.h"
#include "etl/head.h"
#include "etl/plan.h"
#include "etl/sender.h"
#include "fixture.h"

enum { WORKERS = 2, CHUNK = 64 * 1024 };

/* A file on its way into table t (n int, s text), as a load brings it there. */
struct flow {
    struct pg_client client;
    struct workers *workers;
    struct memory memory;
    struct counters counters;
    struct dataset *dataset;
    struct plan *plan;
    int fd;
    struct pipeline *pipeline;
    struct sender sender;
    int ended, rc;
    bool hold_end; /* the test calls sender_finish itself */
    struct pg_answer end;
};

static void on_ready(void *ctx)
{
    sender_pump(&((struct flow *)ctx)->sender);
}

static void on_ended(void *ctx, int rc, const struct error *err)
{
    struct flow *f = ctx;
    (void)err;
    f->ended++;
    f->rc = rc;
    if (rc == 0 && f->sender.running && !f->hold_end) sender_finish(&f->sender);
}

static void on_done(void *ctx, const struct db_result *r)
{
    pg_answered(&((struct flow *)ctx)->end, r);
}

static void flow_open(struct flow *f, struct slice text)
{
    *f = (struct flow){.memory = {.max = 4 << 20, .counters = &f->counters}};
    pg_client_open(&f->client);
    assert_int_equal(pg_sql(&f->client, "DROP TABLE IF EXISTS t; CREATE TABLE t (n int, s text)").status, 0);
    assert_int_equal(workers_new(f->client.loop, WORKERS, 0, &f->workers), 0);
    const struct table_column columns[] = {fixture_column("n", TYPE_INT4), fixture_column("s", TYPE_TEXT)};
    f->dataset = fixture_dataset("[dataset t]\ncolumns = n int, s text\n", columns, 2);
    f->fd = fixture_file(text);
    struct pipeline_config c = {.workers = f->workers,
                                .memory = &f->memory,
                                .input = fixture_input(f->fd, text, CHUNK),
                                .rejects_max = 1 << 20,
                                .ready = on_ready,
                                .ended = on_ended,
                                .ctx = f};
    c.input.dialect.header = DIALECT_HEADER_YES;
    struct slice cells[] = {SLICE("n"), SLICE("s")};
    struct plan_head head = {.dialect = c.input.dialect, .cell = cells, .cells = 2};
    struct error err;
    struct arena names;
    arena_init(&names, 1024, 1 << 16);
    assert_int_equal(head_names(&head, &names), 0);
    assert_int_equal(plan_new(f->dataset, &head, &err, &f->plan), 0);
    head_names_done(&head);
    arena_done(&names);
    c.plan = &f->plan->convert;
    assert_int_equal(pipeline_new(&c, &f->pipeline), 0);
    f->sender =
        (struct sender){.conn = f->client.conn, .pipeline = f->pipeline, .counters = &f->counters, .done = on_done, .ctx = f};
}

static void begin(struct flow *f)
{
    char sql[256];
    snprintf(sql, sizeof sql, "BEGIN; %s", f->plan->copy_sql);
    assert_int_equal(sender_begin(&f->sender, sql), 0);
    assert_int_equal(f->end.done, 0);
}

static void wait_for_done(struct flow *f)
{
    assert_true(pg_await(f->client.loop, &f->end.done));
    assert_int_equal(f->end.done, 1);
    assert_false(f->sender.running);
    assert_null(f->sender.piece);
}

/* Everything goes, however it stands; the connection is still of use. */
static void flow_close(struct flow *f)
{
    if (!f->ended) pipeline_stop(f->pipeline);
    assert_true(pg_await(f->client.loop, &f->ended));
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->end.done, 1);
    assert_int_equal(f->client.lost, 0);
    assert_int_equal(pg_sql(&f->client, "ROLLBACK").status, 0);
    pipeline_free(f->pipeline);
    assert_int_equal(f->memory.used, 0);
    plan_free(f->plan);
    dataset_unref(f->dataset);
    workers_free(f->workers);
    pg_client_close(&f->client);
    close(f->fd);
}

static struct slice many_rows(struct buf *out, int rows)
{
    buf_init(out, 64 << 20);
    buf_puts(out, "n,s\n");
    for (int i = 0; i < rows; i++)
        buf_printf(out, "%d,\"row %d of \"\"many\"\"\"\n", i, i);
    assert_int_equal(buf_check(out), 0);
    return buf_slice(out);
}

static void rows_of_many_pieces_arrive_in_order(void **state)
{
    (void)state;
    enum { ROWS = 50000 };
    struct buf text;
    struct flow f;
    flow_open(&f, many_rows(&text, ROWS));
    pipeline_start(f.pipeline);
    begin(&f);
    wait_for_done(&f);
    assert_int_equal(f.end.status, 0);
    assert_int_equal(f.end.affected, ROWS);
    assert_string_equal(pg_sql(&f.client, "SELECT count(*) FROM (SELECT n, row_number() OVER (ORDER BY ctid) - 1 AS at, s FROM t) x"
                                          " WHERE n = at AND s = 'row ' || n || ' of \"many\"'")
                            .value,
                        "50000");
    assert_true(db_conn_in_transaction(f.client.conn));
    assert_true(counters_get(&f.counters, COUNTER_BYTES_COPIED) > ROWS * 10);
    flow_close(&f);
    buf_done(&text);
}

static void file_that_was_read_before_the_copy_began_arrives(void **state)
{
    (void)state;
    struct flow f;
    flow_open(&f, SLICE("n,s\n1,a\n2,b\n"));
    f.hold_end = true;
    pipeline_start(f.pipeline);
    while (workers_pending(f.workers) > 0)
        uv_run(loop_uv(f.client.loop), UV_RUN_NOWAIT);
    begin(&f);
    f.hold_end = false;
    wait_for_done(&f);
    assert_int_equal(f.end.affected, 2);
    flow_close(&f);
}

static void copy_of_no_rows_ends_well(void **state)
{
    (void)state;
    static const struct slice texts[] = {{"n,s\n", 4}, {"n,s\nx,1\ny,2\n", 12}}; /* none at all, and rejects only */
    for (size_t i = 0; i < 2; i++)
        for (int finish_at_once = 0; finish_at_once < 2; finish_at_once++) {
            struct flow f;
            flow_open(&f, texts[i]);
            pipeline_start(f.pipeline);
            if (finish_at_once) {
                /* A file without outputs ends by itself once somebody looks. */
                f.hold_end = true;
                pipeline_discard(f.pipeline);
                assert_true(pg_await(f.client.loop, &f.ended));
                begin(&f);
                sender_finish(&f.sender);
            } else {
                begin(&f);
            }
            wait_for_done(&f);
            assert_int_equal(f.end.status, 0);
            assert_int_equal(f.end.affected, 0);
            flow_close(&f);
        }
}

static void abort_before_the_server_is_ready_rolls_back(void **state)
{
    (void)state;
    struct flow f;
    flow_open(&f, SLICE("n,s\n1,a\n"));
    pipeline_start(f.pipeline);
    begin(&f);
    assert_false(f.sender.open);
    sender_abort(&f.sender);
    wait_for_done(&f);
    assert_int_equal(f.end.status, ERROR_REFUSED);
    assert_non_null(strstr(f.end.error.text, "the file is refused"));
    flow_close(&f);
}

/* A trigger that waits for a lock keeps the server from reading, and so a piece on its way. */
static void abort_while_a_piece_is_on_its_way_keeps_it_until_done(void **state)
{
    (void)state;
    struct buf text;
    struct flow f;
    struct pg_client holder;
    flow_open(&f, many_rows(&text, 200000));
    pg_client_open(&holder);
    pg_sql(&f.client, "CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS"
                      " $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END $$;"
                      " CREATE TRIGGER hold BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION hold()");
    pg_sql(&holder, "SELECT pg_advisory_lock(7)");
    pipeline_start(f.pipeline);
    begin(&f);
    /* It stands still when the sockets are full: the budget is taken, and nothing is sent any more. */
    int64_t sent = -1;
    while (sent != counters_get(&f.counters, COUNTER_BYTES_COPIED) || !f.sender.piece || workers_pending(f.workers) > 0) {
        sent = counters_get(&f.counters, COUNTER_BYTES_COPIED);
        for (int turns = 0; turns < 20; turns++) {
            uv_run(loop_uv(f.client.loop), UV_RUN_NOWAIT);
            pg_sql(&holder, "SELECT 1");
        }
    }
    assert_int_equal(f.ended, 0);
    sender_abort(&f.sender);
    pipeline_stop(f.pipeline);
    assert_non_null(f.sender.piece);
    assert_int_equal(f.ended, 0);
    pg_sql(&holder, "SELECT pg_advisory_unlock(7)");
    wait_for_done(&f);
    assert_int_equal(f.end.status, ERROR_REFUSED);
    assert_string_equal(f.end.error.sqlstate, "57014");
    assert_int_equal(f.rc, ERROR_CANCELLED);
    flow_close(&f);
    pg_client_close(&holder);
    buf_done(&text);
}

/* At each of its first turns, whatever the sender is at then. */
static void abort_at_any_moment_is_done_once(void **state)
{
    (void)state;
    struct buf text;
    struct slice rows = many_rows(&text, 20000);
    for (int moment = 0; moment < 40; moment++) {
        struct flow f;
        flow_open(&f, rows);
        pipeline_start(f.pipeline);
        begin(&f);
        for (int turns = 0; turns < moment && !f.end.done; turns++)
            uv_run(loop_uv(f.client.loop), UV_RUN_ONCE);
        bool in_time = f.sender.running && !f.sender.ended;
        sender_abort(&f.sender);
        sender_abort(&f.sender);
        wait_for_done(&f);
        assert_int_equal(f.end.status, in_time ? ERROR_REFUSED : 0);
        flow_close(&f);
    }
    buf_done(&text);
}

static void row_that_the_server_refuses_ends_the_copy(void **state)
{
    (void)state;
    struct buf text;
    struct flow f;
    flow_open(&f, many_rows(&text, 50000));
    pg_sql(&f.client, "ALTER TABLE t ADD CHECK (n <> 30000)");
    pipeline_start(f.pipeline);
    begin(&f);
    wait_for_done(&f);
    assert_int_equal(f.end.status, ERROR_REFUSED);
    assert_string_equal(f.end.error.sqlstate, "23514");
    assert_non_null(strstr(f.end.detail, "line 30001"));
    pipeline_discard(f.pipeline); /* a load reads on to know the digest */
    assert_true(pg_await(f.client.loop, &f.ended));
    assert_int_equal(f.rc, 0);
    assert_int_equal(pipeline_result(f.pipeline)->rows_read, 50000);
    flow_close(&f);
    buf_done(&text);
}

static void copy_that_cannot_begin_is_done_with_the_words(void **state)
{
    (void)state;
    struct flow f;
    flow_open(&f, SLICE("n,s\n1,a\n"));
    pg_sql(&f.client, "DROP TABLE t");
    pipeline_start(f.pipeline);
    begin(&f);
    wait_for_done(&f);
    assert_int_equal(f.end.status, ERROR_REFUSED);
    assert_string_equal(f.end.error.sqlstate, "42P01");
    flow_close(&f);
}

/* What was refused already has nothing to abort. */
static void abort_after_done_does_nothing(void **state)
{
    (void)state;
    struct buf text;
    struct flow f;
    flow_open(&f, many_rows(&text, 1000));
    pg_sql(&f.client, "ALTER TABLE t ADD CHECK (n < 5)");
    pipeline_start(f.pipeline);
    begin(&f);
    wait_for_done(&f);
    sender_abort(&f.sender);
    sender_abort(&f.sender);
    sender_pump(&f.sender);
    flow_close(&f);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_many_pieces_arrive_in_order),
        cmocka_unit_test(file_that_was_read_before_the_copy_began_arrives),
        cmocka_unit_test(copy_of_no_rows_ends_well),
        cmocka_unit_test(abort_before_the_server_is_ready_rolls_back),
        cmocka_unit_test(abort_while_a_piece_is_on_its_way_keeps_it_until_done),
        cmocka_unit_test(abort_at_any_moment_is_done_once),
        cmocka_unit_test(row_that_the_server_refuses_ends_the_copy),
        cmocka_unit_test(copy_that_cannot_begin_is_done_with_the_words),
        cmocka_unit_test(abort_after_done_does_nothing),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
