/* SPDX-License-Identifier: MIT */
#include "pg_fixture.h"

static void a_simple_query_may_hold_several_statements_and_gives_the_last_result(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    struct pg_answer a =
        pg_sql(&p, "CREATE TEMP TABLE t (x int); INSERT INTO t SELECT generate_series(1, 7); SELECT sum(x) FROM t");
    assert_int_equal(a.status, 0);
    assert_string_equal(a.value, "28");
    a = pg_sql(&p, "UPDATE t SET x = x + 1 WHERE x < 4");
    assert_int_equal(a.affected, 3);
    pg_client_close(&p);
}

static void parameters_travel_as_text_binary_bigint_and_null(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    static const char five[4] = {0, 0, 0, 5};
    const struct db_param params[] = {db_text("O'Brien"), db_int8(INT64_MIN), db_binary(23, (struct slice){five, 4}), db_text(NULL),
                                      db_text("")};
    struct pg_answer a = pg_ask(
        &p, (struct db_query){.sql = "SELECT concat_ws('|', $1::text, $2, $3, coalesce($4::text, 'null'), '<' || $5::text || '>')",
                              .param = params,
                              .params = 5});
    assert_string_equal(a.value, "O'Brien|-9223372036854775808|5|null|<>");
    pg_client_close(&p);
}

static void binary_results_come_in_network_order(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    struct pg_answer a = pg_ask(&p, (struct db_query){.sql = "SELECT 258::int4", .binary = true});
    assert_int_equal(a.value_len, 4);
    assert_memory_equal(a.value, "\0\0\1\2", 4);
    pg_client_close(&p);
}

static void a_refusal_carries_sqlstate_message_and_detail(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE u (k int PRIMARY KEY); INSERT INTO u VALUES (1)");
    struct pg_answer a = pg_sql(&p, "INSERT INTO u VALUES (1); INSERT INTO u VALUES (2)");
    assert_int_equal(a.status, ERROR_REFUSED);
    assert_string_equal(a.error.sqlstate, "23505");
    assert_string_equal(a.error.text, "duplicate key value violates unique constraint \"u_pkey\"");
    assert_non_null(strstr(a.detail, "DETAIL: Key (k)=(1) already exists."));
    assert_true(db_conn_idle(p.conn));
    a = pg_sql(&p, "SELECT count(*) FROM u");
    assert_string_equal(a.value, "1");
    pg_client_close(&p);
}

static void queued_queries_run_in_order(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    struct pg_answer a[3] = {{0}, {0}, {0}};
    static const char *const sql[3] = {"BEGIN; CREATE TEMP TABLE o (x int)", "INSERT INTO o VALUES (1)", "SELECT count(*) FROM o"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(db_query(p.conn, &(struct db_query){.sql = sql[i], .done = pg_answered, .ctx = &a[i]}), 0);
    assert_true(pg_await(p.loop, &a[2].done));
    assert_int_equal(a[0].done + a[1].done, 2);
    assert_string_equal(a[2].value, "1");
    assert_true(db_conn_in_transaction(p.conn));
    pg_sql(&p, "ROLLBACK");
    assert_false(db_conn_in_transaction(p.conn));
    pg_client_close(&p);
}

static void a_statement_is_prepared_once_and_again_when_the_server_forgot_it(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    const struct db_query plus = {.sql = "SELECT $1 + 1", .param = (struct db_param[]){db_int8(41)}, .params = 1};
    for (int i = 0; i < 3; i++)
        assert_string_equal(pg_ask(&p, plus).value, "42");
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_prepared_statements").value, "1");
    pg_sql(&p, "DISCARD ALL");
    assert_string_equal(pg_ask(&p, plus).value, "42");
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_prepared_statements").value, "1");
    pg_client_close(&p);
}

static void a_changed_table_makes_its_statement_prepared_again(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE s (a int); INSERT INTO s VALUES (1)");
    const struct db_query all = {.sql = "SELECT * FROM s WHERE a = $1", .param = (struct db_param[]){db_int8(1)}, .params = 1};
    assert_int_equal(pg_ask(&p, all).rows, 1);
    pg_sql(&p, "ALTER TABLE s ADD b text");
    struct pg_answer a = pg_ask(&p, all);
    assert_int_equal(a.status, 0);
    assert_int_equal(a.rows, 1);
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_prepared_statements").value, "1");
    pg_client_close(&p);
}

static void prepared_statements_are_bounded(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    for (int i = 0; i < 300; i++) {
        char sql[64], expected[16];
        snprintf(sql, sizeof sql, "SELECT $1 + %d", i);
        snprintf(expected, sizeof expected, "%d", i + 1);
        const struct db_param one = db_int8(1);
        assert_string_equal(pg_ask(&p, (struct db_query){.sql = sql, .param = &one, .params = 1}).value, expected);
    }
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_prepared_statements").value, "256");
    pg_client_close(&p);
}

/* Streaming */

struct stream {
    struct pg_answer end;
    struct db_conn *conn;
    int rows, pause_at, paused, free_at;
    int64_t sum;
};

static bool take_row(void *ctx, const PGresult *row)
{
    struct stream *s = ctx;
    assert_int_equal(PQntuples(row), 1);
    s->sum += db_get_int8(row, 0, 0, -1);
    s->rows++;
    if (s->rows == s->free_at) {
        db_conn_free(s->conn);
        return true;
    }
    s->paused = s->rows == s->pause_at;
    return !s->paused;
}

static void stream_done(void *ctx, const struct db_result *r)
{
    pg_answered(&((struct stream *)ctx)->end, r);
}

static void begin_stream(struct pg_client *p, struct stream *s, const char *sql)
{
    s->conn = p->conn;
    assert_int_equal(db_query(p->conn, &(struct db_query){.sql = sql, .row = take_row, .done = stream_done, .ctx = s}), 0);
}

static void rows_are_streamed_in_order_and_the_end_has_none(void **state)
{
    (void)state;
    struct pg_client p;
    struct stream s = {.rows = 0};
    pg_client_open(&p);
    begin_stream(&p, &s, "SELECT generate_series(1, 50000)");
    assert_true(pg_await(p.loop, &s.end.done));
    assert_int_equal(s.end.status, 0);
    assert_int_equal(s.rows, 50000);
    assert_int_equal(s.sum, 50000LL * 50001 / 2);
    assert_int_equal(s.end.rows, 0);
    pg_client_close(&p);
}

static void a_paused_stream_reads_nothing_until_it_is_resumed(void **state)
{
    (void)state;
    struct pg_client p, watcher;
    struct stream s = {.pause_at = 10};
    pg_client_open(&p);
    pg_client_open(&watcher);
    /* 500 MB: far more than sockets hold. */
    begin_stream(&p, &s, "SELECT i, repeat('x', 10000) FROM generate_series(1, 50000) i");
    assert_true(pg_await(p.loop, &s.paused));
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d AND wait_event = 'ClientWrite'",
             db_conn_backend_pid(p.conn));
    int blocked = 0;
    for (int i = 0; i < 10000 && !blocked; i++) {
        uv_run(loop_uv(p.loop), UV_RUN_NOWAIT);
        blocked = strcmp(pg_sql(&watcher, sql).value, "1") == 0;
    }
    assert_true(blocked);
    assert_int_equal(s.rows, 10);
    db_query_resume(p.conn);
    assert_int_equal(s.rows, 10);
    assert_true(pg_await(p.loop, &s.end.done));
    assert_int_equal(s.rows, 50000);
    pg_client_close(&watcher);
    pg_client_close(&p);
}

static void an_error_in_the_middle_of_a_stream_ends_it(void **state)
{
    (void)state;
    struct pg_client p;
    struct stream s = {.rows = 0};
    pg_client_open(&p);
    begin_stream(&p, &s, "SELECT 10 / (20000 - i) FROM generate_series(1, 30000) i");
    assert_true(pg_await(p.loop, &s.end.done));
    assert_int_equal(s.end.status, ERROR_REFUSED);
    assert_string_equal(s.end.error.sqlstate, "22012");
    assert_int_equal(s.rows, 19999);
    pg_client_close(&p);
}

static void the_connection_may_be_freed_while_a_row_is_taken(void **state)
{
    (void)state;
    struct pg_client p;
    struct stream s = {.free_at = 5};
    pg_client_open(&p);
    begin_stream(&p, &s, "SELECT generate_series(1, 50000)");
    assert_true(pg_await(p.loop, &s.end.done));
    assert_int_equal(s.end.status, ERROR_CANCELLED);
    assert_int_equal(s.rows, 5);
    assert_int_equal(p.lost, 0);
    loop_free(p.loop);
}

static void a_prepared_query_streams_too(void **state)
{
    (void)state;
    struct pg_client p;
    struct stream s = {.rows = 0};
    pg_client_open(&p);
    const struct db_param n = db_int8(1000);
    assert_int_equal(
        db_query(
            p.conn,
            &(struct db_query){
                .sql = "SELECT generate_series(1, $1)", .param = &n, .params = 1, .row = take_row, .done = stream_done, .ctx = &s}),
        0);
    assert_true(pg_await(p.loop, &s.end.done));
    assert_int_equal(s.rows, 1000);
    pg_client_close(&p);
}

/* Loss */

static void a_terminated_backend_ends_the_query_and_everything_behind_it(void **state)
{
    (void)state;
    struct pg_client p, other;
    pg_client_open(&p);
    pg_client_open(&other);
    p.free_when_lost = true;
    struct pg_answer a = {0}, b = {0};
    assert_int_equal(db_query(p.conn, &(struct db_query){.sql = "SELECT pg_sleep(600)", .done = pg_answered, .ctx = &a}), 0);
    assert_int_equal(db_query(p.conn, &(struct db_query){.sql = "SELECT 1", .done = pg_answered, .ctx = &b}), 0);
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", db_conn_backend_pid(p.conn));
    pg_sql(&other, sql);
    assert_true(pg_await(p.loop, &p.lost));
    assert_int_equal(a.done, 1);
    assert_int_equal(a.status, ERROR_CLOSED);
    assert_string_equal(a.error.sqlstate, "57P01");
    assert_int_equal(b.done, 1);
    assert_int_equal(b.status, ERROR_CLOSED);
    assert_int_equal(p.lost, 1);
    pg_client_close(&other);
    loop_free(p.loop);
}

static void copy_through_a_plain_query_is_refused_and_nothing_hangs(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    struct pg_answer a = pg_sql(&p, "COPY (SELECT 1) TO STDOUT");
    assert_int_equal(a.status, ERROR_CLOSED);
    assert_true(pg_await(p.loop, &p.lost));
    assert_int_equal(db_query(p.conn, &(struct db_query){.sql = "SELECT 1", .done = pg_answered, .ctx = &a}), ERROR_CLOSED);
    pg_client_close(&p);
}

/* Without a server */

static void identifiers_are_quoted(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    db_quote_identifier(&b, SLICE("we\"ird.name"));
    assert_string_equal(buf_cstr(&b), "\"we\"\"ird.name\"");
    buf_done(&b);
}

static void literals_are_quoted(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    db_quote_literal(&b, SLICE("it's a \\n"));
    assert_string_equal(buf_cstr(&b), "E'it''s a \\\\n'");
    buf_done(&b);
}

static void a_sqlstate_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum db_refusal refusal;
    } rows[] = {
        {"", DB_RETRY},         {"08006", DB_RETRY}, {"40001", DB_RETRY},    {"40P01", DB_RETRY},    {"53300", DB_RETRY},
        {"57P01", DB_RETRY},    {"57014", DB_RETRY}, {"58030", DB_RETRY},    {"55P03", DB_RETRY},    {"25P03", DB_RETRY},
        {"25006", DB_RETRY},    {"28P01", DB_PAUSE}, {"3D000", DB_PAUSE},    {"3F000", DB_PAUSE},    {"P0001", DB_BAD_DATA},
        {"42P01", DB_PAUSE},    {"42501", DB_PAUSE}, {"22P02", DB_BAD_DATA}, {"23505", DB_BAD_DATA}, {"25P02", DB_FAIL},
        {"0A000", DB_FAIL},     {"XX000", DB_FAIL},  {"55000", DB_FAIL},     {"P0002", DB_FAIL},     {"54000", DB_BAD_DATA},
        {"54001", DB_BAD_DATA}, {"54011", DB_FAIL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(db_refusal_of(rows[i].sqlstate), rows[i].refusal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_simple_query_may_hold_several_statements_and_gives_the_last_result),
        cmocka_unit_test(parameters_travel_as_text_binary_bigint_and_null),
        cmocka_unit_test(binary_results_come_in_network_order),
        cmocka_unit_test(a_refusal_carries_sqlstate_message_and_detail),
        cmocka_unit_test(queued_queries_run_in_order),
        cmocka_unit_test(a_statement_is_prepared_once_and_again_when_the_server_forgot_it),
        cmocka_unit_test(a_changed_table_makes_its_statement_prepared_again),
        cmocka_unit_test(prepared_statements_are_bounded),
        cmocka_unit_test(rows_are_streamed_in_order_and_the_end_has_none),
        cmocka_unit_test(a_paused_stream_reads_nothing_until_it_is_resumed),
        cmocka_unit_test(an_error_in_the_middle_of_a_stream_ends_it),
        cmocka_unit_test(the_connection_may_be_freed_while_a_row_is_taken),
        cmocka_unit_test(a_prepared_query_streams_too),
        cmocka_unit_test(a_terminated_backend_ends_the_query_and_everything_behind_it),
        cmocka_unit_test(copy_through_a_plain_query_is_refused_and_nothing_hangs),
        cmocka_unit_test(identifiers_are_quoted),
        cmocka_unit_test(literals_are_quoted),
        cmocka_unit_test(a_sqlstate_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
