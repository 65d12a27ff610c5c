/* SPDX-License-Identifier: MIT */
/*
 * Requests as they come from the wire: the parser (head, framing, body) and the target's decoding. The first byte chooses where the
 * bytes are cut in two; a message must be the same whole and in two parts, and its body the same gathered and handed out.
 */
#include "http/parser.h"
#include "http/target.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_MAX = 4096, BODY_MAX = 4096 };

/* `body` gets what is handed out; NULL: it is gathered in the message. */
static enum http_parsed feed(struct http_parser *p, struct slice *bytes, struct buf *body)
{
    for (;;) {
        enum http_parsed parsed = http_parser_feed(p, bytes);
        if (parsed == HTTP_PARSED_HEAD && body) http_parser_stream(p);
        if (parsed == HTTP_PARSED_DATA) {
            assert(body && p->data.len > 0);
            buf_put(body, p->data);
        } else if (parsed != HTTP_PARSED_HEAD) {
            return parsed;
        }
    }
}

static enum http_parsed parse(struct http_message *m, struct slice bytes, size_t cut, struct buf *body)
{
    struct http_parser p;
    http_message_init(m, HEAD_MAX, BODY_MAX);
    http_parser_begin(&p, m);
    struct slice first = {bytes.p, cut}, second = {bytes.p + cut, bytes.len - cut};
    enum http_parsed parsed = feed(&p, &first, body);
    if (parsed == HTTP_PARSED_MORE) parsed = feed(&p, &second, body);
    if (parsed == HTTP_PARSED_REFUSED) assert(p.refusal.status >= 400 && p.refusal.why);
    return parsed;
}

static void decode(struct slice target)
{
    struct arena arena;
    struct http_target t;
    arena_init(&arena, 1024, 1 << 20);
    if (http_target_parse(target, &arena, &t) == 0) {
        for (unsigned i = 0; i < t.segments; i++)
            assert(!t.segment[i].len || !memchr(t.segment[i].p, 0, t.segment[i].len));
        for (unsigned i = 0; i < t.parameters; i++)
            assert(t.parameter[i].name.p && t.parameter[i].value.p);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    size_t cut = data[0] % size;
    /* A copy of its own, so that a read behind the end is seen. */
    char *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    struct slice bytes = {copy, size - 1};
    struct http_message whole, parts, streamed;
    struct buf body;
    buf_init(&body, 1 << 24);
    enum http_parsed a = parse(&whole, bytes, bytes.len, NULL), b = parse(&parts, bytes, cut, NULL),
                     c = parse(&streamed, bytes, cut, &body);
    assert(a == b);
    assert(streamed.body.len == 0);
    if (a == HTTP_PARSED_WHOLE) assert(c == a && slice_equal(buf_slice(&whole.body), buf_slice(&body)));
    if (a == HTTP_PARSED_WHOLE) {
        assert(whole.fields == parts.fields && slice_equal(buf_slice(&whole.body), buf_slice(&parts.body)));
        decode(whole.target);
    }
    http_message_done(&whole);
    http_message_done(&parts);
    http_message_done(&streamed);
    buf_done(&body);
    free(copy);
    return 0;
}
