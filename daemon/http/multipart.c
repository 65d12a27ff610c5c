/* SPDX-License-Identifier: MIT */
#include "http/multipart.h"

#include "base/ascii.h"
#include "csv/utf8.h"

enum { STORE_BLOCK = 2048, STORE_MAX = 1 << 20 };

static const char no_memory[] = "there is no memory for it";

static enum http_multipart_event bad(struct http_multipart *m, const char *why)
{
    m->state = MULTIPART_BROKEN;
    m->why = why;
    return HTTP_MULTIPART_BAD;
}

/* ---- the boundary ---- */

static bool is_boundary(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!ascii_is_alnum(c) && (c == '\0' || !strchr("'()+_,-./:=? ", c))) return false;
    }
    return s.len > 0 && s.len <= HTTP_BOUNDARY_MAX && s.p[s.len - 1] != ' ';
}

static int read_boundary(struct http_multipart *m, struct slice parameters)
{
    const char *from = parameters.p;
    char *store = arena_alloc(&m->store, parameters.len);
    struct http_field_parameter p;
    struct slice found = {NULL, 0};
    enum http_parameters_verdict v;
    if (!store) return HTTP_MULTIPART_E_BOUNDARY;
    while ((v = http_parameters_next(&parameters, store + (parameters.p - from), &p)) == HTTP_PARAMETERS_ONE) {
        if (!slice_equal_nocase(p.name, SLICE("boundary"))) continue;
        if (found.p || !is_boundary(p.value)) return HTTP_MULTIPART_E_BOUNDARY;
        found = (struct slice){m->delimiter + 4, p.value.len};
        memcpy(m->delimiter, "\r\n--", 4);
        memcpy(m->delimiter + 4, p.value.p, p.value.len);
        m->len = 4 + p.value.len;
    }
    return v == HTTP_PARAMETERS_END && found.p ? 0 : HTTP_MULTIPART_E_BOUNDARY;
}

int http_multipart_init(struct http_multipart *m, struct slice content_type)
{
    *m = (struct http_multipart){.matched = 2, .beyond = true};
    buf_init(&m->head, HTTP_PART_HEAD_MAX);
    arena_init(&m->store, STORE_BLOCK, STORE_MAX);
    struct slice rest = content_type;
    if (!slice_equal_nocase(http_parameters_begin(&rest), SLICE("multipart/form-data"))) return HTTP_MULTIPART_E_OTHER;
    return read_boundary(m, rest);
}

void http_multipart_done(struct http_multipart *m)
{
    buf_done(&m->head);
    arena_done(&m->store);
}

bool http_multipart_is_whole(const struct http_multipart *m)
{
    return m->state == MULTIPART_CLOSED || m->state == MULTIPART_EPILOGUE;
}

/* ---- a part's header ---- */

/* The byte that %XX at s.p[i] stands for, or -1. */
static int percent(struct slice s, size_t i)
{
    if (s.p[i] != '%' || i + 2 >= s.len) return -1;
    int high = ascii_hex(s.p[i + 1]), low = ascii_hex(s.p[i + 2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Only what browsers escape. */
static struct slice decode_filename(struct slice s, char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int c = percent(s, i);
        bool escaped = c == '"' || c == '\r' || c == '\n';
        to[n++] = escaped ? (char)c : s.p[i];
        if (escaped) i += 2;
    }
    return (struct slice){to, n};
}

static bool is_attr_char(char c)
{
    return c != '*' && c != '\'' && c != '%' && http_is_token((struct slice){&c, 1});
}

/* UTF-8'language'percent-encoded (RFC 8187, 3.2). False: it is not that. */
static bool decode_extended(struct slice s, char *to, struct slice *ret_text)
{
    struct slice charset = slice_cut(&s, '\'');
    if (!s.p || !slice_equal_nocase(charset, SLICE("UTF-8"))) return false;
    slice_cut(&s, '\'');
    if (!s.p) return false;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int c = percent(s, i);
        if (c < 0 && !is_attr_char(s.p[i])) return false;
        to[n++] = c < 0 ? s.p[i] : (char)c;
        if (c >= 0) i += 2;
    }
    *ret_text = (struct slice){to, n};
    return utf8_valid(*ret_text);
}

struct disposition {
    struct slice name, filename, extended;
};

static const char *read_parameter(struct http_multipart *m, const struct http_field_parameter *p, struct disposition *d)
{
    struct slice text = p->value;
    char *to = arena_alloc(&m->store, text.len + 1);
    if (!to) return no_memory;
    if (slice_equal_nocase(p->name, SLICE("name"))) {
        if (d->name.p) return "a part has two names";
        d->name = text;
    } else if (slice_equal_nocase(p->name, SLICE("filename"))) {
        if (d->filename.p) return "a part has two file names";
        d->filename = decode_filename(text, to);
    } else if (slice_equal_nocase(p->name, SLICE("filename*"))) {
        if (d->extended.p) return "a part has two file names";
        if (!decode_extended(text, to, &d->extended))
            return "a part's filename* is not UTF-8''… with percent-encoding, as RFC 8187 has it";
    }
    return NULL;
}

/* NULL, or what is wrong. */
static const char *read_disposition(struct http_multipart *m, struct slice value)
{
    struct disposition d = {0};
    if (m->part.name.p) return "a part has two Content-Disposition fields";
    if (!slice_equal_nocase(http_parameters_begin(&value), SLICE("form-data")))
        return "a part's Content-Disposition is not form-data";
    enum http_parameters_verdict v;
    struct http_field_parameter p;
    const char *from = value.p;
    char *store = arena_alloc(&m->store, value.len + 1);
    if (!store) return no_memory;
    while ((v = http_parameters_next(&value, store + (value.p - from), &p)) == HTTP_PARAMETERS_ONE) {
        const char *why = read_parameter(m, &p, &d);
        if (why) return why;
    }
    if (v == HTTP_PARAMETERS_BAD) return "a part's Content-Disposition is not as RFC 2183 has it";
    if (!d.name.p) return "a part has no name";
    m->part.name = d.name;
    m->part.filename = d.extended.p ? d.extended : d.filename;
    return NULL;
}

static bool is_plain_encoding(struct slice value)
{
    return slice_equal_nocase(value, SLICE("7bit")) || slice_equal_nocase(value, SLICE("8bit")) ||
           slice_equal_nocase(value, SLICE("binary"));
}

static const char *read_field(struct http_multipart *m, struct slice line)
{
    struct slice value = line, name = slice_cut(&value, ':');
    if (!value.p || !http_is_token(name)) return "a part's header has a line that is no field";
    value = slice_trim(value);
    if (slice_equal_nocase(name, SLICE("Content-Disposition"))) return read_disposition(m, value);
    if (slice_equal_nocase(name, SLICE("Content-Transfer-Encoding")) && !is_plain_encoding(value))
        return "a part is in a Content-Transfer-Encoding; send its bytes as they are";
    if (slice_equal_nocase(name, SLICE("Content-Type"))) {
        static const struct slice nested = {"multipart/", 10};
        if (value.len >= nested.len && slice_equal_nocase((struct slice){value.p, nested.len}, nested))
            return "a part has parts of its own; send each file as a part";
        m->part.type = value;
    }
    return NULL;
}

static bool has_control(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f) return true;
    return false;
}

static enum http_multipart_event read_head(struct http_multipart *m)
{
    struct slice rest = {m->head.data, m->head.len - 2};
    unsigned fields = 0;
    m->part = (struct http_part){0};
    arena_reset(&m->store);
    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\n');
        line.len--; /* its CR */
        if (*line.p == ' ' || *line.p == '\t') return bad(m, "a part's header has a folded line");
        if (has_control(line)) return bad(m, "a part's header has a control character");
        if (++fields > HTTP_PART_FIELDS_MAX) return bad(m, "a part's header has too many fields");
        const char *why = read_field(m, line);
        if (why) return bad(m, why);
    }
    if (!m->part.name.p) return bad(m, "a part has no Content-Disposition");
    m->state = MULTIPART_BYTES;
    m->matched = 2; /* the empty line's CRLF may be the next boundary's */
    m->beyond = true;
    return HTTP_MULTIPART_PART;
}

/* Line ends are looked at as they come, so that a header with others does not go on for ever. */
static enum http_multipart_event gather_head(struct http_multipart *m, struct slice *bytes)
{
    while (bytes->len > 0) {
        char c = *bytes->p, before = m->head.len > 0 ? m->head.data[m->head.len - 1] : '\n';
        if ((c == '\n') != (before == '\r')) return bad(m, "a line of a part's header does not end with CRLF");
        buf_putc(&m->head, c);
        int r = buf_check(&m->head);
        if (r < 0) return bad(m, r == ERROR_TOO_BIG ? "a part's header is larger than 8 KiB" : no_memory);
        bytes->p++, bytes->len--;
        bool empty_line = c == '\n' && (m->head.len == 2 || (m->head.len > 3 && m->head.data[m->head.len - 3] == '\n'));
        if (empty_line) return read_head(m);
    }
    return HTTP_MULTIPART_MORE;
}

/* ---- bytes, up to a boundary ---- */

static void skip(struct slice *s, size_t n)
{
    s->p += n;
    s->len -= n;
}

/* Go on with a delimiter of which some was seen. False: it was none. */
static bool match_more(struct http_multipart *m, struct slice *bytes)
{
    while (bytes->len > 0 && m->matched < m->len) {
        if (*bytes->p != m->delimiter[m->matched]) return false;
        m->matched++;
        skip(bytes, 1);
    }
    return true;
}

/*
 * How many bytes at the front are surely no part of a delimiter. It begins with its only CR, so that what may be the beginning of
 * one begins at the last CR.
 */
static size_t plain(const struct http_multipart *m, struct slice bytes)
{
    const char *found = memmem(bytes.p, bytes.len, m->delimiter, m->len);
    if (found) return (size_t)(found - bytes.p);
    size_t tail = bytes.len < m->len - 1 ? bytes.len : m->len - 1;
    const char *cr = memrchr(bytes.p + bytes.len - tail, '\r', tail);
    size_t rest = cr ? (size_t)(bytes.p + bytes.len - cr) : 0;
    return cr && memcmp(cr, m->delimiter, rest) == 0 ? bytes.len - rest : bytes.len;
}

static enum http_multipart_event feed_bytes(struct http_multipart *m, struct slice *bytes, struct slice *ret_data)
{
    bool preamble = m->state == MULTIPART_PREAMBLE;
    while (bytes->len > 0) {
        if (m->matched == 0) {
            size_t n = plain(m, *bytes);
            *ret_data = (struct slice){bytes->p, n};
            skip(bytes, n);
            if (n > 0 && !preamble) return HTTP_MULTIPART_DATA;
        }
        if (!match_more(m, bytes)) {
            size_t before = m->beyond ? 2 : 0;
            *ret_data = (struct slice){m->delimiter + before, m->matched - before};
            m->matched = 0;
            m->beyond = false;
            if (ret_data->len > 0 && !preamble) return HTTP_MULTIPART_DATA;
        } else if (m->matched == m->len) {
            m->matched = 0;
            m->beyond = false;
            m->state = MULTIPART_BEHIND;
            return preamble ? HTTP_MULTIPART_MORE : HTTP_MULTIPART_PART_END;
        }
    }
    return HTTP_MULTIPART_MORE;
}

/* ---- behind a boundary ---- */

static bool is_padding(char c)
{
    return c == ' ' || c == '\t';
}

/* One byte. False: it may not stand there. */
static bool step(struct http_multipart *m, char c)
{
    switch (m->state) {
    case MULTIPART_BEHIND:
        if (c == '-') {
            m->state = MULTIPART_CLOSING;
            return true;
        }
        m->state = MULTIPART_PADDING;
        return step(m, c);
    case MULTIPART_PADDING:
        if (c == '\r') m->state = MULTIPART_BEHIND_LF;
        return c == '\r' || is_padding(c);
    case MULTIPART_BEHIND_LF:
        m->state = MULTIPART_HEAD;
        buf_reset(&m->head);
        return c == '\n';
    case MULTIPART_CLOSING: m->state = MULTIPART_CLOSED; return c == '-';
    case MULTIPART_CLOSED:
        if (c == '\r') m->state = MULTIPART_CLOSED_LF;
        return c == '\r' || is_padding(c);
    case MULTIPART_CLOSED_LF: m->state = MULTIPART_EPILOGUE; return c == '\n';
    default: return false;
    }
}

static enum http_multipart_event feed(struct http_multipart *m, struct slice *bytes, struct slice *ret_data)
{
    switch (m->state) {
    case MULTIPART_PREAMBLE:
    case MULTIPART_BYTES: return feed_bytes(m, bytes, ret_data);
    case MULTIPART_HEAD: return gather_head(m, bytes);
    case MULTIPART_BROKEN: return HTTP_MULTIPART_BAD;
    case MULTIPART_EPILOGUE: skip(bytes, bytes->len); return HTTP_MULTIPART_MORE;
    default: break;
    }
    if (!step(m, *bytes->p)) return bad(m, "a line begins with the boundary and goes on with something else");
    skip(bytes, 1);
    return HTTP_MULTIPART_MORE;
}

enum http_multipart_event http_multipart_feed(struct http_multipart *m, struct slice *bytes, struct slice *ret_data)
{
    while (bytes->len > 0) {
        enum http_multipart_event e = feed(m, bytes, ret_data);
        if (e != HTTP_MULTIPART_MORE) return e;
    }
    return HTTP_MULTIPART_MORE;
}
