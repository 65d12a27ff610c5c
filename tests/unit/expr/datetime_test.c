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

static void days_are_added_to_dates(void **state)
{
    (void)state;
    assert_call("+", "date 2024-02-28", "int4 2", "2024-03-01");
    assert_call("+", "int4 -1", "date 2024-01-01", "2023-12-31");
    assert_call("-", "date 2024-03-01", "int4 1", "2024-02-29");
    assert_call("-", "date 2024-03-01", "date 2023-03-01", "366");
    assert_call("+", "date infinity", "int4 5", "infinity");
    assert_call("+", "date 5874897-12-31", "int4 1", "22008 date out of range");
    assert_call("-", "date infinity", "date 2000-01-01", "22008 cannot subtract infinite dates");
}

static void a_date_and_a_time_make_a_timestamp(void **state)
{
    (void)state;
    assert_call("+", "date 2024-01-31", "time 12:30", "2024-01-31 12:30:00");
    assert_call("+", "time 24:00", "date 2024-01-31", "2024-02-01 00:00:00");
    assert_call("+", "date -infinity", "time 12:30", "-infinity");
    assert_call("+", "date 500000-01-01", "time 12:30", "22008 date out of range for timestamp");
}

static void moments_of_different_types_compare(void **state)
{
    (void)state;
    assert_call("<", "date 2024-01-01", "timestamp 2024-01-01 00:00:01", "true");
    assert_call("=", "timestamptz 2024-01-01 01:00+01", "date 2024-01-01", "true");
    assert_call(">", "date 5874897-01-01", "timestamp 294276-12-31", "true");
    assert_call("<", "date 5874897-01-01", "timestamp infinity", "true");
    assert_call("=", "date infinity", "timestamptz infinity", "true");
    assert_call("<>", "timestamp 2024-01-01", "timestamptz 2024-01-01", "false");
    assert_call("<=", "time 12:00", "time 12:00", "true");
    assert_call(">=", "date 2024-01-01", "date 2024-01-02", "false");
}

static void date_trunc_knows_the_names_of_units(void **state)
{
    (void)state;
    assert_call("date_trunc", "text quarter", "timestamp 2024-05-06 07:08", "2024-04-01 00:00:00");
    assert_call("date_trunc", "text HOURS", "timestamptz 2024-05-06 07:08", "2024-05-06 07:00:00+00");
    assert_call("date_trunc", "text week", "timestamp infinity", "infinity");
    assert_call("date_trunc", "text dow", "timestamp 2024-05-06",
                "22023 unit \"dow\" not recognized for type timestamp without time zone");
    assert_call("date_trunc", "text timezone", "timestamptz 2024-05-06",
                "0A000 unit \"timezone\" not supported for type timestamp with time zone");
    assert_call("date_trunc", "text century", "timestamp 4713-01-01 BC", "22008 timestamp out of range");
}

static void extract_has_the_scale_of_the_part(void **state)
{
    (void)state;
    assert_call("extract", "text second", "timestamp 2024-05-06 07:08:09.5", "9.500000");
    assert_call("extract", "text milliseconds", "time 07:08:09.5", "9500.000");
    assert_call("extract", "text microseconds", "time 07:08:09.5", "9500000");
    assert_call("extract", "text epoch", "timestamp 2024-05-06 07:08:09.5", "1714979289.500000");
    assert_call("extract", "text epoch", "date 2024-05-06", "1714953600");
    assert_call("extract", "text julian", "timestamp 2024-05-06 12:00", "2460437.50000000000000000000");
    assert_call("extract", "text year", "date 0044-03-15 BC", "-44");
    assert_call("extract", "text century", "date 0001-01-01 BC", "-1");
    assert_call("extract", "text isoyear", "date 2021-01-03", "2020");
    assert_call("extract", "text week", "date 2021-01-03", "53");
    assert_call("extract", "text dow", "date 2024-05-05", "0");
    assert_call("extract", "text isodow", "date 2024-05-05", "7");
    assert_call("extract", "text doy", "date 2024-12-31", "366");
    assert_call("extract", "text timezone_hour", "timestamptz 2024-01-01", "0");
}

static void a_part_of_infinity_is_null_or_infinite(void **state)
{
    (void)state;
    assert_call("extract", "text month", "date infinity", "NULL");
    assert_call("extract", "text year", "timestamp -infinity", "-Infinity");
    assert_call("date_part", "text epoch", "timestamptz infinity", "inf");
    assert_call("date_part", "text hour", "timestamp infinity", "NULL");
}

static void what_is_no_part_is_an_error(void **state)
{
    (void)state;
    assert_call("extract", "text hour", "date 2024-01-01", "0A000 unit \"hour\" not supported for type date");
    assert_call("extract", "text day", "time 12:00", "0A000 unit \"day\" not supported for type time without time zone");
    assert_call("extract", "text Foo", "date 2024-01-01", "22023 unit \"foo\" not recognized for type date");
    assert_call("extract", "text now", "timestamp 2024-01-01",
                "0A000 unit \"now\" not supported for type timestamp without time zone");
    assert_call("extract", "text now", "time 12:00", "22023 unit \"now\" not recognized for type time without time zone");
}

static void date_part_is_a_double(void **state)
{
    (void)state;
    assert_call("date_part", "text second", "timestamp 2024-05-06 07:08:09.25", "9.25");
    assert_call("date_part", "text hour", "date 2024-05-06", "0");
    assert_call("date_part", "text epoch", "time 00:00:01.5", "1.5");
}

static void make_date_counts_before_christ(void **state)
{
    (void)state;
    assert_call3("make_date", "int4 2024", "int4 2", "int4 29", "2024-02-29");
    assert_call3("make_date", "int4 -44", "int4 3", "int4 15", "0044-03-15 BC");
    assert_call3("make_date", "int4 2023", "int4 2", "int4 29", "22008 date field value out of range: 2023-02-29");
    assert_call3("make_date", "int4 0", "int4 1", "int4 1", "22008 date field value out of range: 0-01-01");
    assert_call3("make_date", "int4 6000000", "int4 1", "int4 1", "22008 date out of range: 6000000-01-01");
}

static void infinity_is_told_from_what_is_finite(void **state)
{
    (void)state;
    assert_call("isfinite", "date infinity", NULL, "false");
    assert_call("isfinite", "timestamp 2024-01-01", NULL, "true");
    assert_call("isfinite", "timestamptz -infinity", NULL, "false");
}

static void casts_keep_what_the_type_holds(void **state)
{
    (void)state;
    assert_cast("date 2024-01-31", TYPE_TIMESTAMP, "2024-01-31 00:00:00");
    assert_cast("date 2024-01-31", TYPE_TIMESTAMPTZ, "2024-01-31 00:00:00+00");
    assert_cast("date 500000-01-01", TYPE_TIMESTAMP, "22008 date out of range for timestamp");
    assert_cast("timestamp 2024-01-31 23:59:59.999999", TYPE_DATE, "2024-01-31");
    assert_cast("timestamptz 2024-01-31 23:30-01", TYPE_DATE, "2024-02-01");
    assert_cast("timestamp 1999-12-31 23:59:59", TYPE_TIME, "23:59:59");
    assert_cast("timestamp infinity", TYPE_TIME, "NULL");
    assert_cast("timestamp 2024-01-31", TYPE_TIMESTAMPTZ, "2024-01-31 00:00:00+00");
}

static void digits_are_rounded(void **state)
{
    (void)state;
    assert_cast_typmod("timestamp 2024-01-31 23:59:59.95", TYPE_TIMESTAMP, 1, "2024-02-01 00:00:00");
    assert_cast_typmod("timestamptz 1999-01-31 12:00:00.25", TYPE_TIMESTAMPTZ, 1, "1999-01-31 12:00:00.2+00");
    assert_cast_typmod("time 12:00:00.123456", TYPE_TIME, 3, "12:00:00.123");
    assert_cast_typmod("timestamp infinity", TYPE_TIMESTAMP, 0, "infinity");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_added_to_dates),
        cmocka_unit_test(a_date_and_a_time_make_a_timestamp),
        cmocka_unit_test(moments_of_different_types_compare),
        cmocka_unit_test(date_trunc_knows_the_names_of_units),
        cmocka_unit_test(extract_has_the_scale_of_the_part),
        cmocka_unit_test(a_part_of_infinity_is_null_or_infinite),
        cmocka_unit_test(what_is_no_part_is_an_error),
        cmocka_unit_test(date_part_is_a_double),
        cmocka_unit_test(make_date_counts_before_christ),
        cmocka_unit_test(infinity_is_told_from_what_is_finite),
        cmocka_unit_test(casts_keep_what_the_type_holds),
        cmocka_unit_test(digits_are_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
