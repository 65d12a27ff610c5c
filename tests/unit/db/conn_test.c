/* SPDX-License-Identifier: MIT */
#include "pg_fixture.h"

/* Open with a format for the conninfo and wait for its fate: ready or lost. */
static void open_as(struct pg_client *p, const char *conninfo)
{
    pg_client_open_with(p, &(struct db_conn_config){.conninfo = conninfo, .application_name = "test", .connect_timeout_ms = 20000});
    struct timer *tick;
    assert_int_equal(timer_new(p->loop, pg_tick, NULL, &tick), 0);
    timer_repeat(tick, 20);
    while (!p->ready && !p->lost)
        uv_run(loop_uv(p->loop), UV_RUN_ONCE);
    timer_free(tick);
}

static void a_ready_connection_knows_its_backend(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    assert_true(db_conn_idle(p.conn));
    struct pg_answer a = pg_sql(&p, "SELECT pg_backend_pid() || ' ' || current_setting('application_name')");
    char expected[64];
    snprintf(expected, sizeof expected, "%d test", db_conn_backend_pid(p.conn));
    assert_string_equal(a.value, expected);
    pg_client_close(&p);
}

static void host_names_are_resolved_also_several_and_in_a_uri(void **state)
{
    (void)state;
    static const char *const formats[] = {
        "host=localhost port=%d dbname=postgres user=postgres",
        "host=127.0.0.1 port=%d dbname=postgres user=postgres",
        "postgresql://postgres@localhost:%d/postgres",
        "postgresql://postgres@localhost:1,127.0.0.1:1,localhost:%d/postgres",
        "host=localhost,/nonexistent,localhost port=1,1,%d dbname=postgres user=postgres",
        "host=certificate.example hostaddr=127.0.0.1 port=%d dbname=postgres user=postgres",
    };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct pg_client p;
        char conninfo[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(conninfo, sizeof conninfo, formats[i], pg.port);
#pragma GCC diagnostic pop
        open_as(&p, conninfo);
        assert_string_equal(p.why.text, "");
        assert_int_equal(p.ready, 1);
        assert_string_equal(pg_sql(&p, "SELECT host(inet_client_addr())").value, "127.0.0.1");
        pg_client_close(&p);
    }
}

static void a_name_that_cannot_be_resolved_is_named(void **state)
{
    (void)state;
    struct pg_client p;
    open_as(&p, "host=nowhere.invalid dbname=postgres");
    assert_int_equal(p.ready, 0);
    assert_non_null(strstr(p.why.text, "cannot resolve the database's host name \"nowhere.invalid\""));
    pg_client_close(&p);
}

static void refusals_at_connecting_carry_their_sqlstate_and_one_line_of_words(void **state)
{
    (void)state;
    struct pg_client p;
    char conninfo[256];
    snprintf(conninfo, sizeof conninfo, "host=%s port=%d dbname=missing user=postgres", pg.folder, pg.port);
    open_as(&p, conninfo);
    assert_int_equal(p.lost, 1);
    assert_string_equal(p.why.sqlstate, "3D000");
    assert_non_null(strstr(p.why.text, "FATAL:  database \"missing\" does not exist"));
    assert_null(strchr(p.why.text, '\n'));
    assert_null(strstr(p.why.text, "LOCATION"));
    pg_client_close(&p);
    snprintf(conninfo, sizeof conninfo, "host=%s port=%d dbname=postgres user=nobody_here", pg.folder, pg.port);
    open_as(&p, conninfo);
    assert_string_equal(p.why.sqlstate, "28000");
    pg_client_close(&p);
    open_as(&p, "host=/nonexistent dbname=postgres");
    assert_string_equal(p.why.sqlstate, "");
    assert_non_null(strstr(p.why.text, "/nonexistent"));
    pg_client_close(&p);
    open_as(&p, "host=x nonsense=1");
    assert_non_null(strstr(p.why.text, "nonsense"));
    pg_client_close(&p);
}

static void a_server_that_says_nothing_is_given_up_in_time(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "host=localhost port=%d dbname=x", ntohs(a.sin_port));
    struct pg_client p;
    uint64_t before = uv_hrtime();
    pg_client_open_with(&p, &(struct db_conn_config){.conninfo = conninfo, .connect_timeout_ms = 100});
    assert_true(pg_await(p.loop, &p.lost));
    assert_true(uv_hrtime() - before >= 99 * 1000 * 1000);
    assert_string_equal(p.why.text, "the database did not answer within 100 ms");
    pg_client_close(&p);
    close(fd);
}

static void the_setup_runs_before_ready_and_before_what_was_queued_early(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open_with(&p, &(struct db_conn_config){.conninfo = pg.conninfo,
                                                     .setup = "SET work_mem = '7MB'; SET TIME ZONE 'UTC'",
                                                     .connect_timeout_ms = 20000});
    assert_string_equal(pg_sql(&p, "SHOW work_mem").value, "7MB");
    assert_int_equal(p.ready, 1);
    pg_client_close(&p);
}

static void a_setup_that_fails_loses_the_connection(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open_with(&p,
                        &(struct db_conn_config){.conninfo = pg.conninfo, .setup = "SET no_such = 1", .connect_timeout_ms = 20000});
    assert_true(pg_await(p.loop, &p.lost));
    assert_int_equal(p.ready, 0);
    assert_string_equal(p.why.sqlstate, "42704");
    pg_client_close(&p);
}

static void an_idle_connection_notices_that_it_was_terminated_and_why(void **state)
{
    (void)state;
    struct pg_client p, other;
    pg_client_open(&p);
    pg_client_open(&other);
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", db_conn_backend_pid(p.conn));
    pg_sql(&other, sql);
    assert_true(pg_await(p.loop, &p.lost));
    assert_string_equal(p.why.sqlstate, "57P01");
    assert_string_equal(p.why.text, "terminating connection due to administrator command");
    pg_client_close(&other);
    pg_client_close(&p);
}

static void notices_and_notifications_disturb_nothing(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "LISTEN a; NOTIFY a; DO $$ BEGIN RAISE WARNING 'loud'; END $$");
    assert_string_equal(pg_sql(&p, "SELECT 'still here'").value, "still here");
    pg_client_close(&p);
}

static void freeing_is_allowed_at_every_moment_of_connecting(void **state)
{
    (void)state;
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "host=localhost port=%d dbname=postgres user=postgres", pg.port);
    for (int turns = 0; turns < 40; turns++) {
        struct pg_client p;
        struct pg_answer a = {0};
        struct timer *tick;
        pg_client_open_with(&p, &(struct db_conn_config){.conninfo = conninfo, .setup = "SELECT 1", .connect_timeout_ms = 20000});
        assert_int_equal(db_query(p.conn, &(struct db_query){.sql = "SELECT pg_sleep(600)", .done = pg_answered, .ctx = &a}), 0);
        assert_int_equal(timer_new(p.loop, pg_tick, NULL, &tick), 0);
        timer_repeat(tick, 2);
        for (int i = 0; i < turns; i++)
            uv_run(loop_uv(p.loop), UV_RUN_ONCE);
        timer_free(tick);
        db_conn_free(p.conn);
        assert_int_equal(a.done, 1);
        assert_int_equal(a.status, ERROR_CANCELLED);
        assert_int_equal(p.lost, 0);
        loop_free(p.loop);
    }
}

static void free_and_count(void *ctx, struct db_conn *c)
{
    db_conn_free(c);
    ((struct pg_client *)ctx)->ready = 1;
}

static void the_connection_may_be_freed_in_ready(void **state)
{
    (void)state;
    struct pg_client p = {0};
    assert_int_equal(loop_new(&p.loop), 0);
    assert_int_equal(db_conn_new(p.loop, &(struct db_conn_config){.conninfo = pg.conninfo, .connect_timeout_ms = 20000},
                                 &(struct db_conn_handler){free_and_count, pg_client_lost, &p}, &p.conn),
                     0);
    assert_true(pg_await(p.loop, &p.ready));
    assert_int_equal(p.lost, 0);
    loop_free(p.loop);
}

static void a_crash_of_the_server_is_a_loss(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    struct pg_answer a = {0};
    assert_int_equal(db_query(p.conn, &(struct db_query){.sql = "SELECT pg_sleep(600)", .done = pg_answered, .ctx = &a}), 0);
    pg_stop();
    assert_true(pg_await(p.loop, &p.lost));
    assert_int_equal(a.status, ERROR_CLOSED);
    pg_client_close(&p);
    pg_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ready_connection_knows_its_backend),
        cmocka_unit_test(host_names_are_resolved_also_several_and_in_a_uri),
        cmocka_unit_test(a_name_that_cannot_be_resolved_is_named),
        cmocka_unit_test(refusals_at_connecting_carry_their_sqlstate_and_one_line_of_words),
        cmocka_unit_test(a_server_that_says_nothing_is_given_up_in_time),
        cmocka_unit_test(the_setup_runs_before_ready_and_before_what_was_queued_early),
        cmocka_unit_test(a_setup_that_fails_loses_the_connection),
        cmocka_unit_test(an_idle_connection_notices_that_it_was_terminated_and_why),
        cmocka_unit_test(notices_and_notifications_disturb_nothing),
        cmocka_unit_test(freeing_is_allowed_at_every_moment_of_connecting),
        cmocka_unit_test(the_connection_may_be_freed_in_ready),
        cmocka_unit_test(a_crash_of_the_server_is_a_loss),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
