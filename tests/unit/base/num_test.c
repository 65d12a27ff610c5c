/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/num.h"

#include <stdio.h>

#include <cmocka.h>

struct parse_case {
    const char *text;
    int result;
    int64_t value;
};

static void check(int (*parse)(struct slice, int64_t *), const struct parse_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t value = -77;
        int r = parse(slice_of(cases[i].text), &value);
        if (r != cases[i].result || value != (r ? -77 : cases[i].value))
            fail_msg("'%s': result %d value %lld", cases[i].text, r, (long long)value);
    }
}
#define CHECK(parse, ...)                                                                                                          \
    check(parse, (const struct parse_case[]){__VA_ARGS__},                                                                         \
          sizeof((const struct parse_case[]){__VA_ARGS__}) / sizeof(struct parse_case))

static void integers_are_read_to_their_ends(void **state)
{
    (void)state;
    CHECK(num_parse_i64, {"0", 0, 0}, {"-0", 0, 0}, {"+12", 0, 12}, {"007", 0, 7}, {"9223372036854775807", 0, INT64_MAX},
          {"-9223372036854775808", 0, INT64_MIN}, {"9223372036854775808", NUM_E_RANGE, 0}, {"-9223372036854775809", NUM_E_RANGE, 0},
          {"99999999999999999999999", NUM_E_RANGE, 0}, {"", NUM_E_SYNTAX, 0}, {"-", NUM_E_SYNTAX, 0}, {"--1", NUM_E_SYNTAX, 0},
          {" 1", NUM_E_SYNTAX, 0}, {"1 ", NUM_E_SYNTAX, 0}, {"0x1", NUM_E_SYNTAX, 0}, {"99999999999999999999x", NUM_E_SYNTAX, 0});
    uint64_t value;
    assert_int_equal(num_parse_u64(SLICE("18446744073709551615"), &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(num_parse_u64(SLICE("18446744073709551616"), &value), NUM_E_RANGE);
    assert_int_equal(num_parse_u64(SLICE("-1"), &value), NUM_E_SYNTAX);
    assert_int_equal(num_parse_u64(SLICE("1\0"), &value), NUM_E_SYNTAX);
}

static void sizes_have_units(void **state)
{
    (void)state;
    CHECK(num_parse_size, {"0", 0, 0}, {"512", 0, 512}, {"16K", 0, 16384}, {"128M", 0, 128 << 20}, {"2g", 0, (int64_t)2 << 30},
          {"1T", 0, (int64_t)1 << 40}, {"64 MiB", 0, 64 << 20}, {"64MB", 0, 64 << 20}, {"10B", 0, 10},
          {"8388607T", 0, 8388607 * ((int64_t)1 << 40)}, {"8388608T", NUM_E_RANGE, 0}, {"", NUM_E_SYNTAX, 0},
          {"M", NUM_E_SYNTAX, 0}, {"-1M", NUM_E_SYNTAX, 0}, {"1X", NUM_E_SYNTAX, 0}, {"1MM", NUM_E_SYNTAX, 0},
          {"1iB", NUM_E_SYNTAX, 0}, {"1 M x", NUM_E_SYNTAX, 0});
}

static void durations_have_units_and_may_be_several(void **state)
{
    (void)state;
    CHECK(num_parse_duration, {"0", 0, 0}, {"30", 0, 30000}, {"1s", 0, 1000}, {"250ms", 0, 250}, {"1h 30min", 0, 5400000},
          {"1h30m", 0, 5400000}, {"2d", 0, 172800000}, {"1w", 0, 604800000}, {"1us", 0, 1}, {"1000us", 0, 1}, {"1001us", 0, 2},
          {"1min 30", 0, 90000}, {"", NUM_E_SYNTAX, 0}, {"s", NUM_E_SYNTAX, 0}, {"1y", NUM_E_SYNTAX, 0}, {"30 1s", NUM_E_SYNTAX, 0},
          {"-1s", NUM_E_SYNTAX, 0}, {"1.5s", NUM_E_SYNTAX, 0}, {"99999999999999w", NUM_E_RANGE, 0});
}

static void what_is_formatted_reads_back(void **state)
{
    (void)state;
    static const int64_t values[] = {0,           1,     999,     1000,     1023,      1024,    1025,    60000,
                                     90000,       90001, 3600000, 86400000, 604800000, 1 << 20, 3 << 20, (int64_t)5 << 40,
                                     123456789012};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[32];
        int64_t back = -1;
        num_format_size(values[i], text);
        assert_int_equal(num_parse_size(slice_of(text), &back), 0);
        assert_true(back == values[i]);
        num_format_duration(values[i], text);
        assert_int_equal(num_parse_duration(slice_of(text), &back), 0);
        assert_true(back == values[i]);
    }
    char text[32];
    num_format_size(128 << 20, text);
    assert_string_equal(text, "128M");
    num_format_duration(90000, text);
    assert_string_equal(text, "90s");
    num_format_duration(600000, text);
    assert_string_equal(text, "10min");
    num_format_duration(1500, text);
    assert_string_equal(text, "1500ms");
    num_format_duration(INT64_MAX, text);
    assert_string_equal(text, "9223372036854775807ms");
}

static void integers_are_written_as_printf_writes_them(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 1, -1, 9, 10, -10, 1234567890123, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char want[32], got[NUM_I64_MAX];
        int n = snprintf(want, sizeof(want), "%lld", (long long)values[i]);
        assert_int_equal(num_write_i64(values[i], got), n);
        assert_memory_equal(got, want, (size_t)n);
    }
}

static void overflow_of_sizes_is_seen(void **state)
{
    (void)state;
    size_t r;
    assert_true(num_add(1, 2, &r) && r == 3);
    assert_false(num_add(SIZE_MAX, 1, &r));
    assert_true(num_mul(3, 4, &r) && r == 12);
    assert_false(num_mul(SIZE_MAX, 2, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_to_their_ends),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(durations_have_units_and_may_be_several),
        cmocka_unit_test(what_is_formatted_reads_back),
        cmocka_unit_test(integers_are_written_as_printf_writes_them),
        cmocka_unit_test(overflow_of_sizes_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
