/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_datetime.h"

static void months_have_two_names_and_september_a_third(void **state)
{
    (void)state;
    assert_int_equal(type_datetime_month(SLICE("jan")), 1);
    assert_int_equal(type_datetime_month(SLICE("DECEMBER")), 12);
    assert_int_equal(type_datetime_month(SLICE("Sept")), 9);
    assert_int_equal(type_datetime_month(SLICE("May")), 5);
    assert_int_equal(type_datetime_month(SLICE("janu")), 0);
    assert_int_equal(type_datetime_month(SLICE("mon")), 0);
    assert_int_equal(type_datetime_month(SLICE("")), 0);
}

static void fractions_are_microseconds(void **state)
{
    (void)state;
    static const struct {
        struct slice digits;
        int64_t us;
    } fractions[] = {
        {{"5", 1}, 500000}, {{"000001", 6}, 1}, {{"1234564", 7}, 123456}, {{"1234566", 7}, 123457}, {{"9999999", 7}, 1000000}};
    for (size_t i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
        int64_t us = -1;
        assert_true(type_datetime_fraction(fractions[i].digits, &us));
        assert_int_equal(us, fractions[i].us);
    }
    int64_t unused;
    assert_false(type_datetime_fraction(SLICE(""), &unused));
}

static void leap_years_are_the_gregorian_ones(void **state)
{
    (void)state;
    assert_true(type_datetime_exists((struct civil){2000, 2, 29}));
    assert_true(type_datetime_exists((struct civil){0, 2, 29}));
    assert_false(type_datetime_exists((struct civil){1900, 2, 29}));
    assert_false(type_datetime_exists((struct civil){2023, 2, 29}));
    assert_false(type_datetime_exists((struct civil){2024, 4, 31}));
    assert_false(type_datetime_exists((struct civil){2024, 0, 1}));
    assert_false(type_datetime_exists((struct civil){-4714, 12, 31}));
}

static void what_a_text_has_is_told(void **state)
{
    (void)state;
    struct type_stamp s;
    assert_int_equal(type_datetime_decode(SLICE("2024-01-31"), false, &s), 0);
    assert_true(s.has_date && !s.has_time);
    assert_int_equal(type_datetime_decode(SLICE("2024-01-31 12:00:00-05:30"), false, &s), 0);
    assert_true(s.has_date && s.has_time);
    assert_int_equal(s.zone_s, -19800);
    assert_int_equal(type_datetime_decode(SLICE("12:00"), true, &s), 0);
    assert_true(!s.has_date && s.has_time);
    assert_int_equal(type_datetime_decode(SLICE("-infinity"), false, &s), 0);
    assert_int_equal(s.kind, TYPE_STAMP_MINUS_INFINITY);
    assert_int_equal(type_datetime_decode(SLICE("2024-01-31 12:00"), true, &s), TYPE_E_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(months_have_two_names_and_september_a_third),
        cmocka_unit_test(fractions_are_microseconds),
        cmocka_unit_test(leap_years_are_the_gregorian_ones),
        cmocka_unit_test(what_a_text_has_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
