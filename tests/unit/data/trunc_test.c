/* SPDX-License-Identifier: MIT */
/* All units over random moments are compared with PostgreSQL by tests/differential/test_aggregate.py; here stand the edges. */
#include "data/trunc.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/civil.h"

static int64_t midnight(int32_t year, int32_t month, int32_t day)
{
    return civil_to_days((struct civil){year, month, day}) * CIVIL_US_PER_DAY;
}

static void assert_truncated(enum trunc_unit unit, int64_t us, int64_t expected)
{
    int64_t got = 0;
    assert_int_equal(trunc_timestamp(unit, us, &got), 0);
    assert_true(got == expected);
}

static void units_are_found_in_any_case(void **state)
{
    (void)state;
    enum trunc_unit unit;
    assert_int_equal(trunc_unit_find("Quarter", &unit), 0);
    assert_int_equal(unit, TRUNC_QUARTER);
    assert_int_equal(trunc_unit_find("fortnight", &unit), TRUNC_E_UNIT);
}

static void times_before_the_epoch_go_down(void **state)
{
    (void)state;
    assert_truncated(TRUNC_SECOND, -1, -CIVIL_US_PER_SECOND);
    assert_truncated(TRUNC_DAY, midnight(1969, 7, 20) + 5, midnight(1969, 7, 20));
}

static void weeks_begin_on_monday_across_years(void **state)
{
    (void)state;
    assert_truncated(TRUNC_WEEK, midnight(2021, 1, 3), midnight(2020, 12, 28));
    assert_truncated(TRUNC_WEEK, midnight(2021, 1, 4), midnight(2021, 1, 4));
    assert_truncated(TRUNC_WEEK, midnight(1999, 12, 27) - 1, midnight(1999, 12, 20));
}

static void spans_of_years_begin_where_postgresql_begins_them(void **state)
{
    (void)state;
    assert_truncated(TRUNC_QUARTER, midnight(2024, 12, 31), midnight(2024, 10, 1));
    assert_truncated(TRUNC_DECADE, midnight(1999, 5, 5), midnight(1990, 1, 1));
    assert_truncated(TRUNC_CENTURY, midnight(2000, 12, 31), midnight(1901, 1, 1));
    assert_truncated(TRUNC_MILLENNIUM, midnight(2001, 1, 1), midnight(2001, 1, 1));
}

static void years_before_christ_go_down_too(void **state)
{
    (void)state;
    assert_truncated(TRUNC_YEAR, midnight(0, 7, 1), midnight(0, 1, 1));
    assert_truncated(TRUNC_DECADE, midnight(-1, 7, 1), midnight(-10, 1, 1));
    assert_truncated(TRUNC_CENTURY, midnight(0, 7, 1), midnight(-99, 1, 1));
    assert_truncated(TRUNC_MILLENNIUM, midnight(-999, 12, 31), midnight(-999, 1, 1));
}

static void infinities_stay(void **state)
{
    (void)state;
    int64_t us = 0;
    assert_truncated(TRUNC_YEAR, INT64_MAX, INT64_MAX);
    assert_truncated(TRUNC_HOUR, INT64_MIN, INT64_MIN);
    assert_int_equal(trunc_date_to_timestamp(INT32_MIN, &us), 0);
    assert_true(us == INT64_MIN);
    assert_true(trunc_timestamp_to_date(INT64_MAX) == INT32_MAX);
}

static void what_leaves_the_range_is_said(void **state)
{
    (void)state;
    int64_t us = 0;
    assert_int_equal(trunc_timestamp(TRUNC_MILLENNIUM, midnight(-4712, 1, 1), &us), TRUNC_E_RANGE);
    assert_int_equal(trunc_timestamp(TRUNC_HOUR, midnight(294277, 1, 1), &us), TRUNC_E_RANGE); /* as timestamp(3) may round to */
    assert_int_equal(trunc_date_to_timestamp(civil_to_days((struct civil){294277, 1, 1}), &us), TRUNC_E_RANGE);
    assert_int_equal(trunc_date_to_timestamp(civil_to_days((struct civil){294276, 12, 31}), &us), 0);
}

static void a_moment_has_the_date_of_its_day(void **state)
{
    (void)state;
    assert_true(trunc_timestamp_to_date(-1) == -1);
    assert_true(trunc_timestamp_to_date(CIVIL_US_PER_DAY) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_found_in_any_case),        cmocka_unit_test(times_before_the_epoch_go_down),
        cmocka_unit_test(weeks_begin_on_monday_across_years), cmocka_unit_test(spans_of_years_begin_where_postgresql_begins_them),
        cmocka_unit_test(years_before_christ_go_down_too),    cmocka_unit_test(infinities_stay),
        cmocka_unit_test(what_leaves_the_range_is_said),      cmocka_unit_test(a_moment_has_the_date_of_its_day),
    };
    return cmocka_run_group_tests_name("data/trunc", tests, NULL, NULL);
}
