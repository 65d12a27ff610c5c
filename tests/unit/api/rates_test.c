/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "api/rates.h"

#include <cmocka.h>

static const struct config_rate ten_a_second = {10, 1000}, one_an_hour = {1, 3600000};

static int set_up(void **state)
{
    return rates_new((struct rates **)state);
}

static int tear_down(void **state)
{
    rates_free(*state);
    return 0;
}

static void key_of(uint64_t n, uint8_t ret_key[RATES_KEY])
{
    memset(ret_key, 0, RATES_KEY);
    memcpy(ret_key, &n, sizeof n);
}

static int64_t take(void **state, uint64_t who, const struct config_rate *rate, int64_t now_ms)
{
    uint8_t key[RATES_KEY];
    key_of(who, key);
    return rates_take(*state, key, rate, now_ms);
}

static void as_many_as_it_holds_come_at_once(void **state)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(take(state, 1, &ten_a_second, 1000), 0);
    assert_int_equal(take(state, 1, &ten_a_second, 1000), 1);
    assert_int_equal(take(state, 2, &ten_a_second, 1000), 0); /* others have their own */
}

static void it_fills_up_evenly(void **state)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(take(state, 1, &ten_a_second, 1000), 0);
    assert_true(take(state, 1, &ten_a_second, 1050) > 0);
    assert_int_equal(take(state, 1, &ten_a_second, 1101), 0);
    assert_true(take(state, 1, &ten_a_second, 1101) > 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(take(state, 1, &ten_a_second, 100000), 0);
    assert_true(take(state, 1, &ten_a_second, 100000) > 0);
}

static void wait_is_told_in_seconds(void **state)
{
    assert_int_equal(take(state, 1, &one_an_hour, 1000), 0);
    int64_t wait = take(state, 1, &one_an_hour, 1000);
    assert_in_range(wait, 3599, 3601);
    assert_true(take(state, 1, &one_an_hour, 1000 + wait * 1000 - 2000) > 0);
    assert_int_equal(take(state, 1, &one_an_hour, 1000 + wait * 1000), 0);
}

static void no_rate_is_no_limit(void **state)
{
    for (int i = 0; i < 1000; i++)
        assert_int_equal(take(state, 1, &(struct config_rate){0, 0}, 1000), 0);
}

static void many_others_do_not_make_it_grow_or_fail(void **state)
{
    for (uint64_t i = 0; i < 200000; i++)
        assert_int_equal(take(state, i, &one_an_hour, 1000 + (int64_t)i), 0);
    assert_true(take(state, 199999, &one_an_hour, 201000) > 0); /* the newest are still known */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(as_many_as_it_holds_come_at_once),        T(it_fills_up_evenly), T(wait_is_told_in_seconds), T(no_rate_is_no_limit),
        T(many_others_do_not_make_it_grow_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
