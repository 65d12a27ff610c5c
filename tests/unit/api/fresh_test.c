/* SPDX-License-Identifier: MIT */
#include "api/fresh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void if_none_match_is_compared_weakly(void **state)
{
    (void)state;
    static const struct {
        const char *field, *etag;
        bool same;
    } cases[] = {
        {"W/\"5.ab\"", "W/\"5.ab\"", true},
        {"\"5.ab\"", "W/\"5.ab\"", true},
        {"*", "W/\"5.ab\"", true},
        {" * ", "W/\"5.ab\"", true},
        {"W/\"5.ac\"", "W/\"5.ab\"", false},
        {"", "W/\"5.ab\"", false},
        {"5.ab", "W/\"5.ab\"", false},
        {"w/\"5.ab\"", "W/\"5.ab\"", false},
        {"\"5.ab", "W/\"5.ab\"", false},
        {"\"a\", W/\"5.ab\" ,\"c\"", "W/\"5.ab\"", true},
        {"\"a\",,\"5.ab\"", "W/\"5.ab\"", true},
        {"\"a,W/\"5.a\"", "W/\"5.ab\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fresh_matches(slice_of(cases[i].field), slice_of(cases[i].etag)), cases[i].same);
    assert_false(fresh_matches((struct slice){NULL, 0}, SLICE("W/\"1\"")));
}

static void parameters_that_mean_the_time_of_day_are_known(void **state)
{
    (void)state;
    static const char *const timely[] = {"now", "NOW", " now()", "Today", "{2024-01-01,tomorrow}", "yesterday", "x now"};
    static const char *const timeless[] = {"", "n", "no", "2024-01-01", "nox", "tod", "{1,2,3}", "yesterda"};
    for (size_t i = 0; i < sizeof timely / sizeof *timely; i++)
        assert_true(fresh_is_timely(slice_of(timely[i])));
    for (size_t i = 0; i < sizeof timeless / sizeof *timeless; i++)
        assert_false(fresh_is_timely(slice_of(timeless[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_none_match_is_compared_weakly),
        cmocka_unit_test(parameters_that_mean_the_time_of_day_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
