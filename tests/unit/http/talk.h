/* SPDX-License-Identifier: MIT */
/*
 * A server with routes for whatever a test of connections needs: one that echoes what the request was, ones that answer when the
 * test says so, or with much.
 */
#ifndef CETLD_TESTS_HTTP_TALK_H
#define CETLD_TESTS_HTTP_TALK_H

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

static inline void echo(struct http_request *r)
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

static inline void gone(void *state)
{
    ((struct bench *)state)->gone++;
}

static inline void later(struct http_request *r)
{
    struct bench *b = http_request_context(r);
    http_request_attach(r, b, gone);
    b->later[b->laters++] = r;
}

static inline void empty(struct http_request *r)
{
    http_header(r, "X-Good", "yes");
    http_header(r, "X-Bad", "a\r\nInjected: yes");
    http_answer(r, 204, "text/plain", SLICE("never sent"));
}

static inline void unchanged(struct http_request *r)
{
    http_answer(r, 304, NULL, SLICE(""));
}

static inline void big(struct http_request *r)
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

static inline void answer_later(struct bench *b, unsigned i, const char *text)
{
    http_answer(b->later[i], 200, "text/plain", slice_of(text));
}

struct state {
    struct bench bench;
    struct buf in;
};

static inline int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 1 << 24);
    bench_start(&s->bench, routes, &usual);
    *state = s;
    return 0;
}

static inline int tear_down(void **state)
{
    struct state *s = *state;
    bench_stop(&s->bench);
    buf_done(&s->in);
    free(s);
    return 0;
}

/* Instead of the usual server, one with these limits. */
static inline void restart(struct bench *b, const struct http_limits *limits)
{
    bench_stop(b);
    bench_start(b, routes, limits);
}

static inline void writable(void *state)
{
    ((struct bench *)state)->writable++;
}

static inline struct http_request *begin_stream(struct state *s, int fd, const char *request)
{
    bench_send(&s->bench, fd, request);
    bench_until(&s->bench, s->bench.laters > 0);
    struct http_request *r = s->bench.later[s->bench.laters - 1];
    http_on_writable(r, writable);
    http_begin(r, 200, "text/csv");
    return r;
}

#endif
