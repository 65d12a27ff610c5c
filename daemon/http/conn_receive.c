/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "http/conn_private.h"

#include <stdio.h>
#include <string.h>

enum { DISCARD_MAX = 16 << 20 }; /* bytes thrown away behind the last request; then the socket is no longer read */

/* ---- requests ---- */

static struct http_request *request_new(struct http_conn *c)
{
    struct http_request *r = steal_ptr(&c->spare);
    if (!r && http_request_new(c, &r) < 0) http_conn_spoil(c);
    return r;
}

void http_conn_refuse(struct http_conn *c, const struct http_refusal *why)
{
    struct http_request *r = steal_ptr(&c->incoming);
    if (!r) r = request_new(c);
    c->state = CONN_LAST;
    c->continue_due = false;
    buf_reset(&c->input);
    if (!r) return;
    http_turns_append(&c->turns, r);
    if (why->status == 503) http_header(r, "Retry-After", "1");
    http_problem(r, &(struct http_problem){.status = why->status, .message = why->why});
}

static bool is_safe(const struct http_request *r)
{
    enum http_method m = r->message.method;
    return m == HTTP_GET_ || m == HTTP_HEAD_ || m == HTTP_OPTIONS_;
}

/* Side by side only with others that change nothing (RFC 9112, 9.3.2). */
static bool may_dispatch(const struct http_conn *c, const struct http_request *r)
{
    const struct http_request *last = http_turns_last(&c->turns);
    return !last || (!r->streamed && is_safe(r) && is_safe(last));
}

static void dispatch(struct http_conn *c, struct http_request *r)
{
    int rc = r->prepared;
    http_turns_append(&c->turns, r);
    if (r->streamed) c->receiving = r;
    if (rc == 0)
        http_router_dispatch(c->shared->router, r);
    else if (rc == HTTP_TARGET_E_ENCODING)
        http_problem(r, &(struct http_problem){.status = 400,
                                               .message = "The request target is not percent-encoded as it should be.",
                                               .hint = "Write %25 for a percent sign; %00 is not taken."});
    else if (rc == HTTP_TARGET_E_DEPTH)
        http_problem(r, &(struct http_problem){.status = 404, .message = "There is nothing at a path that deep."});
    else
        http_conn_spoil(c);
}

static void whole(struct http_conn *c)
{
    struct http_request *r = steal_ptr(c->receiving ? &c->receiving : &c->incoming);
    c->continue_due = false;
    c->asked = true;
    if (!r->message.keep_alive || c->shared->draining) c->state = CONN_LAST;
    if (r->streamed)
        r->receiver.end(r->state);
    else if (may_dispatch(c, r))
        dispatch(c, r);
    else
        c->held = r;
}

/* ---- streamed bodies ---- */

/* The body will not be whole: the handler lets go of the request, and the client is told why. */
static void refuse_body(struct http_conn *c, const struct http_refusal *why)
{
    struct http_request *r = steal_ptr(&c->receiving);
    c->state = CONN_LAST;
    buf_reset(&c->input);
    http_conn_tell_gone(r);
    if (c->state != CONN_CLOSED) http_problem(r, &(struct http_problem){.status = why->status, .message = why->why});
}

bool http_conn_may_receive(const struct http_conn *c)
{
    return c->receiving->receives && !c->receiving->paused;
}

/* More than the handler takes has come, or will. */
static bool is_oversized(const struct http_request *r)
{
    return r->receives && (r->received > r->receiver.max_bytes || r->message.content_length > r->receiver.max_bytes);
}

static void refuse_oversized(struct http_conn *c)
{
    char why[96];
    snprintf(why, sizeof why, "the body is larger than the %llu bytes that are taken here",
             (unsigned long long)c->receiving->receiver.max_bytes);
    refuse_body(c, &(struct http_refusal){413, why});
}

static void receive(struct http_conn *c, struct slice data)
{
    struct http_request *r = c->receiving;
    r->received += data.len;
    if (is_oversized(r))
        refuse_oversized(c);
    else if (!r->receiver.piece(r->state, data))
        r->paused = true;
}

/* ---- parsing ---- */

static void note_read(struct http_conn *c)
{
    c->read_ms = http_conn_now_ms(c);
    c->read_bytes = 0;
}

bool http_conn_is_arriving(const struct http_conn *c)
{
    return c->receiving || (c->held && c->held->streamed) || (c->incoming && !http_parser_idle(&c->parser));
}

static bool may_begin(const struct http_conn *c)
{
    unsigned most = c->shared->requests < HTTP_BUSY ? HTTP_PIPELINE_MAX : 1;
    return c->turns.count < most && !c->held && c->turns.out.bytes <= c->shared->limits.queue_max;
}

void http_conn_give_up(struct http_conn *c, const struct http_refusal *why)
{
    if (c->receiving)
        refuse_body(c, why);
    else
        http_conn_refuse(c, why);
}

static void head_begun(struct http_conn *c)
{
    c->since_ms = http_conn_now_ms(c);
    c->incoming->began_us = clock_mono_us();
}

static void head_ended(struct http_conn *c)
{
    struct http_shared *s = c->shared;
    struct http_request *r = c->incoming;
    char own_id[sizeof s->id_prefix + NUM_I64_MAX + 1];
    char *number = stpcpy(stpcpy(own_id, s->id_prefix), "-");
    number[num_write_i64((int64_t)++s->ids, number)] = '\0';
    c->head_done = true;
    note_read(c);
    r->prepared = http_request_prepare(r, own_id);
    if (r->prepared == 0) http_router_find(s->router, r);
    if (!r->streamed) {
        c->continue_due = r->message.wants_continue;
        return;
    }
    http_parser_stream(&c->parser);
    c->incoming = NULL;
    if (may_dispatch(c, r))
        dispatch(c, r);
    else
        c->held = r;
}

static bool begin(struct http_conn *c)
{
    c->incoming = request_new(c);
    if (!c->incoming) return false;
    c->head_done = false;
    http_parser_begin(&c->parser, &c->incoming->message);
    return true;
}

static void parse(struct http_conn *c, struct slice *bytes)
{
    while (c->state == CONN_OPEN && !c->spoiled) {
        if (c->receiving && is_oversized(c->receiving)) return refuse_oversized(c);
        if (c->receiving && !http_conn_may_receive(c)) return;
        if (!c->receiving && !c->incoming && (bytes->len == 0 || !may_begin(c) || !begin(c))) return;
        bool arriving = http_conn_is_arriving(c);
        enum http_parsed parsed = http_parser_feed(&c->parser, bytes);
        if (!arriving && http_conn_is_arriving(c)) head_begun(c);
        switch (parsed) {
        case HTTP_PARSED_MORE: return;
        case HTTP_PARSED_HEAD: head_ended(c); break;
        case HTTP_PARSED_DATA: receive(c, c->parser.data); break;
        case HTTP_PARSED_WHOLE: whole(c); break;
        case HTTP_PARSED_REFUSED: http_conn_give_up(c, &c->parser.refusal); break;
        }
    }
}

void http_conn_parse_input(struct http_conn *c)
{
    bool serving = c->state == CONN_OPEN || c->state == CONN_LAST;
    if (c->state == CONN_LAST && c->held && c->held->streamed) { /* its body will not be read */
        http_request_free(c->held);
        c->held = NULL;
    }
    if (serving && c->held && may_dispatch(c, c->held)) dispatch(c, steal_ptr(&c->held));
    if (c->input.len == 0 && !c->receiving) return;
    struct slice rest = buf_slice(&c->input);
    parse(c, &rest);
    if (c->state == CONN_OPEN)
        buf_consume(&c->input, c->input.len - rest.len);
    else
        buf_reset(&c->input);
}

/* ---- reading ---- */

static void alloc(uv_handle_t *handle, size_t hint, uv_buf_t *ret_buf)
{
    (void)hint;
    struct http_conn *c = handle->data;
    *ret_buf = (uv_buf_t){.base = c->shared->read_buffer, .len = HTTP_READ_BYTES};
}

static void got_bytes(struct http_conn *c, struct slice bytes)
{
    c->read_bytes += bytes.len;
    if (c->read_bytes >= HTTP_PROGRESS) note_read(c);
    if (c->state != CONN_OPEN) {
        c->discarded += bytes.len;
        return;
    }
    c->settling = true;
    parse(c, &bytes);
    c->settling = false;
    if (c->state != CONN_OPEN) return;
    buf_put(&c->input, bytes);
    if (buf_check(&c->input) < 0) c->spoiled = true;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = stream->data;
    if (n == 0) return;
    if (n > 0) {
        got_bytes(c, (struct slice){buf->base, (size_t)n});
    } else if (n == UV_EOF) {
        /* The client has shut its side, or is gone, which looks the same: what is whole is answered. */
        c->eof = true;
        note_read(c);
        if (c->receiving) refuse_body(c, &(struct http_refusal){400, "the body ended before it was whole"});
        if (c->state == CONN_OPEN) c->state = CONN_LAST;
        if (c->state == CONN_LINGERING) http_conn_cut(c);
    } else {
        http_conn_cut(c);
    }
    http_conn_settle(c);
}

static bool wants_read(const struct http_conn *c)
{
    if (c->eof) return false;
    if (c->state != CONN_OPEN) return c->discarded < DISCARD_MAX; /* to see the client leave */
    if (c->receiving) return c->input.len == 0 && http_conn_may_receive(c);
    return c->input.len == 0 && (c->incoming || may_begin(c));
}

void http_conn_set_reading(struct http_conn *c)
{
    bool wanted = wants_read(c);
    if (wanted == c->reading) return;
    c->reading = wanted;
    note_read(c);
    if (!wanted)
        uv_read_stop(&c->socket.stream);
    else if (uv_read_start(&c->socket.stream, alloc, on_read) < 0)
        http_conn_cut(c);
}
