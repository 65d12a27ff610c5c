/* SPDX-License-Identifier: MIT */
#include "http/request.h"

#include "base/ascii.h"
#include "http/conn.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_BLOCK = 4096,
    EXTRA_MAX = 65536,   /* bytes of header fields a handler may add */
    DECODED_FACTOR = 64, /* the arena may hold that many times header_max: 32 bytes for each "&" and copies of what is joined */
};

int http_request_new(struct http_conn *c, struct http_request **ret_request)
{
    const struct http_limits *limits = &http_conn_shared(c)->limits;
    struct http_request *r = calloc(1, sizeof *r);
    if (!r) return -ENOMEM;
    list_init(&r->link);
    r->conn = c;
    r->arena = &r->store;
    arena_init(r->arena, ARENA_BLOCK, limits->header_max * DECODED_FACTOR + 4 * ARENA_BLOCK);
    http_message_init(&r->message, limits->header_max, limits->body_max);
    buf_init(&r->extra, EXTRA_MAX);
    http_outqueue_init(&r->queue);
    *ret_request = r;
    return 0;
}

void http_request_free(struct http_request *r)
{
    if (!r) return;
    list_remove(&r->link);
    http_response_done(r);
    arena_done(r->arena);
    http_message_done(&r->message);
    buf_done(&r->extra);
    http_outqueue_done(&r->queue);
    free(r);
}

void http_request_reset(struct http_request *r)
{
    http_response_done(r);
    arena_reset(r->arena);
    http_message_reset(&r->message);
    buf_reset(&r->extra);
    http_outqueue_done(&r->queue);
    r->target = (struct http_target){0};
    r->captures = 0;
    r->began_us = r->answered_us = 0;
    r->prepared = 0;
    r->route = NULL;
    r->methods = 0;
    r->streamed = r->receives = r->paused = r->continued = false;
    r->received = 0;
    r->id[0] = r->trace[0] = '\0';
    r->identity = NULL;
    r->state = NULL;
    r->gone = r->writable = NULL;
    r->phase = HTTP_WAITING;
    r->status = 0;
    r->chunked = r->bodyless = r->cuts = r->torn = r->blocked = false;
    r->body_bytes = r->ends_at = 0;
    r->queue_max = 0;
}

/* Fit for a log line and for PostgreSQL's application_name. */
static bool id_is_sane(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_' && c != '.') return false;
    }
    return id.len > 0 && id.len <= HTTP_ID_MAX;
}

int http_request_prepare(struct http_request *r, const char *own_id)
{
    struct slice id = http_request_header(r, "X-Request-Id");
    if (!id_is_sane(id)) id = slice_of(own_id);
    memcpy(r->id, id.p, id.len); /* at most HTTP_ID_MAX */
    r->id[id.len] = '\0';
    if (!http_trace_parse(http_request_header(r, "traceparent"), r->trace)) r->trace[0] = '\0';
    return http_target_parse(r->message.target, r->arena, &r->target);
}

enum http_method http_request_method(const struct http_request *r)
{
    return r->message.method;
}

struct slice http_request_target(const struct http_request *r)
{
    return r->message.target;
}

struct slice http_request_path(const struct http_request *r)
{
    return r->target.path;
}

struct slice http_request_segment(const struct http_request *r, unsigned i)
{
    return i < r->target.segments ? r->target.segment[i] : (struct slice){NULL, 0};
}

struct slice http_request_capture(const struct http_request *r, const char *name)
{
    for (unsigned i = 0; i < r->captures; i++)
        if (slice_equal(r->capture[i].name, slice_of(name))) return r->capture[i].value;
    return (struct slice){NULL, 0};
}

struct slice http_request_query(const struct http_request *r, const char *name)
{
    for (unsigned i = 0; i < r->target.parameters; i++)
        if (slice_equal(r->target.parameter[i].name, slice_of(name))) return r->target.parameter[i].value;
    return (struct slice){NULL, 0};
}

bool http_request_query_at(const struct http_request *r, unsigned i, struct slice *ret_name, struct slice *ret_value)
{
    if (i >= r->target.parameters) return false;
    *ret_name = r->target.parameter[i].name;
    *ret_value = r->target.parameter[i].value;
    return true;
}

/* All values of the field that begins at index `from`, with ", " between them. */
static struct slice join(const struct http_request *r, unsigned from, size_t len)
{
    const struct http_message *m = &r->message;
    char *text = arena_alloc(r->arena, len), *to = text;
    if (!text) return (struct slice){NULL, 0};
    for (unsigned i = from; i < m->fields; i++) {
        if (!slice_equal_nocase(m->field[i].name, m->field[from].name)) continue;
        if (to > text) {
            memcpy(to, ", ", 2);
            to += 2;
        }
        memcpy(to, m->field[i].value.p, m->field[i].value.len);
        to += m->field[i].value.len;
    }
    return (struct slice){text, (size_t)(to - text)};
}

struct slice http_request_header(const struct http_request *r, const char *name)
{
    const struct http_message *m = &r->message;
    struct slice wanted = slice_of(name);
    unsigned first = 0, n = 0;
    size_t len = 0;
    for (unsigned i = 0; i < m->fields; i++) {
        if (!slice_equal_nocase(m->field[i].name, wanted)) continue;
        if (n++ == 0) first = i;
        len += m->field[i].value.len + 2;
    }
    if (n == 0) return (struct slice){NULL, 0};
    return n == 1 ? m->field[first].value : join(r, first, len);
}

bool http_request_header_at(const struct http_request *r, unsigned i, struct slice *ret_name, struct slice *ret_value)
{
    if (i >= r->message.fields) return false;
    *ret_name = r->message.field[i].name;
    *ret_value = r->message.field[i].value;
    return true;
}

struct slice http_request_host(const struct http_request *r)
{
    return r->target.authority.p ? r->target.authority : http_request_header(r, "Host");
}

struct slice http_request_body(const struct http_request *r)
{
    return buf_slice(&r->message.body);
}

bool http_request_is_local_socket(const struct http_request *r)
{
    return http_conn_is_local(r->conn);
}

bool http_request_is_half_closed(const struct http_request *r)
{
    return http_conn_is_half_closed(r->conn);
}

bool http_request_is_local(const struct http_request *r)
{
    return http_conn_is_local(r->conn) || http_conn_is_loopback(r->conn);
}

const uint8_t *http_request_address(const struct http_request *r)
{
    return http_conn_address(r->conn);
}

void *http_request_alloc(const struct http_request *r, size_t bytes)
{
    return arena_alloc(r->arena, bytes);
}

void http_request_set_identity(struct http_request *r, const void *identity)
{
    r->identity = identity;
}

const void *http_request_identity(const struct http_request *r)
{
    return r->identity;
}

bool http_request_is_old(const struct http_request *r)
{
    return r->message.http10;
}

const char *http_request_id(const struct http_request *r)
{
    return r->id;
}

const char *http_request_trace(const struct http_request *r)
{
    return r->trace;
}

void http_request_attach(struct http_request *r, void *state, void (*gone)(void *state))
{
    r->state = state;
    r->gone = gone;
}

void *http_request_context(const struct http_request *r)
{
    return http_conn_shared(r->conn)->router->ctx;
}
