/* SPDX-License-Identifier: MIT */
#include "db/pool.h"
#include "pg_fixture.h"

struct user {
    struct db_wait wait;
    struct db_conn *conn;
    int got, order;
    int *orders;
};

struct subject {
    struct loop *loop;
    struct db_pool *pool;
    struct counters counters;
    int up, down, orders;
    struct error why;
};

static void up_again(void *ctx)
{
    ((struct subject *)ctx)->up++;
}

static void went_down(void *ctx, const struct error *why)
{
    struct subject *s = ctx;
    s->down++;
    s->why = *why;
}

static void open_pool_with(struct subject *s, const char *conninfo, unsigned size, unsigned waiting_max)
{
    memset(s, 0, sizeof *s);
    assert_int_equal(loop_new(&s->loop), 0);
    const struct db_pool_config config = {
        .conn = {.conninfo = conninfo, .application_name = "pool", .connect_timeout_ms = 5000},
        .size = size,
        .backoff_max_ms = 200,
        .waiting_max = waiting_max,
        .counters = &s->counters,
        .up = up_again,
        .down = went_down,
        .ctx = s,
    };
    assert_int_equal(db_pool_new(s->loop, &config, &s->pool), 0);
}

static void open_pool(struct subject *s, const char *conninfo, unsigned size)
{
    open_pool_with(s, conninfo, size, 0);
}

static void close_pool(struct subject *s)
{
    db_pool_free(s->pool);
    assert_int_equal(counters_get(&s->counters, COUNTER_PG_CONNECTIONS), 0);
    loop_free(s->loop);
}

static void got(struct db_wait *w, struct db_conn *c)
{
    struct user *u = container_of(w, struct user, wait);
    u->got++;
    u->conn = c;
    u->order = ++*u->orders;
}

static void take(struct subject *s, struct user *u, int64_t timeout_ms)
{
    *u = (struct user){.wait.got = got, .orders = &s->orders};
    db_pool_take(s->pool, &u->wait, timeout_ms);
    assert_int_equal(u->got, 0);
}

static void ask(struct subject *s, struct user *u, const char *sql, struct pg_answer *a)
{
    *a = (struct pg_answer){0};
    assert_int_equal(db_query(u->conn, &(struct db_query){.sql = sql, .done = pg_answered, .ctx = a}), 0);
    assert_true(pg_await(s->loop, &a->done));
}

static void takers_are_served_in_order_and_never_more_than_size_at_once(void **state)
{
    (void)state;
    struct subject s;
    struct user u[4];
    open_pool(&s, pg.conninfo, 2);
    for (int i = 0; i < 4; i++)
        take(&s, &u[i], 0);
    assert_int_equal(db_pool_waiting(s.pool), 4);
    assert_true(pg_await(s.loop, &u[1].got));
    assert_int_equal(u[0].order, 1);
    assert_int_equal(u[1].order, 2);
    assert_int_equal(u[2].got, 0);
    assert_int_equal(counters_get(&s.counters, COUNTER_PG_CONNECTIONS), 2);
    struct db_conn *first = u[0].conn;
    db_pool_give(s.pool, u[0].conn);
    assert_true(pg_await(s.loop, &u[2].got));
    assert_ptr_equal(u[2].conn, first);
    db_pool_give(s.pool, u[2].conn);
    assert_true(pg_await(s.loop, &u[3].got));
    assert_int_equal(u[3].order, 4);
    assert_int_equal(s.up, 1);
    close_pool(&s);
}

static void a_pool_that_nobody_uses_knows_whether_the_database_is_up(void **state)
{
    (void)state;
    struct subject s;
    open_pool(&s, pg.conninfo, 3);
    assert_false(db_pool_is_up(s.pool));
    assert_true(pg_await(s.loop, &s.up));
    assert_true(db_pool_is_up(s.pool));
    assert_int_equal(counters_get(&s.counters, COUNTER_PG_CONNECTIONS), 1);
    close_pool(&s);
}

static void a_wait_ends_at_its_deadline_or_when_it_is_cancelled(void **state)
{
    (void)state;
    struct subject s;
    struct user holder, late, cancelled;
    open_pool(&s, pg.conninfo, 1);
    take(&s, &holder, 0);
    assert_true(pg_await(s.loop, &holder.got));
    take(&s, &late, 50);
    take(&s, &cancelled, 50);
    db_pool_cancel(s.pool, &cancelled.wait);
    assert_true(pg_await(s.loop, &late.got));
    assert_null(late.conn);
    assert_int_equal(cancelled.got, 0);
    assert_int_equal(db_pool_waiting(s.pool), 0);
    db_pool_give(s.pool, holder.conn);
    close_pool(&s);
}

static void no_more_wait_than_may(void **state)
{
    (void)state;
    struct subject s;
    struct user holder, first, second, third;
    open_pool_with(&s, pg.conninfo, 1, 2);
    take(&s, &holder, 0);
    assert_true(pg_await(s.loop, &holder.got));
    take(&s, &first, 0);
    take(&s, &second, 0);
    take(&s, &third, 0);
    assert_true(pg_await(s.loop, &third.got));
    assert_null(third.conn);
    assert_int_equal(first.got + second.got, 0);
    db_pool_give(s.pool, holder.conn);
    assert_true(pg_await(s.loop, &first.got));
    assert_non_null(first.conn);
    db_pool_give(s.pool, first.conn);
    assert_true(pg_await(s.loop, &second.got));
    assert_non_null(second.conn);
    db_pool_give(s.pool, second.conn);
    close_pool(&s);
}

static void a_connection_given_back_inside_a_transaction_is_closed(void **state)
{
    (void)state;
    struct subject s;
    struct user a, b;
    struct pg_answer answer;
    open_pool(&s, pg.conninfo, 1);
    take(&s, &a, 0);
    assert_true(pg_await(s.loop, &a.got));
    int first = db_conn_backend_pid(a.conn);
    ask(&s, &a, "BEGIN", &answer);
    db_pool_give(s.pool, a.conn);
    take(&s, &b, 0);
    assert_true(pg_await(s.loop, &b.got));
    assert_int_not_equal(db_conn_backend_pid(b.conn), first);
    assert_false(db_conn_in_transaction(b.conn));
    db_pool_give(s.pool, b.conn);
    close_pool(&s);
}

static void a_taken_connection_that_was_lost_stays_until_it_is_given_back(void **state)
{
    (void)state;
    struct subject s;
    struct user a, b;
    struct pg_answer answer;
    open_pool(&s, pg.conninfo, 1);
    take(&s, &a, 0);
    assert_true(pg_await(s.loop, &a.got));
    ask(&s, &a, "SELECT pg_terminate_backend(pg_backend_pid())", &answer);
    assert_int_equal(answer.status, ERROR_CLOSED);
    assert_int_equal(db_query(a.conn, &(struct db_query){.sql = "SELECT 1", .done = pg_answered, .ctx = &answer}), ERROR_CLOSED);
    db_pool_give(s.pool, a.conn);
    take(&s, &b, 0);
    assert_true(pg_await(s.loop, &b.got));
    ask(&s, &b, "SELECT 1", &answer);
    assert_int_equal(answer.status, 0);
    assert_int_equal(counters_get(&s.counters, COUNTER_PG_RECONNECTS), 1);
    close_pool(&s);
}

static void the_database_goes_and_comes_back_and_who_waits_is_served(void **state)
{
    (void)state;
    struct subject s;
    struct user u;
    open_pool(&s, pg.conninfo, 2);
    assert_true(pg_await(s.loop, &s.up));
    pg_stop();
    assert_true(pg_await(s.loop, &s.down));
    assert_false(db_pool_is_up(s.pool));
    assert_true(strlen(db_pool_reason(s.pool)) > 0);
    take(&s, &u, 0);
    /* More tries fail; the owner hears of it once. */
    for (int64_t end = loop_now_ms(s.loop) + 600; loop_now_ms(s.loop) < end;)
        uv_run(loop_uv(s.loop), UV_RUN_ONCE);
    assert_int_equal(s.down, 1);
    assert_int_equal(u.got, 0);
    pg_start();
    assert_true(pg_await(s.loop, &u.got));
    assert_non_null(u.conn);
    assert_int_equal(s.up, 2);
    assert_string_equal(db_pool_reason(s.pool), "");
    db_pool_give(s.pool, u.conn);
    close_pool(&s);
}

static void after_a_retry_it_is_neither_up_nor_down_and_tries_at_once(void **state)
{
    (void)state;
    struct subject s;
    struct user u;
    open_pool(&s, pg.conninfo, 2);
    assert_true(pg_await(s.loop, &s.up));
    db_pool_retry(s.pool); /* nothing, while it is up */
    assert_true(db_pool_is_up(s.pool));
    pg_stop();
    assert_true(pg_await(s.loop, &s.down));
    take(&s, &u, 0);
    s.down = 0;
    db_pool_retry(s.pool);
    assert_false(db_pool_is_up(s.pool));
    assert_string_equal(db_pool_reason(s.pool), "");
    assert_true(pg_await(s.loop, &s.down)); /* that try failed, too: the owner hears of it */
    assert_true(strlen(db_pool_reason(s.pool)) > 0);
    pg_start();
    db_pool_retry(s.pool);
    assert_true(pg_await(s.loop, &u.got));
    assert_non_null(u.conn);
    db_pool_give(s.pool, u.conn);
    db_pool_retry(NULL);
    close_pool(&s);
}

static void the_reason_for_being_down_has_the_sqlstate(void **state)
{
    (void)state;
    struct subject s;
    char conninfo[128];
    snprintf(conninfo, sizeof conninfo, "host=%s port=%d dbname=missing user=postgres", pg.folder, pg.port);
    open_pool(&s, conninfo, 2);
    assert_true(pg_await(s.loop, &s.down));
    assert_string_equal(s.why.sqlstate, "3D000");
    assert_int_equal(s.up, 0);
    close_pool(&s);
}

static void freeing_the_pool_tells_who_waits_and_cancels_who_works(void **state)
{
    (void)state;
    struct subject s;
    struct user holder, waiter;
    struct pg_answer a = {0};
    open_pool(&s, pg.conninfo, 1);
    take(&s, &holder, 0);
    assert_true(pg_await(s.loop, &holder.got));
    take(&s, &waiter, 0);
    assert_int_equal(db_query(holder.conn, &(struct db_query){.sql = "SELECT pg_sleep(60)", .done = pg_answered, .ctx = &a}), 0);
    close_pool(&s);
    assert_int_equal(waiter.got, 1);
    assert_null(waiter.conn);
    assert_int_equal(a.status, ERROR_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takers_are_served_in_order_and_never_more_than_size_at_once),
        cmocka_unit_test(a_pool_that_nobody_uses_knows_whether_the_database_is_up),
        cmocka_unit_test(a_wait_ends_at_its_deadline_or_when_it_is_cancelled),
        cmocka_unit_test(no_more_wait_than_may),
        cmocka_unit_test(a_connection_given_back_inside_a_transaction_is_closed),
        cmocka_unit_test(a_taken_connection_that_was_lost_stays_until_it_is_given_back),
        cmocka_unit_test(the_database_goes_and_comes_back_and_who_waits_is_served),
        cmocka_unit_test(after_a_retry_it_is_neither_up_nor_down_and_tries_at_once),
        cmocka_unit_test(the_reason_for_being_down_has_the_sqlstate),
        cmocka_unit_test(freeing_the_pool_tells_who_waits_and_cancels_who_works),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
