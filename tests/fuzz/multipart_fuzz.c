/* SPDX-License-Identifier: MIT */
/*
 * A body of multipart/form-data. The first two bytes choose where it is cut in three; the events must be the same whole and cut,
 * and the parts' bytes must be bytes of the body.
 */
#include "http/multipart.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tale {
    struct buf text;
    size_t data_bytes;
};

static void tell(struct tale *t, const struct http_multipart *m, enum http_multipart_event e, struct slice data)
{
    switch (e) {
    case HTTP_MULTIPART_PART:
        assert(m->part.name.p && m->part.name.len <= HTTP_PART_HEAD_MAX && m->part.filename.len <= HTTP_PART_HEAD_MAX);
        buf_puts(&t->text, "<");
        buf_put(&t->text, m->part.name);
        buf_puts(&t->text, m->part.filename.p ? "|" : "-");
        buf_put(&t->text, m->part.filename);
        buf_puts(&t->text, "|");
        buf_put(&t->text, m->part.type);
        buf_puts(&t->text, ">");
        break;
    case HTTP_MULTIPART_DATA:
        assert(data.len > 0);
        t->data_bytes += data.len;
        buf_put(&t->text, data);
        break;
    case HTTP_MULTIPART_PART_END: buf_puts(&t->text, "</>"); break;
    case HTTP_MULTIPART_BAD: buf_puts(&t->text, m->why); break;
    case HTTP_MULTIPART_MORE: break;
    }
}

static bool feed(struct http_multipart *m, struct slice bytes, struct tale *t)
{
    /* A copy of its own, so that a read behind the end is seen. */
    char *copy = malloc(bytes.len + 1);
    memcpy(copy, bytes.p, bytes.len);
    char *exact = realloc(copy, bytes.len ? bytes.len : 1);
    struct slice rest = {exact, bytes.len}, data = {NULL, 0};
    enum http_multipart_event e;
    do {
        e = http_multipart_feed(m, &rest, &data);
        tell(t, m, e, data);
    } while (e != HTTP_MULTIPART_MORE && e != HTTP_MULTIPART_BAD);
    free(exact);
    return e == HTTP_MULTIPART_MORE;
}

static void parse(struct slice type, struct slice body, size_t a, size_t b, struct tale *t)
{
    struct http_multipart m;
    buf_init(&t->text, 1 << 24);
    t->data_bytes = 0;
    if (http_multipart_init(&m, type) == 0) {
        bool sound = feed(&m, (struct slice){body.p, a}, t) && feed(&m, (struct slice){body.p + a, b - a}, t) &&
                     feed(&m, (struct slice){body.p + b, body.len - b}, t);
        if (sound) buf_puts(&t->text, http_multipart_is_whole(&m) ? "." : "…");
        assert(t->data_bytes <= body.len);
    }
    http_multipart_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    /* Up to the first line end: the boundary, or a whole Content-Type where it begins with an m. */
    struct slice body = {(const char *)data + 2, size - 2}, line = slice_cut(&body, '\n');
    if (!body.p) return 0;
    struct buf type;
    buf_init(&type, 1 << 24);
    if (line.len == 0 || line.p[0] != 'm') buf_puts(&type, "multipart/form-data; boundary=");
    buf_put(&type, line);
    size_t a = data[0] % (body.len + 1), b = a + data[1] % (body.len - a + 1);
    struct tale whole, cut;
    parse(buf_slice(&type), body, 0, 0, &whole);
    parse(buf_slice(&type), body, a, b, &cut);
    assert(slice_equal(buf_slice(&whole.text), buf_slice(&cut.text)));
    buf_done(&whole.text);
    buf_done(&cut.text);
    buf_done(&type);
    return 0;
}
