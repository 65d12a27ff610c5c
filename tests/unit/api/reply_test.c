/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "api/reply.h"

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 262144,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

struct state {
    struct bench bench;
    struct api api;
    struct buf in;
};

static bool nothing(struct http_request *r, const PGresult *rows, struct buf *body)
{
    (void)r, (void)rows, (void)body;
    return true;
}

static void ask(struct http_request *r)
{
    struct db_param p = db_text("7");
    reply_with(r, &(struct reply_query){.sql = "SELECT $1", .param = &p, .params = 1, .write = nothing});
}

static const struct http_route routes[] = {{HTTP_GET_, "/ask", ask}, {0}};

/* A pool that never has a connection to give. */
static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 1 << 20);
    bench_start(&s->bench, routes, &limits);
    struct db_pool_config config = {
        .conn = {.conninfo = "host=/nonexistent", .connect_timeout_ms = 20000}, .size = 1, .backoff_max_ms = 20000};
    assert_int_equal(db_pool_new(s->bench.loop, &config, &s->api.pool), 0);
    s->api.load_pool = s->api.pool;
    s->api.ready = true;
    s->bench.router.ctx = &s->api;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    http_server_free(s->bench.server);
    s->bench.server = NULL;
    db_pool_free(s->api.pool);
    bench_stop(&s->bench);
    buf_done(&s->in);
    free(s);
    return 0;
}

static int asked(struct state *s)
{
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /ask HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bench_until(&s->bench, db_pool_waiting(s->api.pool) == 1);
    return fd;
}

/* ---- tests ---- */

/* Under AddressSanitizer it also shows whether the request remembers a reply that is no more. */
static void without_a_connection_it_is_503_and_over(void **state)
{
    struct state *s = *state;
    int fd = asked(s);
    db_pool_free(s->api.pool);
    s->api.pool = NULL;
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(slice_starts(buf_slice(&s->in), SLICE("HTTP/1.1 503 ")));
    assert_true(bench_has(&s->in, "Retry-After: "));
}

static void client_that_leaves_while_it_waits_is_forgotten(void **state)
{
    struct state *s = *state;
    int fd = asked(s);
    struct linger reset = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    bench_close(&s->bench, fd);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 0);
    assert_int_equal(db_pool_waiting(s->api.pool), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(without_a_connection_it_is_503_and_over),
        T(client_that_leaves_while_it_waits_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
