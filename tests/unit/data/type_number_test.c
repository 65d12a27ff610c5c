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

#include <inttypes.h>
#include <stdio.h>

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

/* Every length and value has one of the fast ways or the slow one: they meet. */
static void integers_of_every_length_are_read(void **state)
{
    (void)state;
    const struct type_input in = {.type = {TYPE_INT8, -1}};
    int64_t v = 0;
    for (int digits = 1; digits <= 19; digits++) {
        v = digits == 19 ? INT64_C(9123456789012345678) : v * 10 + digits % 10;
        char text[64];
        const struct parse_int table[] = {{text, 0, v}};
        snprintf(text, sizeof(text), "%" PRId64, v);
        PARSE_INTS(table, &in);
        for (int at = 0; at < digits; at++) {
            const struct parse_int bad[] = {{text, TYPE_E_SYNTAX, 0}};
            for (const char *c = "/: .\xb1"; *c; c++) {
                if (*c == ' ' && (at == 0 || at == digits - 1)) continue; /* allowed there */
                snprintf(text, sizeof(text), "%" PRId64, v);
                text[at] = *c;
                PARSE_INTS(bad, &in);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booleans_are_the_beginnings_of_their_words),
        cmocka_unit_test(integers_keep_to_their_range),
        cmocka_unit_test(what_is_no_integer_is_refused),
        cmocka_unit_test(integers_of_every_length_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
