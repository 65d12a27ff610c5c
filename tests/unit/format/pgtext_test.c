/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "format/pgtext.h"

#include <math.h>

struct case_of {
    enum type_id id;
    union value v;
    const char *text;
};

static void assert_text(const struct buf *b, const char *want)
{
    assert_int_equal(buf_check(b), 0);
    if (!slice_equal(buf_slice(b), slice_of(want))) fail_msg("\"" SLICE_FMT "\" instead of \"%s\"", SLICE_ARG(buf_slice(b)), want);
}

static void each_type_has_its_text(void **state)
{
    (void)state;
    static const struct case_of values[] = {
        {TYPE_BOOL, {.i = 1}, "t"},
        {TYPE_BOOL, {.i = 0}, "f"},
        {TYPE_INT2, {.i = -32768}, "-32768"},
        {TYPE_INT4, {.i = 258}, "258"},
        {TYPE_INT8, {.i = INT64_MIN}, "-9223372036854775808"},
        {TYPE_FLOAT4, {.f = (double)0.1F}, "0.1"},
        {TYPE_FLOAT8, {.f = 0.1}, "0.1"},
        {TYPE_FLOAT8, {.f = 1e300}, "1e+300"},
        {TYPE_FLOAT8, {.f = (double)-INFINITY}, "-Infinity"},
        {TYPE_FLOAT8, {.f = (double)NAN}, "NaN"},
        {TYPE_DATE, {.i = 0}, "2000-01-01"},
        {TYPE_DATE, {.i = INT32_MIN}, "-infinity"},
        {TYPE_TIME, {.i = INT64_C(86400000000)}, "24:00:00"},
        {TYPE_TIMESTAMP, {.i = 1500000}, "2000-01-01 00:00:01.5"},
        {TYPE_TIMESTAMPTZ, {.i = -1}, "1999-12-31 23:59:59.999999+00"},
        {TYPE_NUMERIC, {.s = {"\0\1\0\0\x40\0\0\2\0\5", 10}}, "-5.00"},
        {TYPE_UUID,
         {.s = {"\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00", 16}},
         "123e4567-e89b-12d3-a456-426614174000"},
        {TYPE_JSONB, {.s = {"{\"a\":\"\\n\"}", 10}}, "{\"a\":\"\\\\n\"}"},
        {TYPE_OTHER, {.s = {"{1,2}", 5}}, "{1,2}"},
        {TYPE_TEXT, {.s = {NULL, 0}}, ""},
    };
    struct buf out;
    buf_init(&out, 1 << 12);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        buf_reset(&out);
        pgtext_value(&out, (struct type){values[i].id, -1}, &values[i].v, false);
        assert_text(&out, values[i].text);
    }
    buf_done(&out);
}

static void what_copy_would_misread_is_escaped(void **state)
{
    (void)state;
    static const struct case_of values[] = {
        {TYPE_TEXT, {.s = {"a\tb\nc\rd\\e\bf\fg\vh", 15}}, "a\\tb\\nc\\rd\\\\e\\bf\\fg\\vh"},
        {TYPE_TEXT, {.s = {"\\N", 2}}, "\\\\N"},
        {TYPE_TEXT, {.s = {"\\.", 2}}, "\\\\."},
        {TYPE_TEXT, {.s = {"\x01\x7f\xc3\xa9", 4}}, "\x01\x7f\xc3\xa9"},
    };
    struct buf out;
    buf_init(&out, 1 << 12);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        buf_reset(&out);
        pgtext_value(&out, (struct type){values[i].id, -1}, &values[i].v, false);
        assert_text(&out, values[i].text);
    }
    buf_done(&out);
}

static struct batch make_batch(struct arena *arena)
{
    static const struct type types[] = {{TYPE_INT4, -1}, {TYPE_OTHER, -1}};
    struct batch b;
    assert_int_equal(batch_init(&b, types, 2, arena), 0);
    b.rows = 2;
    b.column[0].value[0].i = 7;
    b.column[1].value[0].s = SLICE("1 day");
    b.column[0].null[0] = b.column[1].null[0] = b.column[0].null[1] = false;
    b.column[0].value[1].i = -8;
    b.column[1].null[1] = true;
    b.line[0] = 2;
    b.line[1] = 3;
    return b;
}

static void rows_are_lines_with_tabs_between_columns(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 12, 1 << 20);
    struct batch b = make_batch(&arena);
    struct buf out;
    buf_init(&out, 1 << 12);
    pgtext_header(&out);
    pgtext_rows(&out, &b, NULL);
    pgtext_trailer(&out);
    assert_text(&out, "7\t1 day\n-8\t\\N\n");
    buf_reset(&out);
    pgtext_rows(&out, &b, &(struct pgcopy_lineage){.file = 11});
    assert_text(&out, "7\t1 day\t11\t2\n-8\t\\N\t11\t3\n");
    buf_done(&out);
    arena_done(&arena);
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    pgtext_value(&out, (struct type){TYPE_TEXT, -1}, &(union value){.s = SLICE("abcdef")}, false);
    assert_int_equal(buf_check(&out), ERROR_TOO_BIG);
    buf_reset(&out);
    pgtext_value(&out, (struct type){TYPE_TIMESTAMP, -1}, &(union value){.i = 0}, false);
    assert_int_equal(buf_check(&out), ERROR_TOO_BIG);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_text),
        cmocka_unit_test(what_copy_would_misread_is_escaped),
        cmocka_unit_test(rows_are_lines_with_tabs_between_columns),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
