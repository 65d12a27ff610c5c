/* SPDX-License-Identifier: MIT */
#include "format/json_reader.h"

#include "base/ascii.h"
#include "csv/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NAMES_FIRST = 64, /* places for names; a power of 2 */
    UNIT_HIGH = 0xd800,
    UNIT_LOW = 0xdc00,
    UNIT_END = 0xe000,
};

/* ---- names that were seen, of all objects that are open or were ---- */

struct seen {
    uint64_t hash; /* 0: a free place */
    uint64_t object;
    struct slice raw;
};
struct names {
    struct seen *place;
    size_t places, used;
};

struct scanner {
    const char *start, *p, *end;
    unsigned depth, depth_max;
    uint64_t objects;                     /* a bit a level: an object */
    uint64_t object[JSON_READ_DEPTH_MAX]; /* its number, by level */
    uint64_t numbers;                     /* objects that were begun */
    struct names names;
    struct buf text; /* of a name with escapes */
    const char *fault_at;
    char *message;
};

enum { MESSAGE_MAX = sizeof((struct json_fault *)NULL)->message };

static int refuse(struct scanner *s, const char *at, const char *message)
{
    s->fault_at = at;
    snprintf(s->message, MESSAGE_MAX, "%s", message);
    return JSON_E_TEXT;
}

/* ---- strings ---- */

/* Four hexadecimal digits at `p`, or -1. */
static int unit_at(const char *p, const char *end)
{
    int v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = ascii_hex(p[i]);
        if (digit < 0) return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* At the u of an escape. */
static int scan_unicode(struct scanner *s)
{
    const char *at = s->p - 1;
    int unit = unit_at(s->p + 1, s->end);
    if (unit < 0) return refuse(s, at, "\\u wants four hexadecimal digits");
    if (unit == 0) return refuse(s, at, "\\u0000 is in no text of PostgreSQL's");
    s->p += 5;
    if (unit < UNIT_HIGH || unit >= UNIT_END) return 0;
    int low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? unit_at(s->p + 2, s->end) : -1;
    if (unit >= UNIT_LOW || low < UNIT_LOW || low >= UNIT_END) return refuse(s, at, "half of a surrogate pair");
    s->p += 6;
    return 0;
}

/* At the opening quote; to behind the closing one. */
static int scan_string(struct scanner *s)
{
    const char *begin = s->p++;
    while (s->p < s->end) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return 0;
        }
        if (c < ' ') return refuse(s, s->p, "a control character inside a string; write it as an escape");
        s->p++;
        if (c != '\\') continue;
        if (s->p == s->end) break;
        if (*s->p == 'u') {
            int r = scan_unicode(s);
            if (r != 0) return r;
        } else if (*s->p && strchr("\"\\/bfnrt", *s->p)) {
            s->p++;
        } else {
            return refuse(s, s->p - 1, "there is no such escape");
        }
    }
    return refuse(s, begin, "this string does not end");
}

static void put_unit(struct buf *out, unsigned c)
{
    if (c < 0x80) {
        buf_putc(out, (char)c);
    } else if (c < 0x800) {
        buf_putc(out, (char)(0xc0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xe0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_putc(out, (char)(0xf0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_putc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* From behind the backslash; how many bytes it takes. */
static size_t put_escape(struct buf *out, const char *p, const char *end)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *known = strchr(from, *p);
    if (*p != 'u') {
        buf_putc(out, known ? to[known - from] : *p);
        return 1;
    }
    int unit = unit_at(p + 1, end);
    assert(unit > 0);
    if (unit < UNIT_HIGH || unit >= UNIT_END) {
        put_unit(out, (unsigned)unit);
        return 5;
    }
    int low = unit_at(p + 7, end);
    put_unit(out, 0x10000U + ((unsigned)(unit - UNIT_HIGH) << 10) + (unsigned)(low - UNIT_LOW));
    return 11;
}

void json_unquote(struct buf *out, struct slice raw)
{
    const char *p = raw.p + 1, *end = raw.p + raw.len - 1;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        buf_append(out, p, (size_t)((escape ? escape : end) - p));
        if (!escape) return;
        p = escape + 1;
        p += put_escape(out, p, end);
    }
}

bool json_means(struct slice raw, struct slice text)
{
    struct slice inside = {raw.p + 1, raw.len - 2};
    if (inside.len == 0 || !memchr(inside.p, '\\', inside.len)) return slice_equal(inside, text);
    struct buf out;
    buf_init(&out, raw.len);
    json_unquote(&out, raw);
    bool same = buf_check(&out) == 0 && slice_equal(buf_slice(&out), text);
    buf_done(&out);
    return same;
}

/* ---- names ---- */

/* What a name means: itself without quotes, or in `text`. */
static int name_text(struct buf *text, struct slice raw, struct slice *ret_text)
{
    *ret_text = (struct slice){raw.p + 1, raw.len - 2};
    if (ret_text->len == 0 || !memchr(ret_text->p, '\\', ret_text->len)) return 0;
    buf_reset(text);
    json_unquote(text, raw);
    *ret_text = buf_slice(text);
    return buf_check(text);
}

/* FNV-1a, from where the table lies, which nobody outside knows. */
static uint64_t hash_of(const struct names *n, uint64_t object, struct slice text)
{
    uint64_t h = 14695981039346656037ULL ^ (uint64_t)(uintptr_t)n ^ object * 0x9e3779b97f4a7c15ULL;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.p[i]) * 1099511628211ULL;
    h ^= h >> 32;
    return h ? h : 1;
}

static int grow(struct names *n)
{
    size_t places = n->places ? 2 * n->places : NAMES_FIRST;
    struct seen *place = calloc(places, sizeof *place);
    if (!place) return -ENOMEM;
    for (size_t i = 0; i < n->places; i++) {
        if (!n->place[i].hash) continue;
        size_t at = n->place[i].hash & (places - 1);
        while (place[at].hash)
            at = (at + 1) & (places - 1);
        place[at] = n->place[i];
    }
    free(n->place);
    n->place = place;
    n->places = places;
    return 0;
}

/* Note the name of a member of the innermost object. */
static int note_name(struct scanner *s, struct slice raw)
{
    struct names *n = &s->names;
    uint64_t object = s->object[s->depth - 1];
    struct slice text;
    int r = 2 * (n->used + 1) > n->places ? grow(n) : 0;
    if (r == 0) r = name_text(&s->text, raw, &text);
    if (r < 0) return r;
    uint64_t hash = hash_of(n, object, text);
    size_t at = hash & (n->places - 1);
    for (; n->place[at].hash; at = (at + 1) & (n->places - 1))
        if (n->place[at].hash == hash && n->place[at].object == object && json_means(n->place[at].raw, text))
            return refuse(s, raw.p, "this name is in the object twice");
    n->place[at] = (struct seen){hash, object, raw};
    n->used++;
    return 0;
}

/* ---- values ---- */

static void skip_space(struct scanner *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static size_t take_digits(struct scanner *s)
{
    const char *begin = s->p;
    while (s->p < s->end && ascii_is_digit(*s->p))
        s->p++;
    return (size_t)(s->p - begin);
}

static int scan_number(struct scanner *s)
{
    const char *begin = s->p;
    if (*s->p == '-') s->p++;
    const char *first = s->p;
    size_t n = take_digits(s);
    if (n == 0) return refuse(s, begin, "no value can begin so");
    if (n > 1 && *first == '0') return refuse(s, begin, "a number has no zeros in front");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (take_digits(s) == 0) return refuse(s, begin, "digits are missing behind the point");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (take_digits(s) == 0) return refuse(s, begin, "digits are missing in the exponent");
    }
    return 0;
}

static int scan_word(struct scanner *s)
{
    static const struct slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!slice_starts((struct slice){s->p, (size_t)(s->end - s->p)}, words[i])) continue;
        s->p += words[i].len;
        return 0;
    }
    return refuse(s, s->p, "a value is expected here");
}

static int open_level(struct scanner *s)
{
    bool object = *s->p == '{';
    if (s->depth == s->depth_max) return refuse(s, s->p, "it is nested too deeply");
    uint64_t bit = (uint64_t)1 << s->depth;
    s->objects = object ? s->objects | bit : s->objects & ~bit;
    s->object[s->depth++] = ++s->numbers;
    s->p++;
    return 0;
}

static bool in_object(const struct scanner *s)
{
    return s->objects >> (s->depth - 1) & 1;
}

static int scan_name(struct scanner *s)
{
    skip_space(s);
    if (s->p == s->end || *s->p != '"') return refuse(s, s->p, "a name in double quotes is expected here");
    const char *begin = s->p;
    int r = scan_string(s);
    if (r == 0) r = note_name(s, (struct slice){begin, (size_t)(s->p - begin)});
    if (r != 0) return r;
    skip_space(s);
    if (s->p == s->end || *s->p != ':') return refuse(s, s->p, "a colon is expected here");
    s->p++;
    return 0;
}

/* Behind a value: the levels that end here. *ret_more: another item follows. */
static int scan_ends(struct scanner *s, bool *ret_more)
{
    *ret_more = false;
    while (s->depth > 0) {
        skip_space(s);
        char close = in_object(s) ? '}' : ']';
        if (s->p < s->end && *s->p == ',') {
            s->p++;
            *ret_more = true;
            return 0;
        }
        if (s->p == s->end || *s->p != close)
            return refuse(s, s->p, close == '}' ? "a comma or } is expected here" : "a comma or ] is expected here");
        s->p++;
        s->depth--;
    }
    return 0;
}

/* What stands where a value does; of a container only its bracket. */
static int scan_value(struct scanner *s, bool *ret_opened)
{
    *ret_opened = false;
    skip_space(s);
    if (s->p == s->end) return refuse(s, s->p, s->p == s->start ? "there is nothing" : "a value is expected here");
    char c = *s->p;
    if (c == '"') return scan_string(s);
    if (c == '-' || ascii_is_digit(c)) return scan_number(s);
    if (c != '{' && c != '[') return scan_word(s);
    int r = open_level(s);
    skip_space(s);
    bool empty = s->p < s->end && *s->p == (c == '{' ? '}' : ']');
    *ret_opened = r == 0 && !empty;
    return r;
}

static int scan_all(struct scanner *s)
{
    bool more = true;
    int r = 0;
    while (more && r == 0) {
        bool opened = false;
        if (s->depth > 0 && in_object(s)) r = scan_name(s);
        if (r == 0) r = scan_value(s, &opened);
        if (r == 0 && !opened) r = scan_ends(s, &more);
    }
    skip_space(s);
    return r == 0 && s->p < s->end ? refuse(s, s->p, "there is more behind the value") : r;
}

static struct slice without_mark(struct slice text)
{
    static const struct slice mark = {"\xef\xbb\xbf", 3};
    return slice_starts(text, mark) ? (struct slice){text.p + mark.len, text.len - mark.len} : text;
}

static void locate(struct slice text, const char *at, struct json_fault *fault)
{
    const char *line = text.p;
    fault->line = 1;
    for (const char *p = text.p; p < at; p++) {
        if (*p != '\n') continue;
        fault->line++;
        line = p + 1;
    }
    fault->column = (size_t)(at - line) + 1;
}

int json_check(struct slice text, const struct json_limits *limits, struct json_fault *ret_fault)
{
    struct slice body = text.p ? without_mark(text) : SLICE("");
    struct scanner s = {
        .start = body.p, .p = body.p, .end = body.p + body.len, .depth_max = limits->depth, .message = ret_fault->message};
    assert(limits->depth <= JSON_READ_DEPTH_MAX);
    buf_init(&s.text, body.len + 1);
    size_t sound = utf8_prefix(body);
    int r = sound < body.len ? refuse(&s, body.p + sound, "these bytes are no UTF-8") : scan_all(&s);
    if (r > 0) locate(body, s.fault_at, ret_fault);
    buf_done(&s.text);
    free(s.names.place);
    return r;
}

/* ---- walking what is sound ---- */

static const char *space_end(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static const char *string_end(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\') p++;
    return p + 1;
}

static const char *container_end(const char *p)
{
    unsigned depth = 0;
    for (;;) {
        if (*p == '"') {
            p = string_end(p);
            continue;
        }
        if (*p == '{' || *p == '[') depth++;
        if ((*p == '}' || *p == ']') && --depth == 0) return p + 1;
        p++;
    }
}

static struct json_value value_at(const char *p, const char *end)
{
    const char *behind = p;
    enum json_kind kind = JSON_KIND_NUMBER;
    switch (*p) {
    case '"':
        kind = JSON_KIND_STRING;
        behind = string_end(p);
        break;
    case '{':
    case '[':
        kind = *p == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
        behind = container_end(p);
        break;
    default:
        if (*p == 't') kind = JSON_KIND_TRUE;
        if (*p == 'f') kind = JSON_KIND_FALSE;
        if (*p == 'n') kind = JSON_KIND_NULL;
        while (behind < end && !strchr(",]} \n\r\t", *behind))
            behind++;
    }
    return (struct json_value){kind, {p, (size_t)(behind - p)}};
}

struct json_value json_root(struct slice text)
{
    struct slice body = without_mark(text);
    return value_at(space_end(body.p, body.p + body.len), body.p + body.len);
}

struct json_walk json_walk_begin(struct json_value v)
{
    bool container = v.kind == JSON_KIND_ARRAY || v.kind == JSON_KIND_OBJECT;
    if (!container) return (struct json_walk){0};
    return (struct json_walk){.p = v.raw.p + 1, .end = v.raw.p + v.raw.len - 1, .object = v.kind == JSON_KIND_OBJECT};
}

bool json_walk_next(struct json_walk *w)
{
    w->p = space_end(w->p, w->end);
    if (w->p == w->end) return false;
    if (*w->p == ',') w->p = space_end(w->p + 1, w->end);
    if (w->object) {
        const char *behind = string_end(w->p);
        w->name = (struct slice){w->p, (size_t)(behind - w->p)};
        w->p = space_end(space_end(behind, w->end) + 1, w->end);
    }
    w->value = value_at(w->p, w->end);
    w->p = w->value.raw.p + w->value.raw.len;
    return true;
}

const char *json_kind_text(enum json_kind kind)
{
    static const char *const text[] = {
        [JSON_KIND_NULL] = "null",       [JSON_KIND_FALSE] = "a boolean", [JSON_KIND_TRUE] = "a boolean",
        [JSON_KIND_NUMBER] = "a number", [JSON_KIND_STRING] = "a string", [JSON_KIND_ARRAY] = "an array",
        [JSON_KIND_OBJECT] = "an object"};
    return text[kind];
}
