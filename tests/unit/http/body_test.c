/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "http/body.h"

static const struct http_limits usual = {
    .header_max = 2048,
    .body_max = 16,
    .queue_max = 65536,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 100,
};

enum { MOST = 1000000 };

/* One upload at a time is looked at. */
struct upload {
    struct http_request *request;
    struct buf body;
    unsigned pieces, ended, gone;
    size_t pause_every; /* bytes; 0: never */
    bool paused;
    bool answers; /* at the end, with what came */
};

struct state {
    struct bench bench;
    struct buf in;
    struct upload up;
};

static struct state *of(struct http_request *r)
{
    return container_of((struct bench *)http_request_context(r), struct state, bench);
}

static bool piece(void *ctx, struct slice bytes)
{
    struct upload *u = ctx;
    assert_true(bytes.len > 0);
    assert_int_equal(u->ended, 0);
    assert_false(u->paused);
    buf_put(&u->body, bytes);
    u->pieces++;
    u->paused = u->pause_every && u->body.len >= u->pause_every;
    if (u->paused) u->pause_every += u->pause_every;
    return !u->paused;
}

static void end(void *ctx)
{
    struct upload *u = ctx;
    u->ended++;
    if (u->answers) http_answer(u->request, 200, "text/plain", buf_slice(&u->body));
}

static void upload_gone(void *ctx)
{
    struct upload *u = ctx;
    u->gone++;
    u->request = NULL;
}

static void ask(struct upload *u)
{
    http_body_receive(u->request, &(struct http_receiver){.piece = piece, .end = end, .max_bytes = MOST});
}

static void start(struct http_request *r)
{
    struct upload *u = &of(r)->up;
    buf_reset(&u->body);
    u->request = r;
    u->pieces = u->ended = 0;
    http_request_attach(r, u, upload_gone);
}

static void take(struct http_request *r)
{
    start(r);
    ask(&of(r)->up);
}

static void refuse(struct http_request *r)
{
    char length[32];
    snprintf(length, sizeof length, "%lld", (long long)http_body_length(r));
    http_answer(r, 403, "text/plain", slice_of(length));
}

static void echo(struct http_request *r)
{
    http_answer(r, 200, "text/plain", SLICE("echo"));
}

static void later(struct http_request *r)
{
    struct bench *b = http_request_context(r);
    b->later[b->laters++] = r;
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/echo", echo}, {HTTP_POST_, "/echo", echo}, {HTTP_POST_, "/later", later}, {HTTP_GET_, "/up/{x}", echo}, {0}};
static const struct http_route streamed[] = {
    {HTTP_PUT_, "/up/{x}", take}, {HTTP_POST_, "/undecided", start}, {HTTP_POST_, "/no", refuse}, {0}};

static void begin(struct state *s, const struct http_limits *limits)
{
    bench_start(&s->bench, routes, limits);
    s->bench.router.streamed = streamed;
}

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 1 << 24);
    buf_init(&s->up.body, 1 << 24);
    s->up.answers = true;
    begin(s, &usual);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    bench_stop(&s->bench);
    buf_done(&s->in);
    buf_done(&s->up.body);
    free(s);
    return 0;
}

static void without_names(struct buf *in)
{
    static const char *const fields[] = {"Date: ", "X-Request-Id: "};
    for (size_t i = 0; i < 2; i++)
        for (char *at = in->data; (at = memmem(at, (size_t)(in->data + in->len - at), fields[i], strlen(fields[i])));)
            for (at += strlen(fields[i]); *at != '\r'; at++)
                *at = 'x';
}

/* ---- whole bodies ---- */

static void every_split_offset_gives_the_same_body(void **state)
{
    struct state *s = *state;
    static const char request[] =
        "PUT /up/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: i\r\nContent-Length: 20\r\n\r\nlonger than body_max"
        "PUT /up/b HTTP/1.1\r\nHost: x\r\nX-Request-Id: i\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;x\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n"
        "PUT /up/c HTTP/1.1\r\nHost: x\r\nX-Request-Id: i\r\n\r\n"
        "PUT /up/d HTTP/1.1\r\nHost: x\r\nX-Request-Id: i\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        "GET /echo HTTP/1.1\r\nHost: x\r\nX-Request-Id: i\r\nConnection: close\r\n\r\n";
    bench_expect(&s->bench, request, 200, &s->in);
    without_names(&s->in);
    assert_int_equal(bench_count(&s->in, "HTTP/1.1 200 OK"), 5);
    assert_true(bench_has(&s->in, "\r\n\r\nlonger than body_maxHTTP/1.1"));
    assert_true(bench_has(&s->in, "\r\n\r\nabc0123456789HTTP/1.1"));
    assert_true(bench_has(&s->in, "\r\n\r\necho"));
    for (size_t cut = 1; cut < sizeof request - 1; cut++) {
        struct buf again;
        buf_init(&again, 1 << 20);
        int fd = bench_connect(&s->bench);
        bench_send_bytes(&s->bench, fd, request, cut);
        for (int i = 0; i < 3; i++)
            bench_turn(&s->bench);
        bench_send_bytes(&s->bench, fd, request + cut, sizeof request - 1 - cut);
        bench_read_to_end(&s->bench, fd, &again);
        without_names(&again);
        if (!slice_equal(buf_slice(&again), buf_slice(&s->in))) fail_msg("cut at %zu:\n%.*s", cut, (int)again.len, again.data);
        buf_done(&again);
        bench_close(&s->bench, fd);
        s->bench.clients--;
    }
    assert_int_equal(s->up.gone, 4 * (sizeof request - 1));
}

static void pause_holds_the_client_back(void **state)
{
    struct state *s = *state;
    s->up.pause_every = 100000;
    static char body[600000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i % 23);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 600000\r\n\r\n");
    size_t sent = 0, resumed = 0;
    while (!bench_read_some(fd, &s->in, 65536)) {
        ssize_t n = send(fd, body + sent, sizeof body - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) sent += (size_t)n;
        for (int i = 0; i < 20; i++)
            bench_turn(&s->bench);
        if (!s->up.paused || !s->up.request) continue;
        size_t have = s->up.body.len;
        for (int i = 0; i < 20; i++)
            bench_turn(&s->bench);
        assert_int_equal(s->up.body.len, have);
        s->up.paused = false;
        resumed++;
        http_body_resume(s->up.request);
        assert_int_equal(s->up.body.len, have); /* not before it returned */
    }
    assert_true(resumed >= 2);
    assert_true(bench_has(&s->in, "HTTP/1.1 200"));
    assert_int_equal(s->up.body.len, sizeof body);
    assert_memory_equal(s->up.body.data, body, sizeof body);
}

static void nothing_is_read_before_it_is_asked_for(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "POST /undecided HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    bench_until(&s->bench, s->up.request);
    for (int i = 0; i < 50; i++)
        bench_turn(&s->bench);
    assert_int_equal(s->up.pieces, 0);
    ask(&s->up);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "\r\n\r\nabc"));
}

/* ---- what is not wanted ---- */

static void refused_at_the_head_gets_no_continue(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 77\r\nExpect: 100-continue\r\n\r\n", 403, &s->in);
    assert_false(bench_has(&s->in, "100 Continue"));
    assert_true(bench_has(&s->in, "Connection: close\r\n"));
    assert_true(bench_has(&s->in, "\r\n\r\n77"));
}

static void refused_with_its_body_on_the_way_is_told(void **state)
{
    struct state *s = *state;
    static char body[3000000];
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
    bench_send_bytes(&s->bench, fd, body, sizeof body);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "HTTP/1.1 403"));
    assert_true(bench_has(&s->in, "Connection: close\r\n"));
}

static void continue_comes_when_the_body_is_asked_for(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd,
               "POST /undecided HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    bench_until(&s->bench, s->up.request);
    for (int i = 0; i < 50; i++) {
        bench_turn(&s->bench);
        assert_false(bench_read_some(fd, &s->in, 100));
    }
    assert_int_equal(s->in.len, 0);
    ask(&s->up);
    bench_read_until(&s->bench, fd, &s->in, "HTTP/1.1 100 Continue\r\n\r\n");
    bench_send(&s->bench, fd, "abc");
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_int_equal(bench_count(&s->in, "100 Continue"), 1);
    assert_true(bench_has(&s->in, "\r\n\r\nabc"));
}

static void larger_than_is_taken(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "PUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\nExpect: 100-continue\r\n\r\n", 413,
                 &s->in);
    assert_false(bench_has(&s->in, "100 Continue"));
    assert_true(bench_has(&s->in, "1000000 bytes"));
    assert_int_equal(s->up.gone, 1);
    assert_int_equal(s->up.pieces, 0);
    static char body[1000001];
    buf_reset(&s->in);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nF4241\r\n");
    bench_send_bytes(&s->bench, fd, body, sizeof body);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "HTTP/1.1 413"));
    assert_int_equal(s->up.gone, 2);
    assert_int_equal(s->up.ended, 0);
    assert_true(s->up.body.len <= MOST);
}

static void other_methods_of_the_path_are_known(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "GET /up/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, &s->in);
    buf_reset(&s->in);
    bench_expect(&s->bench, "DELETE /up/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, &s->in);
    assert_true(bench_has(&s->in, "Allow: GET, HEAD, PUT, OPTIONS"));
}

/* ---- broken bodies ---- */

static void client_that_leaves_is_told_of(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    bench_until(&s->bench, s->up.body.len == 3);
    bench_close(&s->bench, fd);
    bench_until(&s->bench, s->up.gone == 1);
    assert_int_equal(s->up.ended, 0);
}

static void half_closed_before_the_end_is_400(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "HTTP/1.1 400"));
    assert_int_equal(s->up.gone, 1);
    assert_int_equal(s->up.ended, 0);
}

static void half_closed_behind_the_end_is_served(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    shutdown(fd, SHUT_WR);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "HTTP/1.1 200"));
}

static void no_chunk_is_400_and_gone(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "PUT /up/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n", 400, &s->in);
    assert_int_equal(s->up.gone, 1);
    assert_int_equal(s->up.ended, 0);
}

static void idle_body_is_408_but_not_while_paused(void **state)
{
    struct state *s = *state;
    struct http_limits limits = usual;
    limits.idle_timeout_ms = 150;
    bench_stop(&s->bench);
    begin(s, &limits);
    int fd = bench_connect(&s->bench);
    s->up.pause_every = 3;
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    bench_until(&s->bench, s->up.paused);
    int64_t until = clock_mono_us() + 400000;
    while (clock_mono_us() < until)
        bench_turn(&s->bench);
    assert_int_equal(s->up.gone, 0);
    s->up.paused = false;
    http_body_resume(s->up.request);
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "HTTP/1.1 408"));
    assert_int_equal(s->up.gone, 1);
}

/* ---- others on the connection ---- */

static void waits_for_the_answers_before_it(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd,
               "POST /later HTTP/1.1\r\nHost: x\r\n\r\nPUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
               "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    for (int i = 0; i < 50; i++)
        bench_turn(&s->bench);
    assert_null(s->up.request);
    http_answer(s->bench.later[0], 200, "text/plain", SLICE("first"));
    bench_read_to_end(&s->bench, fd, &s->in);
    const char *first = strstr(buf_cstr(&s->in), "first"), *second = first ? strstr(first, "\r\n\r\nabc") : NULL;
    assert_true(second && strstr(second, "echo"));
}

static void drain_lets_the_body_end(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "PUT /up/x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    bench_until(&s->bench, s->up.body.len == 3);
    http_server_drain(s->bench.server, NULL, NULL);
    for (int i = 0; i < 20; i++)
        bench_turn(&s->bench);
    bench_send(&s->bench, fd, "def");
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(bench_has(&s->in, "\r\n\r\nabcdef"));
    assert_true(bench_has(&s->in, "Connection: close\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_split_offset_gives_the_same_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pause_holds_the_client_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_read_before_it_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_at_the_head_gets_no_continue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_with_its_body_on_the_way_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(continue_comes_when_the_body_is_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(larger_than_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_methods_of_the_path_are_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(client_that_leaves_is_told_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_closed_before_the_end_is_400, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_closed_behind_the_end_is_served, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_chunk_is_400_and_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_body_is_408_but_not_while_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(waits_for_the_answers_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drain_lets_the_body_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
