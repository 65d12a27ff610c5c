/* SPDX-License-Identifier: MIT */
#include "store/escape.h"

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

static void escape(struct buf *out, struct slice text, bool slashes)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (is_unreserved(c) || (c == '/' && !slashes)) {
            buf_putc(out, (char)c);
        } else {
            buf_printf(out, "%%%02X", c);
        }
    }
}

void escape_text(struct buf *out, struct slice text)
{
    escape(out, text, true);
}

void escape_path(struct buf *out, struct slice path)
{
    escape(out, path, false);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void escape_undo(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = text.p[i] == '%' && text.len - i > 2 ? digit(text.p[i + 1]) : -1;
        int low = high >= 0 ? digit(text.p[i + 2]) : -1;
        buf_putc(out, low < 0 ? text.p[i] : (char)(high << 4 | low));
        if (low >= 0) i += 2;
    }
}
