/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "peer.h"
#include "store/transfer.h"

#include <cmocka.h>

enum { BIG = 3 << 20 };

struct subject {
    struct loop *loop;
    struct workers *workers;
    struct transfers *transfers;
    struct peer peer;
    struct transfer *one;
    int calls, status, code;
    char body[512], url[128], why[256], header[64];
    uint64_t bytes;
    int64_t retry_s;
    bool chain; /* one more in `done` */
};

static void answer(struct peer *p, int fd, const char *target)
{
    if (strcmp(target, "/hello") == 0) {
        peer_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\nETag:  \"x\" \r\n\r\nhello");
    } else if (strcmp(target, "/echo") == 0) {
        char head[96];
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", p->len);
        peer_send(fd, head);
        peer_send(fd, p->request);
    } else if (strcmp(target, "/to-hello") == 0) {
        peer_send(fd,
                  "HTTP/1.1 302 Found\r\nLocation: /hello\r\nETag: \"not this\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    } else if (strcmp(target, "/loop") == 0) {
        peer_send(fd, "HTTP/1.1 302 Found\r\nLocation: /loop\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    } else if (strcmp(target, "/file-scheme") == 0) {
        peer_send(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    } else if (strcmp(target, "/busy") == 0) {
        peer_send(fd, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate");
    } else if (strcmp(target, "/cut") == 0) {
        peer_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nonly this");
    } else if (strcmp(target, "/endless") == 0) {
        peer_send(fd, "HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nbusy, and no end\n");
        char block[4096];
        memset(block, 'e', sizeof block);
        while (send(fd, block, sizeof block, MSG_NOSIGNAL) > 0)
            ;
    } else if (strcmp(target, "/drips") == 0) {
        peer_send(fd, "HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n");
        while (send(fd, "d", 1, MSG_NOSIGNAL) > 0)
            usleep(5000);
    } else if (strcmp(target, "/drips-well") == 0) {
        peer_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while (send(fd, "d", 1, MSG_NOSIGNAL) > 0)
            usleep(5000);
    } else if (strcmp(target, "/drips-heads") == 0) {
        peer_send(fd, "HTTP/1.1 200 OK\r\n");
        while (send(fd, "a: b\r\n", 6, MSG_NOSIGNAL) > 0)
            usleep(5000);
    } else if (strcmp(target, "/trailer") == 0) {
        peer_send(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n");
        usleep(150000); /* longer than the head may take */
        peer_send(fd, "0\r\nX: y\r\n\r\n");
    } else if (strcmp(target, "/big") == 0) {
        static char block[BIG];
        memset(block, 'b', sizeof block);
        char head[96];
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", BIG);
        peer_send(fd, head);
        for (size_t at = 0; at < sizeof block;) {
            ssize_t n = send(fd, block + at, sizeof block - at, MSG_NOSIGNAL);
            if (n <= 0) break;
            at += (size_t)n;
        }
    } else { /* /silent: until the client leaves */
        char c;
        while (recv(fd, &c, 1, 0) > 0)
            ;
    }
}

static struct subject *set_up(struct subject *s)
{
    assert_int_equal(loop_new(&s->loop), 0);
    assert_int_equal(workers_new(s->loop, 1, 0, &s->workers), 0);
    struct transfers_config c = {.loop = s->loop, .workers = s->workers};
    assert_int_equal(transfers_new(&c, &s->transfers), 0);
    peer_start(&s->peer, answer);
    return s;
}

static void tear_down(struct subject *s)
{
    transfers_free(s->transfers);
    workers_free(s->workers);
    loop_free(s->loop);
    peer_stop(&s->peer);
}

static void start(struct subject *s, struct transfer_request q, const char *target);

static void on_done(void *ctx, const struct transfer_answer *a)
{
    struct subject *s = ctx;
    s->calls++;
    s->status = a->status;
    s->code = a->code;
    s->bytes = a->bytes;
    s->retry_s = transfer_retry_after_s(a);
    snprintf(s->body, sizeof s->body, "%.*s", SLICE_ARG(a->body));
    snprintf(s->url, sizeof s->url, "%s", a->url);
    snprintf(s->why, sizeof s->why, "%s", a->why);
    struct slice etag = transfer_header(a, "etag");
    snprintf(s->header, sizeof s->header, "%.*s", SLICE_ARG(etag));
    if (!s->chain) return loop_stop(s->loop);
    s->chain = false;
    start(s, (struct transfer_request){.method = "GET"}, "/hello");
}

static void start(struct subject *s, struct transfer_request q, const char *target)
{
    char url[128];
    snprintf(url, sizeof url, "%s%s", s->peer.base, target);
    q.url = url;
    q.done = on_done;
    q.ctx = s;
    assert_int_equal(transfer_start(s->transfers, &q, &s->one), 0);
}

static void run(struct subject *s, struct transfer_request q, const char *target)
{
    int calls = s->calls;
    start(s, q, target);
    assert_int_equal(s->calls, calls);
    loop_run(s->loop);
    assert_int_equal(s->calls, calls + 1);
}

static void an_answer_comes_with_code_body_and_headers(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    run(s, (struct transfer_request){.method = "GET"}, "/hello");
    assert_int_equal(s->status, 0);
    assert_int_equal(s->code, 200);
    assert_string_equal(s->body, "hello");
    assert_string_equal(s->header, "\"x\"");
    assert_int_equal(s->retry_s, -1);
    tear_down(s);
}

static void a_body_and_headers_are_sent_as_they_are(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    static const char *const headers[] = {"Content-Type: application/json", "X-Mine: yes"};
    run(s, (struct transfer_request){.method = "POST", .body = SLICE("{\"a\": 1}"), .header = headers, .headers = 2}, "/echo");
    assert_int_equal(s->code, 200);
    assert_non_null(strstr(s->body, "POST /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(s->body, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(s->body, "X-Mine: yes\r\n"));
    assert_non_null(strstr(s->body, "\r\n\r\n{\"a\": 1}"));
    assert_null(strstr(s->body, "Expect"));
    run(s, (struct transfer_request){.method = "PUT"}, "/echo");
    assert_non_null(strstr(s->body, "PUT /echo"));
    assert_non_null(strstr(s->body, "Content-Length: 0\r\n"));
    assert_null(strstr(s->body, "Content-Type"));
    run(s, (struct transfer_request){.method = "DELETE"}, "/echo");
    assert_non_null(strstr(s->body, "DELETE /echo"));
    tear_down(s);
}

static void a_line_end_in_a_header_is_refused(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    static const char *const headers[] = {"X-Mine: yes\r\nX-Theirs: no"};
    struct transfer_request q = {.method = "GET", .url = s->peer.base, .header = headers, .headers = 1, .done = on_done, .ctx = s};
    assert_int_equal(transfer_start(s->transfers, &q, &s->one), -EINVAL);
    tear_down(s);
}

static void redirects_are_followed_as_far_as_wanted(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    run(s, (struct transfer_request){.method = "GET", .redirects = 3}, "/to-hello");
    assert_int_equal(s->code, 200);
    assert_non_null(strstr(s->url, "/hello"));
    assert_string_equal(s->header, "\"x\"");
    run(s, (struct transfer_request){.method = "GET"}, "/to-hello");
    assert_int_equal(s->status, 0);
    assert_int_equal(s->code, 302);
    run(s, (struct transfer_request){.method = "GET", .redirects = 3}, "/loop");
    assert_int_equal(s->status, ERROR_REFUSED);
    assert_non_null(strstr(s->why, "redirects"));
    run(s, (struct transfer_request){.method = "GET", .redirects = 3}, "/file-scheme");
    assert_int_equal(s->status, ERROR_REFUSED);
    tear_down(s);
}

static void an_error_answer_is_an_answer(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    FILE *f = tmpfile();
    int fd = fileno(f);
    run(s, (struct transfer_request){.method = "GET", .into = &fd}, "/busy");
    assert_int_equal(s->status, 0);
    assert_int_equal(s->code, 503);
    assert_int_equal(s->retry_s, 7);
    assert_string_equal(s->body, "late");
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    fclose(f);
    tear_down(s);
}

static void what_is_cut_or_silent_or_not_there_is_closed(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    run(s, (struct transfer_request){.method = "GET"}, "/cut");
    assert_int_equal(s->status, ERROR_CLOSED);
    run(s, (struct transfer_request){.method = "GET", .total_ms = 50}, "/silent");
    assert_int_equal(s->status, ERROR_CLOSED);
    assert_int_not_equal(s->why[0], '\0');
    char base[sizeof s->peer.base];
    memcpy(base, s->peer.base, sizeof base);
    snprintf(s->peer.base, sizeof s->peer.base, "http://127.0.0.1:1");
    run(s, (struct transfer_request){.method = "GET"}, "/");
    assert_int_equal(s->status, ERROR_CLOSED);
    memcpy(s->peer.base, base, sizeof base);
    tear_down(s);
}

static void a_large_answer_goes_into_the_file_whole(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    FILE *f = tmpfile();
    int fd = fileno(f);
    run(s, (struct transfer_request){.method = "GET", .into = &fd}, "/big");
    assert_int_equal(s->status, 0);
    assert_int_equal(s->bytes, BIG);
    assert_int_equal(lseek(fd, 0, SEEK_END), BIG);
    fclose(f);
    tear_down(s);
}

static void more_than_wanted_is_too_big(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    run(s, (struct transfer_request){.method = "GET"}, "/big");
    assert_int_equal(s->status, ERROR_TOO_BIG);
    FILE *f = tmpfile();
    int fd = fileno(f);
    run(s, (struct transfer_request){.method = "GET", .into = &fd, .answer_max = BIG - 1}, "/big");
    assert_int_equal(s->status, ERROR_TOO_BIG);
    assert_true(lseek(fd, 0, SEEK_END) < BIG);
    fclose(f);
    tear_down(s);
}

static void a_file_that_cannot_be_written_breaks_it_off(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    FILE *f = fopen("/dev/full", "we");
    int fd = fileno(f);
    run(s, (struct transfer_request){.method = "GET", .into = &fd}, "/big");
    assert_int_equal(s->status, -ENOSPC);
    fclose(f);
    tear_down(s);
}

static void an_error_that_does_not_end_is_an_answer_all_the_same(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    run(s, (struct transfer_request){.method = "GET"}, "/endless");
    assert_int_equal(s->status, 0);
    assert_int_equal(s->code, 503);
    assert_memory_equal(s->body, "busy, and no end\n", 17);
    run(s, (struct transfer_request){.method = "GET", .stall_ms = 50}, "/drips");
    assert_int_equal(s->status, 0);
    assert_int_equal(s->code, 503);
    tear_down(s);
}

static void what_is_kept_in_memory_ends_in_time(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    run(s, (struct transfer_request){.method = "GET", .stall_ms = 10}, "/drips-well");
    assert_int_equal(s->status, ERROR_CLOSED);
    run(s, (struct transfer_request){.method = "GET", .stall_ms = 10}, "/drips-heads");
    assert_int_equal(s->status, ERROR_CLOSED);
    assert_non_null(strstr(s->why, "timed out"));
    tear_down(s);
}

static void a_file_may_take_long_also_with_heads_behind_it(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    FILE *f = tmpfile();
    int fd = fileno(f);
    run(s, (struct transfer_request){.method = "GET", .into = &fd, .stall_ms = 10}, "/trailer");
    assert_string_equal(s->why, "");
    assert_int_equal(s->status, 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), 5);
    fclose(f);
    tear_down(s);
}

static void a_disk_keeps_what_is_to_stay_free(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){0});
    FILE *f = tmpfile();
    int fd = fileno(f);
    run(s, (struct transfer_request){.method = "GET", .into = &fd, .min_free = INT64_MAX}, "/big");
    assert_int_equal(s->status, -ENOSPC);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    run(s, (struct transfer_request){.method = "GET", .into = &fd, .min_free = 1}, "/big");
    assert_int_equal(s->status, 0);
    fclose(f);
    tear_down(s);
}

static void one_may_begin_in_anothers_done_and_be_cancelled_at_any_time(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){.chain = true});
    start(s, (struct transfer_request){.method = "GET"}, "/hello");
    loop_run(s->loop);
    assert_int_equal(s->calls, 2);
    start(s, (struct transfer_request){.method = "GET"}, "/silent");
    transfer_cancel(s->one);
    run(s, (struct transfer_request){.method = "GET"}, "/hello");
    assert_int_equal(s->calls, 3);
    FILE *f = tmpfile();
    int fd = fileno(f);
    start(s, (struct transfer_request){.method = "GET", .into = &fd}, "/big"); /* under way when all are freed */
    fclose(f);
    while (workers_pending(s->workers) == 0)
        uv_run(loop_uv(s->loop), UV_RUN_ONCE);
    tear_down(s);
    assert_int_equal(s->calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_code_body_and_headers),
        cmocka_unit_test(a_body_and_headers_are_sent_as_they_are),
        cmocka_unit_test(a_line_end_in_a_header_is_refused),
        cmocka_unit_test(redirects_are_followed_as_far_as_wanted),
        cmocka_unit_test(an_error_answer_is_an_answer),
        cmocka_unit_test(what_is_cut_or_silent_or_not_there_is_closed),
        cmocka_unit_test(a_large_answer_goes_into_the_file_whole),
        cmocka_unit_test(more_than_wanted_is_too_big),
        cmocka_unit_test(a_file_that_cannot_be_written_breaks_it_off),
        cmocka_unit_test(an_error_that_does_not_end_is_an_answer_all_the_same),
        cmocka_unit_test(what_is_kept_in_memory_ends_in_time),
        cmocka_unit_test(a_file_may_take_long_also_with_heads_behind_it),
        cmocka_unit_test(a_disk_keeps_what_is_to_stay_free),
        cmocka_unit_test(one_may_begin_in_anothers_done_and_be_cancelled_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
