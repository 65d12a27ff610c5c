/* SPDX-License-Identifier: MIT */
#include "csv/quote.h"

static bool needs_quotes(struct slice cell, char delimiter)
{
    if (cell.len == 0 || slice_equal(cell, SLICE("\\."))) return true;
    for (size_t i = 0; i < cell.len; i++) {
        char c = cell.p[i];
        if (c == delimiter || c == '"' || c == '\n' || c == '\r') return true;
    }
    return false;
}

void csv_quote(struct buf *out, struct slice cell, char delimiter)
{
    if (!needs_quotes(cell, delimiter)) {
        buf_put(out, cell);
        return;
    }
    buf_putc(out, '"');
    while (cell.len > 0) {
        const char *quote = memchr(cell.p, '"', cell.len);
        size_t n = quote ? (size_t)(quote - cell.p) + 1 : cell.len;
        buf_append(out, cell.p, n);
        if (quote) buf_putc(out, '"');
        cell.p += n;
        cell.len -= n;
    }
    buf_putc(out, '"');
}
