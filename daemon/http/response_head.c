/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/num.h"
#include "http/response_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    HEAD_MAX = 1 << 17, /* status line and fields; the handler's own are limited before */
    HEAD_USUAL = 512,
    GZIP_MIN = 1024, /* bytes of a body that is worth it */
};

/* ---- the handler's fields ---- */

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

/* ---- coding ---- */

static bool wants_gzip(const struct http_request *r)
{
    return http_gzip_wanted(http_request_header(r, "Accept-Encoding"));
}

enum coding http_response_coding(const struct http_request *r, const char *media_type, int64_t len)
{
    static const char coded[] = "Content-Encoding: "; /* by its handler */
    if (http_conn_shared(r->conn)->limits.gzip_level == 0 || !http_gzip_fits(media_type)) return CODING_PLAIN;
    if (len != RESPONSE_LENGTH_UNKNOWN && len < GZIP_MIN) return CODING_PLAIN;
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

/* ---- the head ---- */

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

/* A head is made for every answer, and printf would be a third of what a kept answer costs. */
static void put_number(struct buf *head, const char *name, int64_t number)
{
    char text[NUM_I64_MAX];
    size_t len = (size_t)num_write_i64(number, text);
    buf_puts(head, name);
    buf_append(head, text, len);
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
    size_t len = (size_t)num_write_i64(status, text);
    buf_append(head, text, len);
    buf_putc(head, ' ');
    buf_puts(head, http_status_text(status));
    buf_puts(head, "\r\nServer: cetld\r\n");
}

/* How the body's end will be known, and whether the connection goes on behind it (RFC 9112, 6.3 and 9.3). */
static void frame(struct http_request *r, struct buf *head, int64_t len)
{
    bool http10 = r->message.http10, has_length = r->status != 204 && r->status != 304;
    if (len >= 0 && has_length) put_number(head, "Content-Length: ", len);
    if (len == RESPONSE_LENGTH_UNKNOWN && has_length && !http10) {
        r->chunked = !r->bodyless;
        buf_puts(head, "Transfer-Encoding: chunked\r\n");
    }
    if (len == RESPONSE_LENGTH_UNKNOWN && has_length && http10) {
        r->cuts = true;
        http_conn_no_more(r->conn);
    }
    if (r->cuts || http_conn_is_last(r->conn, r))
        buf_puts(head, "Connection: close\r\n");
    else if (http10)
        buf_puts(head, "Connection: keep-alive\r\n");
}

void http_response_head(struct http_request *r, int status, const char *media_type, int64_t len, enum coding coding)
{
    http_conn_answering(r->conn, r);
    r->status = status;
    r->answered_us = clock_mono_us();
    r->bodyless = r->message.method == HTTP_HEAD_ || status == 204 || status == 304;
    struct buf head;
    buf_init(&head, HEAD_MAX);
    (void)!buf_reserve(&head, HEAD_USUAL + r->extra.len);
    put_status(&head, status);
    put_field(&head, "Date: ", date(http_conn_shared(r->conn)));
    if (media_type && status != 204 && status != 304) {
        put_field(&head, "Content-Type: ", media_type);
        buf_puts(&head, "X-Content-Type-Options: nosniff\r\n"); /* rows are anybody's: no browser shall take them for a page */
    }
    if (r->id[0]) put_field(&head, "X-Request-Id: ", r->id);
    frame(r, &head, len);
    put_coding(r, &head, coding);
    buf_puts(&head, "\r\n");
    if (buf_check(&head) < 0 || buf_check(&r->extra) < 0)
        http_conn_spoil(r->conn);
    else
        http_response_queue(r, buf_slice(&head));
    buf_done(&head);
}
