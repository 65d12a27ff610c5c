/* SPDX-License-Identifier: MIT */
/* What is read out of header fields, and the fields and bodies that are made: Accept, Accept-Encoding, traceparent,
 * Content-Disposition, gzip. */
#include "http/accept.h"
#include "http/disposition.h"
#include "http/gzip.h"
#include "http/trace.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One quoted name, which is no path, and at most one extended one. */
static void check_disposition(struct slice name)
{
    static const struct slice head = {"attachment; filename=\"", 22};
    struct buf out;
    buf_init(&out, 1 << 20);
    http_disposition(&out, name);
    assert(buf_check(&out) == 0);
    struct slice text = buf_slice(&out);
    assert(slice_starts(text, head));
    size_t at = head.len, quotes = 0;
    for (; at < text.len && text.p[at] != '"'; at++)
        assert(text.p[at] >= ' ' && (unsigned char)text.p[at] < 0x7f && !strchr("/\\", text.p[at]));
    assert(at > head.len && at < text.len);
    for (; at < text.len; at++) {
        quotes += text.p[at] == '"';
        assert(text.p[at] > 0x1f && (unsigned char)text.p[at] < 0x7f && text.p[at] != '/');
    }
    assert(quotes == 1);
    buf_done(&out);
}

static void check_gzip(struct slice body, size_t cut)
{
    struct http_gzip *g;
    struct buf out;
    z_stream z = {0};
    char *back = malloc(body.len + 1);
    assert(back);
    buf_init(&out, 1 << 24);
    if (http_gzip_new(1, &g) < 0) abort();
    http_gzip_put(g, (struct slice){body.p, cut}, false, &out);
    http_gzip_put(g, (struct slice){body.p + cut, body.len - cut}, true, &out);
    assert(buf_check(&out) == 0);
    z.next_in = (Bytef *)out.data;
    z.avail_in = (uInt)out.len;
    z.next_out = (Bytef *)back;
    z.avail_out = (uInt)body.len + 1;
    assert(inflateInit2(&z, 15 + 16) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END);
    assert(z.total_out == body.len && z.avail_in == 0 && memcmp(back, body.p, body.len) == 0);
    inflateEnd(&z);
    http_gzip_free(g);
    buf_done(&out);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/json", "text/csv", NULL};
    if (size < 2) return 0;
    size_t cut = data[0] % size;
    /* A copy of its own, so that a read behind the end is seen. */
    char *copy = malloc(size - 1), id[HTTP_TRACE_ID + 1], *media_type = calloc(1, size);
    assert(copy && media_type);
    memcpy(copy, data + 1, size - 1);
    memcpy(media_type, data + 1, size - 1);
    struct slice text = {copy, size - 1};
    (void)http_gzip_wanted(text);
    (void)http_gzip_fits(media_type);
    int chosen = http_accept(text, types);
    assert(chosen >= -1 && chosen < 2);
    if (http_trace_parse(text, id)) assert(strlen(id) == HTTP_TRACE_ID && strspn(id, "0123456789abcdef") == HTTP_TRACE_ID);
    check_disposition(text);
    check_gzip(text, cut);
    free(copy);
    free(media_type);
    return 0;
}
