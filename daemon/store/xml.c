/* SPDX-License-Identifier: MIT */
#include "store/xml.h"

#include <stdlib.h>

struct xml xml_of(struct slice body)
{
    return (struct xml){.rest = body};
}

/* Skip what begins with `open` up to and with `close`. */
static bool skip(struct xml *x, const char *open, const char *close)
{
    if (!slice_starts(x->rest, slice_of(open))) return false;
    const char *end = memmem(x->rest.p, x->rest.len, close, strlen(close));
    size_t n = end ? (size_t)(end - x->rest.p) + strlen(close) : x->rest.len;
    x->rest = (struct slice){x->rest.p + n, x->rest.len - n};
    return true;
}

static size_t name_len(struct slice tag)
{
    size_t n = 0;
    while (n < tag.len && !strchr(" \t\r\n/>", tag.p[n]))
        n++;
    return n;
}

static bool tag(struct xml *x)
{
    const char *end = memchr(x->rest.p, '>', x->rest.len);
    if (!end) return false;
    struct slice t = {x->rest.p + 1, (size_t)(end - x->rest.p) - 1};
    x->rest = (struct slice){end + 1, x->rest.len - t.len - 2};
    if (t.len > 0 && t.p[0] == '/') {
        if (x->depth == 0) return false;
        x->kind = XML_CLOSE;
        x->leave = true;
        return true;
    }
    if (x->depth == XML_DEPTH_MAX) return false;
    x->open[x->depth++] = (struct slice){t.p, name_len(t)};
    x->kind = XML_OPEN;
    x->empty = t.len > 0 && t.p[t.len - 1] == '/';
    return true;
}

bool xml_next(struct xml *x)
{
    if (x->leave) {
        x->depth--;
        x->leave = false;
    }
    if (x->empty) {
        x->empty = false;
        x->leave = true;
        x->kind = XML_CLOSE;
        return true;
    }
    while (x->rest.len > 0) {
        if (x->rest.p[0] != '<') {
            const char *end = memchr(x->rest.p, '<', x->rest.len);
            x->text = (struct slice){x->rest.p, end ? (size_t)(end - x->rest.p) : x->rest.len};
            x->rest = (struct slice){x->rest.p + x->text.len, x->rest.len - x->text.len};
            x->kind = XML_TEXT;
            if (x->depth > 0) return true;
            continue;
        }
        if (skip(x, "<?", "?>") || skip(x, "<!--", "-->") || skip(x, "<!", ">")) continue;
        return tag(x);
    }
    return false;
}

bool xml_in(const struct xml *x, const char *name)
{
    return x->depth > 0 && slice_equal(x->open[x->depth - 1], slice_of(name));
}

bool xml_below(const struct xml *x, const char *name)
{
    return x->depth > 1 && slice_equal(x->open[x->depth - 2], slice_of(name));
}

static void put_utf8(struct buf *out, unsigned long c)
{
    if (c < 0x80) {
        buf_putc(out, (char)c);
    } else if (c < 0x800) {
        buf_putc(out, (char)(0xC0 | c >> 6));
        buf_putc(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_putc(out, (char)(0xE0 | c >> 12));
        buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_putc(out, (char)(0x80 | (c & 63)));
    } else {
        buf_putc(out, (char)(0xF0 | c >> 18));
        buf_putc(out, (char)(0x80 | (c >> 12 & 63)));
        buf_putc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_putc(out, (char)(0x80 | (c & 63)));
    }
}

static const struct {
    const char *name;
    char c;
} entities[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};

static bool put_reference(struct buf *out, struct slice name)
{
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (!slice_equal(name, slice_of(entities[i].name))) continue;
        buf_putc(out, entities[i].c);
        return true;
    }
    char digits[12];
    if (name.len < 2 || name.len > sizeof digits || name.p[0] != '#') return false;
    bool hex = name.p[1] == 'x';
    size_t skip_n = hex ? 2 : 1, n = name.len - skip_n;
    memcpy(digits, name.p + skip_n, n);
    digits[n] = '\0';
    char *end;
    unsigned long c = strtoul(digits, &end, hex ? 16 : 10);
    if (n == 0 || *end || c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return false;
    put_utf8(out, c);
    return true;
}

void xml_decode(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *end = text.p[i] == '&' ? memchr(text.p + i, ';', text.len - i) : NULL;
        size_t n = end ? (size_t)(end - text.p) - i - 1 : 0;
        if (end && put_reference(out, (struct slice){text.p + i + 1, n})) {
            i += n + 1;
        } else {
            buf_putc(out, text.p[i]);
        }
    }
}

void xml_escape(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t e = 0;
        while (e < sizeof entities / sizeof *entities && entities[e].c != text.p[i])
            e++;
        if (e < sizeof entities / sizeof *entities) {
            buf_printf(out, "&%s;", entities[e].name);
        } else {
            buf_putc(out, text.p[i]);
        }
    }
}

struct slice xml_find(struct slice body, const char *name)
{
    for (struct xml x = xml_of(body); xml_next(&x);)
        if (x.kind == XML_TEXT && xml_in(&x, name)) return x.text;
    return (struct slice){NULL, 0};
}
