/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "http/conn_private.h"
#include "http/tally.h"

#include <stdio.h>

enum {
    WRITE_PARTS = 16,
    WRITE_BYTES = 262144, /* at once, so that progress shows before a large answer is through */
};

/* ---- bytes ---- */

/* Who takes a byte now and then, so as not to be idle, is taken for what he is. */
static void wrote_bytes(struct http_conn *c, size_t n)
{
    http_turns_sent(&c->turns, n);
    c->moved_bytes += n;
    if (c->moved_bytes < HTTP_PROGRESS && c->turns.out.bytes > 0) return;
    c->moved_ms = http_conn_now_ms(c);
    c->moved_bytes = 0;
}

static void wrote(uv_write_t *write, int status)
{
    struct http_conn *c = container_of(write, struct http_conn, write);
    size_t n = c->write_bytes;
    c->write_bytes = 0;
    if (c->state == CONN_CLOSED) return;
    if (status < 0) {
        http_conn_cut(c);
        return;
    }
    wrote_bytes(c, n);
    http_conn_settle(c);
}

static void flush(struct http_conn *c)
{
    while (c->turns.out.bytes > 0 && c->write_bytes == 0 && c->state != CONN_CLOSED) {
        uv_buf_t bufs[WRITE_PARTS];
        unsigned n = http_outqueue_peek(&c->turns.out, bufs, WRITE_PARTS, WRITE_BYTES);
        int r = uv_try_write(&c->socket.stream, bufs, n);
        if (r > 0) {
            wrote_bytes(c, (size_t)r);
            continue;
        }
        size_t bytes = 0;
        for (unsigned i = 0; i < n; i++)
            bytes += bufs[i].len;
        if (r == UV_EAGAIN) r = uv_write(&c->write, &c->socket.stream, bufs, n, wrote);
        if (r < 0)
            http_conn_cut(c);
        else
            c->write_bytes = bytes;
    }
}

/* The client may send its body: all before it was answered, and its handler, where it is streamed, wants it. */
static bool take_continue_due(struct http_conn *c)
{
    struct http_request *r = c->receiving;
    bool due = r ? r->receives && r->message.wants_continue && !r->continued : c->continue_due && c->turns.count == 0;
    if (!due) return false;
    c->continue_due = false;
    if (r) r->continued = true;
    return true;
}

static void advance(struct http_conn *c)
{
    bool empty = http_turns_all_sent(&c->turns);
    http_turns_advance(&c->turns);
    if (take_continue_due(c)) {
        if (http_outqueue_put(&c->turns.out, SLICE("HTTP/1.1 100 Continue\r\n\r\n")) < 0) http_conn_spoil(c);
        http_turns_advance(&c->turns);
    }
    if (!empty) return;
    c->moved_ms = http_conn_now_ms(c);
    c->moved_bytes = 0;
}

/* ---- requests whose answers are out ---- */

void http_conn_log(const struct http_conn *c, const struct http_request *r, bool whole)
{
    const struct http_shared *s = c->shared;
    if (!s->log) return;
    char line[512];
    const char *method = r->message.target.p ? http_method_text(r->message.method) : "-";
    struct slice target = slice_cut_utf8(r->message.target, 256);
    const char *cut = whole ? "" : r->phase == HTTP_WAITING ? " (closed before its answer)" : " (closed within its answer)";
    snprintf(line, sizeof line, "%s " SLICE_FMT " %d %llu bytes %.3f ms id=%s%s", method, SLICE_ARG(target), r->status,
             (unsigned long long)r->body_bytes, (double)(clock_mono_us() - r->began_us) / 1000, r->id, cut);
    s->log(s->log_ctx, r, line);
}

static void recycle(struct http_conn *c, struct http_request *r)
{
    if (c->spare || c->state != CONN_OPEN) {
        http_request_free(r);
        return;
    }
    http_request_reset(r);
    c->spare = r;
}

/* The first answer is out. */
static void finish(struct http_conn *c, struct http_request *r)
{
    bool cuts = r->cuts, torn = r->torn, http10 = r->message.http10;
    counters_add(c->shared->counters, COUNTER_HTTP_REQUESTS, 1);
    if (c->shared->tally) http_tally_add(c->shared->tally, r->route, r->status, r->began_us ? r->answered_us - r->began_us : 0);
    if (r->status >= 500) counters_add(c->shared->counters, COUNTER_HTTP_ERRORS, 1);
    http_conn_log(c, r, !torn);
    http_turns_remove(&c->turns, r);
    c->again = true;
    http_conn_tell_gone(r);
    recycle(c, r);
    if (c->state == CONN_CLOSED) return;
    if (torn)
        http_conn_close_with(c, http10);
    else if (cuts)
        http_conn_linger(c);
}

static void finish_sent(struct http_conn *c)
{
    struct http_request *r;
    while (!http_conn_is_dead(c) && (r = http_turns_answered(&c->turns)))
        finish(c, r);
}

static void tell_writable(struct http_conn *c)
{
    struct http_request *r = c->turns.writer;
    if (!r || !r->blocked || c->turns.out.bytes > http_request_queue_max(r) / 2) return;
    r->blocked = false;
    if (!http_response_writable(r) && r->writable) r->writable(r->state);
}

void http_conn_send(struct http_conn *c)
{
    advance(c);
    flush(c);
    finish_sent(c);
    if (!http_conn_is_dead(c)) tell_writable(c);
}
