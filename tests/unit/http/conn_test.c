/* SPDX-License-Identifier: MIT */
#include "talk.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
