/* SPDX-License-Identifier: MIT */
/* What is refused: no HTTP, too much of it, a body that nobody asked for. */
#include "talk.h"

/* ---- refusals ---- */

static void what_is_not_http_is_refused_and_closed(void **state)
{
    struct state *s = *state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /echo HTTP/1.1\r\n\r\n", 400},                       /* no Host */
        {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400}, /* two */
        {"GET /echo HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\n Content-Length: 5\r\n\r\nhello", 400}, /* folded */
        {"GET /echo HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\nHost: x\n\n", 400}, /* bare LF */
        {"GET /echo HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400}, /* bare CR */
        {"GET /echo HTTP/1.1\r\nHost: x\r\nA: b\rGET / HTTP/1.1\r\n\r\n", 400},
        {"\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: x\r\nA\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: x\r\nA: \001\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \013chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\rXhello\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\rX", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", 400},
        {"GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /echo  HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /echo HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
        {"GET /ec ho HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /echo#f HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET http:///echo HTTP/1.1\r\nHost: x\r\n\r\n", 400}, /* no host */
        {"GET http://:80/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET http://ann@x/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET http:/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET ftp://x/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET https://x/echo HTTP/1.1\r\nHost: x\r\n\r\n", 421},
        {"GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400}, /* authority-form */
        {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"GET\r\n\r\n", 400},
        {"\x16\x03\x01\x02", 400},  /* TLS */
        {"GET /echo\r\n\r\n", 400}, /* HTTP/0.9 */
        {"GET /echo HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET /echo HTTP/1.2\r\nHost: x\r\n\r\n", 505},
        {"BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"get /echo HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: tea\r\n\r\nab", 417},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n", 413},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&s->in);
        bench_expect(&s->bench, cases[i].request, cases[i].status, &s->in);
        assert_true(bench_has(&s->in, "\r\nConnection: close\r\n"));
        assert_true(bench_has(&s->in, "application/problem+json"));
        assert_int_equal(bench_count(&s->in, "Server: cetld"), 1);
    }
}

static void nul_in_the_head_is_refused(void **state)
{
    struct state *s = *state;
    static const char request[] = "GET /echo HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n";
    int fd = bench_connect(&s->bench);
    bench_send_bytes(&s->bench, fd, request, sizeof request - 1);
    bench_read_until(&s->bench, fd, &s->in, "HTTP/1.1 400 ");
}

static void bad_percent_encoding_is_refused_and_the_connection_kept(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd,
               "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\nGET /%0 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?a=%00 HTTP/1.1\r\nHost: x\r\n\r\n"
               "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "GET [echo] body=");
    assert_int_equal(bench_count(&s->in, "HTTP/1.1 400 "), 3);
}

static void limits_of_head_and_body_are_kept(void **state)
{
    struct state *s = *state;
    struct buf request;
    buf_init(&request, 1 << 20);
    buf_puts(&request, "GET /");
    for (int i = 0; i < 2100; i++)
        buf_putc(&request, 'a');
    bench_expect(&s->bench, buf_cstr(&request), 414, &s->in);

    buf_reset(&request);
    buf_reset(&s->in);
    buf_puts(&request, "GET /echo HTTP/1.1\r\nHost: x\r\nA: ");
    for (int i = 0; i < 2100; i++)
        buf_putc(&request, 'a');
    bench_expect(&s->bench, buf_cstr(&request), 431, &s->in);

    buf_reset(&request);
    buf_reset(&s->in);
    buf_puts(&request, "GET /echo HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 100; i++)
        buf_puts(&request, "A:b\r\n");
    buf_puts(&request, "\r\n");
    bench_expect(&s->bench, buf_cstr(&request), 431, &s->in);

    buf_reset(&request);
    buf_reset(&s->in);
    buf_puts(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n");
    for (int i = 0; i < 0x1001; i++)
        buf_putc(&request, 'a');
    bench_expect(&s->bench, buf_cstr(&request), 413, &s->in);

    buf_reset(&request);
    buf_reset(&s->in);
    buf_puts(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    for (int i = 0; i < 20000; i++)
        buf_putc(&request, 'a');
    bench_expect(&s->bench, buf_cstr(&request), 400, &s->in);
    buf_done(&request);
}

static void body_of_exactly_the_limit_is_taken(void **state)
{
    struct state *s = *state;
    struct buf request;
    buf_init(&request, 1 << 20);
    buf_puts(&request, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4096\r\n\r\n");
    for (int i = 0; i < 4096; i++)
        buf_putc(&request, 'a');
    bench_expect(&s->bench, buf_cstr(&request), 200, &s->in);
    buf_done(&request);
}

static void refusal_comes_behind_the_answers_before_it(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    answer_later(&s->bench, 0, "first");
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(slice_starts(buf_slice(&s->in), SLICE("HTTP/1.1 200 OK")));
    assert_true(bench_has(&s->in, "firstHTTP/1.1 400 "));
}

/* ---- 100-continue ---- */

static void expectation_is_met_before_the_body(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "HTTP/1.1 100 Continue\r\n\r\n");
    bench_send(&s->bench, fd, "hello");
    bench_read_until(&s->bench, fd, &s->in, "body=hello");
    assert_int_equal(bench_count(&s->in, "100 Continue"), 1);
}

static void expectation_waits_for_the_answers_before_it(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd,
               "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
               "100-continue\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    bench_read_some(fd, &s->in, 100);
    assert_int_equal(s->in.len, 0);
    answer_later(&s->bench, 0, "first");
    bench_read_until(&s->bench, fd, &s->in, "firstHTTP/1.1 100 Continue\r\n\r\n");
    bench_send(&s->bench, fd, "ab");
    bench_read_until(&s->bench, fd, &s->in, "body=ab");
}

static void too_large_a_body_is_refused_instead_of_asked_for(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\nExpect: 100-continue\r\n\r\n", 413,
                 &s->in);
    assert_false(bench_has(&s->in, "100 Continue"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_is_not_http_is_refused_and_closed),
        T(nul_in_the_head_is_refused),
        T(bad_percent_encoding_is_refused_and_the_connection_kept),
        T(limits_of_head_and_body_are_kept),
        T(body_of_exactly_the_limit_is_taken),
        T(refusal_comes_behind_the_answers_before_it),
        T(expectation_is_met_before_the_body),
        T(expectation_waits_for_the_answers_before_it),
        T(too_large_a_body_is_refused_instead_of_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
