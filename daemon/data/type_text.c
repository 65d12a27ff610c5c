/* SPDX-License-Identifier: MIT */
#include "data/type_text.h"

#include "data/type_rows.h"

#include <limits.h>

enum { TYPMOD_OFFSET = 4, UUID_BYTES = 16, UUID_TEXT = 36 };

/* Cut to `max` characters; what is cut away must be spaces. */
static int cut(struct slice *text, int32_t max)
{
    /* A character is at least one byte: most cells end here. */
    if (text->len <= (size_t)max) return 0;
    size_t at = 0;
    for (int32_t i = 0; i < max && at < text->len; i++)
        do
            at++;
        while (at < text->len && ((unsigned char)text->p[at] & 0xc0) == 0x80);
    for (size_t i = at; i < text->len; i++)
        if (text->p[i] != ' ') return TYPE_E_LENGTH;
    text->len = at;
    return 0;
}

int type_text_text(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in, (void)arena;
    ret_value->s = text;
    return 0;
}

int type_text_varchar(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    if (in->type.typmod >= TYPMOD_OFFSET) {
        int r = cut(&text, in->type.typmod - TYPMOD_OFFSET);
        if (r) return r;
    }
    ret_value->s = text;
    return 0;
}

int type_text_rows(const struct type_input *in, const struct type_rows *column, struct arena *arena)
{
    const struct type_rows rows = *column; /* a copy that no store can change */
    /* The text is the value already, unless it is too long. */
    if (in->type.id != TYPE_VARCHAR || in->type.typmod < TYPMOD_OFFSET) return 0;
    size_t max = (size_t)(in->type.typmod - TYPMOD_OFFSET);
    for (size_t i = 0; i < rows.rows; i++) {
        if (rows.null[i] || rows.value[i].s.len <= max) continue;
        int r = type_rows_one(in, &rows, i, type_text_varchar, arena);
        if (r) return r;
    }
    return 0;
}

int type_text_bpchar(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    int r = type_text_varchar(in, text, arena, ret_value);
    if (r || in->type.typmod < TYPMOD_OFFSET) return r;
    /* The server pads again; without the padding equal values have equal bytes. */
    while (ret_value->s.len > 0 && ret_value->s.p[ret_value->s.len - 1] == ' ')
        ret_value->s.len--;
    return 0;
}

/* Every byte's value as a hexadecimal digit plus one, so that what is none is 0 */
#define HEX(c, v) [c] = (v) + 1
static const unsigned char hex[256] = {
    HEX('0', 0),  HEX('1', 1),  HEX('2', 2),  HEX('3', 3),  HEX('4', 4),  HEX('5', 5),  HEX('6', 6),  HEX('7', 7),
    HEX('8', 8),  HEX('9', 9),  HEX('a', 10), HEX('b', 11), HEX('c', 12), HEX('d', 13), HEX('e', 14), HEX('f', 15),
    HEX('A', 10), HEX('B', 11), HEX('C', 12), HEX('D', 13), HEX('E', 14), HEX('F', 15),
};
#undef HEX

/* Two digits, or something above 255 */
static inline unsigned hex_pair(const char *p)
{
    unsigned high = hex[(unsigned char)p[0]] - 1U, low = hex[(unsigned char)p[1]] - 1U;
    return high << 4 | low;
}

/* 8-4-4-4-12, as nearly all are written */
static bool uuid_usual(struct slice text, unsigned char *bytes)
{
    static const unsigned char at[UUID_BYTES] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    if (text.len != UUID_TEXT || text.p[8] != '-' || text.p[13] != '-' || text.p[18] != '-' || text.p[23] != '-') return false;
    unsigned seen = 0;
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        unsigned pair = hex_pair(text.p + at[i]);
        seen |= pair;
        bytes[i] = (unsigned char)pair;
    }
    return seen <= UINT8_MAX;
}

/* 32 hexadecimal digits, with or without braces around them, with or without a hyphen behind every fourth */
static bool uuid_any(struct slice text, unsigned char *bytes)
{
    const char *p = text.p, *end = text.p + text.len;
    bool braces = p < end && *p == '{';
    if (braces) p++;
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        unsigned pair = end - p < 2 ? UINT_MAX : hex_pair(p);
        if (pair > UINT8_MAX) return false;
        bytes[i] = (unsigned char)pair;
        p += 2;
        if (i % 2 == 1 && i < UUID_BYTES - 1 && p < end && *p == '-') p++;
    }
    if (braces && (p == end || *p++ != '}')) return false;
    return p == end;
}

int type_text_uuid(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in;
    unsigned char *bytes = arena_alloc(arena, UUID_BYTES);
    if (!bytes) return -ENOMEM;
    if (!uuid_usual(text, bytes) && !uuid_any(text, bytes)) return TYPE_E_SYNTAX;
    ret_value->s = (struct slice){(const char *)bytes, UUID_BYTES};
    return 0;
}
