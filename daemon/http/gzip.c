/* SPDX-License-Identifier: MIT */
#include "http/gzip.h"

#include "http/accept.h"

#include <stdlib.h>
#include <zlib.h>

enum { WINDOW_GZIP = 15 + 16, MEMORY = 8, ROOM_BYTES = 16384 };

struct http_gzip {
    z_stream z;
};

int http_gzip_new(int level, struct http_gzip **ret_gzip)
{
    struct http_gzip *g = calloc(1, sizeof *g);
    if (!g) return -ENOMEM;
    if (deflateInit2(&g->z, level, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        return -ENOMEM;
    }
    *ret_gzip = g;
    return 0;
}

void http_gzip_free(struct http_gzip *g)
{
    if (!g) return;
    deflateEnd(&g->z);
    free(g);
}

void http_gzip_reset(struct http_gzip *g)
{
    deflateReset(&g->z);
}

void http_gzip_put(struct http_gzip *g, struct slice bytes, bool last, struct buf *out)
{
    g->z.next_in = (Bytef *)(uintptr_t)bytes.p; /* zlib reads it only */
    g->z.avail_in = (uInt)bytes.len;
    /* zlib says by room that is left that nothing waits any more. */
    do {
        char *to = buf_reserve(out, ROOM_BYTES);
        if (!to) return;
        g->z.next_out = (Bytef *)to;
        g->z.avail_out = ROOM_BYTES;
        deflate(&g->z, last ? Z_FINISH : Z_SYNC_FLUSH);
        buf_wrote(out, ROOM_BYTES - g->z.avail_out);
    } while (g->z.avail_out == 0);
}

bool http_gzip_wanted(struct slice accept_encoding)
{
    int gzip = http_accept_quality(accept_encoding, SLICE("gzip")), old = http_accept_quality(accept_encoding, SLICE("x-gzip"));
    int any = http_accept_quality(accept_encoding, SLICE("*")), plain = http_accept_quality(accept_encoding, SLICE("identity"));
    if (gzip == HTTP_ACCEPT_UNSAID) gzip = old;
    if (gzip == HTTP_ACCEPT_UNSAID) gzip = any;
    return gzip > 0 && gzip >= plain;
}

bool http_gzip_fits(const char *media_type)
{
    static const char *const types[] = {"application/json",         "application/x-ndjson",
                                        "application/problem+json", "application/vnd.pgrst.object+json",
                                        "application/javascript",   "image/svg+xml"};
    if (!media_type) return false;
    struct slice rest = slice_of(media_type), type = slice_trim(slice_cut(&rest, ';'));
    if (slice_equal_nocase(type, SLICE("text/event-stream"))) return false;
    if (slice_starts(type, SLICE("text/"))) return true;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_equal_nocase(type, slice_of(types[i]))) return true;
    return slice_ends(type, SLICE("+json"));
}
