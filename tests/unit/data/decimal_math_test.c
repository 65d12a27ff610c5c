/* SPDX-License-Identifier: MIT */
#include "data/decimal_math.h"
#include "data/type_numeric.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 16, 1 << 24);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct slice number(const char *text)
{
    union value v;
    assert_int_equal(type_numeric_parse(&(struct type_input){.type = {TYPE_NUMERIC, -1}}, slice_of(text), &arena, &v), 0);
    return v.s;
}

static void assert_value(int r, struct slice value, const char *expected)
{
    assert_int_equal(r, 0);
    assert_true(decimal_valid(value));
    struct buf out;
    buf_init(&out, 1 << 20);
    decimal_text(value, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

typedef int operation(struct slice a, struct slice b, struct arena *a_arena, struct slice *ret_value);

static void assert_two(operation *f, const char *a, const char *b, const char *expected)
{
    struct slice value;
    int r = f(number(a), number(b), &arena, &value);
    assert_value(r, value, expected);
}

static void assert_fails(operation *f, const char *a, const char *b, int expected)
{
    struct slice value;
    assert_int_equal(f(number(a), number(b), &arena, &value), expected);
}

/* What a server of version 15 answers, here and below */
static void sums_have_the_greater_scale(void **state)
{
    (void)state;
    assert_two(decimal_add, "1.5", "2.250", "3.750");
    assert_two(decimal_sub, "1.5", "1.500", "0.000");
    assert_two(decimal_sub, "0.1", "0.0000001", "0.0999999");
    assert_two(decimal_add, "9999999999999999", "1", "10000000000000000");
    assert_two(decimal_add, "99999999999999999999999999", "1", "100000000000000000000000000");
    assert_two(decimal_sub, "100000000000000000000000000", "0.01", "99999999999999999999999999.99");
    assert_two(decimal_add, "-99999999999999999999999999", "99999999999999999999999999.0", "0.0");
}

static void products_have_both_scales(void **state)
{
    (void)state;
    assert_two(decimal_mul, "1.50", "-2.5", "-3.750");
    assert_two(decimal_mul, "9999999999999999", "9999999999999999", "99999999999999980000000000000001");
    assert_two(decimal_mul, "0.00", "123456789012345678901234567890.1", "0.000");
    assert_fails(decimal_mul, "1e131071", "10", DECIMAL_E_OVERFLOW);
    assert_fails(decimal_add, "9e131071", "9e131071", DECIMAL_E_OVERFLOW);
}

static void quotients_show_sixteen_digits(void **state)
{
    (void)state;
    assert_two(decimal_div, "1", "3", "0.33333333333333333333");
    assert_two(decimal_div, "2", "3", "0.66666666666666666667");
    assert_two(decimal_div, "10", "3", "3.3333333333333333");
    assert_two(decimal_div, "100000000", "3", "33333333.333333333333");
    assert_two(decimal_div, "1", "300000000000000000000", "0.0000000000000000000033333333333333333333");
    assert_two(decimal_div, "0.00", "7", "0.00000000000000000000");
    assert_fails(decimal_div, "1", "0.00", DECIMAL_E_DIVISION);
}

static void a_remainder_has_the_sign_of_the_dividend(void **state)
{
    (void)state;
    assert_two(decimal_mod, "7.5", "-2", "1.5");
    assert_two(decimal_mod, "-7", "2.00", "-1.00");
    assert_two(decimal_mod, "123456789012345678901234567890", "987654321", "574845669");
    assert_fails(decimal_mod, "1", "0", DECIMAL_E_DIVISION);
}

static void what_is_not_finite_follows_its_rules(void **state)
{
    (void)state;
    assert_two(decimal_add, "Infinity", "-Infinity", "NaN");
    assert_two(decimal_sub, "1", "Infinity", "-Infinity");
    assert_two(decimal_mul, "Infinity", "0", "NaN");
    assert_two(decimal_mul, "-Infinity", "-3", "Infinity");
    assert_two(decimal_div, "5.00", "-Infinity", "0");
    assert_two(decimal_div, "Infinity", "Infinity", "NaN");
    assert_fails(decimal_div, "Infinity", "0", DECIMAL_E_DIVISION);
    assert_two(decimal_div, "NaN", "0", "NaN");
    assert_two(decimal_mod, "Infinity", "7", "NaN");
    assert_two(decimal_mod, "5.0", "Infinity", "5.0");
    assert_fails(decimal_mod, "Infinity", "0", DECIMAL_E_DIVISION);
}

static void assert_rounded(const char *text, int32_t scale, const char *rounded, const char *cut)
{
    struct slice value;
    int r = decimal_round(number(text), scale, &arena, &value);
    assert_value(r, value, rounded);
    r = decimal_trunc(number(text), scale, &arena, &value);
    assert_value(r, value, cut);
}

static void rounding_is_half_away_from_zero(void **state)
{
    (void)state;
    assert_rounded("2.5", 0, "3", "2");
    assert_rounded("-2.5", 0, "-3", "-2");
    assert_rounded("2.345", 2, "2.35", "2.34");
    assert_rounded("1.5", 4, "1.5000", "1.5000");
    assert_rounded("151", -2, "200", "100");
    assert_rounded("49", -2, "0", "0");
    assert_rounded("0.00004", 3, "0.000", "0.000");
    assert_rounded("99999999999999999999.995", 2, "100000000000000000000.00", "99999999999999999999.99");
    assert_rounded("NaN", 2, "NaN", "NaN");
    assert_rounded("-Infinity", 2, "-Infinity", "-Infinity");
}

static void assert_one(int (*f)(struct slice, struct arena *, struct slice *), const char *text, const char *expected)
{
    struct slice value;
    int r = f(number(text), &arena, &value);
    assert_value(r, value, expected);
}

static void ceil_and_floor_go_up_and_down(void **state)
{
    (void)state;
    assert_one(decimal_ceil, "1.01", "2");
    assert_one(decimal_ceil, "-1.99", "-1");
    assert_one(decimal_ceil, "0.00000000000000000000001", "1");
    assert_one(decimal_floor, "-0.00000000000000000000001", "-1");
    assert_one(decimal_floor, "1.99", "1");
    assert_one(decimal_floor, "99999999999999999999.5", "99999999999999999999");
}

static void signs_change(void **state)
{
    (void)state;
    assert_one(decimal_negate, "1.50", "-1.50");
    assert_one(decimal_negate, "0.00", "0.00");
    assert_one(decimal_negate, "-Infinity", "Infinity");
    assert_one(decimal_abs, "-1.50", "1.50");
    assert_one(decimal_abs, "-Infinity", "Infinity");
    assert_one(decimal_sign, "-1.50", "-1");
    assert_one(decimal_sign, "0.00", "0");
    assert_one(decimal_sign, "Infinity", "1");
    assert_one(decimal_sign, "NaN", "NaN");
}

static void a_field_has_room_for_its_precision(void **state)
{
    (void)state;
    struct slice value;
    int r = decimal_fit(number("999.994"), 5, 2, &arena, &value);
    assert_value(r, value, "999.99");
    assert_int_equal(decimal_fit(number("999.995"), 5, 2, &arena, &value), DECIMAL_E_FIELD);
    assert_int_equal(decimal_fit(number("Infinity"), 5, 2, &arena, &value), DECIMAL_E_FIELD);
    r = decimal_fit(number("12345"), 2, -3, &arena, &value);
    assert_value(r, value, "12000");
}

static void integers_are_rounded_and_checked(void **state)
{
    (void)state;
    int64_t v;
    assert_int_equal(decimal_to_i64(number("-2.5"), &v), 0);
    assert_int_equal(v, -3);
    assert_int_equal(decimal_to_i64(number("0.4999"), &v), 0);
    assert_int_equal(v, 0);
    assert_int_equal(decimal_to_i64(number("0.5"), &v), 0);
    assert_int_equal(v, 1);
    assert_int_equal(decimal_to_i64(number("-9223372036854775808"), &v), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(decimal_to_i64(number("9223372036854775807.4"), &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(decimal_to_i64(number("9223372036854775807.5"), &v), DECIMAL_E_OVERFLOW);
    assert_int_equal(decimal_to_i64(number("1e30"), &v), DECIMAL_E_OVERFLOW);
}

/* As long or short as they come: halves, numbers that leave 64 bits, and those that are not for integers. */
static void a_rounded_product_is_the_product_rounded(void **state)
{
    (void)state;
    static const char *const values[] = {"0",
                                         "1.00",
                                         "-1.5",
                                         "0.005",
                                         "-0.005",
                                         "0.5",
                                         "1.19",
                                         "8952.36",
                                         "99999999.99",
                                         "-12345678.1234",
                                         "0.0000000000000001",
                                         "9999999999999999",
                                         "-10000",
                                         "1e-40",
                                         "1e100",
                                         "NaN",
                                         "-Infinity",
                                         "0.00009999"};
    enum { VALUES = sizeof(values) / sizeof(values[0]) };
    for (size_t i = 0; i < VALUES * VALUES; i++) {
        struct slice a = number(values[i % VALUES]), b = number(values[i / VALUES]), product, rounded, once;
        assert_int_equal(decimal_mul(a, b, &arena, &product), 0);
        for (int32_t scale = -9; scale < 45; scale++) {
            assert_int_equal(decimal_round(product, scale, &arena, &rounded), 0);
            assert_int_equal(decimal_mul_round(a, b, scale, &arena, &once), 0);
            assert_true(decimal_valid(once));
            assert_true(slice_equal(once, rounded));
        }
        arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_have_the_greater_scale),
        cmocka_unit_test(products_have_both_scales),
        cmocka_unit_test(quotients_show_sixteen_digits),
        cmocka_unit_test(a_remainder_has_the_sign_of_the_dividend),
        cmocka_unit_test(what_is_not_finite_follows_its_rules),
        cmocka_unit_test(rounding_is_half_away_from_zero),
        cmocka_unit_test(ceil_and_floor_go_up_and_down),
        cmocka_unit_test(signs_change),
        cmocka_unit_test(a_field_has_room_for_its_precision),
        cmocka_unit_test(integers_are_rounded_and_checked),
        cmocka_unit_test(a_rounded_product_is_the_product_rounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
