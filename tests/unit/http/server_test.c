/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "bench.h"

#include <sys/stat.h>
#include <sys/un.h>

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 65536,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

static void here(struct http_request *r)
{
    http_answer(r, 200, "text/plain", http_request_is_local_socket(r) ? SLICE("local") : SLICE("net"));
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

static const struct http_route routes[] = {{HTTP_GET_, "/here", here}, {HTTP_GET_, "/later", later}, {0}};

struct state {
    struct bench bench;
    struct buf in;
    char folder[64], path[100], address[140];
    bool drained;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 1 << 20);
    snprintf(s->folder, sizeof s->folder, "/tmp/cetld-server-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof s->path, "%s/s.sock", s->folder);
    snprintf(s->address, sizeof s->address, "unix:%s", s->path);
    bench_start(&s->bench, routes, &limits);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    bench_stop(&s->bench);
    unlink(s->path);
    rmdir(s->folder);
    buf_done(&s->in);
    free(s);
    return 0;
}

static int connect_unix(struct state *s)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", s->path);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

static void listen_at(struct state *s, const char *address)
{
    struct error err;
    if (http_server_listen(s->bench.server, address, &err) != 0) fail_msg("%s", err.text);
}

static void refuse_at(struct state *s, const char *address, int code, const char *words)
{
    struct error err;
    assert_int_equal(http_server_listen(s->bench.server, address, &err), code);
    assert_non_null(strstr(err.text, words));
}

static void unix_socket_has_the_configured_mode_whatever_the_umask(void **state)
{
    struct state *s = *state;
    mode_t before = umask(0077);
    listen_at(s, s->address);
    umask(before);
    struct stat st;
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_string_equal(http_server_address(s->bench.server, 1), s->address);
    assert_null(http_server_address(s->bench.server, 2));
    cleanup_fd int fd = connect_unix(s);
    bench_send(&s->bench, fd, "GET /here HTTP/1.1\r\nHost:\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "local");
}

static void stale_socket_file_is_replaced_and_removed_at_the_end(void **state)
{
    struct state *s = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", s->path);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&at, sizeof at), 0);
    close(dead);
    listen_at(s, s->address);
    http_server_free(s->bench.server);
    s->bench.server = NULL;
    assert_int_equal(access(s->path, F_OK), -1);
}

static void live_socket_and_other_files_are_left_alone(void **state)
{
    struct state *s = *state;
    listen_at(s, s->address);
    refuse_at(s, s->address, -EADDRINUSE, "somebody listens there already");
    cleanup_fd int fd = connect_unix(s);
    assert_true(fd >= 0);
    char other[140];
    snprintf(other, sizeof other, "unix:%s", s->folder);
    refuse_at(s, other, -EEXIST, "no socket is in the way");
}

static void bad_addresses_are_refused_with_the_way_out(void **state)
{
    struct state *s = *state;
    refuse_at(s, "8080", -EINVAL, "expected an address such as 127.0.0.1:8080");
    refuse_at(s, "127.0.0.1:99999", -EINVAL, "expected an address");
    refuse_at(s, "example.org:80", -EINVAL, "expected an address");
    refuse_at(s, "127.0.0.1:", -EINVAL, "expected an address");
    refuse_at(s, "unix:here.sock", -EINVAL, "must be absolute");
    refuse_at(s, "unix:/nowhere/at/all/s.sock", -ENOENT, "folder does not exist");
    refuse_at(s,
              "unix:/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
              -ENAMETOOLONG, "choose a shorter one");
    char taken[40];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", s->bench.port);
    refuse_at(s, taken, -EADDRINUSE, "choose another address");
}

static void localhost_and_ipv6_are_addresses(void **state)
{
    struct state *s = *state;
    listen_at(s, "localhost:0");
    assert_memory_equal(http_server_address(s->bench.server, 1), "127.0.0.1:", 10);
    struct error err;
    int r = http_server_listen(s->bench.server, "[::1]:0", &err);
    if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT) return; /* a machine without IPv6 */
    assert_int_equal(r, 0);
    assert_memory_equal(http_server_address(s->bench.server, 2), "[::1]:", 6);
}

static void listening_descriptor_is_adopted_others_are_not(void **state)
{
    struct state *s = *state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    struct error err;
    assert_int_equal(http_server_adopt(s->bench.server, fd, &err), -EINVAL);
    assert_non_null(strstr(err.text, "ListenStream="));
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(http_server_adopt(s->bench.server, fd, &err), 0);
    assert_int_equal(http_server_go(s->bench.server), 0);
    s->bench.port = atoi(strrchr(http_server_address(s->bench.server, 1), ':') + 1);
    bench_expect(&s->bench, "GET /here HTTP/1.0\r\n\r\n", 200, &s->in);
    assert_true(bench_has(&s->in, "net"));
}

static void drained(void *ctx)
{
    ((struct state *)ctx)->drained = true;
}

static void drain_closes_idle_connections_and_finishes_the_others(void **state)
{
    struct state *s = *state;
    int idle = bench_connect(&s->bench), waiting = bench_connect(&s->bench), half = bench_connect(&s->bench);
    bench_send(&s->bench, idle, "GET /here HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_until(&s->bench, idle, &s->in, "net");
    bench_send(&s->bench, waiting, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, s->bench.laters == 1);
    bench_send(&s->bench, half, "GET /here HTTP/1.1\r\nHo");
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    http_server_drain(s->bench.server, drained, s);
    assert_false(s->drained);
    bench_read_to_end(&s->bench, idle, &s->in);

    http_answer(s->bench.later[0], 200, "text/plain", SLICE("finished"));
    buf_reset(&s->in);
    bench_read_to_end(&s->bench, waiting, &s->in);
    assert_true(bench_has(&s->in, "Connection: close"));
    assert_true(bench_has(&s->in, "finished"));
    bench_close(&s->bench, waiting);

    bench_send(&s->bench, half, "st: x\r\n\r\n");
    buf_reset(&s->in);
    bench_read_to_end(&s->bench, half, &s->in);
    assert_true(bench_has(&s->in, "Connection: close"));
    assert_true(bench_has(&s->in, "net"));
    assert_false(s->drained);
    bench_close(&s->bench, half);
    bench_until(&s->bench, s->drained);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s->bench.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    close(fd);
}

static void at_the_end_who_has_just_connected_may_still_ask(void **state)
{
    struct state *s = *state;
    int fresh = bench_connect(&s->bench), silent = bench_connect(&s->bench);
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    http_server_drain(s->bench.server, drained, s);
    for (int i = 0; i < 5; i++)
        bench_turn(&s->bench);
    bench_send(&s->bench, fresh, "GET /here HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_to_end(&s->bench, fresh, &s->in);
    assert_true(bench_has(&s->in, "Connection: close"));
    assert_true(bench_has(&s->in, "net"));
    bench_close(&s->bench, fresh);
    buf_reset(&s->in);
    bench_read_to_end(&s->bench, silent, &s->in); /* after a moment */
    assert_int_equal(s->in.len, 0);
    bench_close(&s->bench, silent);
    bench_until(&s->bench, s->drained);
}

static void at_the_end_a_request_that_was_sent_and_not_read_yet_is_answered(void **state)
{
    struct state *s = *state;
    int kept = bench_connect(&s->bench);
    bench_send(&s->bench, kept, "GET /here HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_until(&s->bench, kept, &s->in, "net");
    buf_reset(&s->in);
    static const char request[] = "GET /here HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(send(kept, request, sizeof request - 1, 0), sizeof request - 1);
    http_server_drain(s->bench.server, drained, s);
    bench_read_to_end(&s->bench, kept, &s->in);
    assert_true(bench_has(&s->in, "Connection: close"));
    assert_true(bench_has(&s->in, "net"));
    bench_close(&s->bench, kept);
    bench_until(&s->bench, s->drained);
}

static void adopted_sockets_keep_their_clients_until_the_server_goes(void **state)
{
    struct state *s = *state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct error err;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at) | listen(fd, 5), 0);
    assert_int_equal(http_server_adopt(s->bench.server, fd, &err), 0);
    s->bench.port = atoi(strrchr(http_server_address(s->bench.server, 1), ':') + 1);
    int client = bench_connect(&s->bench);
    bench_send(&s->bench, client, "GET /here HTTP/1.0\r\n\r\n");
    for (int i = 0; i < 20; i++)
        bench_turn(&s->bench);
    assert_int_equal(counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS), 0);
    assert_int_equal(http_server_go(s->bench.server), 0);
    bench_read_to_end(&s->bench, client, &s->in);
    assert_true(bench_has(&s->in, "net"));
}

static void an_address_is_covered_by_itself_and_by_all_addresses(void **state)
{
    struct state *s = *state;
    char own[32], other[32];
    snprintf(own, sizeof own, "localhost:%d", s->bench.port);
    snprintf(other, sizeof other, "127.0.0.2:%d", s->bench.port);
    assert_true(http_server_covers(s->bench.server, own));
    assert_false(http_server_covers(s->bench.server, other));
    assert_false(http_server_covers(s->bench.server, "127.0.0.1:1"));
    assert_false(http_server_covers(s->bench.server, "unix:/run/nothing"));
    assert_false(http_server_covers(s->bench.server, "nonsense"));
    listen_at(s, "0.0.0.0:0");
    snprintf(own, sizeof own, "127.0.0.2:%s", strrchr(http_server_address(s->bench.server, 1), ':') + 1);
    snprintf(other, sizeof other, "[::1]:%s", strrchr(own, ':') + 1);
    assert_true(http_server_covers(s->bench.server, own));
    assert_false(http_server_covers(s->bench.server, other));
}

static void drain_of_an_idle_server_is_told_later(void **state)
{
    struct state *s = *state;
    http_server_drain(s->bench.server, drained, s);
    assert_false(s->drained);
    bench_until(&s->bench, s->drained);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(unix_socket_has_the_configured_mode_whatever_the_umask),
        T(stale_socket_file_is_replaced_and_removed_at_the_end),
        T(live_socket_and_other_files_are_left_alone),
        T(bad_addresses_are_refused_with_the_way_out),
        T(localhost_and_ipv6_are_addresses),
        T(listening_descriptor_is_adopted_others_are_not),
        T(drain_closes_idle_connections_and_finishes_the_others),
        T(drain_of_an_idle_server_is_told_later),
        T(at_the_end_who_has_just_connected_may_still_ask),
        T(at_the_end_a_request_that_was_sent_and_not_read_yet_is_answered),
        T(adopted_sockets_keep_their_clients_until_the_server_goes),
        T(an_address_is_covered_by_itself_and_by_all_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
