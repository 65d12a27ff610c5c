/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_number.h"
#include "parse.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void booleans_are_the_beginnings_of_their_words(void **state)
{
    (void)state;
    const struct parse_int table[] = {
        {"t", 0, 1},
        {"TRUE", 0, 1},
        {"tru", 0, 1},
        {"y", 0, 1},
        {"yes", 0, 1},
        {"on", 0, 1},
        {"1", 0, 1},
        {" f ", 0, 0},
        {"False", 0, 0},
        {"no", 0, 0},
        {"off", 0, 0},
        {"of", 0, 0},
        {"0", 0, 0},
        {"o", TYPE_E_SYNTAX, 0},
        {"truet", TYPE_E_SYNTAX, 0},
        {"", TYPE_E_SYNTAX, 0},
        {"2", TYPE_E_SYNTAX, 0},
        {"10", TYPE_E_SYNTAX, 0},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_BOOL, -1}});
}

static void integers_keep_to_their_range(void **state)
{
    (void)state;
    const struct parse_int int2[] = {
        {"32767", 0, 32767}, {"-32768", 0, -32768}, {"32768", TYPE_E_RANGE, 0}, {"-32769", TYPE_E_RANGE, 0}, {"+007", 0, 7}};
    PARSE_INTS(int2, &(struct type_input){.type = {TYPE_INT2, -1}});
    const struct parse_int int4[] = {{"2147483647", 0, INT32_MAX},
                                     {"-2147483648", 0, INT32_MIN},
                                     {"2147483648", TYPE_E_RANGE, 0},
                                     {"-2147483649", TYPE_E_RANGE, 0}};
    PARSE_INTS(int4, &(struct type_input){.type = {TYPE_INT4, -1}});
    const struct parse_int int8[] = {
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", TYPE_E_RANGE, 0},
        {"-9223372036854775809", TYPE_E_RANGE, 0},
        {"18446744073709551616", TYPE_E_RANGE, 0},
        {"99999999999999999999999999", TYPE_E_RANGE, 0},
        {"00000000000000000000000000000000000012", 0, 12},
    };
    PARSE_INTS(int8, &(struct type_input){.type = {TYPE_INT8, -1}});
}

static void what_is_no_integer_is_refused(void **state)
{
    (void)state;
    const struct parse_int table[] = {
        {"", TYPE_E_SYNTAX, 0},     {" ", TYPE_E_SYNTAX, 0},     {"-", TYPE_E_SYNTAX, 0},   {"+-1", TYPE_E_SYNTAX, 0},
        {"- 1", TYPE_E_SYNTAX, 0},  {"1 2", TYPE_E_SYNTAX, 0},   {"1.0", TYPE_E_SYNTAX, 0}, {"1e3", TYPE_E_SYNTAX, 0},
        {"0x1F", TYPE_E_SYNTAX, 0}, {"1_000", TYPE_E_SYNTAX, 0}, {"12a", TYPE_E_SYNTAX, 0}, {"\t 12\n", 0, 12},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_INT4, -1}});
}

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

static void floats_are_those_of_strtod(void **state)
{
    (void)state;
    uint64_t dice = 88172645463325252U;
    for (int i = 0; i < 200000; i++) {
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        char text[64];
        int digits = (int)(dice % 18) + 1, exponent = (int)(dice >> 8 & 31) - 16;
        snprintf(text, sizeof(text), "%s%.*s.%de%d", dice & 1 ? "-" : "", digits, &"1234567890123456789"[dice >> 20 & 1],
                 (int)(dice >> 32 & 4095), exponent);
        double want = strtod(text, NULL), got = parse_float(TYPE_FLOAT8, text);
        if (memcmp(&want, &got, sizeof(got)) != 0) fail_msg("%s: %a, not %a", text, got, want);
        float want4 = strtof(text, NULL), got4 = (float)parse_float(TYPE_FLOAT4, text);
        if (memcmp(&want4, &got4, sizeof(got4)) != 0) fail_msg("%s: %a, not %a", text, (double)got4, (double)want4);
    }
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
        cmocka_unit_test(booleans_are_the_beginnings_of_their_words),
        cmocka_unit_test(integers_keep_to_their_range),
        cmocka_unit_test(what_is_no_integer_is_refused),
        cmocka_unit_test(floats_are_those_of_strtod),
        cmocka_unit_test(special_floats_are_taken),
        cmocka_unit_test(floats_out_of_range_are_refused),
        cmocka_unit_test(a_locale_with_a_decimal_comma_changes_nothing),
        cmocka_unit_test(a_long_number_uses_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
