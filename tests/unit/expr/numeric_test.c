/* SPDX-License-Identifier: MIT */
/* Expected is what PostgreSQL 15 answered; data/decimal_math_test.c has more of the arithmetic. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

static void arithmetic_has_the_servers_scale(void **state)
{
    (void)state;
    assert_call("+", "numeric 1.5", "numeric 2.25", "3.75");
    assert_call("-", "numeric 1.50", "numeric 1.5", "0.00");
    assert_call("*", "numeric 1.5", "numeric 1.5", "2.25");
    assert_call("/", "numeric 1", "numeric 3", "0.33333333333333333333");
    assert_call("%", "numeric 7.5", "numeric -2", "1.5");
    assert_call("mod", "numeric -7", "numeric 2.0", "-1.0");
}

static void errors_are_the_servers(void **state)
{
    (void)state;
    assert_call("/", "numeric 1", "numeric 0.00", "22012 division by zero");
    assert_call("%", "numeric 1", "numeric 0", "22012 division by zero");
    assert_call("*", "numeric 1e131071", "numeric 10", "22003 value overflows numeric format");
}

static void null_makes_null(void **state)
{
    (void)state;
    assert_call("+", "numeric NULL", "numeric 1", "NULL");
    assert_call("round", "numeric 1.5", "int4 NULL", "NULL");
    assert_call("=", "numeric NULL", "numeric NULL", "NULL");
}

static void rounding_is_away_from_zero(void **state)
{
    (void)state;
    assert_call("round", "numeric 2.5", NULL, "3");
    assert_call("round", "numeric -2.345", "int4 2", "-2.35");
    assert_call("round", "numeric 155", "int4 -1", "160");
    assert_call("trunc", "numeric -2.9", NULL, "-2");
    assert_call("trunc", "numeric 2.999", "int4 1", "2.9");
    assert_call("ceil", "numeric -1.5", NULL, "-1");
    assert_call("ceiling", "numeric 1.1", NULL, "2");
    assert_call("floor", "numeric -1.5", NULL, "-2");
}

static void signs_change(void **state)
{
    (void)state;
    assert_call("-", "numeric 1.50", NULL, "-1.50");
    assert_call("+", "numeric 1.50", NULL, "1.50");
    assert_call("@", "numeric -1.5", NULL, "1.5");
    assert_call("abs", "numeric -Infinity", NULL, "Infinity");
    assert_call("sign", "numeric -3", NULL, "-1");
    assert_call("-", "numeric NaN", NULL, "NaN");
}

static void order_is_by_value_not_by_scale(void **state)
{
    (void)state;
    assert_call("=", "numeric 1.0", "numeric 1.00", "true");
    assert_call("<>", "numeric 1.0", "numeric 1.00", "false");
    assert_call("<", "numeric -2", "numeric 1", "true");
    assert_call("<=", "numeric 2", "numeric 2.0", "true");
    assert_call(">", "numeric NaN", "numeric Infinity", "true");
    assert_call(">=", "numeric 1", "numeric 2", "false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_has_the_servers_scale),
        cmocka_unit_test(errors_are_the_servers),
        cmocka_unit_test(null_makes_null),
        cmocka_unit_test(rounding_is_away_from_zero),
        cmocka_unit_test(signs_change),
        cmocka_unit_test(order_is_by_value_not_by_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
