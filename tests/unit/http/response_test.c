/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <zlib.h>

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 65536,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .gzip_level = 1,
    .connections = 64,
};

enum { LARGE = 6000000, SMALL = 5000, TINY = 200 };

/* Lines that do not pack well, so that a large body is large on its way, too. */
static char *body_of(size_t len)
{
    char *body = malloc(len + 1);
    unsigned x = 7;
    assert_non_null(body);
    for (size_t i = 0; i < len; i++)
        body[i] = "0123456789abcdef"[(x = x * 1103515245 + 12345) >> 28];
    body[len] = '\0';
    return body;
}

static void answer_with(struct http_request *r, size_t len)
{
    http_header(r, "ETag", "\"v1\"");
    http_answer_take(r, 200, "application/json", body_of(len), len);
}

static void large(struct http_request *r)
{
    answer_with(r, LARGE);
}

static void copied(struct http_request *r)
{
    char *body = body_of(LARGE);
    http_answer(r, 200, "text/csv", (struct slice){body, LARGE});
    free(body);
}

static void small(struct http_request *r)
{
    answer_with(r, SMALL);
}

static void tiny(struct http_request *r)
{
    answer_with(r, TINY);
}

static void packed(struct http_request *r)
{
    char *body = body_of(SMALL);
    http_answer(r, 200, "application/gzip", (struct slice){body, SMALL});
    free(body);
}

static void coded(struct http_request *r)
{
    char *body = body_of(SMALL);
    http_header(r, "Content-Encoding", "br");
    http_answer(r, 200, "application/json", (struct slice){body, SMALL});
    free(body);
}

static struct http_kept kept_body;

static void kept(struct http_request *r)
{
    http_header(r, "ETag", "\"v1\"");
    http_answer_kept(r, 200, "application/json", &kept_body);
}

static void fresh(struct http_request *r)
{
    http_header(r, "ETag", "\"v1\"");
    http_answer(r, 304, NULL, SLICE(""));
}

/* In four pieces. */
static void stream(struct http_request *r)
{
    char *body = body_of(SMALL);
    http_begin(r, 200, "text/csv; charset=utf-8");
    for (size_t at = 0; at < SMALL; at += SMALL / 4)
        http_write(r, (struct slice){body + at, SMALL / 4});
    http_write(r, SLICE(""));
    http_end(r, true);
    free(body);
}

static void torn(struct http_request *r)
{
    http_begin(r, 200, "text/csv");
    http_write(r, SLICE("a,b\n"));
    http_end(r, false);
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/large", large},
    {HTTP_GET_, "/copied", copied},
    {HTTP_GET_, "/small", small},
    {HTTP_GET_, "/tiny", tiny},
    {HTTP_GET_, "/packed", packed},
    {HTTP_GET_, "/coded", coded},
    {HTTP_GET_, "/kept", kept},
    {HTTP_GET_, "/fresh", fresh},
    {HTTP_GET_, "/stream", stream},
    {HTTP_GET_, "/torn", torn},
    {0},
};

struct state {
    struct bench bench;
    struct buf in;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 16 << 20);
    bench_start(&s->bench, routes, &limits);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    bench_stop(&s->bench);
    buf_done(&s->in);
    free(s);
    return 0;
}

static void ask(struct state *s, const char *method, const char *path, const char *fields, int status)
{
    char request[512];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", method, path, fields);
    buf_reset(&s->in);
    bench_expect(&s->bench, request, status, &s->in);
    assert_non_null(buf_cstr(&s->in));
}

static struct slice body_in(struct state *s)
{
    const char *at = memmem(s->in.data, s->in.len, "\r\n\r\n", 4);
    assert_non_null(at);
    at += 4;
    return (struct slice){at, (size_t)(s->in.data + s->in.len - at)};
}

/* The chunks put together; fails where the last one is not there. */
static size_t unchunk(struct slice body, char *to)
{
    size_t n = 0;
    for (;;) {
        char *end;
        size_t len = strtoul(body.p, &end, 16);
        size_t head = (size_t)(end - body.p) + 2;
        assert_true(head + len + 2 <= body.len);
        memcpy(to + n, body.p + head, len);
        body = (struct slice){body.p + head + len + 2, body.len - head - len - 2};
        n += len;
        if (len == 0) break;
    }
    assert_int_equal(body.len, 0);
    return n;
}

static void expect_unpacked(struct state *s, size_t want_len)
{
    struct slice body = body_in(s);
    char *want = body_of(want_len), *whole = malloc(s->in.len), *back = malloc(want_len + 1);
    z_stream z = {0};
    bool chunked = bench_has(&s->in, "Transfer-Encoding: chunked\r\n");
    z.avail_in = (uInt)(chunked ? unchunk(body, whole) : body.len);
    z.next_in = (Bytef *)(uintptr_t)(chunked ? whole : body.p);
    z.next_out = (Bytef *)back;
    z.avail_out = (uInt)want_len + 1;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, want_len);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
    assert_memory_equal(back, want, want_len);
    free(want);
    free(whole);
    free(back);
}

#define GZIP "Accept-Encoding: gzip\r\n"

static void whole_body_is_packed_with_its_length(void **state)
{
    struct state *s = *state;
    ask(s, "GET", "/small", GZIP, 200);
    assert_true(bench_has(&s->in, "Content-Encoding: gzip\r\n"));
    assert_true(bench_has(&s->in, "Vary: Accept-Encoding\r\n"));
    assert_true(bench_has(&s->in, "ETag: W/\"v1\"\r\n"));
    assert_true(bench_has(&s->in, "Content-Length: "));
    assert_true(body_in(s).len < SMALL);
    expect_unpacked(s, SMALL);
}

static void who_does_not_ask_gets_plain_bytes(void **state)
{
    struct state *s = *state;
    static const char *const fields[] = {"", "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        ask(s, "GET", "/small", fields[i], 200);
        assert_int_equal(body_in(s).len, SMALL);
        assert_false(bench_has(&s->in, "Content-Encoding"));
        assert_true(bench_has(&s->in, "Vary: Accept-Encoding\r\n"));
        assert_true(bench_has(&s->in, "ETag: \"v1\"\r\n"));
    }
}

static void small_and_packed_bodies_stay_as_they_are(void **state)
{
    struct state *s = *state;
    ask(s, "GET", "/tiny", GZIP, 200);
    assert_int_equal(body_in(s).len, TINY);
    assert_false(bench_has(&s->in, "Accept-Encoding"));
    ask(s, "GET", "/packed", GZIP, 200);
    assert_int_equal(body_in(s).len, SMALL);
    assert_false(bench_has(&s->in, "Content-Encoding"));
    ask(s, "GET", "/coded", GZIP, 200);
    assert_int_equal(body_in(s).len, SMALL);
    assert_false(bench_has(&s->in, "gzip"));
}

static void kept_body_is_packed_once(void **state)
{
    struct state *s = *state;
    char *body = body_of(SMALL);
    kept_body = (struct http_kept){.body = {body, SMALL}};
    ask(s, "GET", "/kept", "", 200);
    assert_int_equal(body_in(s).len, SMALL);
    ask(s, "HEAD", "/kept", GZIP, 200);
    assert_null(kept_body.packed);
    ask(s, "GET", "/kept", GZIP, 200);
    expect_unpacked(s, SMALL);
    const char *packed = kept_body.packed;
    assert_non_null(packed);
    ask(s, "GET", "/kept", GZIP, 200);
    expect_unpacked(s, SMALL);
    assert_ptr_equal(kept_body.packed, packed);
    assert_true(bench_has(&s->in, "ETag: W/\"v1\"\r\n"));
    ask(s, "GET", "/kept", "", 200);
    assert_int_equal(body_in(s).len, SMALL);
    free(kept_body.packed);
    free(body);
}

static void large_body_is_packed_in_pieces_while_the_loop_turns(void **state)
{
    struct state *s = *state;
    ask(s, "GET", "/large", GZIP, 200);
    assert_false(bench_has(&s->in, "Content-Length"));
    expect_unpacked(s, LARGE);
    ask(s, "GET", "/copied", GZIP, 200);
    expect_unpacked(s, LARGE);
    /* A slow reader: what waits for it is bounded, and others are served meanwhile. */
    int slow = bench_connect_with(&s->bench, 4096);
    bench_send(&s->bench, slow, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" GZIP "\r\n");
    for (int i = 0; i < 200; i++)
        bench_turn(&s->bench);
    ask(s, "GET", "/small", "", 200);
    buf_reset(&s->in);
    bench_read_to_end(&s->bench, slow, &s->in);
    expect_unpacked(s, LARGE);
}

static void client_that_leaves_frees_a_large_body(void **state)
{
    struct state *s = *state;
    int slow = bench_connect_with(&s->bench, 4096);
    bench_send(&s->bench, slow, "GET /large HTTP/1.1\r\nHost: x\r\n" GZIP "\r\n");
    for (int i = 0; i < 20; i++)
        bench_turn(&s->bench);
    bench_close(&s->bench, slow);
    ask(s, "GET", "/small", GZIP, 200); /* what leaks is told by the sanitizer */
}

static void many_large_answers_at_once_are_bounded(void **state)
{
    struct state *s = *state;
    char many[16 * 64 + 1] = "";
    int fd[5];
    for (int i = 0; i < 16; i++)
        strcat(many, "GET /large HTTP/1.1\r\nHost: x\r\n" GZIP "\r\n");
    for (int i = 0; i < 5; i++) {
        fd[i] = bench_connect_with(&s->bench, 4096);
        bench_send(&s->bench, fd[i], many);
    }
    for (int i = 0; i < 50; i++)
        bench_turn(&s->bench);
    ask(s, "GET", "/small", GZIP, 200);
    expect_unpacked(s, SMALL);
    for (int i = 0; i < 5; i++)
        bench_close(&s->bench, fd[i]);
    ask(s, "GET", "/large", GZIP, 200);
    expect_unpacked(s, LARGE);
}

static void stream_is_packed_piece_by_piece(void **state)
{
    struct state *s = *state;
    ask(s, "GET", "/stream", GZIP, 200);
    assert_true(bench_has(&s->in, "Content-Encoding: gzip\r\n"));
    expect_unpacked(s, SMALL);
    ask(s, "GET", "/stream", "", 200);
    assert_false(bench_has(&s->in, "Content-Encoding"));
    assert_true(bench_has(&s->in, "Vary: Accept-Encoding\r\n"));
}

static void torn_stream_has_no_end(void **state)
{
    struct state *s = *state;
    ask(s, "GET", "/torn", GZIP, 200);
    assert_false(bench_has(&s->in, "\r\n0\r\n\r\n"));
}

static void head_says_what_get_would(void **state)
{
    struct state *s = *state;
    static const char *const paths[] = {"/small", "/large", "/copied", "/stream"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ask(s, "HEAD", paths[i], GZIP, 200);
        assert_int_equal(body_in(s).len, 0);
        assert_true(bench_has(&s->in, "Content-Encoding: gzip\r\n"));
        assert_false(bench_has(&s->in, "Content-Length"));
    }
    ask(s, "HEAD", "/small", "", 200);
    assert_true(bench_has(&s->in, "Content-Length: 5000\r\n"));
}

static void not_modified_varies_too(void **state)
{
    struct state *s = *state;
    ask(s, "GET", "/fresh", GZIP, 304);
    assert_true(bench_has(&s->in, "Vary: Accept-Encoding\r\n"));
    assert_true(bench_has(&s->in, "ETag: W/\"v1\"\r\n"));
    assert_int_equal(body_in(s).len, 0);
    ask(s, "GET", "/fresh", "", 304);
    assert_true(bench_has(&s->in, "ETag: \"v1\"\r\n"));
}

static void old_clients_get_a_stream_until_the_close(void **state)
{
    struct state *s = *state;
    buf_reset(&s->in);
    bench_expect(&s->bench, "GET /stream HTTP/1.0\r\n" GZIP "\r\n", 200, &s->in);
    expect_unpacked(s, SMALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_body_is_packed_with_its_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_does_not_ask_gets_plain_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_and_packed_bodies_stay_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_body_is_packed_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_body_is_packed_in_pieces_while_the_loop_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(client_that_leaves_frees_a_large_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_large_answers_at_once_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stream_is_packed_piece_by_piece, set_up, tear_down),
        cmocka_unit_test_setup_teardown(torn_stream_has_no_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(head_says_what_get_would, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_modified_varies_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_clients_get_a_stream_until_the_close, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
