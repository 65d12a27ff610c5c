/* SPDX-License-Identifier: MIT */
#include "http/response.h"

#include "base/clock.h"
#include "base/num.h"
#include "format/json_writer.h"
#include "http/conn.h"
#include "http/gzip.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HEAD_MAX = 1 << 17, /* status line and fields; the handler's own are limited before */
    HEAD_USUAL = 512,
    PROBLEM_MAX = 65536,
    LENGTH_UNKNOWN = -1,
    GZIP_MIN = 1024,     /* bytes of a body that is worth it */
    GZIP_WHOLE = 262144, /* one that is packed at once: 2 ms; a larger one goes in pieces */
    GZIP_PIECE = 65536,
    GZIP_STREAMS_MAX = 32, /* each has 270 KB; further ones go as they are */
};

static bool is_field_text(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && *text != '\t') return false;
    return true;
}

void http_header(struct http_request *r, const char *name, const char *value)
{
    assert(r->phase == HTTP_WAITING);
    if (!is_field_text(name) || !is_field_text(value)) return;
    buf_puts(&r->extra, name);
    buf_puts(&r->extra, ": ");
    buf_puts(&r->extra, value);
    buf_puts(&r->extra, "\r\n");
}

struct slice http_header_lines(const struct http_request *r)
{
    if (buf_check(&r->extra) < 0 || r->own_lines > r->extra.len) return (struct slice){NULL, 0};
    return (struct slice){r->extra.data + r->own_lines, r->extra.len - r->own_lines};
}

void http_header_put_lines(struct http_request *r, struct slice lines)
{
    assert(r->phase == HTTP_WAITING);
    buf_put(&r->extra, lines);
}

/* IMF-fixdate (RFC 9110, 5.6.7), made once a second. Not strftime: its names follow the locale. */
static const char *date(struct http_shared *s)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now_s = clock_real_us() / 1000000;
    if (now_s == s->date_s) return s->date;
    time_t t = (time_t)now_s;
    struct tm tm;
    if (!gmtime_r(&t, &tm)) return s->date;
    snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday % 100, months[tm.tm_mon],
             (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
    s->date_s = now_s;
    return s->date;
}

static void queue(struct http_request *r, struct slice bytes)
{
    if (http_outqueue_put(http_conn_queue(r->conn, r), bytes) < 0) http_conn_spoil(r->conn);
}

/* A head is made for every answer, and printf would be a third of what a kept answer costs. */
static void put_number(struct buf *head, const char *name, int64_t number)
{
    char text[NUM_I64_MAX];
    buf_puts(head, name);
    buf_append(head, text, (size_t)num_write_i64(number, text));
    buf_puts(head, "\r\n");
}

static void put_field(struct buf *head, const char *name, const char *value)
{
    buf_puts(head, name);
    buf_puts(head, value);
    buf_puts(head, "\r\n");
}

static void put_status(struct buf *head, int status)
{
    char text[NUM_I64_MAX];
    buf_puts(head, "HTTP/1.1 ");
    buf_append(head, text, (size_t)num_write_i64(status, text));
    buf_putc(head, ' ');
    buf_puts(head, http_status_text(status));
    buf_puts(head, "\r\nServer: cetld\r\n");
}

/* How the body's end will be known, and whether the connection goes on behind it (RFC 9112, 6.3 and 9.3). */
static void frame(struct http_request *r, struct buf *head, int64_t len)
{
    bool http10 = r->message.http10, has_length = r->status != 204 && r->status != 304;
    if (len >= 0 && has_length) put_number(head, "Content-Length: ", len);
    if (len == LENGTH_UNKNOWN && has_length && !http10) {
        r->chunked = !r->bodyless;
        buf_puts(head, "Transfer-Encoding: chunked\r\n");
    }
    if (len == LENGTH_UNKNOWN && has_length && http10) {
        r->cuts = true;
        http_conn_no_more(r->conn);
    }
    if (r->cuts || http_conn_is_last(r->conn, r))
        buf_puts(head, "Connection: close\r\n");
    else if (http10)
        buf_puts(head, "Connection: keep-alive\r\n");
}

/* ---- gzip ---- */

enum coding {
    CODING_PLAIN, /* whatever the client would like */
    CODING_NONE,  /* this client likes the plain bytes, another would get gzip */
    CODING_GZIP,
};

static bool wants_gzip(const struct http_request *r)
{
    return http_gzip_wanted(http_request_header(r, "Accept-Encoding"));
}

static enum coding coding_of(const struct http_request *r, const char *media_type, int64_t len)
{
    static const char coded[] = "Content-Encoding: "; /* by its handler */
    if (http_conn_shared(r->conn)->limits.gzip_level == 0 || !http_gzip_fits(media_type)) return CODING_PLAIN;
    if (len != LENGTH_UNKNOWN && len < GZIP_MIN) return CODING_PLAIN;
    if (r->extra.len > 0 && memmem(r->extra.data, r->extra.len, coded, sizeof coded - 1)) return CODING_PLAIN;
    return wants_gzip(r) ? CODING_GZIP : CODING_NONE;
}

/* What is packed is not the same byte by byte, so its validator is a weak one (RFC 9110, 8.8.3.3). */
static void put_extra(struct buf *head, struct slice extra, bool weaken)
{
    static const struct slice strong = {"ETag: \"", 7};
    if (!weaken) return buf_put(head, extra);
    while (extra.len > 0) {
        struct slice line = slice_cut(&extra, '\n');
        if (line.len >= strong.len && slice_equal_nocase((struct slice){line.p, strong.len}, strong)) {
            buf_puts(head, "ETag: W/\"");
            line = (struct slice){line.p + strong.len, line.len - strong.len};
        }
        buf_put(head, line);
        buf_putc(head, '\n');
    }
}

static void put_coding(const struct http_request *r, struct buf *head, enum coding coding)
{
    bool on = http_conn_shared(r->conn)->limits.gzip_level > 0, unchanged = r->status == 304 && on;
    if (coding != CODING_PLAIN || unchanged) buf_puts(head, "Vary: Accept-Encoding\r\n");
    if (coding == CODING_GZIP) buf_puts(head, "Content-Encoding: gzip\r\n");
    put_extra(head, buf_slice(&r->extra), coding == CODING_GZIP || (unchanged && wants_gzip(r)));
}

static void queue_head(struct http_request *r, int status, const char *media_type, int64_t len, enum coding coding)
{
    http_conn_answering(r->conn, r);
    r->status = status;
    r->bodyless = r->message.method == HTTP_HEAD_ || status == 204 || status == 304;
    struct buf head;
    buf_init(&head, HEAD_MAX);
    (void)!buf_reserve(&head, HEAD_USUAL + r->extra.len);
    put_status(&head, status);
    put_field(&head, "Date: ", date(http_conn_shared(r->conn)));
    if (media_type && status != 204 && status != 304) put_field(&head, "Content-Type: ", media_type);
    if (r->id[0]) put_field(&head, "X-Request-Id: ", r->id);
    frame(r, &head, len);
    put_coding(r, &head, coding);
    buf_puts(&head, "\r\n");
    if (buf_check(&head) < 0 || buf_check(&r->extra) < 0)
        http_conn_spoil(r->conn);
    else
        queue(r, buf_slice(&head));
    buf_done(&head);
}

static void end(struct http_request *r)
{
    r->phase = HTTP_ENDED;
    http_conn_wake(r->conn);
}

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
    buf_init(&out, body.len + GZIP_PIECE);
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
    queue_head(r, status, media_type, (int64_t)len, CODING_GZIP);
    r->body_bytes = len;
    if (http_outqueue_take(http_conn_queue(r->conn, r), packed, len) < 0) http_conn_spoil(r->conn);
    end(r);
    return true;
}

static void pack_piece(struct loop_deferred *turn)
{
    struct http_packing *p = container_of(turn, struct http_packing, turn);
    struct http_request *r = container_of(p, struct http_request, packing);
    if (http_conn_is_dead(r->conn)) return;
    size_t n = p->len - p->at < GZIP_PIECE ? p->len - p->at : GZIP_PIECE;
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
    queue_head(r, status, media_type, LENGTH_UNKNOWN, CODING_GZIP);
    http_conn_wake(r->conn);
    return true;
}

/* HEAD: what GET would say, but for the length, which is not known without packing it. */
static bool answer_head(struct http_request *r, int status, const char *media_type)
{
    if (r->message.method != HTTP_HEAD_) return false;
    queue_head(r, status, media_type, LENGTH_UNKNOWN, CODING_GZIP);
    end(r);
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
    enum coding coding = coding_of(r, media_type, (int64_t)body.len);
    if (coding == CODING_GZIP && body.len <= GZIP_WHOLE) {
        if (answer_head(r, status, media_type) || answer_packed(r, status, media_type, body)) return;
    } else if (coding == CODING_GZIP) {
        char *copy = malloc(body.len);
        if (copy) memcpy(copy, body.p, body.len);
        if (copy && answer_gzip(r, status, media_type, copy, body.len)) return;
        free(copy);
    }
    queue_head(r, status, media_type, (int64_t)body.len, coding == CODING_GZIP ? CODING_NONE : coding);
    if (!r->bodyless) {
        r->body_bytes = body.len;
        queue(r, body);
    }
    end(r);
}

void http_answer_kept(struct http_request *r, int status, const char *media_type, struct http_kept *kept)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    bool whole = kept->body.len <= GZIP_WHOLE && r->message.method != HTTP_HEAD_;
    if (!whole || coding_of(r, media_type, (int64_t)kept->body.len) != CODING_GZIP)
        return http_answer(r, status, media_type, kept->body);
    if (!kept->packed && !kept->stays) {
        kept->packed = pack(http_conn_shared(r->conn), kept->body, &kept->packed_len);
        kept->stays = !kept->packed;
    }
    struct slice body = kept->packed ? (struct slice){kept->packed, kept->packed_len} : kept->body;
    queue_head(r, status, media_type, (int64_t)body.len, kept->packed ? CODING_GZIP : CODING_NONE);
    r->body_bytes = body.len;
    queue(r, body);
    end(r);
}

void http_answer_take(struct http_request *r, int status, const char *media_type, char *body, size_t len_bytes)
{
    if (http_conn_is_dead(r->conn)) {
        free(body);
        return;
    }
    assert(r->phase == HTTP_WAITING);
    enum coding coding = coding_of(r, media_type, (int64_t)len_bytes);
    if (coding == CODING_GZIP && answer_gzip(r, status, media_type, body, len_bytes)) return;
    if (coding == CODING_GZIP) coding = CODING_NONE;
    queue_head(r, status, media_type, (int64_t)len_bytes, coding);
    if (r->bodyless) {
        free(body);
    } else {
        r->body_bytes = len_bytes;
        if (http_outqueue_take(http_conn_queue(r->conn, r), body, len_bytes) < 0) http_conn_spoil(r->conn);
    }
    end(r);
}

/* ---- streams ---- */

void http_begin(struct http_request *r, int status, const char *media_type)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    r->phase = HTTP_BEGUN;
    enum coding coding = coding_of(r, media_type, LENGTH_UNKNOWN);
    bool body = r->message.method != HTTP_HEAD_ && status != 204 && status != 304;
    if (coding == CODING_GZIP && body) {
        r->packing.gzip = packer(r);
        if (!r->packing.gzip) coding = CODING_NONE;
    }
    queue_head(r, status, media_type, LENGTH_UNKNOWN, coding);
    http_conn_wake(r->conn);
}

static void queue_chunk(struct http_request *r, struct slice bytes)
{
    if (bytes.len == 0) return; /* an empty chunk would be the last one */
    if (r->chunked) {
        char size[24];
        int n = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
        queue(r, (struct slice){size, (size_t)n});
    }
    queue(r, bytes);
    if (r->chunked) queue(r, SLICE("\r\n"));
    r->body_bytes += bytes.len;
}

static void queue_packed(struct http_request *r, struct slice bytes, bool last)
{
    struct buf out;
    buf_init(&out, bytes.len + bytes.len / 8 + GZIP_PIECE);
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
        queue(r, SLICE("0\r\n\r\n"));
    }
    r->torn = !complete;
    end(r);
}

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
