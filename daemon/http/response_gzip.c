/* SPDX-License-Identifier: MIT */
#include "http/gzip.h"
#include "http/response_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GZIP_WHOLE = 262144,   /* a body that is packed at once: 2 ms; a larger one goes in pieces */
    GZIP_STREAMS_MAX = 32, /* each has 270 KB; further ones go as they are */
};

struct http_gzip *http_response_packer(struct http_request *r)
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

/* ---- at once ---- */

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

/* ---- piece by piece ---- */

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
    p->gzip = http_response_packer(r);
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

/* ---- whole answers ---- */

/* HEAD: what GET would say, but for the length, which is not known without packing it. */
static bool answer_head(struct http_request *r, int status, const char *media_type)
{
    if (r->message.method != HTTP_HEAD_) return false;
    http_response_head(r, status, media_type, RESPONSE_LENGTH_UNKNOWN, CODING_GZIP);
    http_response_end(r);
    return true;
}

bool http_response_gzip(struct http_request *r, int status, const char *media_type, char *body, size_t len)
{
    if (!answer_head(r, status, media_type)) {
        if (len > GZIP_WHOLE) return answer_packing(r, status, media_type, body, len);
        if (!answer_packed(r, status, media_type, (struct slice){body, len})) return false;
    }
    free(body);
    return true;
}

bool http_response_gzip_copy(struct http_request *r, int status, const char *media_type, struct slice body)
{
    if (body.len <= GZIP_WHOLE) return answer_head(r, status, media_type) || answer_packed(r, status, media_type, body);
    char *copy = malloc(body.len);
    if (copy) memcpy(copy, body.p, body.len);
    if (copy && http_response_gzip(r, status, media_type, copy, body.len)) return true;
    free(copy);
    return false;
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
