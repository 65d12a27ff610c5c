/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_numeric.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

static struct type_input numeric(int precision, int scale)
{
    return (struct type_input){.type = {TYPE_NUMERIC, precision ? (precision << 16 | (scale & 0x7ff)) + 4 : -1}};
}

/* ndigits, weight, sign, dscale, digits: as numeric_send gives them */
static void digits_are_packed_in_base_10000(void **state)
{
    (void)state;
    const struct parse_bytes table[] = {
        {"0", 0, "0000000000000000"},
        {"-0", 0, "0000000000000000"},
        {"0.00", 0, "0000000000000002"},
        {"1", 0, "00010000000000000001"},
        {"12345.67", 0, "0003000100000002000109291a2c"},
        {"-0.0001", 0, "0001ffff400000040001"},
        {"10000", 0, "00010001000000000001"},
        {"100000000", 0, "00010002000000000001"},
        {"1e4", 0, "00010001000000000001"},
        {"1.5e-3", 0, "0001ffff00000004000f"},
        {" .5 ", 0, "0001ffff000000011388"},
        {"5.", 0, "00010000000000000005"},
        {"NaN", 0, "00000000c0000000"},
        {"-inf", 0, "00000000f0000020"},
    };
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_NUMERIC, -1}});
}

static void the_typmod_rounds_half_away_from_zero(void **state)
{
    (void)state;
    const struct type_input in = numeric(5, 2);
    const struct parse_bytes table[] = {
        {"1.005", 0,
         "0002000000000002000100"
         "64"},
        {"-1.005", 0,
         "00020000400000020001"
         "0064"},
        {"0.004", 0, "0000000000000002"},
        {"0.005", 0, "0001ffff000000020064"},
        {"999.994", 0, "000200000000000203e726ac"},
        {"999.995", TYPE_E_RANGE, NULL},
        {"1e3", TYPE_E_RANGE, NULL},
        {"1e-20000", 0, "0000000000000002"},
        {"NaN", 0, "00000000c0000000"},
        {"Infinity", TYPE_E_RANGE, NULL},
    };
    PARSE_BYTES(table, &in);
}

static void negative_scales_round_before_the_point(void **state)
{
    (void)state;
    const struct type_input in = numeric(3, -2);
    const struct parse_bytes table[] = {
        {"49", 0, "0000000000000000"},
        {"50", 0, "00010000000000000064"},
        {"99949", 0, "0002000100000000000926ac"},
        {"99950", TYPE_E_RANGE, NULL},
    };
    PARSE_BYTES(table, &in);
}

static void a_carry_may_run_through_all_digits(void **state)
{
    (void)state;
    const struct type_input in = numeric(20, 1);
    const struct parse_bytes table[] = {{"99999999.99", 0, "00010002000000010001"}, {"-9999.95", 0, "00010001400000010001"}};
    PARSE_BYTES(table, &in);
}

static void the_limits_of_the_format_hold(void **state)
{
    (void)state;
    const struct parse_bytes table[] = {
        {"1e131072", TYPE_E_RANGE, NULL},
        {"1e-16384", TYPE_E_RANGE, NULL},
        {"1e99999999999999999999", TYPE_E_RANGE, NULL},
        {"0e131072", 0, "0000000000000000"},
        {"1e131071", 0,
         "00017fff00000000"
         "03e8"},
    };
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_NUMERIC, -1}});
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    const struct parse_bytes table[] = {
        {"", TYPE_E_SYNTAX, NULL},     {".", TYPE_E_SYNTAX, NULL},    {"-", TYPE_E_SYNTAX, NULL},   {"1.2.3", TYPE_E_SYNTAX, NULL},
        {"1e", TYPE_E_SYNTAX, NULL},   {"1e 5", TYPE_E_SYNTAX, NULL}, {"1,5", TYPE_E_SYNTAX, NULL}, {"abc", TYPE_E_SYNTAX, NULL},
        {"0x10", TYPE_E_SYNTAX, NULL}, {"1_0", TYPE_E_SYNTAX, NULL},  {"- 1", TYPE_E_SYNTAX, NULL}, {"12 3", TYPE_E_SYNTAX, NULL},
    };
    PARSE_BYTES(table, &(struct type_input){.type = {TYPE_NUMERIC, -1}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_packed_in_base_10000),        cmocka_unit_test(the_typmod_rounds_half_away_from_zero),
        cmocka_unit_test(negative_scales_round_before_the_point), cmocka_unit_test(a_carry_may_run_through_all_digits),
        cmocka_unit_test(the_limits_of_the_format_hold),          cmocka_unit_test(what_is_no_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
