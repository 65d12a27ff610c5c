/* SPDX-License-Identifier: MIT */
/*
 * Request targets: taken apart and decoded, and what was decoded encoded again, which must come back the same. The authority goes
 * through the rule of who is local.
 */
#include "api/access.h"
#include "http/target.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 20, TARGET_MAX = 4096 };

/* As the parser of requests lets them through. */
static bool is_sound(struct slice t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.p[i] <= ' ' || t.p[i] >= 0x7f || t.p[i] == '#') return false;
    return t.len > 0 && t.len <= TARGET_MAX &&
           (t.p[0] == '/' || slice_starts(t, SLICE("http://")) || slice_starts(t, SLICE("https://")));
}

static void has_no_zero(struct slice s)
{
    assert(s.p && (s.len == 0 || !memchr(s.p, 0, s.len)));
}

static void again(const struct http_target *t, struct arena *arena)
{
    struct http_target back;
    struct buf text;
    buf_init(&text, 8 * TARGET_MAX);
    for (unsigned i = 0; i < t->segments; i++) {
        buf_putc(&text, '/');
        http_target_encode(&text, t->segment[i]);
    }
    buf_putc(&text, '/'); /* so that an empty last segment is one */
    assert(buf_check(&text) == 0);
    int r = http_target_parse(buf_slice(&text), arena, &back);
    if (r == 0) {
        assert(back.segments == t->segments && back.parameters == 0 && !back.authority.p);
        for (unsigned i = 0; i < t->segments; i++)
            assert(slice_equal(back.segment[i], t->segment[i]));
    } else {
        assert(r == -ENOMEM);
    }
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct http_target t;
    if (!is_sound((struct slice){(const char *)data, size})) return 0;
    /* A copy of its own, so that a read behind the end is seen. */
    char *copy = malloc(size);
    if (!copy) return 0;
    memcpy(copy, data, size);
    arena_init(&arena, 1024, MEMORY);
    if (http_target_parse((struct slice){copy, size}, &arena, &t) == 0) {
        assert(t.segments <= HTTP_SEGMENTS_MAX);
        for (unsigned i = 0; i < t.segments; i++)
            has_no_zero(t.segment[i]);
        for (unsigned i = 0; i < t.parameters; i++) {
            has_no_zero(t.parameter[i].name);
            has_no_zero(t.parameter[i].value);
        }
        if (t.authority.p) (void)access_host_is_local(t.authority);
        if (t.segments > 0) again(&t, &arena);
    }
    arena_done(&arena);
    free(copy);
    return 0;
}
