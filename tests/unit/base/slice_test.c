/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/slice.h"

#include <cmocka.h>

static void case_is_folded_for_ascii_only(void **state)
{
    (void)state;
    assert_true(slice_equal_nocase(SLICE("AbZ_1"), SLICE("aBz_1")));
    assert_false(slice_equal_nocase(SLICE("a"), SLICE("ab")));
    assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
    assert_false(slice_equal_nocase(SLICE("\xc3\x89"), SLICE("\xc3\xa9")));
}

static void starts_and_ends(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE("orders.csv"), SLICE("orders")));
    assert_true(slice_ends(SLICE("orders.csv"), SLICE(".csv")));
    assert_true(slice_ends((struct slice){NULL, 0}, SLICE("")));
    assert_false(slice_ends(SLICE("csv"), SLICE(".csv")));
    assert_false(slice_starts(SLICE("a"), SLICE("b")));
}

static void white_space_is_trimmed_at_both_ends(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_trim(SLICE(" \t\r\n a b \v\f")), SLICE("a b")));
    assert_int_equal(slice_trim(SLICE("   ")).len, 0);
    assert_int_equal(slice_trim((struct slice){NULL, 0}).len, 0);
}

static void order_is_by_bytes(void **state)
{
    (void)state;
    assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("a\0b"), SLICE("a\0c")) < 0);
    assert_int_equal(slice_compare(SLICE(""), (struct slice){NULL, 0}), 0);
}

static void cutting_gives_every_part_also_empty_ones(void **state)
{
    (void)state;
    struct slice rest = SLICE("a,,b,");
    const char *want[] = {"a", "", "b", ""};
    size_t n = 0;
    while (rest.p) {
        assert_true(n < 4);
        assert_true(slice_equal(slice_cut(&rest, ','), slice_of(want[n++])));
    }
    assert_int_equal(n, 4);
}

static void only_valid_utf8_is_a_character(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        size_t len;
    } cases[] = {
        {SLICE("a"), 1},
        {SLICE("\0"), 1},
        {SLICE("\xc3\xa9"), 2},
        {SLICE("\xe2\x82\xac"), 3},
        {SLICE("\xf0\x9f\x98\x80"), 4},
        {SLICE("\xf4\x8f\xbf\xbf"), 4},
        {SLICE(""), 0},
        {SLICE("\x80"), 0},
        {SLICE("\xc0\x80"), 0},
        {SLICE("\xc1\xbf"), 0},
        {SLICE("\xc3"), 0},
        {SLICE("\xc3("), 0},
        {SLICE("\xe0\x9f\xbf"), 0},
        {SLICE("\xed\xa0\x80"), 0},
        {SLICE("\xe2\x82"), 0},
        {SLICE("\xf0\x8f\xbf\xbf"), 0},
        {SLICE("\xf4\x90\x80\x80"), 0},
        {SLICE("\xf5\x80\x80\x80"), 0},
        {SLICE("\xff"), 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(slice_char_len(cases[i].text), cases[i].len);
}

static void a_cut_never_leaves_half_a_character(void **state)
{
    (void)state;
    struct slice text = SLICE("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof(want) / sizeof(want[0]); max++)
        assert_int_equal(slice_cut_utf8(text, max).len, want[max]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_folded_for_ascii_only),
        cmocka_unit_test(starts_and_ends),
        cmocka_unit_test(white_space_is_trimmed_at_both_ends),
        cmocka_unit_test(order_is_by_bytes),
        cmocka_unit_test(cutting_gives_every_part_also_empty_ones),
        cmocka_unit_test(only_valid_utf8_is_a_character),
        cmocka_unit_test(a_cut_never_leaves_half_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
