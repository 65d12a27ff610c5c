/* SPDX-License-Identifier: MIT */
#include "http/target.h"

#include "base/ascii.h"

static int decode(struct slice text, bool plus_is_space, struct arena *arena, struct slice *ret_text)
{
    if (text.len == 0) {
        *ret_text = SLICE("");
        return 0;
    }
    if (!memchr(text.p, '%', text.len) && !(plus_is_space && memchr(text.p, '+', text.len))) {
        *ret_text = text;
        return 0;
    }
    char *out = arena_alloc(arena, text.len);
    if (!out) return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 1 < text.len ? ascii_hex(text.p[i + 1]) : -1, low = i + 2 < text.len ? ascii_hex(text.p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high | low) == 0) return HTTP_TARGET_E_ENCODING;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret_text = (struct slice){out, n};
    return 0;
}

int http_target_decode(struct slice text, struct arena *arena, struct slice *ret_text)
{
    return decode(text, false, arena, ret_text);
}

static bool has_scheme(struct slice text, struct slice scheme)
{
    return text.len >= scheme.len && slice_equal_nocase((struct slice){text.p, scheme.len}, scheme);
}

bool http_target_is_https(struct slice text)
{
    return has_scheme(text, SLICE("https://"));
}

struct slice http_target_authority(struct slice text)
{
    size_t begin = has_scheme(text, SLICE("http://")) ? 7 : http_target_is_https(text) ? 8 : 0, end = begin;
    if (begin == 0) return (struct slice){NULL, 0};
    while (end < text.len && text.p[end] != '/' && text.p[end] != '?')
        end++;
    return (struct slice){text.p + begin, end - begin};
}

/* The authority, and `*text` from the path on. */
static struct slice cut_authority(struct slice *text)
{
    struct slice authority = http_target_authority(*text);
    if (!authority.p) return authority;
    text->len -= (size_t)(authority.p + authority.len - text->p);
    text->p = authority.p + authority.len;
    return authority;
}

static int parse_path(struct http_target *t, struct arena *arena)
{
    struct slice rest = t->path;
    if (rest.len > 0 && rest.p[0] == '/') rest.p++, rest.len--;
    while (rest.p) {
        struct slice segment = slice_cut(&rest, '/');
        if (!rest.p && segment.len == 0) break; /* the slash at the end */
        if (t->segments == HTTP_SEGMENTS_MAX) return HTTP_TARGET_E_DEPTH;
        int r = decode(segment, false, arena, &t->segment[t->segments]);
        if (r != 0) return r;
        t->segments++;
    }
    return 0;
}

static int parse_query(struct http_target *t, struct slice query, struct arena *arena)
{
    size_t n = 1;
    for (size_t i = 0; i < query.len; i++)
        n += query.p[i] == '&';
    t->parameter = arena_array(arena, n, sizeof *t->parameter);
    if (!t->parameter) return -ENOMEM;
    while (query.p) {
        struct slice value = slice_cut(&query, '&');
        if (value.len == 0) continue;
        struct http_parameter *p = &t->parameter[t->parameters];
        struct slice name = slice_cut(&value, '=');
        int r = decode(name, true, arena, &p->name);
        if (r == 0) r = decode(value, true, arena, &p->value);
        if (r != 0) return r;
        t->parameters++;
    }
    return 0;
}

int http_target_parse(struct slice text, struct arena *arena, struct http_target *ret_target)
{
    struct http_target t = {.authority = cut_authority(&text)};
    struct slice query = text;
    t.path = slice_cut(&query, '?');
    if (t.path.len == 0) t.path = SLICE("/");
    int r = parse_path(&t, arena);
    if (r == 0 && query.len > 0) r = parse_query(&t, query, arena);
    if (r == 0) *ret_target = t;
    return r;
}

void http_target_encode(struct buf *out, struct slice segment)
{
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.p[i];
        if (ascii_is_alnum(c) || (c && strchr("-._~", c)))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}
