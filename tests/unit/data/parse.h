/* SPDX-License-Identifier: MIT */
/*
 * Tables of texts and what they mean, for the tests of data/type*: include behind cmocka.h.
 */
#ifndef CETLD_TESTS_DATA_PARSE_H
#define CETLD_TESTS_DATA_PARSE_H

#include "data/type.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARSE_TEXT_MAX = 4096, PARSE_ARENA_MAX = 1 << 20 };

static inline bool parse_same(enum type_id id, const union value *a, const union value *b)
{
    return type_info(id)->fixed ? a->i == b->i : slice_equal(a->s, b->s);
}

/* As cells of a column it is the same: at the beginning of the memory, behind other bytes, and in memory of its own. */
static inline void parse_rows(const struct type_input *in, struct slice text, struct arena *arena, int code,
                              const union value *want)
{
    static const char before[] = "12345678\"'-.e9876543210";
    enum { BEFORE = sizeof(before) - 1, ROWS = 3 };
    char *memory = malloc(text.len + BEFORE + text.len), *own = malloc(text.len ? text.len : 1);
    assert_non_null(memory);
    assert_non_null(own);
    if (text.len) {
        memcpy(memory, text.p, text.len);
        memcpy(own, text.p, text.len);
        memcpy(memory + text.len + BEFORE, text.p, text.len);
    }
    memcpy(memory + text.len, before, BEFORE);
    union value value[ROWS] = {{.s = {memory, text.len}}, {.s = {memory + text.len + BEFORE, text.len}}, {.s = {own, text.len}}};
    bool bad[ROWS] = {false};
    const bool null[ROWS] = {false};
    const struct type_rows rows = {
        .value = value, .null = null, .bad = bad, .rows = ROWS, .memory = {memory, 2 * text.len + BEFORE}};
    assert_int_equal(type_parse_rows(in, &rows, arena), 0);
    for (int i = 0; i < ROWS; i++)
        if (bad[i] != (code != 0) || (code == 0 && !parse_same(in->type.id, &value[i], want)))
            fail_msg("\"" SLICE_FMT "\" in row %d is not what it is alone", SLICE_ARG(text), i);
    free(memory);
    free(own);
}

/*
 * The text is parsed from a copy of its exact size, so that the sanitizer sees a byte read beyond it. A variable-length value is
 * copied to the arena, which the caller resets.
 */
static inline int parse_text(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    char *exact = malloc(text.len ? text.len : 1);
    assert_non_null(exact);
    if (text.len) memcpy(exact, text.p, text.len);
    int r = type_parse(in, (struct slice){exact, text.len}, arena, ret_value);
    if (r == 0 && !type_info(in->type.id)->fixed) ret_value->s = arena_copy(arena, ret_value->s);
    free(exact);
    if (r >= 0) parse_rows(in, text, arena, r, ret_value);
    return r;
}

struct parse_int {
    const char *text;
    int code; /* 0: `value` is meant */
    int64_t value;
};

static inline void parse_ints(const struct type_input *in, const struct parse_int *table, size_t n)
{
    struct arena arena;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    for (size_t i = 0; i < n; i++) {
        union value v = {.i = 0};
        int r = parse_text(in, slice_of(table[i].text), &arena, &v);
        if (r != table[i].code || (r == 0 && v.i != table[i].value))
            fail_msg("\"%s\" is %d, %lld", table[i].text, r, (long long)v.i);
        arena_reset(&arena);
    }
    arena_done(&arena);
}
/** PARSE_INTS(table, input): a compound literal as the input may hold commas. */
#define PARSE_INTS(table, ...) parse_ints(__VA_ARGS__, table, sizeof(table) / sizeof((table)[0]))

struct parse_bytes {
    const char *text;
    int code;
    const char *hex; /* of the value's bytes */
};

static inline void parse_bytes(const struct type_input *in, const struct parse_bytes *table, size_t n)
{
    struct arena arena;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    for (size_t i = 0; i < n; i++) {
        union value v = {.s = {NULL, 0}};
        char hex[2 * PARSE_TEXT_MAX + 1] = "";
        int r = parse_text(in, slice_of(table[i].text), &arena, &v);
        for (size_t k = 0; r == 0 && k < v.s.len && k < PARSE_TEXT_MAX; k++)
            snprintf(hex + 2 * k, 3, "%02x", (unsigned char)v.s.p[k]);
        if (r != table[i].code || (r == 0 && strcmp(hex, table[i].hex) != 0)) fail_msg("\"%s\" is %d, %s", table[i].text, r, hex);
        arena_reset(&arena);
    }
    arena_done(&arena);
}
#define PARSE_BYTES(table, ...) parse_bytes(__VA_ARGS__, table, sizeof(table) / sizeof((table)[0]))

#endif
