/* SPDX-License-Identifier: MIT */
/* What is expected is what PostgreSQL 15 answered. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

#define NUMERIC_TYPMOD(precision, scale) (((precision) << 16 | ((scale)&0x7ff)) + 4)

static void integers_become_narrower_where_they_fit(void **state)
{
    (void)state;
    assert_cast("int8 32767", TYPE_INT2, "32767");
    assert_cast("int8 32768", TYPE_INT2, "22003 smallint out of range");
    assert_cast("int4 -32769", TYPE_INT2, "22003 smallint out of range");
    assert_cast("int8 -2147483649", TYPE_INT4, "22003 integer out of range");
    assert_cast("int2 -5", TYPE_INT8, "-5");
    assert_cast("int4 -1", TYPE_BOOL, "true");
    assert_cast("bool true", TYPE_INT4, "1");
    assert_cast("int4 NULL", TYPE_INT2, "NULL");
}

static void integers_become_floats_rounded_once(void **state)
{
    (void)state;
    assert_cast("int8 9007199254740993", TYPE_FLOAT8, "9007199254740992");
    assert_cast("int8 9007199791611905", TYPE_FLOAT4, "9.00720033e+15");
    assert_cast("int4 16777217", TYPE_FLOAT4, "16777216");
}

static void integers_become_numerics(void **state)
{
    (void)state;
    assert_cast("int8 -9223372036854775808", TYPE_NUMERIC, "-9223372036854775808");
    assert_cast("int4 0", TYPE_NUMERIC, "0");
    assert_cast("int2 10000", TYPE_NUMERIC, "10000");
}

static void floats_become_the_nearest_even_integer(void **state)
{
    (void)state;
    assert_cast("float8 0.5", TYPE_INT4, "0");
    assert_cast("float8 1.5", TYPE_INT2, "2");
    assert_cast("float8 2147483646.5", TYPE_INT4, "2147483646");
    assert_cast("float8 2147483647.5", TYPE_INT4, "22003 integer out of range");
    assert_cast("float8 9.2233720368547758e18", TYPE_INT8, "22003 bigint out of range");
    assert_cast("float8 -9.2233720368547758e18", TYPE_INT8, "-9223372036854775808");
    assert_cast("float4 32767.5", TYPE_INT2, "22003 smallint out of range");
    assert_cast("float8 nan", TYPE_INT4, "22003 integer out of range");
    assert_cast("float8 -inf", TYPE_INT8, "22003 bigint out of range");
}

static void floats_become_narrower_or_raise(void **state)
{
    (void)state;
    assert_cast("float8 0.1", TYPE_FLOAT4, "0.100000001");
    assert_cast("float8 1e39", TYPE_FLOAT4, "22003 value out of range: overflow");
    assert_cast("float8 1e-50", TYPE_FLOAT4, "22003 value out of range: underflow");
    assert_cast("float8 inf", TYPE_FLOAT4, "inf");
    assert_cast("float4 0.1", TYPE_FLOAT8, "0.10000000149011612");
}

static void floats_become_numerics_by_their_sure_digits(void **state)
{
    (void)state;
    assert_cast("float8 1.23456789012345678", TYPE_NUMERIC, "1.23456789012346");
    assert_cast("float4 1.23456789", TYPE_NUMERIC, "1.23457");
    assert_cast("float8 1e22", TYPE_NUMERIC, "10000000000000000000000");
    assert_cast("float8 123.4500", TYPE_NUMERIC, "123.45");
    assert_cast("float8 -0", TYPE_NUMERIC, "0");
    assert_cast("float8 0.30000000000000004", TYPE_NUMERIC, "0.3");
    assert_cast("float4 1e-45", TYPE_NUMERIC, "0.0000000000000000000000000000000000000000000014013");
    assert_cast("float8 1e-20", TYPE_NUMERIC, "0.00000000000000000001");
    assert_cast("float8 -inf", TYPE_NUMERIC, "-Infinity");
    assert_cast("float4 nan", TYPE_NUMERIC, "NaN");
}

static void numerics_become_integers_rounded_away_from_zero(void **state)
{
    (void)state;
    assert_cast("numeric 2.5", TYPE_INT4, "3");
    assert_cast("numeric -2.5", TYPE_INT4, "-3");
    assert_cast("numeric 0.4999999", TYPE_INT2, "0");
    assert_cast("numeric 32767.5", TYPE_INT2, "22003 smallint out of range");
    assert_cast("numeric 9223372036854775807.4", TYPE_INT8, "9223372036854775807");
    assert_cast("numeric 9223372036854775807.5", TYPE_INT8, "22003 bigint out of range");
    assert_cast("numeric -9223372036854775808.4", TYPE_INT8, "-9223372036854775808");
    assert_cast("numeric 1e1000", TYPE_INT4, "22003 integer out of range");
    assert_cast("numeric nan", TYPE_INT4, "0A000 cannot convert NaN to integer");
    assert_cast("numeric inf", TYPE_INT2, "0A000 cannot convert infinity to smallint");
    assert_cast("numeric -inf", TYPE_INT8, "0A000 cannot convert infinity to bigint");
}

static void numerics_become_the_nearest_float(void **state)
{
    (void)state;
    assert_cast("numeric 0.1", TYPE_FLOAT8, "0.10000000000000001");
    assert_cast("numeric 123456789012345678901234567890", TYPE_FLOAT8, "1.2345678901234568e+29");
    assert_cast("numeric 16777217", TYPE_FLOAT4, "16777216");
    assert_cast("numeric -inf", TYPE_FLOAT4, "-inf");
    assert_cast("numeric nan", TYPE_FLOAT8, "nan");
    assert_cast("numeric 1e39", TYPE_FLOAT4, "22003 \"1000000000000000000000000000000000000000\" is out of range for type real");
    assert_cast("numeric 1e-50", TYPE_FLOAT4,
                "22003 \"0.00000000000000000000000000000000000000000000000001\" is out of range for type real");
}

static void numerics_are_fitted_to_their_typmod(void **state)
{
    (void)state;
    assert_cast_typmod("numeric 999.994", TYPE_NUMERIC, NUMERIC_TYPMOD(5, 2), "999.99");
    assert_cast_typmod("numeric 999.995", TYPE_NUMERIC, NUMERIC_TYPMOD(5, 2), "22003 numeric field overflow");
    assert_cast_typmod("numeric -1", TYPE_NUMERIC, NUMERIC_TYPMOD(5, 2), "-1.00");
    assert_cast_typmod("numeric 12345.6789", TYPE_NUMERIC, NUMERIC_TYPMOD(3, -3), "12000");
    assert_cast_typmod("numeric 499", TYPE_NUMERIC, NUMERIC_TYPMOD(2, -3), "0");
    assert_cast_typmod("numeric 0.0001", TYPE_NUMERIC, NUMERIC_TYPMOD(2, 5), "0.00010");
    assert_cast_typmod("numeric 0.001", TYPE_NUMERIC, NUMERIC_TYPMOD(2, 5), "22003 numeric field overflow");
    assert_cast_typmod("numeric nan", TYPE_NUMERIC, NUMERIC_TYPMOD(5, 2), "NaN");
    assert_cast_typmod("numeric inf", TYPE_NUMERIC, NUMERIC_TYPMOD(5, 2), "22003 numeric field overflow");
    assert_cast_typmod("numeric 1.2345", TYPE_NUMERIC, -1, "1.2345");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_become_narrower_where_they_fit),
        cmocka_unit_test(integers_become_floats_rounded_once),
        cmocka_unit_test(integers_become_numerics),
        cmocka_unit_test(floats_become_the_nearest_even_integer),
        cmocka_unit_test(floats_become_narrower_or_raise),
        cmocka_unit_test(floats_become_numerics_by_their_sure_digits),
        cmocka_unit_test(numerics_become_integers_rounded_away_from_zero),
        cmocka_unit_test(numerics_become_the_nearest_float),
        cmocka_unit_test(numerics_are_fitted_to_their_typmod),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
