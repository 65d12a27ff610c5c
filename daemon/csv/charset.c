/* SPDX-License-Identifier: MIT */
#include "csv/charset.h"

#include "base/num.h"
#include "csv/simd.h"
#include "csv/utf8.h"

static int from_utf8(struct slice text, struct arena *arena, struct slice *ret_text)
{
    (void)arena;
    if (!utf8_valid(text)) return CHARSET_E_INVALID;
    *ret_text = text;
    return 0;
}

static int from_latin1(struct slice text, struct arena *arena, struct slice *ret_text)
{
    const struct simd_ops *ops = simd_best();
    size_t i = ops->first_high(text), room;
    if (i == text.len) {
        *ret_text = text;
        return 0;
    }
    /* Each byte above 0x7f takes two. */
    if (!num_mul(text.len - i, 2, &room) || !num_add(room, i, &room)) return -ENOMEM;
    char *to = arena_alloc(arena, room);
    if (!to) return -ENOMEM;
    if (i) memcpy(to, text.p, i);
    size_t len = i;
    while (i < text.len) {
        unsigned char c = (unsigned char)text.p[i++];
        to[len++] = (char)(0xc0 | c >> 6);
        to[len++] = (char)(0x80 | (c & 0x3f));
        size_t ascii = ops->copy_ascii(to + len, (struct slice){text.p + i, text.len - i});
        i += ascii;
        len += ascii;
    }
    *ret_text = (struct slice){to, len};
    return 0;
}

int charset_to_utf8(enum dialect_encoding from, struct slice text, struct arena *arena, struct slice *ret_text)
{
    static int (*const convert[])(struct slice, struct arena *, struct slice *) = {
        [DIALECT_UTF8] = from_utf8,
        [DIALECT_LATIN1] = from_latin1,
    };
    return convert[from](text, arena, ret_text);
}
