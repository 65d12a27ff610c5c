/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_float.h"
#include "parse.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double parse_float(enum type_id id, const char *text)
{
    union value v = {.f = 0};
    struct arena arena;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    int r = parse_text(&(struct type_input){.type = {id, -1}}, slice_of(text), &arena, &v);
    if (r) fail_msg("\"%s\" is refused with %d", text, r);
    arena_done(&arena);
    return v.f;
}

static uint64_t state64 = 88172645463325252U;

static uint64_t dice(void)
{
    state64 ^= state64 << 13;
    state64 ^= state64 >> 7;
    state64 ^= state64 << 17;
    return state64;
}

/* Both types, bit for bit; what strtod calls out of range is out of range. */
static void check_as_strtod(const char *text)
{
    static struct arena arena = {.block = 4096, .max = PARSE_ARENA_MAX};
    union value v;
    errno = 0;
    double want = strtod(text, NULL);
    bool range = errno == ERANGE && (want == 0 || isinf(want));
    int r = type_float_double(NULL, slice_of(text), &arena, &v);
    if (r != (range ? TYPE_E_RANGE : 0) || (r == 0 && memcmp(&want, &v.f, sizeof(want)) != 0))
        fail_msg("%s: %d %a, not %a", text, r, v.f, want);
    errno = 0;
    float want4 = strtof(text, NULL);
    range = errno == ERANGE && (want4 == 0 || isinf(want4));
    r = type_float_single(NULL, slice_of(text), &arena, &v);
    float got4 = (float)v.f;
    if (r != (range ? TYPE_E_RANGE : 0) || (r == 0 && memcmp(&want4, &got4, sizeof(want4)) != 0))
        fail_msg("%s as real: %d %a, not %a", text, r, (double)got4, (double)want4);
    arena_reset(&arena);
}

enum { MANY = 200000 };

static void plain_numbers_are_those_of_strtod(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char text[64];
        int digits = (int)(dice() % 20) + 1;
        snprintf(text, sizeof(text), "%s%.*llu", dice() & 1 ? "-" : "", digits, (unsigned long long)(dice() >> dice() % 64));
        size_t len = strlen(text), at = dice() % (len + 1);
        if (text[0] == '-' && at == 0) at = 1;
        memmove(text + at + 1, text + at, len + 1 - at);
        text[at] = '.';
        check_as_strtod(text);
    }
}

static void numbers_with_exponents_are_those_of_strtod(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char text[64];
        snprintf(text, sizeof(text), "%llu.%llue%d", (unsigned long long)(dice() >> dice() % 64),
                 (unsigned long long)(dice() >> dice() % 64), (int)(dice() % 720) - 370);
        check_as_strtod(text);
    }
}

static void any_bits_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) {
        char text[64];
        uint64_t bits = dice();
        double f;
        memcpy(&f, &bits, sizeof(f));
        if (!isfinite(f)) continue;
        snprintf(text, sizeof(text), "%.*g", (int)(dice() % 22) + 1, f);
        check_as_strtod(text);
        uint32_t half = (uint32_t)bits;
        float g;
        memcpy(&g, &half, sizeof(g));
        if (!isfinite(g)) continue;
        snprintf(text, sizeof(text), "%.*g", (int)(dice() % 12) + 1, (double)g);
        check_as_strtod(text);
    }
}

/* The decimals of the point between two neighbours, exactly, and a little off it */
static void halves_are_those_of_strtod(void **state)
{
    (void)state;
    for (int i = 0; i < MANY / 10; i++) {
        char text[1200];
        uint64_t bits = dice() & UINT64_C(0x7fffffffffffffff);
        if (i % 2) bits = (bits & UINT64_C(0x000fffffffffffff)) | (uint64_t)(1023 - 60 + dice() % 120) << 52;
        double f, next;
        memcpy(&f, &bits, sizeof(f));
        bits++;
        memcpy(&next, &bits, sizeof(next));
        if (!isfinite(f) || !isfinite(next)) continue;
        long double half = ((long double)f + (long double)next) / 2;
        int len = snprintf(text, sizeof(text) - 20, "%.*Le", i % 3 ? 1100 : 40, half);
        check_as_strtod(text);
        char *e = memchr(text, 'e', (size_t)len);
        char exponent[16];
        snprintf(exponent, sizeof(exponent), "%s", e);
        snprintf(e, 20, "1%s", exponent);
        check_as_strtod(text);
        float f4 = (float)(dice() >> 40), next4 = nextafterf(f4, INFINITY);
        snprintf(text, sizeof(text), "%.30g", ((double)f4 + (double)next4) / 2 * ldexp(1, (int)(dice() % 80) - 40));
        check_as_strtod(text);
    }
}

static void long_digits_are_those_of_strtod(void **state)
{
    (void)state;
    for (int i = 0; i < MANY / 10; i++) {
        char text[128];
        size_t n = 17 + dice() % 90, point = dice() % n;
        for (size_t k = 0; k < n; k++)
            text[k] = (char)('0' + (dice() % 4 ? dice() % 10 : 0));
        if (dice() & 1) memset(text, '0', dice() % n);
        text[point] = '.';
        text[n] = '\0';
        check_as_strtod(text);
    }
}

static void the_ends_of_the_range_are_those_of_strtod(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "0e999",
        "1e308",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e309",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "5e-324",
        "2e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "1e38",
        "3.4028234e38",
        "3.4028235e38",
        "3.4028235677973366e38",
        "3.4028235677973365e38",
        "3.4028236e38",
        "1.17549435e-38",
        "1.1754942e-38",
        "1e-45",
        "7e-46",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "9007199254740993",
        "9007199254740992",
        "16777217",
        "1e22",
        "1e23",
        "9007199254740993e22",
        "0.1",
        "0.30000000000000004",
        "18446744073709551615",
        "18446744073709551616",
        "9999999999999999999",
        "99999999999999999999",
        "123456789012345678901234567890e-10",
        "1e-342",
        "1e-343",
        "9e-343",
        "1234567890123456789e-360",
        "8.5899973e9",
        "16777215.5",
        "16777216.5",
        "33554433",
        "1e10",
        "1e11",
        "1e-10",
        "1e-11",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_as_strtod(texts[i]);
}

static void special_floats_are_taken(void **state)
{
    (void)state;
    assert_true(isnan(parse_float(TYPE_FLOAT8, "NaN")));
    assert_true(isinf(parse_float(TYPE_FLOAT8, " -Infinity ")));
    assert_true(signbit(parse_float(TYPE_FLOAT8, "-0")));
    assert_true(parse_float(TYPE_FLOAT8, "5e-324") > 0);
    assert_true(parse_float(TYPE_FLOAT4, "1e-45") > 0);
}

static void floats_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct parse_int wide[] = {{"1e309", TYPE_E_RANGE, 0},    {"-1e309", TYPE_E_RANGE, 0}, {"1e-400", TYPE_E_RANGE, 0},
                                     {"1e999999", TYPE_E_RANGE, 0}, {"", TYPE_E_SYNTAX, 0},      {"1,5", TYPE_E_SYNTAX, 0},
                                     {"1.5.2", TYPE_E_SYNTAX, 0},   {".", TYPE_E_SYNTAX, 0}};
    PARSE_INTS(wide, &(struct type_input){.type = {TYPE_FLOAT8, -1}});
    const struct parse_int narrow[] = {{"1e39", TYPE_E_RANGE, 0}, {"1e-46", TYPE_E_RANGE, 0}};
    PARSE_INTS(narrow, &(struct type_input){.type = {TYPE_FLOAT4, -1}});
}

static void a_locale_with_a_decimal_comma_changes_nothing(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) skip();
    assert_true(parse_float(TYPE_FLOAT8, "1.50000000000000000000000000000001") == 1.5);
    setlocale(LC_NUMERIC, "C");
}

static void a_long_number_uses_the_arena(void **state)
{
    (void)state;
    char text[1024];
    memset(text, '3', sizeof(text));
    memcpy(text, "0.", 2);
    text[sizeof(text) - 1] = '\0';
    assert_true(parse_float(TYPE_FLOAT8, text) == 1.0 / 3.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_numbers_are_those_of_strtod),
        cmocka_unit_test(numbers_with_exponents_are_those_of_strtod),
        cmocka_unit_test(any_bits_come_back),
        cmocka_unit_test(halves_are_those_of_strtod),
        cmocka_unit_test(long_digits_are_those_of_strtod),
        cmocka_unit_test(the_ends_of_the_range_are_those_of_strtod),
        cmocka_unit_test(special_floats_are_taken),
        cmocka_unit_test(floats_out_of_range_are_refused),
        cmocka_unit_test(a_locale_with_a_decimal_comma_changes_nothing),
        cmocka_unit_test(a_long_number_uses_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
