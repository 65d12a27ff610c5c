/* SPDX-License-Identifier: MIT */
#include "data/shortest.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text8(double v, char text[SHORTEST_TEXT_MAX + 1])
{
    struct shortest s = shortest_float8(v);
    text[shortest_text(&s, text)] = '\0';
    return text;
}

static const char *text4(float v, char text[SHORTEST_TEXT_MAX + 1])
{
    struct shortest s = shortest_float4(v);
    text[shortest_text(&s, text)] = '\0';
    return text;
}

static const char *plain8(double v, char text[SHORTEST_PLAIN_MAX + 1])
{
    struct shortest s = shortest_float8(v);
    text[shortest_plain(&s, text)] = '\0';
    return text;
}

static void texts_have_the_shape_of_postgresql(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text, *plain;
    } cases[] = {
        {0.0, "0", "0"},
        {-0.0, "-0", "0"},
        {0.1, "0.1", "0.1"},
        {-2.5, "-2.5", "-2.5"},
        {100.0, "100", "100"},
        {123456789012345.0, "123456789012345", "123456789012345"},
        {1e15, "1e+15", "1000000000000000"},
        {0.0001, "0.0001", "0.0001"},
        {0.000015, "1.5e-05", "0.000015"},
        {1.5e-100, "1.5e-100", NULL},
        {5e-324, "5e-324", NULL},
        {1.7976931348623157e308, "1.7976931348623157e+308", NULL},
        {9007199254740993.0, "9.007199254740992e+15", "9007199254740992"},
        /* Exactly between two floats: a reader's ties-to-even would give it back, but it is not inside the interval. */
        {1e23, "9.999999999999999e+22", NULL},
        /* A power of two: the shortest lies above the value, farther than the gap below allows. */
        {0x1p-44, "5.684341886080802e-14", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[SHORTEST_TEXT_MAX + 1], plain[SHORTEST_PLAIN_MAX + 1];
        assert_string_equal(text8(cases[i].value, text), cases[i].text);
        if (cases[i].plain) assert_string_equal(plain8(cases[i].value, plain), cases[i].plain);
    }
}

static void float4_has_fewer_digits(void **state)
{
    (void)state;
    char text[SHORTEST_TEXT_MAX + 1];
    assert_string_equal(text4(0.1f, text), "0.1");
    assert_string_equal(text4(16777216.0f, text), "1.6777216e+07");
    assert_string_equal(text4(999999.0f, text), "999999");
    assert_string_equal(text4(1000000.0f, text), "1e+06");
    assert_string_equal(text4(1e-45f, text), "1e-45");
    assert_string_equal(text4(3.4028235e38f, text), "3.4028235e+38");
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* From here on a short decimal may lie exactly between two floats, and is not taken: strtod would, when the tie goes its way. */
static bool may_tie(double v, double from)
{
    return fabs(v) >= from && fabs(v) < ldexp(from, 30);
}

static void any_float8_reads_back_and_no_shorter_text_does(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next_random(&seed);
        double v;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v)) continue;
        char text[SHORTEST_TEXT_MAX + 1], shorter[64];
        assert_true(strtod(text8(v, text), NULL) == v);
        struct shortest s = shortest_float8(v);
        if (s.digits < 2 || may_tie(v, 0x1p53)) continue;
        snprintf(shorter, sizeof(shorter), "%.*e", s.digits - 2, v);
        assert_true(strtod(shorter, NULL) != v);
    }
}

static void any_float4_reads_back_and_no_shorter_text_does(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        float v;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v)) continue;
        char text[SHORTEST_TEXT_MAX + 1], shorter[64];
        assert_true(strtof(text4(v, text), NULL) == v);
        struct shortest s = shortest_float4(v);
        if (s.digits < 2 || may_tie((double)v, 0x1p24)) continue;
        snprintf(shorter, sizeof(shorter), "%.*e", s.digits - 2, (double)v);
        assert_true(strtof(shorter, NULL) != v);
    }
}

static void short_decimals_stay_as_they_were_written(void **state)
{
    (void)state;
    for (int i = 1; i < 200000; i++) {
        char written[32], text[SHORTEST_TEXT_MAX + 1];
        snprintf(written, sizeof(written), "%d.%02d", i / 100, i % 100 / 10 * 10 + 5);
        assert_string_equal(text8(strtod(written, NULL), text), written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_have_the_shape_of_postgresql),
        cmocka_unit_test(float4_has_fewer_digits),
        cmocka_unit_test(any_float8_reads_back_and_no_shorter_text_does),
        cmocka_unit_test(any_float4_reads_back_and_no_shorter_text_does),
        cmocka_unit_test(short_decimals_stay_as_they_were_written),
    };
    return cmocka_run_group_tests_name("format/shortest", tests, NULL, NULL);
}
