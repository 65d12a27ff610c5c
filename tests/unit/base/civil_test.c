/* SPDX-License-Identifier: MIT */
#include "base/civil.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdbool.h>

static void assert_date(int32_t days, struct civil expected)
{
    struct civil got = civil_of_days(days);
    assert_int_equal(got.year, expected.year);
    assert_int_equal(got.month, expected.month);
    assert_int_equal(got.day, expected.day);
    assert_int_equal(civil_to_days(expected), days);
}

static void known_days_have_their_dates(void **state)
{
    (void)state;
    assert_date(0, (struct civil){2000, 1, 1});
    assert_date(59, (struct civil){2000, 2, 29});
    assert_date(-10957, (struct civil){1970, 1, 1});
    assert_date(-730119, (struct civil){1, 1, 1});
    assert_date(-730120, (struct civil){0, 12, 31});
    assert_date(-2451507, (struct civil){-4712, 1, 1});       /* 4713-01-01 BC */
    assert_date(2145031948, (struct civil){5874897, 12, 31}); /* PostgreSQL's last date */
}

static bool is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int32_t month_days(struct civil c)
{
    static const int32_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return c.month == 2 && is_leap(c.year) ? 29 : lengths[c.month - 1];
}

static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    struct civil want = {-4712, 1, 1};
    for (int32_t days = -2451507; days < 800000; days++) {
        assert_date(days, want);
        if (++want.day <= month_days(want)) continue;
        want.day = 1;
        if (++want.month <= CIVIL_MONTHS) continue;
        want.month = 1;
        want.year++;
    }
}

static void division_rounds_down(void **state)
{
    (void)state;
    assert_int_equal(civil_floor_div(-1, 7), -1);
    assert_int_equal(civil_floor_mod(-1, 7), 6);
    assert_int_equal(civil_floor_div(-7, 7), -1);
    assert_int_equal(civil_floor_mod(-7, 7), 0);
    assert_int_equal(civil_floor_div(8, 7), 1);
    assert_int_equal(civil_floor_mod(8, 7), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_days_have_their_dates),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(division_rounds_down),
    };
    return cmocka_run_group_tests_name("data/civil", tests, NULL, NULL);
}
