/* SPDX-License-Identifier: MIT */
#include "format/json_writer.h"
#include "http/gzip.h"
#include "http/response_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PROBLEM_MAX = 65536,
    GZIP_WHOLE = 262144,   /* one that is packed at once: 2 ms; a larger one goes in pieces */
    GZIP_STREAMS_MAX = 32, /* each has 270 KB; further ones go as they are */
};

/* ---- gzip ---- */

/* For a stream of its own. NULL: there are too many, or no memory; then it goes as it is. */
static struct http_gzip *packer(struct http_request *r)
{
    struct http_shared *s = http_conn_shared(r->conn);
    struct http_gzip *g = NULL;
    if (s->packing == GZIP_STREAMS_MAX || http_gzip_new(s->limits.gzip_level, &g) < 0) return NULL;
    s->packing++;
    return g;
}

void http_response_done(struct http_request *r)
{
    struct http_packing *p = &r->packing;
    if (!p->gzip) return;
    http_conn_shared(r->conn)->packing--;
    http_gzip_free(p->gzip);
    free(p->body);
    if (p->body) loop_undefer(&p->turn);
    *p = (struct http_packing){0};
}

/* ---- whole ---- */

/* All at once; malloc'd. NULL: there is no memory, or it would not get smaller. */
static char *pack(struct http_shared *s, struct slice body, size_t *ret_len)
{
    if (!s->gzip && http_gzip_new(s->limits.gzip_level, &s->gzip) < 0) return NULL;
    struct buf out;
    buf_init(&out, body.len + RESPONSE_PIECE);
    http_gzip_reset(s->gzip);
    http_gzip_put(s->gzip, body, true, &out);
    char *packed = buf_check(&out) == 0 && out.len < body.len ? buf_steal(&out, ret_len) : NULL;
    buf_done(&out);
    return packed;
}

static bool answer_packed(struct http_request *r, int status, const char *media_type, struct slice body)
{
    size_t len;
    char *packed = pack(http_conn_shared(r->conn), body, &len);
    if (!packed) return false;
    http_response_head(r, status, media_type, (int64_t)len, CODING_GZIP);
    r->body_bytes = len;
    if (http_outqueue_take(http_conn_queue(r->conn, r), packed, len) < 0) http_conn_spoil(r->conn);
    http_response_end(r);
    return true;
}

static void pack_piece(struct loop_deferred *turn)
{
    struct http_packing *p = container_of(turn, struct http_packing, turn);
    struct http_request *r = container_of(p, struct http_request, packing);
    if (http_conn_is_dead(r->conn)) return;
    size_t n = p->len - p->at < RESPONSE_PIECE ? p->len - p->at : RESPONSE_PIECE;
    struct slice piece = {p->body + p->at, n};
    p->at += n;
    bool more = http_write(r, piece);
    if (p->at == p->len)
        http_end(r, true);
    else if (more)
        loop_defer(http_conn_shared(r->conn)->loop, &p->turn);
}

bool http_response_writable(struct http_request *r)
{
    if (!r->packing.body) return false;
    loop_defer(http_conn_shared(r->conn)->loop, &r->packing.turn);
    return true;
}

/* The body is packed while it is sent. False: as it is, please. */
static bool answer_packing(struct http_request *r, int status, const char *media_type, char *body, size_t len)
{
    struct http_packing *p = &r->packing;
    p->gzip = packer(r);
    if (!p->gzip) return false;
    p->body = body;
    p->len = len;
    loop_deferred_init(&p->turn, pack_piece);
    loop_defer(http_conn_shared(r->conn)->loop, &p->turn);
    r->phase = HTTP_BEGUN;
    http_response_head(r, status, media_type, RESPONSE_LENGTH_UNKNOWN, CODING_GZIP);
    http_conn_wake(r->conn);
    return true;
}

/* HEAD: what GET would say, but for the length, which is not known without packing it. */
static bool answer_head(struct http_request *r, int status, const char *media_type)
{
    if (r->message.method != HTTP_HEAD_) return false;
    http_response_head(r, status, media_type, RESPONSE_LENGTH_UNKNOWN, CODING_GZIP);
    http_response_end(r);
    return true;
}

/* Takes the body, unless it is false. */
static bool answer_gzip(struct http_request *r, int status, const char *media_type, char *body, size_t len)
{
    if (!answer_head(r, status, media_type)) {
        if (len > GZIP_WHOLE) return answer_packing(r, status, media_type, body, len);
        if (!answer_packed(r, status, media_type, (struct slice){body, len})) return false;
    }
    free(body);
    return true;
}

void http_answer(struct http_request *r, int status, const char *media_type, struct slice body)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    enum coding coding = http_response_coding(r, media_type, (int64_t)body.len);
    if (coding == CODING_GZIP && body.len <= GZIP_WHOLE) {
        if (answer_head(r, status, media_type) || answer_packed(r, status, media_type, body)) return;
    } else if (coding == CODING_GZIP) {
        char *copy = malloc(body.len);
        if (copy) memcpy(copy, body.p, body.len);
        if (copy && answer_gzip(r, status, media_type, copy, body.len)) return;
        free(copy);
    }
    http_response_head(r, status, media_type, (int64_t)body.len, coding == CODING_GZIP ? CODING_NONE : coding);
    if (!r->bodyless) {
        r->body_bytes = body.len;
        http_response_queue(r, body);
    }
    http_response_end(r);
}

void http_answer_kept(struct http_request *r, int status, const char *media_type, struct http_kept *kept)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    bool whole = kept->body.len <= GZIP_WHOLE && r->message.method != HTTP_HEAD_;
    if (!whole || http_response_coding(r, media_type, (int64_t)kept->body.len) != CODING_GZIP)
        return http_answer(r, status, media_type, kept->body);
    if (!kept->packed && !kept->stays) {
        kept->packed = pack(http_conn_shared(r->conn), kept->body, &kept->packed_len);
        kept->stays = !kept->packed;
    }
    struct slice body = kept->packed ? (struct slice){kept->packed, kept->packed_len} : kept->body;
    http_response_head(r, status, media_type, (int64_t)body.len, kept->packed ? CODING_GZIP : CODING_NONE);
    r->body_bytes = body.len;
    http_response_queue(r, body);
    http_response_end(r);
}

void http_answer_take(struct http_request *r, int status, const char *media_type, char *body, size_t len_bytes)
{
    if (http_conn_is_dead(r->conn)) {
        free(body);
        return;
    }
    assert(r->phase == HTTP_WAITING);
    enum coding coding = http_response_coding(r, media_type, (int64_t)len_bytes);
    if (coding == CODING_GZIP && answer_gzip(r, status, media_type, body, len_bytes)) return;
    if (coding == CODING_GZIP) coding = CODING_NONE;
    http_response_head(r, status, media_type, (int64_t)len_bytes, coding);
    if (r->bodyless) {
        free(body);
    } else {
        r->body_bytes = len_bytes;
        if (http_outqueue_take(http_conn_queue(r->conn, r), body, len_bytes) < 0) http_conn_spoil(r->conn);
    }
    http_response_end(r);
}

/* ---- streams ---- */

void http_begin(struct http_request *r, int status, const char *media_type)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    r->phase = HTTP_BEGUN;
    enum coding coding = http_response_coding(r, media_type, RESPONSE_LENGTH_UNKNOWN);
    bool body = r->message.method != HTTP_HEAD_ && status != 204 && status != 304;
    if (coding == CODING_GZIP && body) {
        r->packing.gzip = packer(r);
        if (!r->packing.gzip) coding = CODING_NONE;
    }
    http_response_head(r, status, media_type, RESPONSE_LENGTH_UNKNOWN, coding);
    http_conn_wake(r->conn);
}

static void queue_chunk(struct http_request *r, struct slice bytes)
{
    if (bytes.len == 0) return; /* an empty chunk would be the last one */
    if (r->chunked) {
        char size[24];
        int n = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
        http_response_queue(r, (struct slice){size, (size_t)n});
    }
    http_response_queue(r, bytes);
    if (r->chunked) http_response_queue(r, SLICE("\r\n"));
    r->body_bytes += bytes.len;
}

static void queue_packed(struct http_request *r, struct slice bytes, bool last)
{
    struct buf out;
    buf_init(&out, bytes.len + bytes.len / 8 + RESPONSE_PIECE);
    http_gzip_put(r->packing.gzip, bytes, last, &out);
    if (buf_check(&out) == 0)
        queue_chunk(r, buf_slice(&out));
    else
        http_conn_spoil(r->conn);
    buf_done(&out);
}

bool http_write(struct http_request *r, struct slice bytes)
{
    if (http_conn_is_dead(r->conn)) return true;
    assert(r->phase == HTTP_BEGUN);
    if (r->bodyless || bytes.len == 0) return true;
    if (r->packing.gzip)
        queue_packed(r, bytes, false);
    else
        queue_chunk(r, bytes);
    http_conn_wake(r->conn);
    r->blocked = http_conn_queue(r->conn, r)->bytes > http_request_queue_max(r);
    return !r->blocked;
}

void http_limit_queue(struct http_request *r, size_t queue_max)
{
    r->queue_max = queue_max;
}

size_t http_request_queue_max(const struct http_request *r)
{
    size_t most = http_conn_shared(r->conn)->limits.queue_max;
    return r->queue_max && r->queue_max < most ? r->queue_max : most;
}

void http_on_writable(struct http_request *r, void (*writable)(void *state))
{
    r->writable = writable;
}

void http_end(struct http_request *r, bool complete)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_BEGUN);
    if (complete && r->packing.gzip && !r->bodyless) queue_packed(r, SLICE(""), true);
    if (!complete) {
        r->cuts = true;
        http_conn_no_more(r->conn);
    } else if (r->chunked) {
        http_response_queue(r, SLICE("0\r\n\r\n"));
    }
    r->torn = !complete;
    http_response_end(r);
}

/* ---- problems ---- */

void http_problem(struct http_request *r, const struct http_problem *p)
{
    if (http_conn_is_dead(r->conn)) return;
    char code[16];
    snprintf(code, sizeof code, "%d", p->status);
    struct buf body;
    buf_init(&body, PROBLEM_MAX);
    struct json_writer w;
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_field_text(&w, "type", "about:blank");
    json_write_field_text(&w, "title", http_status_text(p->status));
    json_write_field_int(&w, "status", p->status);
    json_write_field_text(&w, "detail", p->message);
    json_write_field_slice(&w, "instance", http_request_path(r));
    json_write_field_text(&w, "code", p->code ? p->code : code);
    json_write_field_text(&w, "message", p->message);
    json_write_field_text(&w, "details", p->details);
    json_write_field_text(&w, "hint", p->hint);
    if (p->members && p->members[0]) buf_printf(&body, ",%s", p->members);
    json_write_end(&w);
    size_t len;
    char *text = buf_steal(&body, &len);
    buf_done(&body);
    if (text)
        http_answer_take(r, p->status, "application/problem+json", text, len);
    else
        http_answer(r, p->status, NULL, SLICE(""));
}
