/* SPDX-License-Identifier: MIT */
#include "data/decimal.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define PLUS "\0\0"
#define MINUS "\x40\0"
#define NAN_VALUE SLICE("\0\0\0\0\xc0\0\0\0")
#define INFINITY_VALUE SLICE("\0\0\0\0\xd0\0\0\0")
#define MINUS_INFINITY_VALUE SLICE("\0\0\0\0\xf0\0\0\0")
/* 1.0 and 1.00; -1.5; 0.0001; 12345678; 0 */
#define ONE_0 SLICE("\0\1\0\0" PLUS "\0\1\0\1")
#define ONE_00 SLICE("\0\1\0\0" PLUS "\0\2\0\1")
#define MINUS_ONE_5 SLICE("\0\2\0\0" MINUS "\0\1\0\1\x13\x88")
#define TINY SLICE("\0\1\xff\xff" PLUS "\0\4\0\1")
#define LARGE SLICE("\0\2\0\1" PLUS "\0\0\x04\xd2\x16\x2e")
#define ZERO SLICE("\0\0\0\0" PLUS "\0\0")

static void assert_text(struct slice value, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(decimal_valid(value));
    decimal_text(value, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

static void values_have_their_text(void **state)
{
    (void)state;
    assert_text(ONE_0, "1.0");
    assert_text(ONE_00, "1.00");
    assert_text(MINUS_ONE_5, "-1.5");
    assert_text(TINY, "0.0001");
    assert_text(LARGE, "12345678");
    assert_text(ZERO, "0");
    assert_text(NAN_VALUE, "NaN");
    assert_text(MINUS_INFINITY_VALUE, "-Infinity");
    assert_text(SLICE("\0\1\0\2" PLUS "\0\0\0\7"), "700000000");
    assert_text(SLICE("\0\1\xff\xff" PLUS "\0\2\0\x64"), "0.01");
}

/* 131072 digits before the point: the longest that numeric_in takes */
static void a_number_of_more_than_32767_groups_is_valid(void **state)
{
    (void)state;
    enum { GROUPS = 32768 };
    static char bytes[DECIMAL_HEAD + 2 * GROUPS] = {(char)(GROUPS >> 8), 0, 0x7f, (char)0xff};
    bytes[DECIMAL_HEAD + 1] = 1;
    const struct slice value = {bytes, sizeof(bytes)};
    assert_true(decimal_valid(value));
    assert_int_equal(decimal_open(value).weight, 32767);
}

static void malformed_bytes_are_not_valid(void **state)
{
    (void)state;
    assert_false(decimal_valid(SLICE("")));
    assert_false(decimal_valid(SLICE("\0\1\0\0" PLUS "\0\0")));
    assert_false(decimal_valid(SLICE("\0\1\0\0" PLUS "\0\0\x27\x10")));
    assert_false(decimal_valid(SLICE("\0\1\0\0\x12\x34\0\0\0\1")));
    assert_false(decimal_valid(SLICE("\0\0\0\0" PLUS "\x40\0")));
    assert_false(decimal_valid(SLICE("\xff\xff\0\0" PLUS "\0\0")));
}

static void order_is_that_of_the_values(void **state)
{
    (void)state;
    const struct slice ascending[] = {MINUS_INFINITY_VALUE, MINUS_ONE_5, ZERO, TINY, ONE_0, LARGE, INFINITY_VALUE, NAN_VALUE};
    const size_t n = sizeof(ascending) / sizeof(ascending[0]);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            int order = decimal_compare(ascending[i], ascending[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    assert_int_equal(decimal_compare(ONE_0, ONE_00), 0);
}

struct fixture {
    struct arena arena;
    struct decimal_sum sum;
};

static void add(struct fixture *f, struct slice value)
{
    assert_int_equal(decimal_sum_reserve(&f->sum, value, &f->arena), 0);
    decimal_sum_add(&f->sum, value);
}

static void assert_sum(struct fixture *f, const char *expected)
{
    struct slice value = {NULL, 0};
    assert_int_equal(decimal_sum_read(&f->sum, &f->arena, &value), 0);
    assert_text(value, expected);
}

static int start(void **state)
{
    static struct fixture f;
    f = (struct fixture){.sum = {0}};
    arena_init(&f.arena, 4096, 1 << 20);
    *state = &f;
    return 0;
}

static int finish(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    return 0;
}

static void a_sum_of_nothing_is_zero(void **state)
{
    assert_sum(*state, "0");
}

static void a_sum_has_the_greatest_scale(void **state)
{
    struct fixture *f = *state;
    add(f, LARGE);
    add(f, ONE_00);
    add(f, TINY);
    assert_sum(f, "12345679.0001");
}

static void sums_that_cancel_are_zero(void **state)
{
    struct fixture *f = *state;
    add(f, SLICE("\0\1\0\0" PLUS "\0\0\0\5"));
    add(f, SLICE("\0\1\0\0" MINUS "\0\2\0\5"));
    assert_sum(f, "0.00");
}

static void borrows_go_through_zeros(void **state)
{
    struct fixture *f = *state;
    add(f, SLICE("\0\1\0\3" PLUS "\0\0\0\1")); /* 10^12 */
    add(f, SLICE("\0\1\0\0" MINUS "\0\0\0\1"));
    assert_sum(f, "999999999999");
    add(f, SLICE("\0\1\0\3" MINUS "\0\0\0\2"));
    assert_sum(f, "-1000000000001");
}

static void carries_reach_new_places(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20001; i++)
        add(f, SLICE("\0\1\0\0" PLUS "\0\0\x27\x0f")); /* 9999 */
    assert_sum(f, "199989999");
}

static void a_sum_goes_on_after_it_was_read(void **state)
{
    struct fixture *f = *state;
    add(f, ONE_0);
    assert_sum(f, "1.0");
    add(f, MINUS_ONE_5);
    assert_sum(f, "-0.5");
}

static void infinities_and_nan_win(void **state)
{
    struct fixture *f = *state;
    add(f, ONE_0);
    add(f, INFINITY_VALUE);
    assert_sum(f, "Infinity");
    add(f, MINUS_INFINITY_VALUE);
    assert_sum(f, "NaN");
}

static void sums_of_sums_are_sums(void **state)
{
    struct fixture *f = *state;
    struct decimal_sum other = {0};
    add(f, TINY);
    assert_int_equal(decimal_sum_reserve(&other, LARGE, &f->arena), 0);
    decimal_sum_add(&other, LARGE);
    assert_int_equal(decimal_sum_reserve_sum(&f->sum, &other, &f->arena), 0);
    decimal_sum_add_sum(&f->sum, &other);
    assert_sum(f, "12345678.0001");
}

/* 0.0001, 99999999.99999999 and -1e15 are added as integers, 1e16 and 1e-12 by place. */
static void everyday_numbers_and_others_add_up(void **state)
{
    struct fixture *f = *state;
    add(f, SLICE("\0\1\xff\xff" PLUS "\0\4\0\1"));
    add(f, SLICE("\0\4\0\1" PLUS "\0\x8\x27\xf\x27\xf\x27\xf\x27\xf"));
    assert_sum(f, "100000000.00009999");
    add(f, SLICE("\0\1\0\3" MINUS "\0\0\x3\xe8"));
    assert_sum(f, "-999999899999999.99990001");
    add(f, SLICE("\0\1\0\4" PLUS "\0\0\0\1"));
    add(f, SLICE("\0\1\xff\xfd" PLUS "\0\xc\0\1"));
    assert_sum(f, "9000000100000000.000099990001");
    add(f, SLICE("\0\1\0\3" MINUS "\0\0\x23\x28"));
    assert_sum(f, "100000000.000099990001");
}

static void a_sum_without_room_says_so_and_stays(void **state)
{
    struct fixture *f = *state;
    add(f, ONE_0);
    add(f, SLICE("\0\1\xff\xfd" PLUS "\0\xc\0\1"));
    f->arena.max = f->arena.used;
    assert_int_equal(decimal_sum_reserve(&f->sum, SLICE("\0\1\x7f\xff" PLUS "\0\0\0\1"), &f->arena), -ENOMEM);
    assert_sum(f, "1.000000000001");
}

static void assert_int128(int64_t high, uint64_t low, const char *expected)
{
    char bytes[DECIMAL_INT_MAX];
    assert_text((struct slice){bytes, decimal_of_int128(high, low, bytes)}, expected);
}

static void integers_of_128_bits_become_numerics(void **state)
{
    (void)state;
    assert_int128(0, 0, "0");
    assert_int128(-1, UINT64_MAX, "-1");
    assert_int128(0, 10000, "10000");
    assert_int128(0, UINT64_MAX, "18446744073709551615");
    assert_int128(INT64_MAX, UINT64_MAX, "170141183460469231731687303715884105727");
    assert_int128(INT64_MIN, 0, "-170141183460469231731687303715884105728");
    assert_int128(-1, 0, "-18446744073709551616");
}

/* Any value of up to five digits: of all weights, with zeros at either end, and no numbers. */
static struct slice any_value(uint64_t *seed, char bytes[32])
{
    static const uint16_t digits[] = {0, 1, 9, 1234, 5000, 9999}, signs[] = {0, 0, 0, 0x4000, 0x4000, 0xc000, 0xd000, 0xf000};
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint32_t r = (uint32_t)(*seed >> 32);
    uint16_t sign = signs[r % 8], n = sign > 0x4000 ? 0 : r / 8 % 6, weight = (uint16_t)(r / 64 % 10 - 5);
    uint16_t head[4] = {htobe16(n), htobe16(weight), htobe16(sign), htobe16(8)};
    memcpy(bytes, head, sizeof(head));
    for (uint32_t i = 0, left = r / 1024; i < n; i++, left /= 6) {
        uint16_t digit = htobe16(digits[left % 6]);
        memcpy(bytes + DECIMAL_HEAD + 2 * i, &digit, sizeof(digit));
    }
    return (struct slice){bytes, DECIMAL_HEAD + 2 * (size_t)n};
}

static void the_ways_for_everyday_numbers_agree_with_the_others(void **state)
{
    (void)state;
    uint64_t seed = 17;
    size_t shorts = 0, compared = 0;
    for (int i = 0; i < 1000000; i++) {
        char x[32], y[32];
        struct slice a = any_value(&seed, x), b = any_value(&seed, y);
        int order, want = decimal_compare(a, b);
        if (decimal_compare_short(a, b, &order)) {
            assert_int_equal((order > 0) - (order < 0), (want > 0) - (want < 0));
            compared++;
        }
        __int128 small;
        int32_t scale;
        int64_t v;
        if (!decimal_short(a, &v)) continue;
        /* Zeros behind the last place that decimal_small takes are none of decimal_short's cares. */
        if (!decimal_small(a, &small, &scale)) continue;
        assert_true(small == v);
        shorts++;
    }
    assert_true(shorts > 20000 && compared > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_text),
        cmocka_unit_test(a_number_of_more_than_32767_groups_is_valid),
        cmocka_unit_test(malformed_bytes_are_not_valid),
        cmocka_unit_test(order_is_that_of_the_values),
        cmocka_unit_test_setup_teardown(a_sum_of_nothing_is_zero, start, finish),
        cmocka_unit_test_setup_teardown(a_sum_has_the_greatest_scale, start, finish),
        cmocka_unit_test_setup_teardown(sums_that_cancel_are_zero, start, finish),
        cmocka_unit_test_setup_teardown(borrows_go_through_zeros, start, finish),
        cmocka_unit_test_setup_teardown(carries_reach_new_places, start, finish),
        cmocka_unit_test_setup_teardown(a_sum_goes_on_after_it_was_read, start, finish),
        cmocka_unit_test_setup_teardown(infinities_and_nan_win, start, finish),
        cmocka_unit_test_setup_teardown(sums_of_sums_are_sums, start, finish),
        cmocka_unit_test_setup_teardown(everyday_numbers_and_others_add_up, start, finish),
        cmocka_unit_test_setup_teardown(a_sum_without_room_says_so_and_stays, start, finish),
        cmocka_unit_test(the_ways_for_everyday_numbers_agree_with_the_others),
        cmocka_unit_test(integers_of_128_bits_become_numerics),
    };
    return cmocka_run_group_tests_name("data/decimal", tests, NULL, NULL);
}
