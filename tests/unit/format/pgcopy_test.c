/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "format/pgcopy.h"

#include <stdio.h>

static void assert_hex(const struct buf *b, const char *want)
{
    char hex[4096] = "";
    assert_int_equal(buf_check(b), 0);
    for (size_t i = 0; i < b->len; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)b->data[i]);
    assert_string_equal(hex, want);
}

static void header_and_trailer_are_copys(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 12);
    pgcopy_header(&out);
    assert_hex(&out, "5047434f50590aff0d0a00"
                     "00000000"
                     "00000000");
    buf_reset(&out);
    pgcopy_trailer(&out);
    assert_hex(&out, "ffff");
    buf_done(&out);
}

static void each_type_has_its_binary_form(void **state)
{
    (void)state;
    static const struct {
        enum type_id id;
        union value v;
        const char *hex;
    } values[] = {
        {TYPE_BOOL, {.i = 1}, "0000000101"},
        {TYPE_INT2, {.i = -2}, "00000002fffe"},
        {TYPE_INT4, {.i = 258}, "0000000400000102"},
        {TYPE_INT8, {.i = -1}, "00000008ffffffffffffffff"},
        {TYPE_FLOAT4, {.f = 1.5}, "000000043fc00000"},
        {TYPE_FLOAT8, {.f = -2}, "00000008c000000000000000"},
        {TYPE_DATE, {.i = INT32_MAX}, "000000047fffffff"},
        {TYPE_TIMESTAMPTZ, {.i = 1}, "000000080000000000000001"},
        {TYPE_NUMERIC, {.s = {"\0\1\0\0\0\0\0\0\0\5", 10}}, "0000000a00010000000000000005"},
        {TYPE_JSONB, {.s = {"{}", 2}}, "00000003017b7d"},
        {TYPE_JSON, {.s = {"{}", 2}}, "000000027b7d"},
        {TYPE_TEXT, {.s = {NULL, 0}}, "00000000"},
    };
    struct buf out;
    buf_init(&out, 1 << 12);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        buf_reset(&out);
        pgcopy_value(&out, (struct type){values[i].id, -1}, &values[i].v, false);
        assert_hex(&out, values[i].hex);
    }
    buf_reset(&out);
    pgcopy_value(&out, (struct type){TYPE_TEXT, -1}, NULL, true);
    assert_hex(&out, "ffffffff");
    buf_done(&out);
}

static void make_batch(struct arena *arena, struct batch *b)
{
    const struct type types[] = {{TYPE_INT2, -1}, {TYPE_TEXT, -1}};
    arena_init(arena, 1 << 16, 1 << 20);
    assert_int_equal(batch_init(b, types, 2, arena), 0);
    b->rows = 2;
    for (size_t r = 0; r < 2; r++) {
        b->line[r] = r + 7;
        b->column[0].value[r].i = (int64_t)r;
        b->column[0].null[r] = false;
        b->column[1].value[r].s = SLICE("ab");
        b->column[1].null[r] = r == 1;
    }
}

static void rows_are_fields_with_lineage_behind_them(void **state)
{
    (void)state;
    struct arena arena;
    struct batch b;
    struct buf out;
    make_batch(&arena, &b);
    buf_init(&out, 1 << 12);
    pgcopy_rows(&out, &b, NULL);
    assert_hex(&out, "0002"
                     "000000020000"
                     "000000026162"
                     "0002"
                     "000000020001"
                     "ffffffff");
    buf_reset(&out);
    b.rows = 1;
    pgcopy_rows(&out, &b, &(struct pgcopy_lineage){.file = 3});
    assert_hex(&out, "0004"
                     "000000020000"
                     "000000026162"
                     "000000080000000000000003"
                     "000000080000000000000007");
    buf_done(&out);
    arena_done(&arena);
}

static void a_column_is_an_array(void **state)
{
    (void)state;
    struct arena arena;
    struct batch b;
    struct buf out;
    make_batch(&arena, &b);
    buf_init(&out, 1 << 12);
    pgcopy_array(&out, &b, 0);
    assert_hex(&out, "00000001"
                     "00000000"
                     "00000015"
                     "00000002"
                     "00000001"
                     "000000020000"
                     "000000020001");
    buf_reset(&out);
    pgcopy_array(&out, &b, 1);
    assert_hex(&out, "00000001"
                     "00000001"
                     "00000019"
                     "00000002"
                     "00000001"
                     "000000026162"
                     "ffffffff");
    buf_reset(&out);
    b.rows = 0;
    pgcopy_array(&out, &b, 0);
    assert_hex(&out, "00000000"
                     "00000000"
                     "00000015");
    buf_done(&out);
    arena_done(&arena);
}

static void a_full_buffer_stays_as_it_was(void **state)
{
    (void)state;
    struct arena arena;
    struct batch b;
    struct buf out;
    make_batch(&arena, &b);
    buf_init(&out, 8);
    pgcopy_rows(&out, &b, NULL);
    assert_int_equal(out.len, 0);
    assert_int_equal(buf_check(&out), ERROR_TOO_BIG);
    buf_done(&out);
    arena_done(&arena);
}

static void a_wide_row_has_all_its_fields(void **state)
{
    (void)state;
    enum { WIDE = 150, ROWS = 3 };
    struct type types[WIDE];
    struct arena arena;
    struct batch b;
    struct buf out, want;
    buf_init(&out, 1 << 16);
    buf_init(&want, 1 << 16);
    arena_init(&arena, 1 << 16, 1 << 24);
    for (size_t c = 0; c < WIDE; c++)
        types[c] = (struct type){c % 2 ? TYPE_TEXT : TYPE_INT4, -1};
    assert_int_equal(batch_init(&b, types, WIDE, &arena), 0);
    for (b.rows = 0; b.rows < ROWS; b.rows++) {
        buf_put_u16(&want, WIDE);
        for (size_t c = 0; c < WIDE; c++) {
            struct batch_column *column = &b.column[c];
            column->null[b.rows] = (c + b.rows) % 5 == 0;
            column->value[b.rows].i = (int64_t)c;
            if (c % 2) column->value[b.rows].s = (struct slice){"a text of 25 bytes in all", c % 26};
            pgcopy_value(&want, types[c], &column->value[b.rows], column->null[b.rows]);
        }
    }
    pgcopy_rows(&out, &b, NULL);
    assert_int_equal(buf_check(&out), 0);
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.data, want.data, want.len);
    buf_done(&out);
    buf_done(&want);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_trailer_are_copys),
        cmocka_unit_test(each_type_has_its_binary_form),
        cmocka_unit_test(rows_are_fields_with_lineage_behind_them),
        cmocka_unit_test(a_column_is_an_array),
        cmocka_unit_test(a_wide_row_has_all_its_fields),
        cmocka_unit_test(a_full_buffer_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
