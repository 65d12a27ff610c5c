/* SPDX-License-Identifier: MIT */
/*
 * For the fuzz targets of data/type and format: a batch out of any bytes, and what must hold of a value's bytes on the wire.
 */
#ifndef CETLD_TESTS_FUZZ_VALUES_H
#define CETLD_TESTS_FUZZ_VALUES_H

#include "format/pgcopy.h"
#include "format/pgvalue.h"

#include <stdlib.h>

static inline void check(bool holds)
{
    if (!holds) abort();
}

static inline uint32_t get32(const char *p)
{
    return (uint32_t)(unsigned char)p[0] << 24 | (uint32_t)(unsigned char)p[1] << 16 | (uint32_t)(unsigned char)p[2] << 8 |
           (uint32_t)(unsigned char)p[3];
}

/** A type and a typmod that suits it, out of a byte each. TYPE_OTHER only where there is need for it. */
static inline struct type type_of(uint8_t type, uint8_t typmod, bool other)
{
    static const int32_t numeric[] = {-1,
                                      (5 << 16 | 2) + 4,
                                      (38 << 16 | 10) + 4,
                                      (3 << 16 | (-2 & 0x7ff)) + 4,
                                      (2 << 16 | 4) + 4,
                                      (1000 << 16) + 4,
                                      (12 << 16 | 2) + 4};
    struct type t = {(enum type_id)(type % (other ? TYPE_N : TYPE_OTHER)), -1};
    switch (t.id) {
    case TYPE_NUMERIC: t.typmod = numeric[typmod % (sizeof(numeric) / sizeof(numeric[0]))]; break;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: t.typmod = typmod % 8 - 1; break;
    case TYPE_VARCHAR:
    case TYPE_BPCHAR: t.typmod = typmod % 4 ? 4 + typmod % 16 : -1; break;
    default: break;
    }
    if ((t.id == TYPE_VARCHAR || t.id == TYPE_BPCHAR) && t.typmod == 4) t.typmod = 5;
    return t;
}

/** Parse from a copy of the text's exact size, so that the sanitizer sees a byte read beyond it; the copy stays in the arena's
 * keeping. */
static inline int parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    char *exact = malloc(text.len ? text.len : 1);
    check(exact != NULL);
    if (text.len) memcpy(exact, text.p, text.len);
    int r = type_parse(in, (struct slice){exact, text.len}, arena, ret_value);
    if (r == 0 && !type_info(in->type.id)->fixed) {
        ret_value->s = arena_copy(arena, ret_value->s);
        check(ret_value->s.p || ret_value->s.len == 0);
    }
    free(exact);
    return r;
}

/** The bytes on the wire are those of a value, whose text means the value again. `t` is not TYPE_OTHER. */
static inline void check_wire(struct type t, struct slice wire)
{
    struct arena arena;
    struct buf text, again;
    union value v;
    arena_init(&arena, 1 << 12, 1 << 26);
    buf_init(&text, 1 << 24);
    buf_init(&again, 1 << 24);
    check(pgvalue_text(&text, type_info(t.id)->oid, wire) == 0 && buf_check(&text) == 0);
    int r = parse(&(struct type_input){.type = t}, buf_slice(&text), &arena, &v);
    /* Rounded to the typmod a timestamp may end just behind its range, as it does in PostgreSQL. */
    bool edge = r == TYPE_E_RANGE && (t.id == TYPE_TIMESTAMP || t.id == TYPE_TIMESTAMPTZ) && text.len > 6 &&
                memcmp(text.data, "294277", 6) == 0;
    check(r == 0 || edge);
    if (r == 0) {
        pgcopy_value(&again, t, &v, false);
        bool nan = text.len == 3 && memcmp(text.data, "NaN", 3) == 0; /* its sign and payload have no text */
        check(nan || slice_equal((struct slice){again.data + 4, again.len - 4}, wire));
    }
    buf_done(&text);
    buf_done(&again);
    arena_done(&arena);
}

/**
 * Out of the bytes: how many columns, each one's type, then cells, each of a byte for NULL and up to 255 bytes. Rows with a cell
 * that is no value of its type are left out.
 */
static inline struct batch batch_of(const uint8_t *data, size_t size, bool other, struct arena *arena)
{
    enum { COLUMNS_MAX = 8 };
    struct type types[COLUMNS_MAX];
    struct batch b;
    size_t at = 0, columns = size ? 1 + data[at++] % COLUMNS_MAX : 1;
    for (size_t c = 0; c < columns; c++) {
        types[c] = at + 2 <= size ? type_of(data[at], data[at + 1], other) : (struct type){TYPE_TEXT, -1};
        at += 2;
    }
    check(batch_init(&b, types, columns, arena) == 0);
    while (at < size && b.rows < b.rows_max) {
        bool values = true;
        for (size_t c = 0; c < columns; c++) {
            uint8_t length = at < size ? data[at++] : 0;
            struct slice text = {(const char *)data + (at < size ? at : size), at < size ? size - at : 0};
            if (text.len > length) text.len = length;
            at += text.len;
            b.column[c].null[b.rows] = length == UINT8_MAX;
            if (length == UINT8_MAX) continue;
            /* The reader lets neither NUL nor what is no UTF-8 through. */
            for (struct slice rest = text; rest.len > 0 && values;) {
                size_t n = slice_char_len(rest);
                values = n > 0 && rest.p[0] != '\0';
                rest.p += n, rest.len -= n;
            }
            int r = values ? parse(&(struct type_input){.type = types[c]}, text, arena, &b.column[c].value[b.rows]) : TYPE_E_SYNTAX;
            check(r >= 0);
            values &= r == 0;
        }
        b.line[b.rows] = at;
        b.rows += values;
    }
    return b;
}

#endif
