/* SPDX-License-Identifier: MIT */
#include "format/json_writer.h"

#include "base/num.h"

#include <assert.h>

/* How a byte below 0x80 is written inside a string: 0 as it is, 'u' as \u00XX, any other letter behind a backslash. */
static const char escapes[128] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',         'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};
static const struct slice replacement = {"\xef\xbf\xbd", 3}; /* U+FFFD */

/*
 * Bytes at the start of s that are written as they are: ASCII that needs no escape. Eight at a time; a byte is unusual when it is
 * above 0x7f, below 0x20, a quote or a backslash. The subtractions borrow into the next byte only from an unusual one, so the test
 * for "none in these eight" is exact.
 */
static size_t plain_len(struct slice s)
{
    static const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t v;
        memcpy(&v, s.p + i, sizeof(v));
        uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
        if ((v | (v - ones * 0x20) | (quote - ones) | (slash - ones)) & highs) break;
    }
    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80 || escapes[c]) break;
    }
    return i;
}

static void put_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    if (escapes[c] == 'u')
        buf_append(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    else
        buf_append(out, (char[]){'\\', escapes[c]}, 2);
}

void json_quote(struct buf *out, struct slice text)
{
    buf_putc(out, '"');
    while (text.len > 0) {
        size_t n = plain_len(text);
        if (n == 0) {
            n = slice_char_len(text);
            if (n == 1) {
                put_escape(out, (unsigned char)text.p[0]);
            } else {
                buf_put(out, n ? (struct slice){text.p, n} : replacement);
                n = n ? n : 1;
            }
        } else {
            buf_append(out, text.p, n);
        }
        text.p += n;
        text.len -= n;
    }
    buf_putc(out, '"');
}

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static bool in_object(const struct json_writer *w)
{
    return w->depth > 0 && (w->objects >> (w->depth - 1) & 1);
}

void json_write_value(struct json_writer *w)
{
    assert(w->keyed == in_object(w));
    if (w->comma && !w->keyed && w->depth > 0) buf_putc(w->out, ',');
    w->comma = true;
    w->keyed = false;
}

static void open_container(struct json_writer *w, char bracket)
{
    json_write_value(w);
    assert(w->depth < JSON_DEPTH_MAX);
    uint64_t bit = (uint64_t)1 << w->depth;
    w->objects = bracket == '{' ? w->objects | bit : w->objects & ~bit;
    w->depth++;
    w->comma = false;
    buf_putc(w->out, bracket);
}

void json_write_object(struct json_writer *w)
{
    open_container(w, '{');
}

void json_write_array(struct json_writer *w)
{
    open_container(w, '[');
}

void json_write_end(struct json_writer *w)
{
    assert(w->depth > 0 && !w->keyed);
    buf_putc(w->out, in_object(w) ? '}' : ']');
    w->depth--;
    w->comma = true;
}

void json_write_key_slice(struct json_writer *w, struct slice name)
{
    assert(in_object(w) && !w->keyed);
    if (w->comma) buf_putc(w->out, ',');
    json_quote(w->out, name);
    buf_putc(w->out, ':');
    w->keyed = true;
}

void json_write_key(struct json_writer *w, const char *name)
{
    json_write_key_slice(w, slice_of(name));
}

void json_write_slice(struct json_writer *w, struct slice text)
{
    json_write_value(w);
    json_quote(w->out, text);
}

void json_write_text(struct json_writer *w, const char *text)
{
    if (text)
        json_write_slice(w, slice_of(text));
    else
        json_write_null(w);
}

void json_write_raw(struct json_writer *w, struct slice json)
{
    json_write_value(w);
    buf_put(w->out, json);
}

void json_write_int(struct json_writer *w, int64_t v)
{
    char digits[NUM_I64_MAX];
    json_write_raw(w, (struct slice){digits, (size_t)num_write_i64(v, digits)});
}

void json_write_bool(struct json_writer *w, bool v)
{
    json_write_raw(w, v ? SLICE("true") : SLICE("false"));
}

void json_write_null(struct json_writer *w)
{
    json_write_raw(w, SLICE("null"));
}

void json_write_field_text(struct json_writer *w, const char *name, const char *text)
{
    json_write_key(w, name);
    json_write_text(w, text);
}

void json_write_field_slice(struct json_writer *w, const char *name, struct slice text)
{
    json_write_key(w, name);
    json_write_slice(w, text);
}

void json_write_field_int(struct json_writer *w, const char *name, int64_t v)
{
    json_write_key(w, name);
    json_write_int(w, v);
}

void json_write_field_bool(struct json_writer *w, const char *name, bool v)
{
    json_write_key(w, name);
    json_write_bool(w, v);
}
