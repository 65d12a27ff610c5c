/* SPDX-License-Identifier: MIT */
#include "http/conn_private.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { LINGER_MS = 2000, LATE_MS = 1000, HANDLES = 2 };

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
    counters_set(c->shared->counters, COUNTER_HTTP_QUEUED, (int64_t)c->shared->queued);
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
    for (list_each(l, next, &c->turns.requests)) {
        struct http_request *r = container_of(l, struct http_request, link);
        http_conn_log(c, r, false);
        http_conn_tell_gone(r);
    }
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

/* ---- waiting ---- */

static bool is_idle(const struct http_conn *c)
{
    return c->turns.count == 0 && !http_conn_is_arriving(c) && !c->held && c->turns.out.bytes == 0;
}

/* At the end: a request may be on its way. Who has just connected will ask, and who has asked before may have asked again: to
 * close on bytes that nobody read is a reset, and they would not know what came of it. */
static bool may_ask(struct http_conn *c)
{
    int waiting = 0;
    uv_os_fd_t fd;
    if (!c->asked && http_conn_now_ms(c) < c->drain_ms + LATE_MS) return true;
    return uv_fileno(&c->socket.handle, &fd) == 0 && ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

static int64_t deadline_ms(const struct http_conn *c)
{
    const struct http_limits *limits = &c->shared->limits;
    int64_t at = INT64_MAX, other = INT64_MAX;
    if (c->state == CONN_LINGERING) return c->linger_ms + LINGER_MS;
    if (c->turns.out.bytes > 0) at = c->moved_ms + limits->idle_timeout_ms;
    if (c->state == CONN_OPEN && c->receiving)
        other = http_conn_may_receive(c) ? c->read_ms + limits->idle_timeout_ms : INT64_MAX;
    else if (c->state == CONN_OPEN && c->incoming && http_conn_is_arriving(c))
        other = c->head_done ? c->read_ms + limits->idle_timeout_ms : c->since_ms + limits->header_timeout_ms;
    else if (c->state == CONN_OPEN && is_idle(c))
        other = c->shared->draining ? c->drain_ms + LATE_MS : c->since_ms + limits->idle_timeout_ms;
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
    if (c->state == CONN_OPEN && http_conn_is_arriving(c) && !stuck) {
        http_conn_give_up(c, &(struct http_refusal){408, "the request took too long to arrive"});
        http_conn_settle(c);
    } else {
        http_conn_close_with(c, stuck);
    }
}

/* Nothing can be done right now: decide what to wait for. */
static void rest(struct http_conn *c)
{
    if (c->state == CONN_LAST && c->turns.count == 0 && !c->held && c->turns.out.bytes == 0) http_conn_linger(c);
    if (c->state == CONN_OPEN && c->shared->draining && is_idle(c) && !may_ask(c)) http_conn_cut(c);
    if (c->state == CONN_CLOSED) return;
    bool idle = c->state == CONN_OPEN && is_idle(c);
    if (idle && list_empty(&c->idle_link)) {
        c->since_ms = http_conn_now_ms(c);
        list_append(&c->shared->idle, &c->idle_link);
    }
    if (!idle) list_remove(&c->idle_link);
    http_conn_set_reading(c);
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
    counters_set(s->counters, COUNTER_HTTP_QUEUED, (int64_t)s->queued);
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
        http_conn_parse_input(c);
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
    c->drain_ms = http_conn_now_ms(c);
    if (c->state == CONN_OPEN && !http_conn_is_arriving(c) && !is_idle(c)) c->state = CONN_LAST;
    http_conn_wake(c); /* what is idle is looked at there */
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
