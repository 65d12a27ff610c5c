/* SPDX-License-Identifier: MIT */
#include "bench.h"

static const struct http_limits usual = {
    .header_max = 2048,
    .body_max = 4096,
    .queue_max = 65536,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 100,
};

/* ---- handlers ---- */

static void echo(struct http_request *r)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    buf_printf(&out, "%s ", http_method_text(http_request_method(r)));
    for (unsigned i = 0; http_request_segment(r, i).p; i++)
        buf_printf(&out, "[" SLICE_FMT "]", SLICE_ARG(http_request_segment(r, i)));
    struct slice name, value;
    for (unsigned i = 0; http_request_query_at(r, i, &name, &value); i++)
        buf_printf(&out, " " SLICE_FMT "=<" SLICE_FMT ">", SLICE_ARG(name), SLICE_ARG(value));
    buf_printf(&out, " body=" SLICE_FMT, SLICE_ARG(http_request_body(r)));
    http_answer(r, 200, "text/plain", buf_slice(&out));
    buf_done(&out);
}

static void gone(void *state)
{
    ((struct bench *)state)->gone++;
}

static void later(struct http_request *r)
{
    struct bench *b = http_request_context(r);
    http_request_attach(r, b, gone);
    b->later[b->laters++] = r;
}

static void empty(struct http_request *r)
{
    http_header(r, "X-Good", "yes");
    http_header(r, "X-Bad", "a\r\nInjected: yes");
    http_answer(r, 204, "text/plain", SLICE("never sent"));
}

static void unchanged(struct http_request *r)
{
    http_answer(r, 304, NULL, SLICE(""));
}

static void big(struct http_request *r)
{
    size_t len = 3000000;
    char *body = malloc(len);
    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + i % 26);
    http_answer_take(r, 200, "text/plain", body, len);
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/echo/{x}", echo},       {HTTP_GET_, "/echo", echo},    {HTTP_POST_, "/echo", echo},
    {HTTP_GET_, "/later/{n}", later},     {HTTP_POST_, "/later", later}, {HTTP_DELETE_, "/empty", empty},
    {HTTP_GET_, "/unchanged", unchanged}, {HTTP_GET_, "/big", big},      {0},
};

static void answer_later(struct bench *b, unsigned i, const char *text)
{
    http_answer(b->later[i], 200, "text/plain", slice_of(text));
}

struct state {
    struct bench bench;
    struct buf in;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 1 << 24);
    bench_start(&s->bench, routes, &usual);
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

/* Instead of the usual server, one with these limits. */
static void restart(struct bench *b, const struct http_limits *limits)
{
    bench_stop(b);
    bench_start(b, routes, limits);
}

/* ---- whole answers ---- */

static void answer_has_length_type_date_and_server(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, &s->in);
    assert_true(bench_has(&s->in, "\r\nContent-Length: 16\r\n"));
    assert_true(bench_has(&s->in, "\r\nContent-Type: text/plain\r\n"));
    assert_true(bench_has(&s->in, "\r\nServer: cetld\r\n"));
    assert_true(bench_has(&s->in, " GMT\r\n"));
    assert_true(bench_has(&s->in, "\r\nConnection: close\r\n"));
    assert_true(bench_has(&s->in, "\r\n\r\nGET [echo] body="));
    assert_non_null(strstr(s->bench.logged, "GET /echo 200 16 bytes"));
}

static void without_dates(struct buf *in)
{
    for (char *at = in->data; (at = memmem(at, (size_t)(in->data + in->len - at), "Date: ", 6)); at += 6)
        memset(at + 6, 'D', 29);
    for (char *at = in->data; (at = memmem(at, (size_t)(in->data + in->len - at), "X-Request-Id: ", 14)); at += 14)
        for (char *p = at + 14; *p != '\r'; p++)
            *p = 'I';
}

static void every_split_offset_gives_the_same_answer(void **state)
{
    struct state *s = *state;
    static const char request[] =
        "\r\nPOST /echo?a=1%202&b=+ HTTP/1.1\r\nHost: example.org:80\r\nX-Request-Id: fixed\r\nEmpty:\r\nContent-Length: "
        "5\r\n\r\nhello"
        "POST /echo HTTP/1.1\r\nhost: [::1]\r\ntransfer-encoding: Chunked\r\nX-Request-Id: "
        "fixed\r\n\r\n3;x=\"y\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n"
        "GET http://x/echo/a%2fb HTTP/1.1\r\nHost: x\r\nX-Request-Id: fixed\r\nConnection: foo, close\r\n\r\n";
    bench_expect(&s->bench, request, 200, &s->in);
    without_dates(&s->in);
    assert_true(bench_has(&s->in, "POST [echo] a=<1 2> b=< > body=helloHTTP/1.1 200"));
    assert_true(bench_has(&s->in, "POST [echo] body=abc0123456789HTTP/1.1 200"));
    assert_true(bench_has(&s->in, "GET [echo][a/b] body="));
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        struct buf again;
        buf_init(&again, 1 << 20);
        int fd = bench_connect(&s->bench);
        bench_send_bytes(&s->bench, fd, request, cut);
        for (int i = 0; i < 3; i++)
            bench_turn(&s->bench);
        bench_send_bytes(&s->bench, fd, request + cut, sizeof request - 1 - cut);
        bench_read_to_end(&s->bench, fd, &again);
        without_dates(&again);
        if (again.len != s->in.len || memcmp(again.data, s->in.data, again.len) != 0)
            fail_msg("another answer when cut at %zu", cut);
        buf_done(&again);
        bench_close(&s->bench, fd);
        s->bench.clients--;
    }
}

static void kept_connection_serves_one_request_after_the_other(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    for (int i = 0; i < 5; i++) {
        buf_reset(&s->in);
        bench_send(&s->bench, fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n\r\n");
        bench_read_until(&s->bench, fd, &s->in, "GET [echo] body=");
        assert_false(bench_has(&s->in, "Connection:"));
    }
    assert_int_equal(counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS), 1);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_REQUESTS) == 5);
}

static void http_1_0_is_closed_unless_it_asks_to_be_kept(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "GET /echo HTTP/1.0\r\n\r\n", 200, &s->in);
    assert_true(bench_has(&s->in, "Connection: close"));
    buf_reset(&s->in);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /echo HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "body=");
    assert_true(bench_has(&s->in, "Connection: keep-alive"));
    bench_send(&s->bench, fd, "GET /echo/2 HTTP/1.0\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "GET [echo][2]");
}

static void head_no_content_and_not_modified_have_no_body(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench,
                 "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n"
                 "DELETE /empty HTTP/1.1\r\nHost: x\r\n\r\n"
                 "GET /unchanged HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                 200, &s->in);
    assert_int_equal(bench_count(&s->in, "HTTP/1.1 "), 3);
    assert_int_equal(bench_count(&s->in, "Content-Length: 17"), 1);
    assert_int_equal(bench_count(&s->in, "Content-Length"), 1);
    assert_int_equal(bench_count(&s->in, "\r\nContent-Type: "), 1);
    assert_false(bench_has(&s->in, "body="));
    assert_false(bench_has(&s->in, "never"));
    assert_true(slice_ends(buf_slice(&s->in), SLICE("\r\n\r\n")));
}

static void header_with_a_line_end_is_dropped(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "DELETE /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 204, &s->in);
    assert_true(bench_has(&s->in, "\r\nX-Good: yes\r\n"));
    assert_false(bench_has(&s->in, "Injected"));
}

static void sane_request_id_of_the_client_is_kept(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1.2_3\r\nConnection: close\r\n\r\n", 200, &s->in);
    assert_true(bench_has(&s->in, "X-Request-Id: abc-1.2_3\r\n"));
    buf_reset(&s->in);
    bench_expect(&s->bench, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\nConnection: close\r\n\r\n", 200, &s->in);
    assert_false(bench_has(&s->in, "a b"));
    assert_true(bench_has(&s->in, "X-Request-Id: "));
}

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

/* ---- pipelining ---- */

static void pipelined_answers_keep_the_order_of_the_requests(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(
        &s->bench, fd,
        "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /later/2 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo/3 HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /later/4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 3);
    answer_later(&s->bench, 2, "fourth");
    answer_later(&s->bench, 1, "second");
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    bench_read_some(fd, &s->in, 1000);
    assert_int_equal(s->in.len, 0);
    assert_int_equal(s->bench.gone, 0);
    answer_later(&s->bench, 0, "first");
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "firstHTTP/1.1"));
    assert_true(bench_has(&s->in, "secondHTTP/1.1"));
    assert_true(bench_has(&s->in, "[3] body=HTTP/1.1"));
    assert_true(slice_ends(buf_slice(&s->in), SLICE("fourth")));
    assert_int_equal(bench_count(&s->in, "Connection: close"), 1);
    assert_int_equal(s->bench.gone, 3);
}

static void no_more_than_sixteen_are_in_flight(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    for (int i = 0; i < 20; i++)
        bench_send(&s->bench, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 16);
    for (int i = 0; i < 10; i++)
        bench_turn(&s->bench);
    assert_int_equal(s->bench.laters, 16);
    for (unsigned i = 0; i < 16; i++)
        answer_later(&s->bench, i, "x");
    bench_until(&s->bench, s->bench.laters == 20);
    for (unsigned i = 16; i < 20; i++)
        answer_later(&s->bench, i, i == 19 ? "last" : "x");
    bench_read_until(&s->bench, fd, &s->in, "last");
    bench_until(&s->bench, s->bench.gone == 20);
}

static void half_closed_client_gets_all_its_answers(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    for (int i = 0; i < 20; i++)
        bench_send(&s->bench, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(fd, SHUT_WR);
    for (unsigned i = 0; i < 20; i++) {
        bench_until(&s->bench, s->bench.laters > i);
        answer_later(&s->bench, i, "answer");
    }
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_int_equal(bench_count(&s->in, "answer"), 20);
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 0);
}

static void half_closed_client_does_not_wait_for_ever(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 50;
    restart(&s->bench, &limits);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    shutdown(fd, SHUT_WR);
    bench_until(&s->bench, s->bench.gone == 1);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_int_equal(s->in.len, 0);
}

static void requests_that_change_something_wait_for_those_before(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd,
               "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\naGET /later/3 "
               "HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    assert_int_equal(s->bench.laters, 1);
    answer_later(&s->bench, 0, "one");
    bench_until(&s->bench, s->bench.laters == 2);
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    assert_int_equal(s->bench.laters, 2);
    answer_later(&s->bench, 1, "two");
    bench_until(&s->bench, s->bench.laters == 3);
    answer_later(&s->bench, 2, "three");
    bench_read_until(&s->bench, fd, &s->in, "three");
}

/* ---- streams ---- */

static void writable(void *state)
{
    ((struct bench *)state)->writable++;
}

static struct http_request *begin_stream(struct state *s, int fd, const char *request)
{
    bench_send(&s->bench, fd, request);
    bench_until(&s->bench, s->bench.laters > 0);
    struct http_request *r = s->bench.later[s->bench.laters - 1];
    http_on_writable(r, writable);
    http_begin(r, 200, "text/csv");
    return r;
}

static void stream_goes_in_chunks(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(http_write(r, SLICE("hello")));
    assert_true(http_write(r, SLICE("")));
    bench_read_until(&s->bench, fd, &s->in, "5\r\nhello\r\n");
    assert_true(bench_has(&s->in, "Transfer-Encoding: chunked"));
    assert_true(http_write(r, SLICE("0123456789")));
    http_end(r, true);
    bench_read_until(&s->bench, fd, &s->in, "a\r\n0123456789\r\n0\r\n\r\nHTTP/1.1 200 OK");
    bench_until(&s->bench, s->bench.gone == 1);
}

static void stream_to_http_1_0_goes_until_the_close(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    http_write(r, SLICE("hello"));
    http_end(r, true);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(slice_ends(buf_slice(&s->in), SLICE("\r\n\r\nhello")));
    assert_true(bench_has(&s->in, "Connection: close"));
}

static void failed_stream_ends_without_the_last_chunk(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    http_write(r, SLICE("hello"));
    http_end(r, false);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(slice_ends(buf_slice(&s->in), SLICE("5\r\nhello\r\n")));
    assert_int_equal(s->bench.gone, 1);
}

static void slow_reader_stops_the_writer_and_gets_everything(void **state)
{
    struct state *s = *state;
    int fd = bench_connect_with(&s->bench, 65536);
    struct http_request *r = begin_stream(s, fd, "GET /later/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    static char block[8192];
    memset(block, 'z', sizeof block);
    size_t written = 0, target = 12 << 20;
    unsigned blocked = 0;
    while (written < target) {
        bool more = http_write(r, (struct slice){block, sizeof block});
        written += sizeof block;
        if (more) continue;
        blocked++;
        unsigned before = s->bench.writable;
        bench_until(&s->bench, (bench_read_some(fd, &s->in, 30000), s->bench.writable > before));
    }
    http_end(r, true);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(blocked > 10);
    assert_int_equal(bench_count(&s->in, "z"), target);
    assert_true(slice_ends(buf_slice(&s->in), SLICE("0\r\n\r\n")));
}

static void large_answer_arrives_whole(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, &s->in);
    struct slice all = buf_slice(&s->in), body = {all.p + all.len - 3000000, 3000000};
    assert_true(bench_has(&s->in, "Content-Length: 3000000\r\n"));
    assert_memory_equal(body.p - 4, "\r\n\r\n", 4);
    for (size_t i = 0; i < body.len; i++)
        if (body.p[i] != (char)('a' + i % 26)) fail_msg("another byte at %zu", i);
}

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
        T(answer_has_length_type_date_and_server),
        T(every_split_offset_gives_the_same_answer),
        T(kept_connection_serves_one_request_after_the_other),
        T(http_1_0_is_closed_unless_it_asks_to_be_kept),
        T(head_no_content_and_not_modified_have_no_body),
        T(header_with_a_line_end_is_dropped),
        T(sane_request_id_of_the_client_is_kept),
        T(what_is_not_http_is_refused_and_closed),
        T(nul_in_the_head_is_refused),
        T(bad_percent_encoding_is_refused_and_the_connection_kept),
        T(limits_of_head_and_body_are_kept),
        T(body_of_exactly_the_limit_is_taken),
        T(refusal_comes_behind_the_answers_before_it),
        T(expectation_is_met_before_the_body),
        T(expectation_waits_for_the_answers_before_it),
        T(too_large_a_body_is_refused_instead_of_asked_for),
        T(pipelined_answers_keep_the_order_of_the_requests),
        T(no_more_than_sixteen_are_in_flight),
        T(half_closed_client_gets_all_its_answers),
        T(half_closed_client_does_not_wait_for_ever),
        T(requests_that_change_something_wait_for_those_before),
        T(stream_goes_in_chunks),
        T(stream_to_http_1_0_goes_until_the_close),
        T(failed_stream_ends_without_the_last_chunk),
        T(slow_reader_stops_the_writer_and_gets_everything),
        T(large_answer_arrives_whole),
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
