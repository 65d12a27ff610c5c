/* SPDX-License-Identifier: MIT */
#include "http/disposition.h"

enum { NAME_BYTES = 200 };

/* Not in a name, on any system: separators, what Windows keeps for itself, controls. */
static bool is_unsafe(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f || strchr("/\\:*?\"<>|", c);
}

/* attr-char of RFC 8187. */
static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("!#$&+-.^_`|~", c);
}

/* '%' is taken for an escape by some (RFC 6266, appendix D). */
static bool is_ambiguous(char c)
{
    return (unsigned char)c >= 0x80 || c == '%';
}

static struct slice usable(struct slice name)
{
    name = slice_cut_utf8(slice_trim(name), NAME_BYTES);
    while (name.len > 0 && name.p[0] == '.')
        name = (struct slice){name.p + 1, name.len - 1};
    return name.len ? name : SLICE("download");
}

static void put_extended(struct buf *out, struct slice name)
{
    buf_puts(out, "; filename*=UTF-8''");
    while (name.len > 0) {
        size_t len = slice_char_len(name);
        char c = len > 0 && !is_unsafe(name.p[0]) ? name.p[0] : '_';
        if (len > 1)
            for (size_t i = 0; i < len; i++)
                buf_printf(out, "%%%02X", (unsigned char)name.p[i]);
        else if (is_plain(c))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned char)c);
        name = (struct slice){name.p + (len ? len : 1), name.len - (len ? len : 1)};
    }
}

void http_disposition(struct buf *out, struct slice filename)
{
    struct slice name = usable(filename);
    bool extended = false;
    buf_puts(out, "attachment; filename=\"");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        extended |= is_ambiguous(c);
        if (((unsigned char)c & 0xc0) == 0x80) continue; /* a character is one '_' */
        buf_putc(out, is_unsafe(c) || is_ambiguous(c) ? '_' : c);
    }
    buf_putc(out, '"');
    if (extended) put_extended(out, name);
}
