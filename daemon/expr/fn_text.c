/* SPDX-License-Identifier: MIT */
#include "expr/fn_text.h"

size_t fn_text_length(struct slice s)
{
    const uint64_t low = UINT64_C(0x0101010101010101);
    size_t n = 0, i = 0;
    for (uint64_t v; i + sizeof(v) <= s.len; i += sizeof(v)) {
        memcpy(&v, s.p + i, sizeof(v));
        n += sizeof(v) - (size_t)__builtin_popcountll((v >> 7) & ~(v >> 6) & low); /* bytes 10xxxxxx continue a character */
    }
    for (; i < s.len; i++)
        n += fn_text_starts(s.p[i]);
    return n;
}

size_t fn_text_offset(struct slice s, size_t n)
{
    size_t at = 0;
    for (; n > 0 && at < s.len; n--)
        at += fn_text_char(s, at);
    return at;
}

void fn_text_begin(struct buf *ret_buf, const struct expr_run *run)
{
    size_t left = arena_left(run->arena);
    buf_init(ret_buf, left < FN_TEXT_MAX ? left : FN_TEXT_MAX);
}

int fn_text_take(const struct buf *from, struct expr_run *run, union value *ret_value)
{
    if (buf_check(from) != 0) return -ENOMEM;
    struct slice s = arena_copy(run->arena, buf_slice(from));
    if (!s.p && from->len) return -ENOMEM;
    ret_value->s = s;
    return 0;
}

int fn_text_too_much(struct expr_run *run, uint32_t row)
{
    return expr_fail(run, row, "54000",
                     "two texts are so long that comparing each part of one with each of the other would take minutes");
}

size_t fn_text_find(struct slice s, struct slice part)
{
    const char *found = s.len < part.len ? NULL : memmem(s.p, s.len, part.p, part.len);
    return found ? (size_t)(found - s.p) : s.len;
}

static FN_TEXT_KERNEL(characters)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].i = (int64_t)fn_text_length(call->arg[0]->value[row].s);
    }
    return 0;
}

static FN_TEXT_KERNEL(characters_but_blanks)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].i = (int64_t)fn_text_length(fn_text_blanks_off(call->arg[0]->value[row].s));
    }
    return 0;
}

static FN_TEXT_KERNEL(octets)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].i = (int64_t)call->arg[0]->value[row].s.len;
    }
    return 0;
}

static FN_TEXT_KERNEL(bits)
{
    (void)run;
    enum { BITS = 8 };
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].i = BITS * (int64_t)call->arg[0]->value[row].s.len;
    }
    return 0;
}

/* 1-based, in characters; 0: nowhere */
static FN_TEXT_KERNEL(position)
{
    (void)run;
    const union value *a = call->arg[0]->value, *b = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = a[row].s, part = b[row].s;
        size_t at = part.len ? fn_text_find(s, part) : 0;
        bool found = at < s.len || part.len == 0;
        ret->value[row].i = found ? (int64_t)fn_text_length((struct slice){s.p, at}) + 1 : 0;
    }
    return 0;
}

static FN_TEXT_KERNEL(starts_with)
{
    (void)run;
    const union value *a = call->arg[0]->value, *b = call->arg[1]->value;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].i = slice_starts(a[row].s, b[row].s);
    }
    return 0;
}

/* The code of the first character; 0 of an empty text */
static FN_TEXT_KERNEL(ascii)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s;
        static const unsigned char first[] = {0xff, 0x7f, 0x1f, 0x0f, 0x07};
        size_t len = s.len ? fn_text_char(s, 0) : 0;
        int64_t code = len ? (unsigned char)s.p[0] & first[len < sizeof(first) ? len : 0] : 0;
        for (size_t k = 1; k < len; k++)
            code = code << 6 | ((unsigned char)s.p[k] & 0x3f);
        ret->value[row].i = code;
    }
    return 0;
}

#define COMPARE(name, trim, result)                                                                                                \
    static FN_TEXT_KERNEL(name)                                                                                                    \
    {                                                                                                                              \
        (void)run;                                                                                                                 \
        const union value *left = call->arg[0]->value, *right = call->arg[1]->value;                                               \
        for (size_t i = 0; i < rows->n; i++) {                                                                                     \
            uint32_t row = rows->row[i];                                                                                           \
            struct slice a = trim(left[row].s), b = trim(right[row].s);                                                            \
            ret->value[row].i = result;                                                                                            \
        }                                                                                                                          \
        return 0;                                                                                                                  \
    }
#define COMPARES(prefix, trim)                                                                                                     \
    COMPARE(prefix##_equal, trim, slice_equal(a, b))                                                                               \
    COMPARE(prefix##_unequal, trim, !slice_equal(a, b))                                                                            \
    COMPARE(prefix##_less, trim, slice_compare(a, b) < 0)                                                                          \
    COMPARE(prefix##_less_equal, trim, slice_compare(a, b) <= 0)                                                                   \
    COMPARE(prefix##_greater, trim, slice_compare(a, b) > 0)                                                                       \
    COMPARE(prefix##_greater_equal, trim, slice_compare(a, b) >= 0)

COMPARES(text, )
COMPARES(blanks, fn_text_blanks_off)

#define T TYPE_TEXT
#define B TYPE_BPCHAR
#define I TYPE_INT4
#define COMPARED(type, prefix)                                                                                                     \
    {"=", 2, {type, type}, TYPE_BOOL, 0, prefix##_equal}, {"<>", 2, {type, type}, TYPE_BOOL, 0, prefix##_unequal},                 \
        {"<", 2, {type, type}, TYPE_BOOL, EXPR_COLLATED, prefix##_less},                                                           \
        {"<=", 2, {type, type}, TYPE_BOOL, EXPR_COLLATED, prefix##_less_equal},                                                    \
        {">", 2, {type, type}, TYPE_BOOL, EXPR_COLLATED, prefix##_greater},                                                        \
    {                                                                                                                              \
        ">=", 2, {type, type}, TYPE_BOOL, EXPR_COLLATED, prefix##_greater_equal                                                    \
    }

/* Not here: what a char(n)'s padding counts in (octet_length, LIKE of one), and patterns that are regular expressions. */
const struct expr_function expr_fn_text[] = {
    COMPARED(T, text),
    COMPARED(B, blanks),
    {"||", 2, {T, T}, T, 0, fn_text_join},
    {"||", 2, {EXPR_TYPE_ANY, T}, T, EXPR_ANY, fn_text_join},
    {"||", 2, {T, EXPR_TYPE_ANY}, T, EXPR_ANY, fn_text_join},
    {"length", 1, {T}, I, 0, characters},
    {"length", 1, {B}, I, 0, characters_but_blanks},
    {"char_length", 1, {T}, I, 0, characters},
    {"char_length", 1, {B}, I, 0, characters_but_blanks},
    {"character_length", 1, {T}, I, 0, characters},
    {"character_length", 1, {B}, I, 0, characters_but_blanks},
    {"octet_length", 1, {T}, I, 0, octets},
    {"bit_length", 1, {T}, I, 0, bits},
    {"lower", 1, {T}, T, EXPR_CTYPE, fn_text_lower},
    {"upper", 1, {T}, T, EXPR_CTYPE, fn_text_upper},
    {"initcap", 1, {T}, T, EXPR_CTYPE, fn_text_initcap},
    {"btrim", 1, {T}, T, 0, fn_text_btrim},
    {"btrim", 2, {T, T}, T, 0, fn_text_btrim},
    {"ltrim", 1, {T}, T, 0, fn_text_ltrim},
    {"ltrim", 2, {T, T}, T, 0, fn_text_ltrim},
    {"rtrim", 1, {T}, T, 0, fn_text_rtrim},
    {"rtrim", 2, {T, T}, T, 0, fn_text_rtrim},
    {"substr", 2, {T, I}, T, 0, fn_text_substr},
    {"substr", 3, {T, I, I}, T, 0, fn_text_substr},
    {"substring", 2, {T, I}, T, 0, fn_text_substr},
    {"substring", 3, {T, I, I}, T, 0, fn_text_substr},
    {"left", 2, {T, I}, T, 0, fn_text_left},
    {"right", 2, {T, I}, T, 0, fn_text_right},
    {"replace", 3, {T, T, T}, T, 0, fn_text_replace},
    {"split_part", 3, {T, T, I}, T, 0, fn_text_split_part},
    {"strpos", 2, {T, T}, I, 0, position},
    {"position", 2, {T, T}, I, 0, position},
    {"lpad", 2, {T, I}, T, 0, fn_text_lpad},
    {"lpad", 3, {T, I, T}, T, 0, fn_text_lpad},
    {"rpad", 2, {T, I}, T, 0, fn_text_rpad},
    {"rpad", 3, {T, I, T}, T, 0, fn_text_rpad},
    {"repeat", 2, {T, I}, T, 0, fn_text_repeat},
    {"reverse", 1, {T}, T, 0, fn_text_reverse},
    {"translate", 3, {T, T, T}, T, 0, fn_text_translate},
    {"ascii", 1, {T}, I, 0, ascii},
    {"concat", 1, {EXPR_TYPE_ANY}, T, EXPR_NULLS | EXPR_VARIADIC | EXPR_ANY, fn_text_concat},
    {"concat_ws", 2, {T, EXPR_TYPE_ANY}, T, EXPR_NULLS | EXPR_VARIADIC | EXPR_ANY, fn_text_concat_ws},
    {"starts_with", 2, {T, T}, TYPE_BOOL, 0, starts_with},
    {"~~", 2, {T, T}, TYPE_BOOL, 0, fn_text_like},
    {"!~~", 2, {T, T}, TYPE_BOOL, 0, fn_text_not_like},
    {"~~*", 2, {T, T}, TYPE_BOOL, EXPR_CTYPE, fn_text_ilike},
    {"!~~*", 2, {T, T}, TYPE_BOOL, EXPR_CTYPE, fn_text_not_ilike},
    {"like_escape", 2, {T, T}, T, 0, fn_text_like_escape},
    {0},
};
