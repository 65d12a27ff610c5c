/* SPDX-License-Identifier: MIT */
/*
 * A server on a loop and clients on real sockets, in one thread: the tests run the loop in small steps until what they wait for is
 * there.
 */
#ifndef TESTS_UNIT_HTTP_BENCH_H
#define TESTS_UNIT_HTTP_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "base/clock.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BENCH_WAIT_US = 10000000, BENCH_CLIENTS = 8 };

struct bench {
    struct loop *loop;
    struct http_server *server;
    struct http_router router;
    struct counters counters;
    int port;
    int client[BENCH_CLIENTS];
    unsigned clients;
    struct http_request *later[32]; /* requests whose answer the test gives */
    unsigned laters;
    unsigned gone; /* how often `gone` was called */
    unsigned writable;
    char logged[512];
};

static void bench_log(void *ctx, const struct http_request *r, const char *line)
{
    (void)r;
    struct bench *b = ctx;
    snprintf(b->logged, sizeof b->logged, "%s", line);
}

static inline void bench_start(struct bench *b, const struct http_route *routes, const struct http_limits *limits)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    *b = (struct bench){.router = {.routes = routes}};
    b->router.ctx = b;
    assert_int_equal(loop_new(&b->loop), 0);
    struct http_server_config config = {
        .limits = *limits, .router = &b->router, .counters = &b->counters, .log = bench_log, .ctx = b, .socket_mode = 0640};
    assert_int_equal(http_server_new(b->loop, &config, &b->server), 0);
    struct error err;
    assert_int_equal(http_server_listen(b->server, "127.0.0.1:0", &err), 0);
    b->port = atoi(strrchr(http_server_address(b->server, 0), ':') + 1);
    assert_true(b->port > 0);
}

static inline void bench_stop(struct bench *b)
{
    for (unsigned i = 0; i < b->clients; i++)
        if (b->client[i] >= 0) close(b->client[i]);
    http_server_free(b->server);
    loop_run(b->loop);
    loop_free(b->loop);
}

static inline void bench_turn(struct bench *b)
{
    uv_run(loop_uv(b->loop), UV_RUN_NOWAIT);
}

/* Run the loop until `condition` holds; fails after BENCH_WAIT_US. */
#define bench_until(b, condition)                                                                                                  \
    do {                                                                                                                           \
        int64_t give_up_ = clock_mono_us() + BENCH_WAIT_US;                                                                        \
        while (!(condition)) {                                                                                                     \
            bench_turn(b);                                                                                                         \
            if (clock_mono_us() > give_up_) fail_msg("waited in vain for: %s", #condition);                                        \
        }                                                                                                                          \
    } while (0)

/* A receive buffer of that many bytes makes a reader that falls behind soon; 0: the usual one. */
static inline int bench_connect_with(struct bench *b, int receive_bytes)
{
    assert_true(b->clients < BENCH_CLIENTS);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)b->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (receive_bytes) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    b->client[b->clients++] = fd;
    return fd;
}

static inline int bench_connect(struct bench *b)
{
    return bench_connect_with(b, 0);
}

static inline void bench_close(struct bench *b, int fd)
{
    for (unsigned i = 0; i < b->clients; i++)
        if (b->client[i] == fd) b->client[i] = -1;
    close(fd);
}

static inline void bench_send_bytes(struct bench *b, int fd, const char *p, size_t n)
{
    int64_t give_up = clock_mono_us() + BENCH_WAIT_US;
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0)
            p += sent, n -= (size_t)sent;
        else if (errno != EAGAIN)
            return; /* the server has closed; the test looks at what it said */
        bench_turn(b);
        assert_true(clock_mono_us() < give_up);
    }
}

static inline void bench_send(struct bench *b, int fd, const char *text)
{
    bench_send_bytes(b, fd, text, strlen(text));
}

/* Read once what is there, at most `most` bytes; true at the end of the stream. */
static inline bool bench_read_some(int fd, struct buf *in, size_t most)
{
    char *to = buf_reserve(in, most);
    assert_non_null(to);
    ssize_t n = recv(fd, to, most, MSG_DONTWAIT);
    if (n > 0) buf_wrote(in, (size_t)n);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static inline void bench_read_to_end(struct bench *b, int fd, struct buf *in)
{
    bench_until(b, bench_read_some(fd, in, 65536));
}

static inline bool bench_has(struct buf *in, const char *text)
{
    return in->len > 0 && memmem(in->data, in->len, text, strlen(text));
}

static inline void bench_read_until(struct bench *b, int fd, struct buf *in, const char *text)
{
    int64_t give_up = clock_mono_us() + BENCH_WAIT_US;
    while (!bench_has(in, text)) {
        bool end = bench_read_some(fd, in, 65536);
        if (bench_has(in, text)) return;
        bench_turn(b);
        if (end || clock_mono_us() > give_up)
            fail_msg("waited in vain for \"%s\" in:\n%.*s", text, (int)in->len, in->data ? in->data : "");
    }
}

/* Send on a new connection, read to the end; the answer must begin with this status. */
static inline void bench_expect(struct bench *b, const char *request, int status, struct buf *ret_answer)
{
    int fd = bench_connect(b);
    bench_send(b, fd, request);
    bench_read_to_end(b, fd, ret_answer);
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (ret_answer->len < strlen(line) || memcmp(ret_answer->data, line, strlen(line)) != 0)
        fail_msg("expected %d for:\n%s\ngot:\n%.*s", status, request, (int)ret_answer->len,
                 ret_answer->data ? ret_answer->data : "");
    bench_close(b, fd);
    b->clients--;
}

static inline unsigned bench_count(struct buf *in, const char *text)
{
    unsigned n = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= in->len; i++)
        n += memcmp(in->data + i, text, len) == 0;
    return n;
}

#endif
