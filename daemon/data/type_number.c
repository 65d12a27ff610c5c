/* SPDX-License-Identifier: MIT */
#include "data/type_number.h"

#include "data/digits.h"
#include "data/type_rows.h"

/* Any beginning of a word stands for it, from its shortest unambiguous one. */
static const struct bool_word {
    struct slice word;
    size_t shortest;
    bool value;
} bool_words[] = {
    {{"true", 4}, 1, true}, {{"false", 5}, 1, false}, {{"yes", 3}, 1, true}, {{"no", 2}, 1, false},
    {{"on", 2}, 2, true},   {{"off", 3}, 2, false},   {{"1", 1}, 1, true},   {{"0", 1}, 1, false},
};

int type_number_bool(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in, (void)arena;
    struct slice s = slice_trim(text);
    if (s.len == 0) return TYPE_E_SYNTAX;
    char first = (char)(s.p[0] | 0x20); /* letters are folded; the digits have that bit */
    for (size_t i = 0; i < sizeof(bool_words) / sizeof(bool_words[0]); i++) {
        const struct bool_word *w = &bool_words[i];
        if (first != w->word.p[0] || s.len < w->shortest || s.len > w->word.len) continue;
        if (!slice_equal_nocase(s, (struct slice){w->word.p, s.len})) continue;
        ret_value->i = w->value;
        return 0;
    }
    return TYPE_E_SYNTAX;
}

static const uint64_t int_max[TYPE_N] = {[TYPE_INT2] = INT16_MAX, [TYPE_INT4] = INT32_MAX, [TYPE_INT8] = INT64_MAX};

static int finish_int(const struct type_input *in, uint64_t v, bool negative, union value *ret_value)
{
    if (v > int_max[in->type.id] + negative) return TYPE_E_RANGE;
    ret_value->i = (int64_t)(negative ? 0 - v : v);
    return 0;
}

int type_number_int(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    struct slice s = slice_trim(text);
    bool negative = s.len > 0 && s.p[0] == '-';
    if (negative || (s.len > 0 && s.p[0] == '+')) s.p++, s.len--;
    if (s.len == 0) return TYPE_E_SYNTAX;
    uint64_t v = 0;
    if (digits_parse(s.p, s.len, &v)) return finish_int(in, v, negative, ret_value);
    bool over = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9) return TYPE_E_SYNTAX;
        over |= __builtin_mul_overflow(v, 10U, &v);
        over |= __builtin_add_overflow(v, digit, &v);
    }
    return over ? TYPE_E_RANGE : finish_int(in, v, negative, ret_value);
}

int type_number_int_rows(const struct type_input *in, const struct type_rows *column, struct arena *arena)
{
    const struct type_rows rows = *column; /* a copy that no store can change */
    const uint64_t max = int_max[in->type.id];
    size_t room = type_rows_room(&rows);
    for (size_t i = 0; i < rows.rows; i++) {
        if (rows.null[i]) continue;
        struct slice s = rows.value[i].s;
        uint64_t v;
        if (type_rows_roomy(&rows, room, s)) {
            size_t sign = s.p[0] == '-';
            if (digits_parse_roomy(s.p + sign, s.len - sign, &v) && v <= max + sign) {
                rows.value[i].i = (int64_t)(sign ? 0 - v : v);
                continue;
            }
        }
        int r = type_rows_one(in, &rows, i, type_number_int, arena);
        if (r) return r;
    }
    return 0;
}
