/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as JSON: what is accepted is JSON for the reader of json columns, too, and can be walked: every value lies inside of
 * its container, and every string is UTF-8. What is refused is told with a place inside of the text.
 */
#include "base/arena.h"
#include "csv/utf8.h"
#include "data/type_json.h"
#include "format/json_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void walk_string(struct slice raw)
{
    struct buf out;
    buf_init(&out, raw.len);
    json_unquote(&out, raw);
    check(buf_check(&out) == 0 && (out.len == 0 || utf8_valid(buf_slice(&out))));
    check(json_means(raw, buf_slice(&out)));
    buf_done(&out);
}

static void walk(struct json_value v)
{
    if (v.kind == JSON_KIND_STRING) walk_string(v.raw);
    struct json_walk w = json_walk_begin(v);
    while (json_walk_next(&w)) {
        check(w.value.raw.p > v.raw.p && w.value.raw.p + w.value.raw.len < v.raw.p + v.raw.len && w.value.raw.len > 0);
        if (w.object) walk_string(w.name);
        walk(w.value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct json_fault fault = {0};
    int r = json_check(text, &(struct json_limits){.depth = JSON_READ_DEPTH_MAX}, &fault);
    if (r != 0) {
        check(r == JSON_E_TEXT && fault.line >= 1 && fault.column >= 1 && fault.column <= size + 1 && fault.message[0]);
        return 0;
    }
    struct arena a;
    union value unused;
    arena_init(&a, 4096, 1 << 20);
    struct slice body = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? (struct slice){text.p + 3, size - 3} : text;
    check(type_json_parse(&(struct type_input){.type = {TYPE_JSON, -1}}, body, &a, &unused) == 0);
    arena_done(&a);
    walk(json_root(text));
    return 0;
}
