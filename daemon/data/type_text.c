/* SPDX-License-Identifier: MIT */
#include "data/type_text.h"

enum { TYPMOD_OFFSET = 4, UUID_BYTES = 16 };

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

int type_text_bpchar(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    int r = type_text_varchar(in, text, arena, ret_value);
    if (r || in->type.typmod < TYPMOD_OFFSET) return r;
    /* The server pads again; without the padding equal values have equal bytes. */
    while (ret_value->s.len > 0 && ret_value->s.p[ret_value->s.len - 1] == ' ')
        ret_value->s.len--;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* 32 hexadecimal digits, with or without braces around them, with or without a hyphen behind every fourth */
int type_text_uuid(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in;
    unsigned char *bytes = arena_alloc(arena, UUID_BYTES);
    if (!bytes) return -ENOMEM;
    const char *p = text.p, *end = text.p + text.len;
    bool braces = p < end && *p == '{';
    if (braces) p++;
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        if (end - p < 2) return TYPE_E_SYNTAX;
        int high = hex_digit(p[0]), low = hex_digit(p[1]);
        if (high < 0 || low < 0) return TYPE_E_SYNTAX;
        bytes[i] = (unsigned char)(high << 4 | low);
        p += 2;
        if (i % 2 == 1 && i < UUID_BYTES - 1 && p < end && *p == '-') p++;
    }
    if (braces && (p == end || *p++ != '}')) return TYPE_E_SYNTAX;
    if (p != end) return TYPE_E_SYNTAX;
    ret_value->s = (struct slice){(const char *)bytes, UUID_BYTES};
    return 0;
}
