/* SPDX-License-Identifier: MIT */
#include "http/parser.h"

#include "base/ascii.h"
#include "base/num.h"
#include "http/parameters.h"
#include "http/target.h"

void http_message_init(struct http_message *m, size_t head_max, size_t body_max)
{
    *m = (struct http_message){0};
    buf_init(&m->head, head_max);
    buf_init(&m->body, body_max);
}

void http_message_done(struct http_message *m)
{
    buf_done(&m->head);
    buf_done(&m->body);
}

void http_message_reset(struct http_message *m)
{
    /* A large body's memory is not kept for a request that may never come. */
    buf_reset(&m->head);
    buf_done(&m->body);
    m->method = HTTP_GET_;
    m->target = (struct slice){NULL, 0};
    m->fields = 0;
    m->http10 = m->keep_alive = m->wants_continue = m->chunked = false;
    m->content_length = 0;
}

static const char too_large[] = "the body is larger than this server takes";

static enum http_parsed refuse(struct http_parser *p, int status, const char *why)
{
    p->refusal = (struct http_refusal){status, why};
    return HTTP_PARSED_REFUSED;
}

/* ---- the request line ---- */

static const char *const methods[HTTP_METHOD_N] = {
    [HTTP_GET_] = "GET",     [HTTP_HEAD_] = "HEAD",     [HTTP_POST_] = "POST",       [HTTP_PUT_] = "PUT",
    [HTTP_PATCH_] = "PATCH", [HTTP_DELETE_] = "DELETE", [HTTP_OPTIONS_] = "OPTIONS",
};

const char *http_method_text(enum http_method m)
{
    return methods[m];
}

static bool method_of(struct slice name, enum http_method *ret_method)
{
    for (int i = 0; i < HTTP_METHOD_N; i++) {
        if (!slice_equal(name, slice_of(methods[i]))) continue;
        *ret_method = (enum http_method)i;
        return true;
    }
    return false;
}

/* uri-host [ ":" port ], RFC 3986: no user, path, query or white space. */
static bool host_is_sound(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.p[i];
        if (!ascii_is_alnum(c) && (c == '\0' || !strchr("-._~%!$&'()*+,;=:[]", c))) return false;
    }
    return true;
}

/* origin-form, absolute-form, and "*" for OPTIONS (RFC 9112, 3.2). */
static bool target_is_sound(enum http_method method, struct slice target)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.p[i] <= ' ' || target.p[i] >= 0x7f || target.p[i] == '#') return false;
    if (target.len > 0 && target.p[0] == '/') return true;
    if (slice_equal(target, SLICE("*"))) return method == HTTP_OPTIONS_;
    struct slice authority = http_target_authority(target);
    return authority.len > 0 && authority.p[0] != ':' && host_is_sound(authority);
}

static enum http_parsed read_request_line(struct http_parser *p, struct slice line)
{
    struct http_message *m = p->message;
    struct slice rest = line, method = slice_cut(&rest, ' '), target = slice_cut(&rest, ' '), version = rest;
    if (!http_is_token(method) || version.len != 8 || !slice_starts(version, SLICE("HTTP/")) || !ascii_is_digit(version.p[5]) ||
        version.p[6] != '.' || !ascii_is_digit(version.p[7]))
        return refuse(p, 400, "the first line is no request line such as: GET /status HTTP/1.1");
    m->http10 = slice_equal(version, SLICE("HTTP/1.0"));
    if (!m->http10 && !slice_equal(version, SLICE("HTTP/1.1"))) return refuse(p, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (!method_of(method, &m->method)) return refuse(p, 501, "the method is not known here");
    if (!target_is_sound(m->method, target))
        return refuse(p, 400, "the request target is no path, or holds characters that must be percent-encoded");
    /* RFC 9110, 7.4: an https resource is none that this connection may give. */
    if (http_target_is_https(target)) return refuse(p, 421, "an https address cannot be asked for without TLS");
    m->target = target;
    return HTTP_PARSED_HEAD;
}

/* ---- the fields ---- */

static int on_field(llhttp_t *l, const char *at, size_t len)
{
    struct http_parser *p = l->data;
    struct http_message *m = p->message;
    if (p->name_ended || m->fields == 0) {
        if (m->fields == HTTP_FIELDS_MAX) {
            refuse(p, 431, "too many header fields");
            return -1;
        }
        m->field[m->fields++] = (struct http_field){.name = {at, 0}};
        p->name_ended = false;
    }
    m->field[m->fields - 1].name.len += len;
    return 0;
}

static int on_field_ended(llhttp_t *l)
{
    ((struct http_parser *)l->data)->name_ended = true;
    return 0;
}

static int on_value(llhttp_t *l, const char *at, size_t len)
{
    struct http_parser *p = l->data;
    struct slice *value = &p->message->field[p->message->fields - 1].value;
    if (!value->p) value->p = at;
    value->len = (size_t)(at + len - value->p);
    return 0;
}

static int on_head(llhttp_t *l)
{
    (void)l;
    return HPE_PAUSED; /* llhttp is done; bodies are read here */
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_field_complete = on_field_ended,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
};

static enum http_parsed read_fields(struct http_parser *p, struct slice head)
{
    struct http_message *m = p->message;
    llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
    p->llhttp.data = p;
    p->name_ended = false;
    if (llhttp_execute(&p->llhttp, head.p, head.len) != HPE_PAUSED)
        return p->refusal.status ? HTTP_PARSED_REFUSED : refuse(p, 400, "the header fields are not as HTTP/1.1 has them");
    for (unsigned i = 0; i < m->fields; i++) {
        /* llhttp 8 lets spaces pass in names. */
        if (!http_is_token(m->field[i].name)) return refuse(p, 400, "a header field's name is no token");
        m->field[i].value = slice_trim(m->field[i].value);
        if (!m->field[i].value.p) m->field[i].value.p = "";
    }
    return HTTP_PARSED_HEAD;
}

/* ---- what the fields say about the message itself ---- */

enum known { KNOWN_HOST, KNOWN_LENGTH, KNOWN_CODING, KNOWN_EXPECT, KNOWN_CONNECTION, KNOWN_N };
static const char *const known_names[KNOWN_N] = {"host", "content-length", "transfer-encoding", "expect", "connection"};

struct framing {
    unsigned count[KNOWN_N];
    struct slice last[KNOWN_N];
    bool says_close, says_keep_alive;
};

static void read_connection_options(struct framing *f, struct slice list)
{
    while (list.p) {
        struct slice option = slice_trim(slice_cut(&list, ','));
        if (slice_equal_nocase(option, SLICE("close"))) f->says_close = true;
        if (slice_equal_nocase(option, SLICE("keep-alive"))) f->says_keep_alive = true;
    }
}

static void survey(const struct http_message *m, struct framing *ret_framing)
{
    *ret_framing = (struct framing){0};
    for (unsigned i = 0; i < m->fields; i++) {
        for (int k = 0; k < KNOWN_N; k++) {
            if (!slice_equal_nocase(m->field[i].name, slice_of(known_names[k]))) continue;
            ret_framing->count[k]++;
            ret_framing->last[k] = m->field[i].value;
            if (k == KNOWN_CONNECTION) read_connection_options(ret_framing, m->field[i].value);
        }
    }
}

static enum http_parsed read_length(struct http_parser *p, struct slice text)
{
    struct http_message *m = p->message;
    int r = num_parse_u64(text, &m->content_length);
    if (r == NUM_E_SYNTAX) return refuse(p, 400, "Content-Length is no number");
    if (r != 0) return refuse(p, 413, too_large);
    return HTTP_PARSED_HEAD;
}

static enum http_parsed read_coding(struct http_parser *p, const struct framing *f)
{
    if (p->message->http10) return refuse(p, 400, "Transfer-Encoding in a request of HTTP/1.0");
    if (f->count[KNOWN_CODING] > 1) return refuse(p, 400, "more than one Transfer-Encoding");
    struct slice rest = f->last[KNOWN_CODING], coding = {NULL, 0};
    unsigned codings = 0;
    for (; rest.p; codings++)
        coding = slice_trim(slice_cut(&rest, ','));
    if (!slice_equal_nocase(coding, SLICE("chunked"))) return refuse(p, 400, "the last transfer coding must be chunked");
    if (codings > 1) return refuse(p, 501, "the only transfer coding known here is chunked");
    p->message->chunked = true;
    return HTTP_PARSED_HEAD;
}

static enum http_parsed read_framing(struct http_parser *p)
{
    struct http_message *m = p->message;
    struct framing f;
    survey(m, &f);
    if (f.count[KNOWN_HOST] > 1 || (f.count[KNOWN_HOST] == 0 && !m->http10))
        return refuse(p, 400, "a request needs exactly one Host field");
    if (!host_is_sound(f.last[KNOWN_HOST])) return refuse(p, 400, "the Host field is no host and port");
    if (f.count[KNOWN_LENGTH] > 1) return refuse(p, 400, "more than one Content-Length");
    if (f.count[KNOWN_LENGTH] && f.count[KNOWN_CODING]) return refuse(p, 400, "Content-Length beside Transfer-Encoding");
    m->keep_alive = m->http10 ? f.says_keep_alive && !f.says_close : !f.says_close;
    enum http_parsed r = HTTP_PARSED_HEAD;
    if (f.count[KNOWN_CODING])
        r = read_coding(p, &f);
    else if (f.count[KNOWN_LENGTH])
        r = read_length(p, f.last[KNOWN_LENGTH]);
    if (r != HTTP_PARSED_HEAD) return r;
    if (f.count[KNOWN_EXPECT] && !slice_equal_nocase(f.last[KNOWN_EXPECT], SLICE("100-continue")))
        return refuse(p, 417, "the only expectation known here is 100-continue");
    m->wants_continue = f.count[KNOWN_EXPECT] > 0 && !m->http10 && (m->chunked || m->content_length > 0);
    return HTTP_PARSED_HEAD;
}

/* ---- feeding ---- */

void http_parser_begin(struct http_parser *p, struct http_message *m)
{
    p->message = m;
    p->phase = PARSER_HEAD;
    p->refusal = (struct http_refusal){0};
    p->streams = false;
    http_head_guard_init(&p->guard);
}

static enum http_parsed read_head(struct http_parser *p)
{
    struct slice head = buf_slice(&p->message->head);
    while (head.len > 0 && (head.p[0] == '\r' || head.p[0] == '\n'))
        head.p++, head.len--;
    struct slice rest = head, line = slice_cut(&rest, '\r');
    enum http_parsed r = read_request_line(p, line);
    if (r == HTTP_PARSED_HEAD) r = read_fields(p, head);
    if (r == HTTP_PARSED_HEAD) r = read_framing(p);
    if (r != HTTP_PARSED_HEAD) return r;
    p->left = p->message->content_length;
    p->phase = p->message->chunked ? PARSER_CHUNKED : p->left > 0 ? PARSER_COUNTED : PARSER_WHOLE;
    if (p->message->chunked) http_chunked_init(&p->chunks);
    return HTTP_PARSED_HEAD;
}

/* Does the request line end within the ceiling? `came` did not fit behind what is there. */
static bool has_line(const struct buf *head, struct slice came)
{
    size_t room = head->max - head->len, n = came.len < room ? came.len : room;
    return (head->len > 0 && memchr(head->data, '\r', head->len)) || (n > 0 && memchr(came.p, '\r', n));
}

static enum http_parsed feed_head(struct http_parser *p, struct slice *bytes)
{
    struct buf *head = &p->message->head;
    size_t used;
    enum http_head_verdict verdict = http_head_guard_feed(&p->guard, *bytes, &used);
    struct slice came = {bytes->p, used};
    buf_append(head, bytes->p, used);
    bytes->p += used;
    bytes->len -= used;
    if (http_parser_idle(p)) buf_reset(head); /* empty lines before a request, however many */
    int r = buf_check(head);
    if (r == ERROR_TOO_BIG && !has_line(head, came)) return refuse(p, 414, "the request line is longer than this server takes");
    if (r == ERROR_TOO_BIG) return refuse(p, 431, "the header is larger than this server takes");
    if (r < 0) return refuse(p, 503, "out of memory");
    if (verdict == HTTP_HEAD_BAD) return refuse(p, 400, http_head_guard_why(&p->guard));
    return verdict == HTTP_HEAD_END ? read_head(p) : HTTP_PARSED_MORE;
}

static enum http_parsed add_body(struct http_parser *p, struct slice data)
{
    if (p->streams) {
        p->data = data;
        return data.len > 0 ? HTTP_PARSED_DATA : HTTP_PARSED_MORE;
    }
    buf_put(&p->message->body, data);
    int r = buf_check(&p->message->body);
    if (r == ERROR_TOO_BIG) return refuse(p, 413, too_large);
    return r < 0 ? refuse(p, 503, "out of memory") : HTTP_PARSED_MORE;
}

static enum http_parsed feed_counted(struct http_parser *p, struct slice *bytes)
{
    size_t n = p->left < bytes->len ? (size_t)p->left : bytes->len;
    if (!p->streams && p->left > p->message->body.max - p->message->body.len) return refuse(p, 413, too_large);
    enum http_parsed r = add_body(p, (struct slice){bytes->p, n});
    bytes->p += n;
    bytes->len -= n;
    p->left -= n;
    if (p->left > 0 || r == HTTP_PARSED_REFUSED) return r;
    p->phase = PARSER_WHOLE;
    return r == HTTP_PARSED_DATA ? r : HTTP_PARSED_WHOLE;
}

static enum http_parsed feed_chunked(struct http_parser *p, struct slice *bytes)
{
    for (;;) {
        struct slice data;
        enum http_parsed r = HTTP_PARSED_MORE;
        switch (http_chunked_feed(&p->chunks, bytes, &data)) {
        case HTTP_CHUNKED_MORE: return HTTP_PARSED_MORE;
        case HTTP_CHUNKED_BAD: return refuse(p, 400, p->chunks.why);
        case HTTP_CHUNKED_END: p->phase = PARSER_WHOLE; return HTTP_PARSED_WHOLE;
        case HTTP_CHUNKED_DATA: r = add_body(p, data); break;
        }
        if (r != HTTP_PARSED_MORE) return r;
    }
}

enum http_parsed http_parser_feed(struct http_parser *p, struct slice *bytes)
{
    switch (p->phase) {
    case PARSER_HEAD: return feed_head(p, bytes);
    case PARSER_COUNTED: return feed_counted(p, bytes);
    case PARSER_CHUNKED: return feed_chunked(p, bytes);
    case PARSER_WHOLE: break;
    }
    return HTTP_PARSED_WHOLE;
}
