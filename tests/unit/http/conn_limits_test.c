/* SPDX-License-Identifier: MIT */
/* Clients that leave, that are slow, and that are many. */
#include "talk.h"

/* ---- leaving ---- */

static void client_that_leaves_is_told_once(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /later/2 HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 2);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    bench_close(&s->bench, fd);
    bench_until(&s->bench, s->bench.gone == 2);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 0);
    assert_int_equal(s->bench.gone, 2);
}

static void client_that_leaves_a_stream_is_noticed_at_a_write(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_close(&s->bench, fd);
    bench_until(&s->bench, (s->bench.gone == 0 ? (void)http_write(r, SLICE("more")) : (void)0, s->bench.gone == 1));
}

static void server_freed_with_requests_tells_them(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd,
               "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    bench_until(&s->bench, s->bench.laters == 1);
    struct http_server *server = s->bench.server;
    s->bench.server = NULL;
    http_server_free(server);
    assert_int_equal(s->bench.gone, 1);
}

/* ---- time ---- */

static void head_that_takes_too_long_is_answered_408(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.header_timeout_ms = 50;
    restart(&s->bench, &limits);
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\n", 408, &s->in);
}

static void body_that_stops_coming_is_answered_408(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 50;
    restart(&s->bench, &limits);
    bench_expect(&s->bench, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel", 408, &s->in);
}

/* A byte now and then is no progress. */
static void body_that_trickles_is_answered_408(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 100;
    restart(&s->bench, &limits);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n");
    int64_t give_up = clock_mono_us() + BENCH_WAIT_US, next = 0;
    while (!bench_has(&s->in, "HTTP/1.1 408")) {
        if (clock_mono_us() > next) {
            send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
            next = clock_mono_us() + 10000;
        }
        bench_read_some(fd, &s->in, 65536);
        bench_turn(&s->bench);
        if (clock_mono_us() > give_up) fail_msg("it may trickle for ever");
    }
}

static void idle_connection_is_closed(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 50;
    restart(&s->bench, &limits);
    int fd = bench_connect(&s->bench), other = bench_connect(&s->bench);
    bench_send(&s->bench, other, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_int_equal(s->in.len, 0);
    bench_read_to_end(&s->bench, other, &s->in);
    assert_int_equal(bench_count(&s->in, "HTTP/1.1 200"), 1);
}

static void waiting_for_a_handler_is_not_idle(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 30;
    limits.header_timeout_ms = 30;
    restart(&s->bench, &limits);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    int64_t until = clock_mono_us() + 150000;
    bench_until(&s->bench, s->bench.laters == 1 && clock_mono_us() > until);
    assert_int_equal(s->bench.gone, 0);
    answer_later(&s->bench, 0, "patience");
    bench_read_until(&s->bench, fd, &s->in, "patience");
}

static void reader_that_stops_reading_is_cut(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 100;
    restart(&s->bench, &limits);
    int fd = bench_connect(&s->bench);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    static char block[65536];
    for (int i = 0; i < 200; i++)
        http_write(r, (struct slice){block, sizeof block});
    bench_until(&s->bench, s->bench.gone == 1);
}

/* A byte now and then is no progress. */
static void reader_that_takes_single_bytes_is_cut(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 100;
    restart(&s->bench, &limits);
    int fd = bench_connect_with(&s->bench, 4096);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    static char block[65536];
    for (int i = 0; i < 200; i++)
        http_write(r, (struct slice){block, sizeof block});
    int64_t give_up = clock_mono_us() + BENCH_WAIT_US, next = 0;
    char byte;
    while (s->bench.gone == 0) {
        if (clock_mono_us() > next) {
            if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN) break;
            next = clock_mono_us() + 1000;
        }
        bench_turn(&s->bench);
        if (clock_mono_us() > give_up) fail_msg("it may take its time for ever");
    }
    bench_until(&s->bench, s->bench.gone == 1);
}

/* ---- many ---- */

static void those_who_take_nothing_go_before_memory_does(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.answers_max = 4000000;
    restart(&s->bench, &limits);
    static char block[65536];
    for (int i = 0; i < 3; i++) {
        buf_reset(&s->in);
        bench_send(&s->bench, bench_connect_with(&s->bench, 4096), "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
        bench_until(&s->bench, s->bench.laters == (unsigned)i + 1);
        struct http_request *r = s->bench.later[i];
        http_begin(r, 200, "text/csv");
        for (int k = 0; k < 100; k++)
            http_write(r, (struct slice){block, sizeof block});
    }
    bench_turn(&s->bench);
    assert_int_equal(s->bench.gone, 0);
    int64_t later_us = clock_mono_us() + 500000;
    bench_until(&s->bench, clock_mono_us() > later_us);
    /* Whoever asks and reads is served, and makes the others go. */
    buf_reset(&s->in);
    bench_expect(&s->bench, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, &s->in);
    assert_true(s->in.len > 3000000);
    bench_until(&s->bench, s->bench.gone >= 2);
}

static void one_address_has_its_share_of_connections(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.address_connections = 2;
    restart(&s->bench, &limits);
    int first = bench_connect(&s->bench), second = bench_connect(&s->bench);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 2);
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 503, &s->in);
    assert_true(bench_has(&s->in, "from this address") && bench_has(&s->in, "Retry-After: "));
    bench_close(&s->bench, first);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 1);
    buf_reset(&s->in);
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, &s->in);
    (void)second;
}

static void oldest_idle_connection_makes_room(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.connections = 2;
    restart(&s->bench, &limits);
    int oldest = bench_connect(&s->bench);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 1);
    int busy = bench_connect(&s->bench);
    bench_send(&s->bench, busy, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    int fresh = bench_connect(&s->bench);
    bench_send(&s->bench, fresh, "GET /later/2 HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_to_end(&s->bench, oldest, &s->in);
    assert_int_equal(s->in.len, 0);
    bench_until(&s->bench, s->bench.laters == 2);

    /* Nobody is idle now. */
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 503, &s->in);
    assert_true(bench_has(&s->in, "Retry-After: "));
    answer_later(&s->bench, 0, "one");
    buf_reset(&s->in);
    bench_read_until(&s->bench, busy, &s->in, "one");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(client_that_leaves_is_told_once),
        T(client_that_leaves_a_stream_is_noticed_at_a_write),
        T(server_freed_with_requests_tells_them),
        T(head_that_takes_too_long_is_answered_408),
        T(body_that_stops_coming_is_answered_408),
        T(body_that_trickles_is_answered_408),
        T(idle_connection_is_closed),
        T(waiting_for_a_handler_is_not_idle),
        T(reader_that_stops_reading_is_cut),
        T(reader_that_takes_single_bytes_is_cut),
        T(those_who_take_nothing_go_before_memory_does),
        T(one_address_has_its_share_of_connections),
        T(oldest_idle_connection_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
