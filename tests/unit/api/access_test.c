/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "api/access.h"
#include "api/api.h"

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
    struct config config;
    struct api api;
};

static void answer(struct http_request *r)
{
    http_answer(r, 200, "text/plain", SLICE("read"));
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/v1", answer}, {HTTP_GET_, "/status", answer}, {HTTP_GET_, "/healthz", answer}, {0}};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    bench_start(&s->bench, routes, &limits);
    s->api.config = &s->config;
    s->bench.router.ctx = &s->api;
    s->bench.router.guard = access_guard;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    bench_stop(&s->bench);
    free(s);
    return 0;
}

static void expect(struct state *s, const char *line, const char *fields, int status)
{
    char request[300];
    struct buf in;
    buf_init(&in, 1 << 20);
    snprintf(request, sizeof request, "%s HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n", line, fields);
    bench_expect(&s->bench, request, status, &in);
    if (status == 403) assert_true(bench_has(&in, "token"));
    buf_done(&in);
}

/* ---- tests ---- */

static void only_names_and_addresses_of_this_machine_are_local(void **state)
{
    (void)state;
    static const char *const local[] = {"",          "localhost", "localhost:8080", "LocalHost.", "cetl.localhost:80",
                                        "127.0.0.1", "127.8.9.1", "127.0.0.1:8080", "[::1]",      "[::1]:8080"};
    static const char *const others[] = {"example.org",   "localhost.example.org",
                                         "notlocalhost",  "127.0.0.1.example.org",
                                         "10.0.0.1:8080", "[::2]",
                                         "127.0.0",       "128.0.0.1",
                                         "[::1",          "1.127.0.0"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (!access_host_is_local(slice_of(local[i]))) fail_msg("'%s' is local", local[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (access_host_is_local(slice_of(others[i]))) fail_msg("'%s' is not local", others[i]);
}

static void this_machine_reads(void **state)
{
    struct state *s = *state;
    expect(s, "GET /v1", "Host: localhost:8080", 200);
    expect(s, "GET http://127.0.0.1/v1", "Host: 127.0.0.1", 200);
}

static void foreign_host_is_refused(void **state)
{
    struct state *s = *state;
    expect(s, "GET /v1", "Host: rebound.example.org", 403);
    expect(s, "GET http://rebound.example.org/v1", "Host: localhost", 403);
    expect(s, "GET /v1/", "Host: rebound.example.org", 403);
}

static void proxy_in_front_is_refused(void **state)
{
    struct state *s = *state;
    static const char *const fields[] = {"Forwarded: for=10.0.0.1", "X-Forwarded-For: 10.0.0.1", "x-forwarded-proto: https",
                                         "Via: 1.1 gate",           "X-Real-IP: 10.0.0.1",       "X-Forwarded-Host: a"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char both[100];
        snprintf(both, sizeof both, "Host: localhost\r\n%s", fields[i]);
        expect(s, "GET /v1", both, 403);
    }
}

static void status_and_health_are_for_everybody(void **state)
{
    struct state *s = *state;
    s->config.api.anonymous = CONFIG_ANONYMOUS_NONE;
    expect(s, "GET /status", "Host: example.org\r\nVia: 1.1 gate", 200);
    expect(s, "GET /healthz/", "Host: example.org", 200);
    expect(s, "OPTIONS /v1", "Host: example.org", 204);
}

static void none_lets_nobody_read(void **state)
{
    struct state *s = *state;
    s->config.api.anonymous = CONFIG_ANONYMOUS_NONE;
    expect(s, "GET /v1", "Host: localhost", 403);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_and_addresses_of_this_machine_are_local),
        T(this_machine_reads),
        T(foreign_host_is_refused),
        T(proxy_in_front_is_refused),
        T(status_and_health_are_for_everybody),
        T(none_lets_nobody_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
