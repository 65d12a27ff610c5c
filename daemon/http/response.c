/* SPDX-License-Identifier: MIT */
#include "format/json_writer.h"
#include "http/gzip.h"
#include "http/response_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROBLEM_MAX = 65536 };

/* ---- whole ---- */

void http_answer(struct http_request *r, int status, const char *media_type, struct slice body)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    enum coding coding = http_response_coding(r, media_type, (int64_t)body.len);
    if (coding == CODING_GZIP && http_response_gzip_copy(r, status, media_type, body)) return;
    http_response_head(r, status, media_type, (int64_t)body.len, coding == CODING_GZIP ? CODING_NONE : coding);
    if (!r->bodyless) {
        r->body_bytes = body.len;
        http_response_queue(r, body);
    }
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
    if (coding == CODING_GZIP && http_response_gzip(r, status, media_type, body, len_bytes)) return;
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
        r->packing.gzip = http_response_packer(r);
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
