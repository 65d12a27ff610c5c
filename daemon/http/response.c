/* SPDX-License-Identifier: MIT */
#include "http/response.h"

#include "base/clock.h"
#include "base/num.h"
#include "format/json_writer.h"
#include "http/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    HEAD_MAX = 1 << 17, /* status line and fields; the handler's own are limited before */
    PROBLEM_MAX = 65536,
    LENGTH_UNKNOWN = -1,
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
    buf_printf(&r->extra, "%s: %s\r\n", name, value);
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

/* How the body's end will be known, and whether the connection goes on behind it (RFC 9112, 6.3 and 9.3). */
static void frame(struct http_request *r, struct buf *head, int64_t len)
{
    bool http10 = r->message.http10, has_length = r->status != 204 && r->status != 304;
    if (len >= 0 && has_length) buf_printf(head, "Content-Length: %lld\r\n", (long long)len);
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

static void queue_head(struct http_request *r, int status, const char *media_type, int64_t len)
{
    http_conn_answering(r->conn, r);
    r->status = status;
    r->bodyless = r->message.method == HTTP_HEAD_ || status == 204 || status == 304;
    struct buf head;
    buf_init(&head, HEAD_MAX);
    buf_printf(&head, "HTTP/1.1 %d %s\r\nServer: cetld\r\nDate: %s\r\n", status, http_status_text(status),
               date(http_conn_shared(r->conn)));
    if (media_type && status != 204 && status != 304) buf_printf(&head, "Content-Type: %s\r\n", media_type);
    if (r->id[0]) buf_printf(&head, "X-Request-Id: %s\r\n", r->id);
    frame(r, &head, len);
    buf_put(&head, buf_slice(&r->extra));
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

void http_answer(struct http_request *r, int status, const char *media_type, struct slice body)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    queue_head(r, status, media_type, (int64_t)body.len);
    if (!r->bodyless) {
        r->body_bytes = body.len;
        queue(r, body);
    }
    end(r);
}

void http_answer_take(struct http_request *r, int status, const char *media_type, char *body, size_t len_bytes)
{
    if (http_conn_is_dead(r->conn)) {
        free(body);
        return;
    }
    assert(r->phase == HTTP_WAITING);
    queue_head(r, status, media_type, (int64_t)len_bytes);
    if (r->bodyless) {
        free(body);
    } else {
        r->body_bytes = len_bytes;
        if (http_outqueue_take(http_conn_queue(r->conn, r), body, len_bytes) < 0) http_conn_spoil(r->conn);
    }
    end(r);
}

void http_begin(struct http_request *r, int status, const char *media_type)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_WAITING);
    r->phase = HTTP_BEGUN;
    queue_head(r, status, media_type, LENGTH_UNKNOWN);
    http_conn_wake(r->conn);
}

bool http_write(struct http_request *r, struct slice bytes)
{
    if (http_conn_is_dead(r->conn)) return true;
    assert(r->phase == HTTP_BEGUN);
    if (r->bodyless || bytes.len == 0) return true; /* an empty chunk would be the last one */
    if (r->chunked) {
        char size[24];
        int n = snprintf(size, sizeof size, "%zx\r\n", bytes.len);
        queue(r, (struct slice){size, (size_t)n});
    }
    queue(r, bytes);
    if (r->chunked) queue(r, SLICE("\r\n"));
    r->body_bytes += bytes.len;
    http_conn_wake(r->conn);
    r->blocked = http_conn_queue(r->conn, r)->bytes > http_conn_shared(r->conn)->limits.queue_max;
    return !r->blocked;
}

void http_on_writable(struct http_request *r, void (*writable)(void *state))
{
    r->writable = writable;
}

void http_end(struct http_request *r, bool complete)
{
    if (http_conn_is_dead(r->conn)) return;
    assert(r->phase == HTTP_BEGUN);
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
    json_write_end(&w);
    size_t len;
    char *text = buf_steal(&body, &len);
    buf_done(&body);
    if (text)
        http_answer_take(r, p->status, "application/problem+json", text, len);
    else
        http_answer(r, p->status, NULL, SLICE(""));
}
