/* SPDX-License-Identifier: MIT */
#include "http/disposition.h"

#include "base/ascii.h"

enum { NAME_BYTES = 200, EXTENSION_BYTES = 10 };

/* Not in a name, on any system: separators, what Windows keeps for itself, controls. */
static bool is_unsafe(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f || strchr("/\\:*?\"<>|", c);
}

/* attr-char of RFC 8187. */
static bool is_plain(char c)
{
    return ascii_is_alnum(c) || strchr("!#$&+-.^_`|~", c);
}

/* '%' is taken for an escape by some (RFC 6266, appendix D). */
static bool is_ambiguous(char c)
{
    return (unsigned char)c >= 0x80 || c == '%';
}

/* What is behind the last dot, with it, where it is short; else nothing. */
static struct slice extension(struct slice name)
{
    const char *dot = name.len ? memrchr(name.p, '.', name.len) : NULL;
    size_t len = dot ? (size_t)(name.p + name.len - dot) : 0;
    return (struct slice){name.p + name.len - len, len <= EXTENSION_BYTES ? len : 0};
}

/* Not hidden, not empty, and not too long: then its middle is cut. */
static struct slice usable(struct slice name, char ret_store[NAME_BYTES])
{
    name = slice_trim(name);
    while (name.len > 0 && name.p[0] == '.')
        name = (struct slice){name.p + 1, name.len - 1};
    if (name.len == 0) return SLICE("download");
    if (name.len <= NAME_BYTES) return name;
    struct slice end = extension(name);
    struct slice stem = slice_cut_utf8((struct slice){name.p, name.len - end.len}, NAME_BYTES - end.len);
    memcpy(ret_store, stem.p, stem.len);
    memcpy(ret_store + stem.len, end.p, end.len);
    return (struct slice){ret_store, stem.len + end.len};
}

/* Cut the next character off; a byte that is none stands for itself, as '_'. */
static struct slice next_char(struct slice *rest, bool *ret_sound)
{
    size_t len = slice_char_len(*rest);
    *ret_sound = len > 0;
    struct slice c = {rest->p, len ? len : 1};
    *rest = (struct slice){rest->p + c.len, rest->len - c.len};
    return c;
}

static void put_extended(struct buf *out, struct slice name)
{
    bool sound;
    buf_puts(out, "; filename*=UTF-8''");
    while (name.len > 0) {
        struct slice c = next_char(&name, &sound);
        if (!sound || is_unsafe(c.p[0])) c = SLICE("_");
        if (c.len == 1 && is_plain(c.p[0])) {
            buf_put(out, c);
            continue;
        }
        for (size_t i = 0; i < c.len; i++)
            buf_printf(out, "%%%02X", (unsigned char)c.p[i]);
    }
}

void http_disposition(struct buf *out, struct slice filename)
{
    char store[NAME_BYTES];
    struct slice name = usable(filename, store), rest = name;
    bool extended = false, sound;
    buf_puts(out, "attachment; filename=\"");
    while (rest.len > 0) {
        char c = next_char(&rest, &sound).p[0];
        extended |= is_ambiguous(c);
        buf_putc(out, is_unsafe(c) || is_ambiguous(c) ? '_' : c);
    }
    buf_putc(out, '"');
    if (extended) put_extended(out, name);
}
