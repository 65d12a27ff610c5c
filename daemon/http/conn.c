/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "http/conn_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    LINGER_MS = 2000,
    DISCARD_MAX = 16 << 20, /* bytes thrown away behind the last request; then the socket is no longer read */
    HANDLES = 2,
};

/* ---- the beginning ---- */

static void settle_deferred(struct loop_deferred *d)
{
    http_conn_settle(container_of(d, struct http_conn, deferred));
}

int http_conn_new(struct http_shared *s, bool local, struct http_conn **ret_conn)
{
    struct http_conn *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    c->shared = s;
    c->local = local;
    int r = c->local ? uv_pipe_init(loop_uv(s->loop), &c->socket.pipe, 0) : uv_tcp_init(loop_uv(s->loop), &c->socket.tcp);
    if (r < 0) {
        free(c);
        return r;
    }
    uv_timer_init(loop_uv(s->loop), &c->timer);
    c->socket.handle.data = c->timer.data = c;
    list_init(&c->link);
    list_init(&c->idle_link);
    http_turns_init(&c->turns);
    buf_init(&c->input, HTTP_READ_BYTES);
    loop_deferred_init(&c->deferred, settle_deferred);
    s->count++;
    counters_set(s->counters, COUNTER_HTTP_CONNECTIONS, s->count);
    list_append(&s->conns, &c->link);
    *ret_conn = c;
    return 0;
}

/* ---- the end ---- */

static void socket_closed(uv_handle_t *handle)
{
    struct http_conn *c = handle->data;
    if (--c->closing > 0) return;
    http_turns_done(&c->turns);
    http_request_free(c->incoming);
    http_request_free(c->held);
    http_request_free(c->spare);
    buf_done(&c->input);
    c->shared->closed(c->shared);
    free(c);
}

void http_conn_tell_gone(struct http_request *r)
{
    void (*gone)(void *) = r->gone;
    r->gone = NULL;
    if (gone) gone(r->state);
}

void http_conn_close_with(struct http_conn *c, bool reset)
{
    if (c->state == CONN_CLOSED) return;
    c->state = CONN_CLOSED;
    c->shared->queued -= c->counted;
    c->shared->requests -= c->counted_requests;
    c->counted = c->counted_requests = 0;
    c->shared->count--;
    counters_set(c->shared->counters, COUNTER_HTTP_CONNECTIONS, c->shared->count);
    list_remove(&c->link);
    list_remove(&c->idle_link);
    loop_undefer(&c->deferred);
    c->closing = HANDLES;
    c->receiving = NULL;
    if (!reset || c->local || uv_tcp_close_reset(&c->socket.tcp, socket_closed) < 0) uv_close(&c->socket.handle, socket_closed);
    uv_close((uv_handle_t *)&c->timer, socket_closed);
    /* `gone` may lead anywhere, but not to another end of this connection. The memory stays until the sockets are closed. */
    for (list_each(l, next, &c->turns.requests))
        http_conn_tell_gone(container_of(l, struct http_request, link));
}

void http_conn_cut(struct http_conn *c)
{
    http_conn_close_with(c, false);
}

void http_conn_linger(struct http_conn *c)
{
    /* What is still with handlers will not be answered: the answer before it ends with the connection. */
    for (list_each(l, next, &c->turns.requests)) {
        struct http_request *r = container_of(l, struct http_request, link);
        http_conn_tell_gone(r);
        if (c->state == CONN_CLOSED) return;
    }
    uv_os_fd_t fd;
    if (c->eof || uv_fileno(&c->socket.handle, &fd) < 0 || shutdown(fd, SHUT_WR) < 0) {
        http_conn_cut(c);
        return;
    }
    c->state = CONN_LINGERING;
    c->linger_ms = http_conn_now_ms(c);
}

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

static bool may_receive(const struct http_conn *c)
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

/* A request's first byte has come, and its last has not. */
static bool is_arriving(const struct http_conn *c)
{
    return c->receiving || (c->held && c->held->streamed) || (c->incoming && !http_parser_idle(&c->parser));
}

static bool may_begin(const struct http_conn *c)
{
    unsigned most = c->shared->requests < HTTP_BUSY ? HTTP_PIPELINE_MAX : 1;
    return c->turns.count < most && !c->held && c->turns.out.bytes <= c->shared->limits.queue_max;
}

static void give_up(struct http_conn *c, const struct http_refusal *why)
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
        if (c->receiving && !may_receive(c)) return;
        if (!c->receiving && !c->incoming && (bytes->len == 0 || !may_begin(c) || !begin(c))) return;
        bool arriving = is_arriving(c);
        enum http_parsed parsed = http_parser_feed(&c->parser, bytes);
        if (!arriving && is_arriving(c)) head_begun(c);
        switch (parsed) {
        case HTTP_PARSED_MORE: return;
        case HTTP_PARSED_HEAD: head_ended(c); break;
        case HTTP_PARSED_DATA: receive(c, c->parser.data); break;
        case HTTP_PARSED_WHOLE: whole(c); break;
        case HTTP_PARSED_REFUSED: give_up(c, &c->parser.refusal); break;
        }
    }
}

/* What was kept when the pipeline was full, or the receiver of a body held the client back. */
static void parse_input(struct http_conn *c)
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

/* ---- reading and waiting ---- */

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
    if (c->receiving) return c->input.len == 0 && may_receive(c);
    return c->input.len == 0 && (c->incoming || may_begin(c));
}

static void set_reading(struct http_conn *c, bool wanted)
{
    if (wanted == c->reading) return;
    c->reading = wanted;
    note_read(c);
    if (!wanted)
        uv_read_stop(&c->socket.stream);
    else if (uv_read_start(&c->socket.stream, alloc, on_read) < 0)
        http_conn_cut(c);
}

static bool is_idle(const struct http_conn *c)
{
    return c->turns.count == 0 && !is_arriving(c) && !c->held && c->turns.out.bytes == 0;
}

static int64_t deadline_ms(const struct http_conn *c)
{
    const struct http_limits *limits = &c->shared->limits;
    int64_t at = INT64_MAX, other = INT64_MAX;
    if (c->state == CONN_LINGERING) return c->linger_ms + LINGER_MS;
    if (c->turns.out.bytes > 0) at = c->moved_ms + limits->idle_timeout_ms;
    if (c->state == CONN_OPEN && c->receiving)
        other = may_receive(c) ? c->read_ms + limits->idle_timeout_ms : INT64_MAX;
    else if (c->state == CONN_OPEN && c->incoming && is_arriving(c))
        other = c->head_done ? c->read_ms + limits->idle_timeout_ms : c->since_ms + limits->header_timeout_ms;
    else if (c->state == CONN_OPEN && is_idle(c))
        other = c->since_ms + limits->idle_timeout_ms;
    else if (c->eof && c->turns.count > 0) /* nobody may be there any more to wait for these answers */
        other = (c->read_ms > c->moved_ms ? c->read_ms : c->moved_ms) + limits->idle_timeout_ms;
    return other < at ? other : at;
}

static void on_timer(uv_timer_t *timer);

/* A deadline that moves away leaves the timer as it is; it looks again when it fires. */
static void set_timer(struct http_conn *c)
{
    int64_t at = deadline_ms(c), now = http_conn_now_ms(c);
    if (at == INT64_MAX || (uv_is_active((uv_handle_t *)&c->timer) && c->timer_at_ms <= at)) return;
    c->timer_at_ms = at;
    uv_timer_start(&c->timer, on_timer, at > now ? (uint64_t)(at - now) : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct http_conn *c = timer->data;
    int64_t now = http_conn_now_ms(c);
    if (deadline_ms(c) > now) {
        set_timer(c);
        return;
    }
    bool stuck = c->turns.out.bytes > 0 && c->moved_ms + c->shared->limits.idle_timeout_ms <= now;
    if (c->state == CONN_OPEN && is_arriving(c) && !stuck) {
        give_up(c, &(struct http_refusal){408, "the request took too long to arrive"});
        http_conn_settle(c);
    } else {
        http_conn_close_with(c, stuck);
    }
}

/* Nothing can be done right now: decide what to wait for. */
static void rest(struct http_conn *c)
{
    if (c->state == CONN_LAST && c->turns.count == 0 && !c->held && c->turns.out.bytes == 0) http_conn_linger(c);
    if (c->state == CONN_OPEN && c->shared->draining && is_idle(c)) http_conn_cut(c);
    if (c->state == CONN_CLOSED) return;
    bool idle = c->state == CONN_OPEN && is_idle(c);
    if (idle && list_empty(&c->idle_link)) {
        c->since_ms = http_conn_now_ms(c);
        list_append(&c->shared->idle, &c->idle_link);
    }
    if (!idle) list_remove(&c->idle_link);
    set_reading(c, wants_read(c));
    if (c->state != CONN_CLOSED) set_timer(c);
}

/* What waits for the socket, and for its turn. */
static void count_queued(struct http_conn *c)
{
    struct http_shared *s = c->shared;
    if (c->state == CONN_CLOSED) return;
    size_t bytes = c->turns.out.bytes;
    for (struct list *l = c->turns.requests.next; l != &c->turns.requests; l = l->next)
        bytes += container_of(l, struct http_request, link)->queue.bytes;
    s->queued += bytes - c->counted;
    s->requests += c->turns.count - c->counted_requests;
    c->counted = bytes;
    c->counted_requests = c->turns.count;
    if (s->limits.answers_max > 0 && s->queued > s->limits.answers_max) loop_defer(s->loop, &s->relief);
}

void http_conn_settle(struct http_conn *c)
{
    if (c->state == CONN_CLOSED) return;
    c->settling = true;
    do {
        c->again = false;
        parse_input(c);
        http_conn_send(c);
        if (c->spoiled) http_conn_cut(c);
    } while (c->again && !http_conn_is_dead(c));
    c->settling = false;
    if (c->state != CONN_CLOSED) rest(c);
    count_queued(c);
}

/* ---- for the others ---- */

void http_conn_drain(struct http_conn *c)
{
    if (c->state == CONN_OPEN && !is_arriving(c)) c->state = CONN_LAST;
    if (is_idle(c))
        http_conn_cut(c);
    else
        http_conn_wake(c);
}

struct http_conn *http_conn_of(struct list *link)
{
    return container_of(link, struct http_conn, link);
}

struct http_conn *http_conn_of_idle(struct list *link)
{
    return container_of(link, struct http_conn, idle_link);
}

struct http_shared *http_conn_shared(const struct http_conn *c)
{
    return c->shared;
}

bool http_conn_is_local(const struct http_conn *c)
{
    return c->local;
}

const uint8_t *http_conn_address(const struct http_conn *c)
{
    return c->address;
}

bool http_conn_is_half_closed(const struct http_conn *c)
{
    return c->eof;
}

bool http_conn_is_loopback(const struct http_conn *c)
{
    return c->loopback;
}

bool http_conn_is_dead(const struct http_conn *c)
{
    return c->state == CONN_CLOSED || c->state == CONN_LINGERING;
}

bool http_conn_is_last(const struct http_conn *c, const struct http_request *r)
{
    return c->state == CONN_LAST && !c->held && r == http_turns_last(&c->turns);
}

void http_conn_answering(struct http_conn *c, const struct http_request *r)
{
    if (c->receiving != r) return;
    c->receiving = NULL;
    c->state = CONN_LAST;
    buf_reset(&c->input);
}

void http_conn_no_more(struct http_conn *c)
{
    if (c->state == CONN_OPEN) c->state = CONN_LAST;
}

struct http_outqueue *http_conn_queue(struct http_conn *c, struct http_request *r)
{
    return http_turns_queue(&c->turns, r);
}

void http_conn_spoil(struct http_conn *c)
{
    c->spoiled = true;
    http_conn_wake(c);
}

void http_conn_wake(struct http_conn *c)
{
    c->again = true;
    if (!c->settling && c->state != CONN_CLOSED) loop_defer(c->shared->loop, &c->deferred);
}
