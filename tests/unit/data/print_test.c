/* SPDX-License-Identifier: MIT */
#include "data/print.h"

#include <math.h>

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void assert_printed(enum type_id id, union value v, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 10);
    print_value(&out, id, v);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

/* The text is read by the type's parser and printed again. */
static void assert_prints(enum type_id id, const char *text, const char *expected)
{
    struct arena arena;
    union value v;
    arena_init(&arena, 1 << 12, 1 << 16);
    assert_int_equal(type_parse(&(struct type_input){.type = {id, -1}}, slice_of(text), &arena, &v), 0);
    assert_printed(id, v, expected);
    arena_done(&arena);
}

static void numbers_are_printed_as_the_server_does(void **state)
{
    (void)state;
    assert_prints(TYPE_BOOL, "true", "t");
    assert_prints(TYPE_INT8, "-9223372036854775808", "-9223372036854775808");
    assert_prints(TYPE_NUMERIC, "-1.50", "-1.50");
    assert_prints(TYPE_FLOAT4, "0.1", "0.1");
    assert_prints(TYPE_FLOAT8, "1e15", "1e+15");
    assert_printed(TYPE_FLOAT8, (union value){.f = (double)NAN}, "NaN");
    assert_printed(TYPE_FLOAT4, (union value){.f = -(double)INFINITY}, "-Infinity");
}

static void moments_are_iso(void **state)
{
    (void)state;
    assert_prints(TYPE_DATE, "2024-01-31", "2024-01-31");
    assert_prints(TYPE_DATE, "0044-03-15 BC", "0044-03-15 BC");
    assert_prints(TYPE_DATE, "12024-01-31", "12024-01-31");
    assert_prints(TYPE_DATE, "-infinity", "-infinity");
    assert_prints(TYPE_TIME, "24:00", "24:00:00");
    assert_prints(TYPE_TIME, "01:02:03.0450", "01:02:03.045");
    assert_prints(TYPE_TIMESTAMP, "1999-12-31 23:59:59.999999", "1999-12-31 23:59:59.999999");
    assert_prints(TYPE_TIMESTAMPTZ, "2024-01-31 12:00+05:30", "2024-01-31 06:30:00+00");
    assert_prints(TYPE_TIMESTAMPTZ, "0001-01-01 00:00:00 BC", "0001-01-01 00:00:00+00 BC");
    assert_prints(TYPE_TIMESTAMP, "infinity", "infinity");
}

static void other_values_are_their_text(void **state)
{
    (void)state;
    assert_prints(TYPE_UUID, "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_prints(TYPE_TEXT, " ä ", " ä ");
    assert_prints(TYPE_JSON, "{\"a\": 1}", "{\"a\": 1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_printed_as_the_server_does),
        cmocka_unit_test(moments_are_iso),
        cmocka_unit_test(other_values_are_their_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
