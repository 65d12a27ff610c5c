/* SPDX-License-Identifier: MIT */
#include "bench.h"

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 65536,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

static void say(struct http_request *r, const char *who)
{
    char text[200];
    snprintf(text, sizeof text, "%s a=" SLICE_FMT " b=" SLICE_FMT ".", who, SLICE_ARG(http_request_capture(r, "a")),
             SLICE_ARG(http_request_capture(r, "b")));
    http_answer(r, 200, "text/plain", slice_of(text));
}

static void root(struct http_request *r)
{
    say(r, "root");
}

static void one(struct http_request *r)
{
    say(r, "one");
}

static void literal(struct http_request *r)
{
    say(r, "literal");
}

static void two(struct http_request *r)
{
    say(r, "two");
}

static void put(struct http_request *r)
{
    say(r, "put");
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/v1/{a}", one},     {HTTP_GET_, "/", root},          {HTTP_GET_, "/v1/files", literal},
    {HTTP_GET_, "/v1/{a}/{b}", two}, {HTTP_PUT_, "/v1/{a}/{b}", put}, {0},
};

static int set_up(void **state)
{
    struct bench *b = malloc(sizeof *b);
    bench_start(b, routes, &limits);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    bench_stop(*state);
    free(*state);
    return 0;
}

static void expect(struct bench *b, const char *line, int status, const char *text)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    char request[300];
    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    bench_expect(b, request, status, &in);
    if (!bench_has(&in, text)) fail_msg("%s: no \"%s\" in %s", line, text, buf_cstr(&in));
    buf_done(&in);
}

static void literal_segments_win_over_captures(void **state)
{
    expect(*state, "GET /v1/files", 200, "literal a= b=.");
    expect(*state, "GET /v1/fil%65s", 200, "literal a= b=.");
    expect(*state, "GET /v1/orders", 200, "one a=orders b=.");
    expect(*state, "GET /v1/files/7", 200, "two a=files b=7.");
}

static void captures_are_decoded(void **state)
{
    expect(*state, "GET /v1/a%2fb/c%20d", 200, "two a=a/b b=c d.");
}

static void trailing_slash_is_answered_directly(void **state)
{
    expect(*state, "GET /v1/files/", 200, "literal");
    expect(*state, "GET /", 200, "root");
}

static void unknown_path_is_404(void **state)
{
    expect(*state, "GET /v2", 404, "application/problem+json");
    expect(*state, "GET /v1", 404, "There is nothing at this path.");
    expect(*state, "GET /v1/a/b/c", 404, "\"instance\":\"/v1/a/b/c\"");
    expect(*state, "GET /v1//b", 404, "");
    expect(*state, "GET /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7", 404, "");
}

static void known_path_with_another_method_is_405_with_allow(void **state)
{
    expect(*state, "DELETE /v1/a/b", 405, "\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n");
    expect(*state, "PUT /v1/files", 405, "\r\nAllow: GET, HEAD, OPTIONS\r\n");
}

static void options_tells_the_methods(void **state)
{
    expect(*state, "OPTIONS /v1/a/b", 204, "\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n");
    expect(*state, "OPTIONS *", 204, "\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    expect(*state, "OPTIONS /v2", 404, "");
}

static void head_goes_to_get(void **state)
{
    expect(*state, "HEAD /v1/orders", 200, "Content-Length: 16\r\n");
}

static bool nobody(struct http_request *r)
{
    http_problem(r, &(struct http_problem){.status = 403, .message = "no"});
    return false;
}

static void guard_stands_before_handlers_only(void **state)
{
    struct bench *b = *state;
    b->router.guard = nobody;
    expect(b, "GET /v1/x", 403, "\"no\"");
    expect(b, "HEAD /v1/x", 403, "");
    expect(b, "GET /nowhere", 404, "");
    expect(b, "POST /v1/x", 405, "");
    expect(b, "OPTIONS /v1/x", 204, "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(literal_segments_win_over_captures),
        T(captures_are_decoded),
        T(trailing_slash_is_answered_directly),
        T(unknown_path_is_404),
        T(known_path_with_another_method_is_405_with_allow),
        T(options_tells_the_methods),
        T(head_goes_to_get),
        T(guard_stands_before_handlers_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
