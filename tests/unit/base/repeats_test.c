/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/repeats.h"

#include <string.h>

#include <cmocka.h>

enum { S = 1000000 };

static void so_many_of_a_kind_are_admitted_in_a_minute(void **state)
{
    (void)state;
    struct repeats r = {0};
    for (int i = 0; i < 5; i++)
        assert_true(repeats_admit(&r, 7, 5, (1 + i) * S, "seven"));
    assert_false(repeats_admit(&r, 7, 5, 10 * S, "seven, the sixth"));
    assert_false(repeats_admit(&r, 7, 5, 11 * S, "seven, the seventh"));
    assert_true(repeats_admit(&r, 8, 5, 11 * S, "eight"));
}

static void what_was_left_out_is_told_once_when_the_minute_is_over(void **state)
{
    (void)state;
    struct repeats r = {0};
    char text[REPEATS_TEXT];
    unsigned n;
    assert_true(repeats_admit(&r, 7, 1, S, "first"));
    for (int i = 0; i < 3; i++)
        assert_false(repeats_admit(&r, 7, 1, 2 * S, i == 0 ? "second" : "third"));
    assert_false(repeats_over(&r, 60 * S, text, &n));
    assert_true(repeats_over(&r, 61 * S, text, &n));
    assert_int_equal(n, 3);
    assert_string_equal(text, "second");
    assert_false(repeats_over(&r, 62 * S, text, &n));
    assert_true(repeats_admit(&r, 7, 1, 63 * S, "first"));
}

static void what_is_not_told_yet_is_not_forgotten(void **state)
{
    (void)state;
    struct repeats r = {0};
    char text[REPEATS_TEXT];
    unsigned n;
    assert_true(repeats_admit(&r, 7, 1, S, "x"));
    assert_false(repeats_admit(&r, 7, 1, S, "x"));
    assert_false(repeats_admit(&r, 7, 1, 100 * S, "x")); /* nobody has asked since */
    assert_true(repeats_over(&r, 100 * S, text, &n));
    assert_int_equal(n, 2);
}

static void a_full_table_admits_everything_else(void **state)
{
    (void)state;
    struct repeats r = {0};
    for (uint64_t k = 1; k <= REPEATS_KINDS; k++)
        assert_true(repeats_admit(&r, k, 1, S, "x"));
    for (int i = 0; i < 3; i++)
        assert_true(repeats_admit(&r, 1000, 1, 2 * S, "y"));
    assert_false(repeats_admit(&r, 1, 1, 2 * S, "x"));
    assert_true(repeats_admit(&r, 1000, 1, 62 * S, "y")); /* what is over makes room, but for what is to be told */
    assert_false(repeats_admit(&r, 1000, 1, 62 * S, "y"));
    assert_false(repeats_admit(&r, 1, 1, 62 * S, "x"));
}

static void a_long_text_is_cut(void **state)
{
    (void)state;
    struct repeats r = {0};
    char text[2000], told[REPEATS_TEXT];
    unsigned n;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(repeats_admit(&r, 1, 0, S, text));
    assert_true(repeats_over(&r, 61 * S, told, &n));
    assert_int_equal(strlen(told), REPEATS_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_of_a_kind_are_admitted_in_a_minute),
        cmocka_unit_test(what_was_left_out_is_told_once_when_the_minute_is_over),
        cmocka_unit_test(what_is_not_told_yet_is_not_forgotten),
        cmocka_unit_test(a_full_table_admits_everything_else),
        cmocka_unit_test(a_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
