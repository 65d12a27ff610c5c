/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/meter.h"

#include <cmocka.h>

static void one_value_is_no_rate(void **state)
{
    (void)state;
    struct meter m = {0};
    assert_int_equal(meter_per_second(&m), 0);
    meter_note(&m, 1000, 500);
    assert_int_equal(meter_per_second(&m), 0);
}

static void rate_is_over_the_time_between_the_values(void **state)
{
    (void)state;
    struct meter m = {0};
    meter_note(&m, 1000, 500);
    meter_note(&m, 1500, 600);
    assert_int_equal(meter_per_second(&m), 200);
    meter_note(&m, 3000, 700);
    assert_int_equal(meter_per_second(&m), 100);
}

static void what_is_older_than_ten_steps_is_forgotten(void **state)
{
    (void)state;
    struct meter m = {0};
    for (int s = 0; s <= 30; s++)
        meter_note(&m, s * 1000, s < 20 ? 0 : (s - 20) * 7000000000LL);
    assert_int_equal(meter_per_second(&m), 7000000000LL);
    for (int s = 31; s <= 41; s++)
        meter_note(&m, s * 1000, 70000000000LL);
    assert_int_equal(meter_per_second(&m), 0);
}

static void a_clock_that_stands_still_is_no_rate(void **state)
{
    (void)state;
    struct meter m = {0};
    meter_note(&m, 1000, 1);
    meter_note(&m, 1000, 2);
    assert_int_equal(meter_per_second(&m), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_is_no_rate),
        cmocka_unit_test(rate_is_over_the_time_between_the_values),
        cmocka_unit_test(what_is_older_than_ten_steps_is_forgotten),
        cmocka_unit_test(a_clock_that_stands_still_is_no_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
