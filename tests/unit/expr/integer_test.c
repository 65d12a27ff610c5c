/* SPDX-License-Identifier: MIT */
/* fn_integer; what is expected is what PostgreSQL 15 answered. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

static void the_result_has_the_width_of_the_wider_argument(void **state)
{
    (void)state;
    assert_call("+", "int2 32767", "int2 1", "22003 smallint out of range");
    assert_call("+", "int2 32767", "int4 1", "32768");
    assert_call("+", "int4 2147483647", "int2 1", "22003 integer out of range");
    assert_call("+", "int4 2147483647", "int8 1", "2147483648");
    assert_call("-", "int8 -9223372036854775808", "int4 1", "22003 bigint out of range");
    assert_call("*", "int2 -182", "int2 181", "22003 smallint out of range");
    assert_call("*", "int2 -182", "int2 180", "-32760");
    assert_call("*", "int8 4611686018427387904", "int8 2", "22003 bigint out of range");
    assert_call("*", "int8 -4611686018427387904", "int8 2", "-9223372036854775808");
    assert_call("-", "int4 NULL", "int4 1", "NULL");
}

static void division_truncates_and_raises(void **state)
{
    (void)state;
    assert_call("/", "int4 -7", "int4 2", "-3");
    assert_call("%", "int4 -7", "int4 2", "-1");
    assert_call("mod", "int8 7", "int8 -2", "1");
    assert_call("/", "int4 1", "int4 0", "22012 division by zero");
    assert_call("%", "int2 1", "int2 0", "22012 division by zero");
    assert_call("/", "int2 -32768", "int2 -1", "22003 smallint out of range");
    assert_call("/", "int2 -32768", "int4 -1", "32768");
    assert_call("/", "int4 -2147483648", "int4 -1", "22003 integer out of range");
    assert_call("/", "int8 -9223372036854775808", "int8 -1", "22003 bigint out of range");
    assert_call("%", "int8 -9223372036854775808", "int8 -1", "0");
    assert_call("/", "int4 NULL", "int4 0", "NULL");
}

static void signs_and_magnitudes(void **state)
{
    (void)state;
    assert_call("-", "int2 -32768", NULL, "22003 smallint out of range");
    assert_call("-", "int4 -2147483647", NULL, "2147483647");
    assert_call("+", "int8 -3", NULL, "-3");
    assert_call("abs", "int4 -2147483648", NULL, "22003 integer out of range");
    assert_call("abs", "int8 -9223372036854775808", NULL, "22003 bigint out of range");
    assert_call("@", "int2 -5", NULL, "5");
}

static void bits(void **state)
{
    (void)state;
    assert_call("&", "int4 12", "int4 10", "8");
    assert_call("|", "int8 12", "int8 3", "15");
    assert_call("#", "int2 -1", "int2 5", "-6");
    assert_call("~", "int4 0", NULL, "-1");
    assert_call("<<", "int4 2", "int4 33", "4");
    assert_call("<<", "int2 1", "int4 15", "-32768");
    assert_call("<<", "int2 1", "int4 17", "0");
    assert_call("<<", "int8 1", "int4 65", "2");
    assert_call("<<", "int4 1", "int4 -1", "-2147483648");
    assert_call(">>", "int4 -1", "int4 33", "-1");
}

static void comparisons_take_any_two_widths(void **state)
{
    (void)state;
    assert_call("=", "int2 5", "int8 5", "true");
    assert_call("<>", "int4 5", "int4 5", "false");
    assert_call("<", "int8 -9223372036854775808", "int2 -32768", "true");
    assert_call("<=", "int4 5", "int4 5", "true");
    assert_call(">", "int4 5", "int4 5", "false");
    assert_call(">=", "int2 6", "int4 5", "true");
    assert_call("=", "int4 NULL", "int4 NULL", "NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_has_the_width_of_the_wider_argument),
        cmocka_unit_test(division_truncates_and_raises),
        cmocka_unit_test(signs_and_magnitudes),
        cmocka_unit_test(bits),
        cmocka_unit_test(comparisons_take_any_two_widths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
