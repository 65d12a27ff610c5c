/* SPDX-License-Identifier: MIT */
/* Expected is what PostgreSQL 15 answered; tests/differential/test_functions.py asks it about many more. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

static void values_become_the_text_of_their_output_function(void **state)
{
    (void)state;
    assert_cast("bool true", TYPE_TEXT, "true");
    assert_cast("int8 -5", TYPE_TEXT, "-5");
    assert_cast("numeric 1.50", TYPE_TEXT, "1.50");
    assert_cast("float8 1e15", TYPE_TEXT, "1e+15");
    assert_cast("float4 0.1", TYPE_TEXT, "0.1");
    assert_cast("float8 -inf", TYPE_TEXT, "-Infinity");
    assert_cast("date 0044-03-15 BC", TYPE_TEXT, "0044-03-15 BC");
    assert_cast("time 12:34:56.500", TYPE_TEXT, "12:34:56.5");
    assert_cast("timestamp 2024-01-31 12:00", TYPE_TEXT, "2024-01-31 12:00:00");
    assert_cast("timestamptz 2024-01-31 12:00+02", TYPE_TEXT, "2024-01-31 10:00:00+00");
    assert_cast("uuid A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", TYPE_TEXT, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    assert_cast("json {\"a\":1}", TYPE_TEXT, "{\"a\":1}");
    assert_cast("bpchar ab  ", TYPE_TEXT, "ab");
}

static void texts_become_values(void **state)
{
    (void)state;
    assert_cast("text  12 ", TYPE_INT4, "12");
    assert_cast("text yes", TYPE_BOOL, "true");
    assert_cast("text 1.50", TYPE_NUMERIC, "1.50");
    assert_cast("text 2024-01-31", TYPE_DATE, "2024-01-31");
    assert_cast("text 2024-01-31 12:00+01", TYPE_TIMESTAMPTZ, "2024-01-31 11:00:00+00");
    assert_cast("text 2024-01-31 12:30", TYPE_TIME, "12:30:00");
    assert_cast("text {}", TYPE_JSON, "{}");
    assert_cast("text NULL", TYPE_INT4, "NULL");
}

static void a_text_that_is_none_is_an_error_in_the_servers_words(void **state)
{
    (void)state;
    assert_cast("text x", TYPE_INT4, "22P02 invalid input syntax for type integer: \"x\"");
    assert_cast("text maybe", TYPE_BOOL, "22P02 invalid input syntax for type boolean: \"maybe\"");
    assert_cast("text 1,5", TYPE_NUMERIC, "22P02 invalid input syntax for type numeric: \"1,5\"");
    assert_cast("text 1,5", TYPE_FLOAT8, "22P02 invalid input syntax for type double precision: \"1,5\"");
    assert_cast("text x", TYPE_DATE, "22007 invalid input syntax for type date: \"x\"");
    assert_cast("text x", TYPE_TIMESTAMPTZ, "22007 invalid input syntax for type timestamp with time zone: \"x\"");
    assert_cast("text x", TYPE_UUID, "22P02 invalid input syntax for type uuid: \"x\"");
    assert_cast("text {", TYPE_JSON, "22P02 invalid input syntax for type json");
}

static void a_text_out_of_range_is_an_error_in_the_servers_words(void **state)
{
    (void)state;
    assert_cast("text 99999999999", TYPE_INT4, "22003 value \"99999999999\" is out of range for type integer");
    assert_cast("text 70000x", TYPE_INT2, "22003 value \"70000x\" is out of range for type smallint");
    assert_cast("text 1e400", TYPE_FLOAT8, "22003 \"1e400\" is out of range for type double precision");
    assert_cast("text 1e140000", TYPE_NUMERIC, "22003 value overflows numeric format");
    assert_cast("text 2024-02-30", TYPE_DATE, "22008 date/time field value out of range: \"2024-02-30\"");
    assert_cast("text 300000-01-01", TYPE_TIMESTAMP, "22008 timestamp out of range: \"300000-01-01\"");
    assert_cast("text 25:00", TYPE_TIME, "22008 date/time field value out of range: \"25:00\"");
}

static void a_written_length_cuts(void **state)
{
    (void)state;
    assert_cast_typmod("varchar äöüx", TYPE_VARCHAR, 7, "äöü");
    assert_cast_typmod("varchar ab", TYPE_VARCHAR, 7, "ab");
    assert_cast_typmod("bpchar ab c", TYPE_BPCHAR, 7, "ab");
}

static void an_assigned_length_cuts_blanks_only(void **state)
{
    (void)state;
    assert_cast_as("varchar äöü  ", TYPE_VARCHAR, 7, EXPR_CAST_ASSIGNMENT, "äöü");
    assert_cast_as("varchar äöüx", TYPE_VARCHAR, 7, EXPR_CAST_ASSIGNMENT, "22001 value too long for type character varying(3)");
    assert_cast_as("bpchar abcd", TYPE_BPCHAR, 7, EXPR_CAST_ASSIGNMENT, "22001 value too long for type character(3)");
    assert_cast_as("bpchar a    ", TYPE_BPCHAR, 7, EXPR_CAST_ASSIGNMENT, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_the_text_of_their_output_function),
        cmocka_unit_test(texts_become_values),
        cmocka_unit_test(a_text_that_is_none_is_an_error_in_the_servers_words),
        cmocka_unit_test(a_text_out_of_range_is_an_error_in_the_servers_words),
        cmocka_unit_test(a_written_length_cuts),
        cmocka_unit_test(an_assigned_length_cuts_blanks_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
