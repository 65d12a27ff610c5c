/* SPDX-License-Identifier: MIT */
/* fn_float; what is expected is what PostgreSQL 15 answered. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

#define OVERFLOW_FAULT "22003 value out of range: overflow"
#define UNDERFLOW_FAULT "22003 value out of range: underflow"

static void what_leaves_the_range_is_a_fault(void **state)
{
    (void)state;
    assert_call("+", "float8 1.7e308", "float8 1.7e308", OVERFLOW_FAULT);
    assert_call("*", "float8 1e-300", "float8 1e-300", UNDERFLOW_FAULT);
    assert_call("/", "float8 1e-300", "float8 1e300", UNDERFLOW_FAULT);
    assert_call("*", "float4 1e30", "float4 1e30", OVERFLOW_FAULT);
    assert_call("*", "float4 1e-30", "float4 1e-30", UNDERFLOW_FAULT);
    assert_call("*", "float4 1e30", "float8 1e30", "1.0000000150474663e+60");
    assert_call("-", "float8 1", "float8 1", "0");
    assert_call("*", "float8 0", "float8 -1", "-0");
}

static void infinities_and_nan_are_values(void **state)
{
    (void)state;
    assert_call("-", "float8 inf", "float8 inf", "-nan");
    assert_call("+", "float8 inf", "float8 1", "inf");
    assert_call("*", "float8 inf", "float8 0", "-nan");
    assert_call("/", "float8 1", "float8 inf", "0");
    assert_call("/", "float8 -inf", "float8 2", "-inf");
    assert_call("/", "float8 nan", "float8 0", "nan");
    assert_call("/", "float8 inf", "float8 0", "22012 division by zero");
    assert_call("/", "float4 0", "float4 0", "22012 division by zero");
}

static void nan_is_equal_to_itself_and_greatest(void **state)
{
    (void)state;
    assert_call("=", "float8 nan", "float4 nan", "true");
    assert_call("<>", "float8 nan", "float8 nan", "false");
    assert_call(">", "float8 nan", "float8 inf", "true");
    assert_call(">=", "float8 nan", "float8 nan", "true");
    assert_call(">=", "float8 inf", "float8 nan", "false");
    assert_call("<", "float8 inf", "float8 nan", "true");
    assert_call("<", "float8 nan", "float8 nan", "false");
    assert_call("<=", "float8 nan", "float8 1", "false");
    assert_call("=", "float8 0", "float8 -0", "true");
}

static void float4_is_rounded_to_float4(void **state)
{
    (void)state;
    assert_call("/", "float4 1", "float4 3", "0.333333343");
    assert_call("+", "float4 0.1", "float4 0.2", "0.300000012");
}

static void functions_of_one_float(void **state)
{
    (void)state;
    assert_call("round", "float8 2.5", NULL, "2");
    assert_call("round", "float8 -0.4", NULL, "-0");
    assert_call("trunc", "float8 -0.5", NULL, "-0");
    assert_call("ceil", "float8 -0.5", NULL, "-0");
    assert_call("floor", "float8 -0.5", NULL, "-1");
    assert_call("sign", "float8 nan", NULL, "0");
    assert_call("sign", "float8 -3", NULL, "-1");
    assert_call("abs", "float4 -3.5", NULL, "3.5");
    assert_call("-", "float8 0", NULL, "-0");
    assert_call("sqrt", "float8 2", NULL, "1.4142135623730951");
    assert_call("sqrt", "float8 -0", NULL, "-0");
    assert_call("sqrt", "float8 -inf", NULL, "2201F cannot take square root of a negative number");
}

static void powers(void **state)
{
    (void)state;
    assert_call("^", "float8 2", "float8 10", "1024");
    assert_call("power", "float8 nan", "float8 0", "1");
    assert_call("^", "float8 1", "float8 nan", "1");
    assert_call("^", "float8 -1", "float8 inf", "1");
    assert_call("^", "float8 -2.5", "float8 nan", "nan");
    assert_call("^", "float8 0", "float8 -inf", "2201F zero raised to a negative power is undefined");
    assert_call("^", "float8 -inf", "float8 0.5", "2201F a negative number raised to a non-integer power yields a complex result");
    assert_call("^", "float8 -inf", "float8 -3", "-0");
    assert_call("^", "float8 2", "float8 1024", OVERFLOW_FAULT);
    assert_call("^", "float8 2", "float8 -1075", UNDERFLOW_FAULT);
    assert_call("^", "float8 2", "float8 -1074.6", "4.9406564584124654e-324");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_leaves_the_range_is_a_fault),
        cmocka_unit_test(infinities_and_nan_are_values),
        cmocka_unit_test(nan_is_equal_to_itself_and_greatest),
        cmocka_unit_test(float4_is_rounded_to_float4),
        cmocka_unit_test(functions_of_one_float),
        cmocka_unit_test(powers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
