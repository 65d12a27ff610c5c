/* SPDX-License-Identifier: MIT */
#include "db/pipeline.h"
#include "db/statements.h"
#include "pg_fixture.h"

enum { QUEUE_MAX = 300, ANSWER_MAX = 1 << 20 };

struct subject {
    struct loop *loop;
    struct db_pipeline *pipeline;
    struct counters counters;
    int up, down, notified, order;
    char payload[32];
};

struct asked {
    struct subject *s;
    struct pg_answer answer;
    int order;
    struct db_pipelined *handle;
};

static void went_up(void *ctx)
{
    ((struct subject *)ctx)->up++;
}

static void went_down(void *ctx)
{
    ((struct subject *)ctx)->down++;
}

static void notified(void *ctx, const char *channel, const char *payload)
{
    struct subject *s = ctx;
    s->notified++;
    snprintf(s->payload, sizeof s->payload, "%s %s", channel, payload);
}

static void open_pipeline_to(struct subject *s, const char *conninfo)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(loop_new(&s->loop), 0);
    const struct db_pipeline_config config = {
        .conn = {.conninfo = conninfo,
                 .application_name = "pipeline",
                 .setup = "SET statement_timeout = 2000; LISTEN bell",
                 .connect_timeout_ms = 5000},
        .backoff_max_ms = 5000,
        .counters = &s->counters,
        .queue_max = QUEUE_MAX,
        .answer_max = ANSWER_MAX,
        .up = went_up,
        .down = went_down,
        .notified = notified,
        .ctx = s,
    };
    assert_int_equal(db_pipeline_new(s->loop, &config, &s->pipeline), 0);
}

static void open_pipeline(struct subject *s)
{
    open_pipeline_to(s, pg.conninfo);
    assert_true(pg_await(s->loop, &s->up));
}

static void close_pipeline(struct subject *s)
{
    db_pipeline_free(s->pipeline);
    loop_free(s->loop);
}

static void answered(void *ctx, const struct db_result *r)
{
    struct asked *a = ctx;
    a->order = ++a->s->order;
    pg_answered(&a->answer, r);
}

static int ask_as(struct subject *s, struct asked *a, struct db_pipeline_query q)
{
    *a = (struct asked){.s = s};
    q.query.done = answered;
    q.query.ctx = a;
    return db_pipeline_ask(s->pipeline, &q, &a->handle);
}

static void ask(struct subject *s, struct asked *a, const char *sql)
{
    assert_int_equal(ask_as(s, a, (struct db_pipeline_query){.query.sql = sql}), 0);
    assert_int_equal(a->answer.done, 0);
}

static void await_answer(struct subject *s, struct asked *a)
{
    assert_true(pg_await(s->loop, &a->answer.done));
    assert_int_equal(a->answer.done, 1);
}

static void answer_is(struct subject *s, const char *sql, const char *value)
{
    struct asked a;
    ask(s, &a, sql);
    await_answer(s, &a);
    assert_int_equal(a.answer.status, 0);
    assert_string_equal(a.answer.value, value);
}

static void many_queries_are_answered_in_their_order(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct subject s;
    struct asked asked[MANY];
    open_pipeline(&s);
    for (int i = 0; i < MANY; i++) {
        struct db_param p = db_int8(i);
        struct db_query q = {.sql = i % 3 ? "SELECT $1 * 2" : "SELECT $1 + $1", .param = &p, .params = 1};
        assert_int_equal(ask_as(&s, &asked[i], (struct db_pipeline_query){.query = q}), 0);
    }
    assert_int_equal(db_pipeline_pending(s.pipeline), MANY);
    await_answer(&s, &asked[MANY - 1]);
    for (int i = 0; i < MANY; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d", 2 * i);
        assert_int_equal(asked[i].answer.status, 0);
        assert_int_equal(asked[i].order, i + 1);
        assert_string_equal(asked[i].answer.value, expected);
    }
    assert_int_equal(db_pipeline_pending(s.pipeline), 0);
    close_pipeline(&s);
}

static void an_error_ends_one_query_and_no_other(void **state)
{
    (void)state;
    static const char *const sql[] = {
        "SELECT 1", "SELECT 1 / (SELECT 0)", "SELECT 3",      "SELECT from where", "SELECT 5", "SELECT nothing",
        "SELECT 7", "SELECT pg_sleep(9)",    "SELECT 'nine'", "SELECT 10"};
    enum { N = sizeof sql / sizeof *sql, SLEEPER = 7 };
    static const char *const state_of[N] = {[1] = "22012", [3] = "42601", [5] = "42703", [SLEEPER] = "57014"};
    struct subject s;
    struct asked asked[N];
    open_pipeline(&s);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++)
            if (round == 0 || i != SLEEPER) ask(&s, &asked[i], sql[i]);
        for (int i = 0; i < N; i++) {
            if (round > 0 && i == SLEEPER) continue; /* once is enough to wait for the timeout */
            await_answer(&s, &asked[i]);
            assert_int_equal(asked[i].answer.status, state_of[i] ? ERROR_REFUSED : 0);
            if (state_of[i]) assert_string_equal(asked[i].answer.error.sqlstate, state_of[i]);
        }
        assert_string_equal(asked[8].answer.value, "nine");
    }
    assert_int_equal(s.down, 0);
    close_pipeline(&s);
}

static void a_forgotten_query_is_never_answered(void **state)
{
    (void)state;
    struct subject s;
    struct asked sent, unsent, last;
    open_pipeline(&s);
    ask(&s, &sent, "SELECT pg_sleep(0.05)");
    ask(&s, &last, "SELECT 1");
    uv_run(loop_uv(s.loop), UV_RUN_NOWAIT);
    uv_run(loop_uv(s.loop), UV_RUN_NOWAIT);
    ask(&s, &unsent, "SELECT 2");
    db_pipeline_forget(sent.handle);
    db_pipeline_forget(unsent.handle);
    await_answer(&s, &last);
    answer_is(&s, "SELECT 3", "3");
    assert_int_equal(sent.answer.done + unsent.answer.done, 0);
    close_pipeline(&s);
}

static void an_urgent_query_comes_before_those_that_wait(void **state)
{
    (void)state;
    struct subject s;
    struct asked first, urgent;
    open_pipeline(&s);
    ask(&s, &first, "SELECT 1");
    assert_int_equal(ask_as(&s, &urgent, (struct db_pipeline_query){.query.sql = "SELECT 2", .urgent = true}), 0);
    await_answer(&s, &first);
    assert_int_equal(urgent.order, 1);
    assert_int_equal(first.order, 2);
    close_pipeline(&s);
}

static void fill_two(void *ctx, struct db_param *param)
{
    (void)ctx;
    *param = db_text("2");
}

static void parameters_may_be_filled_in_late(void **state)
{
    (void)state;
    struct subject s;
    struct asked a;
    open_pipeline(&s);
    struct db_query q = {.sql = "SELECT $1::int + 40", .params = 1};
    assert_int_equal(ask_as(&s, &a, (struct db_pipeline_query){.query = q, .fill = fill_two}), 0);
    await_answer(&s, &a);
    assert_string_equal(a.answer.value, "42");
    close_pipeline(&s);
}

static void too_many_queries_are_not_taken(void **state)
{
    (void)state;
    struct subject s;
    struct asked asked[QUEUE_MAX], one;
    open_pipeline(&s);
    for (int i = 0; i < QUEUE_MAX; i++)
        ask(&s, &asked[i], "SELECT 1");
    assert_int_equal(ask_as(&s, &one, (struct db_pipeline_query){.query.sql = "SELECT 1"}), DB_PIPELINE_E_FULL);
    await_answer(&s, &asked[QUEUE_MAX - 1]);
    answer_is(&s, "SELECT 2", "2");
    close_pipeline(&s);
}

static void a_large_answer_ends_alone(void **state)
{
    (void)state;
    struct subject s;
    struct asked before, large, once, after;
    open_pipeline(&s);
    ask(&s, &before, "SELECT 'before'");
    ask(&s, &large, "SELECT repeat('x', 10000) FROM generate_series(1, 10000)");
    assert_int_equal(ask_as(&s, &once, (struct db_pipeline_query){.query.sql = "SELECT 'once'", .once = true}), 0);
    ask(&s, &after, "SELECT 'after'");
    await_answer(&s, &after);
    assert_int_equal(once.answer.done, 1);
    assert_int_equal(once.answer.status, ERROR_CLOSED); /* it may have run */
    assert_string_equal(before.answer.value, "before");
    assert_string_equal(after.answer.value, "after");
    assert_int_equal(large.answer.done, 1);
    assert_int_equal(large.answer.status, DB_PIPELINE_E_LARGE);
    assert_int_equal(after.answer.status, 0);
    close_pipeline(&s);
}

static void answers_of_half_the_bound_are_taken(void **state)
{
    (void)state;
    struct subject s;
    struct asked a[20];
    open_pipeline(&s);
    for (int i = 0; i < 20; i++)
        ask(&s, &a[i], "SELECT repeat('x', 10000) FROM generate_series(1, 50)");
    for (int i = 0; i < 20; i++) {
        await_answer(&s, &a[i]);
        assert_int_equal(a[i].answer.status, 0);
        assert_int_equal(a[i].answer.rows, 50);
    }
    assert_int_equal(s.down, 0);
    close_pipeline(&s);
}

static void a_lost_connection_ends_what_is_under_way_and_is_made_again(void **state)
{
    (void)state;
    struct subject s;
    struct asked fatal, behind;
    open_pipeline(&s);
    answer_is(&s, "SELECT 1", "1");
    ask(&s, &fatal, "SELECT pg_terminate_backend(pg_backend_pid())");
    ask(&s, &behind, "SELECT 2");
    await_answer(&s, &behind);
    assert_int_equal(fatal.answer.status, ERROR_REFUSED);
    assert_string_equal(fatal.answer.error.sqlstate, "57P01");
    assert_int_equal(behind.answer.status, ERROR_CLOSED);
    s.up = 0;
    assert_true(pg_await(s.loop, &s.up));
    assert_int_equal(s.down, 1);
    answer_is(&s, "SELECT 3", "3");
    close_pipeline(&s);
}

static void without_a_database_queries_end(void **state)
{
    (void)state;
    struct subject s;
    struct asked a;
    char conninfo[300];
    snprintf(conninfo, sizeof conninfo, "host=%s port=%d dbname=missing user=postgres", pg.folder, pg.port);
    open_pipeline_to(&s, conninfo);
    ask(&s, &a, "SELECT 1");
    await_answer(&s, &a);
    assert_int_equal(a.answer.status, ERROR_CLOSED);
    assert_string_equal(a.answer.error.sqlstate, "3D000");
    assert_int_equal(ask_as(&s, &a, (struct db_pipeline_query){.query.sql = "SELECT 1"}), ERROR_CLOSED);
    close_pipeline(&s);
}

static void after_a_retry_queries_wait_for_the_database_that_is_back(void **state)
{
    (void)state;
    struct subject s;
    struct asked a;
    open_pipeline(&s);
    answer_is(&s, "SELECT 1", "1");
    pg_stop();
    while (!db_pipeline_reason(s.pipeline)[0])
        uv_run(loop_uv(s.loop), UV_RUN_ONCE);
    for (int64_t end = loop_now_ms(s.loop) + 1500; loop_now_ms(s.loop) < end;) /* tries become rare */
        uv_run(loop_uv(s.loop), UV_RUN_ONCE);
    pg_start();
    db_pipeline_retry(s.pipeline);
    ask(&s, &a, "SELECT 2");
    await_answer(&s, &a);
    assert_int_equal(a.answer.status, 0);
    close_pipeline(&s);
}

static void forgotten_and_changed_statements_are_prepared_again(void **state)
{
    (void)state;
    struct subject s;
    struct asked a, b;
    open_pipeline(&s);
    answer_is(&s, "CREATE TABLE IF NOT EXISTS shape (a int); ", "");
    answer_is(&s, "SELECT count(*) FROM shape", "0");
    ask(&s, &a, "SELECT * FROM shape");
    await_answer(&s, &a);
    ask(&s, &b, "DEALLOCATE ALL");
    ask(&s, &a, "SELECT * FROM shape");
    await_answer(&s, &a);
    assert_int_equal(a.answer.status, 0);
    ask(&s, &b, "ALTER TABLE shape ADD COLUMN IF NOT EXISTS b int");
    ask(&s, &a, "SELECT * FROM shape");
    await_answer(&s, &a);
    assert_int_equal(a.answer.status, 0);
    answer_is(&s, "SELECT 1", "1");
    ask(&s, &b, "DEALLOCATE ALL");
    await_answer(&s, &b);
    assert_int_equal(ask_as(&s, &a, (struct db_pipeline_query){.query.sql = "SELECT 1", .once = true}), 0);
    await_answer(&s, &a);
    assert_int_equal(a.answer.status, ERROR_REFUSED);
    assert_string_equal(a.answer.error.sqlstate, "26000");
    answer_is(&s, "SELECT 1", "1");
    close_pipeline(&s);
}

static void more_statements_than_are_kept_go_on(void **state)
{
    (void)state;
    struct subject s;
    open_pipeline(&s);
    for (int i = 0; i < 2 * DB_STATEMENTS_MAX; i++) {
        char sql[64], expected[16];
        snprintf(sql, sizeof sql, "SELECT %d", i);
        snprintf(expected, sizeof expected, "%d", i);
        answer_is(&s, sql, expected);
    }
    answer_is(&s, "SELECT count(*) <= 257 FROM pg_prepared_statements", "t");
    close_pipeline(&s);
}

static void notifications_come(void **state)
{
    (void)state;
    struct subject s;
    open_pipeline(&s);
    answer_is(&s, "SELECT pg_notify('bell', 'rings')", "");
    assert_true(pg_await(s.loop, &s.notified));
    assert_string_equal(s.payload, "bell rings");
    close_pipeline(&s);
}

static void its_end_ends_everything(void **state)
{
    (void)state;
    struct subject s;
    struct asked sent, unsent;
    open_pipeline(&s);
    ask(&s, &sent, "SELECT pg_sleep(1)");
    uv_run(loop_uv(s.loop), UV_RUN_NOWAIT);
    uv_run(loop_uv(s.loop), UV_RUN_NOWAIT);
    ask(&s, &unsent, "SELECT 2");
    db_pipeline_free(s.pipeline);
    assert_int_equal(sent.answer.status, ERROR_CANCELLED);
    assert_int_equal(unsent.answer.status, ERROR_CANCELLED);
    loop_free(s.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_queries_are_answered_in_their_order),
        cmocka_unit_test(an_error_ends_one_query_and_no_other),
        cmocka_unit_test(a_forgotten_query_is_never_answered),
        cmocka_unit_test(an_urgent_query_comes_before_those_that_wait),
        cmocka_unit_test(parameters_may_be_filled_in_late),
        cmocka_unit_test(too_many_queries_are_not_taken),
        cmocka_unit_test(a_large_answer_ends_alone),
        cmocka_unit_test(answers_of_half_the_bound_are_taken),
        cmocka_unit_test(a_lost_connection_ends_what_is_under_way_and_is_made_again),
        cmocka_unit_test(without_a_database_queries_end),
        cmocka_unit_test(after_a_retry_queries_wait_for_the_database_that_is_back),
        cmocka_unit_test(forgotten_and_changed_statements_are_prepared_again),
        cmocka_unit_test(more_statements_than_are_kept_go_on),
        cmocka_unit_test(notifications_come),
        cmocka_unit_test(its_end_ends_everything),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
