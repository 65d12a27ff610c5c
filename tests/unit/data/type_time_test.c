/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/zone.h"
#include "data/type_time.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
enum { JAN_31_2024 = 8796 };
static const int64_t noon = JAN_31_2024 * DAY + DAY / 2;

static void dates_are_read_as_month_day_year_unless_the_year_is_first(void **state)
{
    (void)state;
    const struct parse_int table[] = {
        {"2024-01-31", 0, JAN_31_2024},
        {"2024-1-31", 0, JAN_31_2024},
        {"20240131", 0, JAN_31_2024},
        {"240131", 0, JAN_31_2024},
        {"1/31/2024", 0, JAN_31_2024},
        {"1/31/24", 0, JAN_31_2024},
        {"1.31.2024", 0, JAN_31_2024},
        {"31-Jan-2024", 0, JAN_31_2024},
        {"Jan 31, 2024", 0, JAN_31_2024},
        {"Wed 31 January 2024", 0, JAN_31_2024},
        {" 2024/01/31 ", 0, JAN_31_2024},
        {"2024-01-31T23:59:59Z", 0, JAN_31_2024},
        {"2000-01-01", 0, 0},
        {"4714-11-24 BC", 0, -2451545},
        {"5874897-12-31", 0, 2145031948},
        {"infinity", 0, INT32_MAX},
        {"-Infinity", 0, INT32_MIN},
        {"epoch", 0, -10957},
        {"1/2/69", 0, 25204},
        {"1/2/70", 0, -10956},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_DATE, -1}});
}

static void days_that_do_not_exist_are_out_of_range(void **state)
{
    (void)state;
    const struct parse_int table[] = {
        {"2023-02-29", TYPE_E_RANGE, 0},    {"31/01/2024", TYPE_E_RANGE, 0},       {"0000-01-01", TYPE_E_RANGE, 0},
        {"2024-13-01", TYPE_E_RANGE, 0},    {"2024-00-10", TYPE_E_RANGE, 0},       {"4714-11-23 BC", TYPE_E_RANGE, 0},
        {"5874898-01-01", TYPE_E_RANGE, 0}, {"2024-01-31 25:00", TYPE_E_RANGE, 0}, {"070161", TYPE_E_RANGE, 0},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_DATE, -1}});
}

static void what_depends_on_the_clock_or_hardly_is_a_date_is_refused(void **state)
{
    (void)state;
    const struct parse_int table[] = {
        {"", TYPE_E_SYNTAX, 0},
        {"today", TYPE_E_SYNTAX, 0},
        {"now", TYPE_E_SYNTAX, 0},
        {"J2451187", TYPE_E_SYNTAX, 0},
        {"2024-032", TYPE_E_SYNTAX, 0},
        {"2024", TYPE_E_SYNTAX, 0},
        {"12:00", TYPE_E_SYNTAX, 0},
        {"2024-01-31 EST", TYPE_E_SYNTAX, 0},
        {"2024--01-31", TYPE_E_SYNTAX, 0},
        {"2024-01-31-", TYPE_E_SYNTAX, 0},
        {"2024-01-31 x", TYPE_E_SYNTAX, 0},
        {"12:00 2024-01-31", TYPE_E_SYNTAX, 0},
        {"UTC 2024-01-31", TYPE_E_SYNTAX, 0},
        {"2024-01-31 12:00 PM-05", TYPE_E_SYNTAX, 0},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_DATE, -1}});
}

static void timestamps_ignore_zones_and_timestamptz_applies_them(void **state)
{
    (void)state;
    const struct parse_int plain[] = {
        {"2024-01-31 12:00:00", 0, noon},           {"2024-01-31T12:00:00+05:30", 0, noon},
        {"2024-01-31 12:00 PM", 0, noon},           {"20240131T120000Z", 0, noon},
        {"Wed, 31 Jan 2024 12:00:00 GMT", 0, noon}, {"2024-01-31", 0, noon - DAY / 2},
        {"2024-01-31 24:00", 0, noon + DAY / 2},    {"infinity", 0, INT64_MAX},
    };
    PARSE_INTS(plain, &(struct type_input){.type = {TYPE_TIMESTAMP, -1}});
    const struct parse_int zoned[] = {
        {"2024-01-31 12:00:00", 0, noon},
        {"2024-01-31T12:00:00Z", 0, noon},
        {"2024-01-31 17:30:00.123456+05:30", 0, noon + 123456},
        {"2024-01-31 07:00:00 -0500", 0, noon},
        {"2024-01-31 12:00:00+16", TYPE_E_RANGE, 0},
        {"294276-12-31 23:59:59-01", TYPE_E_RANGE, 0},
        {"-infinity", 0, INT64_MIN},
    };
    PARSE_INTS(zoned, &(struct type_input){.type = {TYPE_TIMESTAMPTZ, -1}});
}

static void fractions_round_to_microseconds_and_to_the_typmod(void **state)
{
    (void)state;
    const struct parse_int micro[] = {
        {"2000-01-01 00:00:00.1", 0, 100000},  {"2000-01-01 00:00:00.1234567", 0, 123457}, {"2000-01-01 00:00:00.0000005", 0, 0},
        {"2000-01-01 00:00:00.0000015", 0, 2}, {"1999-12-31 23:59:59.9999999", 0, 0},
    };
    PARSE_INTS(micro, &(struct type_input){.type = {TYPE_TIMESTAMP, -1}});
    const struct parse_int milli[] = {
        {"2000-01-01 00:00:00.0005", 0, 1000}, {"1999-12-31 23:59:59.9995", 0, -1000}, {"2000-01-01 00:00:00.00049", 0, 0}};
    PARSE_INTS(milli, &(struct type_input){.type = {TYPE_TIMESTAMP, 3}});
}

static void times_go_up_to_24_00(void **state)
{
    (void)state;
    const struct parse_int table[] = {
        {"12:00", 0, DAY / 2},
        {"24:00:00", 0, DAY},
        {"23:59:60", 0, DAY},
        {"24:00:01", TYPE_E_RANGE, 0},
        {"1:30 PM", 0, 48600 * SECOND},
        {"12:00 AM", 0, 0},
        {"120000", 0, DAY / 2},
        {"T12:00", 0, DAY / 2},
        {"12:60", TYPE_E_RANGE, 0},
        {"13:00 PM", TYPE_E_RANGE, 0},
        {"12:30.5", TYPE_E_SYNTAX, 0},
        {"12", TYPE_E_SYNTAX, 0},
        {"2024-01-31 12:00", TYPE_E_SYNTAX, 0},
        {"12:00:00+05", 0, DAY / 2},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_TIME, -1}});
}

static void a_template_takes_the_place_of_the_usual_forms(void **state)
{
    (void)state;
    struct type_input in = {.type = {TYPE_DATE, -1}};
    struct type_format *format;
    assert_int_equal(type_format_new(SLICE("DD/MM/YYYY"), NULL, &format), 0);
    in.format = format;
    const struct parse_int table[] = {{"31/01/2024", 0, JAN_31_2024},
                                      {" 31/1/2024 ", 0, JAN_31_2024},
                                      {"2024-01-31", TYPE_E_SYNTAX, 0},
                                      {"1/31/2024", TYPE_E_RANGE, 0}};
    PARSE_INTS(table, &in);
    type_format_free(format);
}

static void times_without_a_zone_are_those_of_the_inputs_zone(void **state)
{
    (void)state;
    struct arena arena;
    struct error err;
    const struct zone *paris;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    assert_int_equal(zone_load("Europe/Paris", &arena, &err, &paris), 0);
    const struct parse_int table[] = {
        {"2024-01-31 12:00:00", 0, noon - 3600 * SECOND},
        {"2024-01-31T12:00:00.5", 0, noon - 3600 * SECOND + SECOND / 2},
        {"Jan 31 2024 12:00", 0, noon - 3600 * SECOND},
        {"2024-01-31", 0, noon - DAY / 2 - 3600 * SECOND},
        {"2024-07-31 12:00:00", 0, noon + 182 * DAY - 7200 * SECOND},
        {"2024-01-31 12:00:00Z", 0, noon},
        {"2024-01-31 12:00:00+05", 0, noon - 5 * 3600 * SECOND},
        {"2024-01-31 12:00 UTC", 0, noon},
        {"epoch", 0, -10957 * DAY},
        {"infinity", 0, INT64_MAX},
    };
    PARSE_INTS(table, &(struct type_input){.type = {TYPE_TIMESTAMPTZ, -1}, .zone = paris});
    const struct parse_int without[] = {{"2024-01-31 12:00:00", 0, noon}};
    PARSE_INTS(without, &(struct type_input){.type = {TYPE_TIMESTAMP, -1}, .zone = paris});
    struct type_format *format;
    assert_int_equal(type_format_new(SLICE("DD.MM.YYYY HH24:MI"), &err, &format), 0);
    const struct parse_int formatted[] = {{"31.01.2024 12:00", 0, noon - 3600 * SECOND}};
    PARSE_INTS(formatted, &(struct type_input){.type = {TYPE_TIMESTAMPTZ, -1}, .format = format, .zone = paris});
    type_format_free(format);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_without_a_zone_are_those_of_the_inputs_zone),
        cmocka_unit_test(dates_are_read_as_month_day_year_unless_the_year_is_first),
        cmocka_unit_test(days_that_do_not_exist_are_out_of_range),
        cmocka_unit_test(what_depends_on_the_clock_or_hardly_is_a_date_is_refused),
        cmocka_unit_test(timestamps_ignore_zones_and_timestamptz_applies_them),
        cmocka_unit_test(fractions_round_to_microseconds_and_to_the_typmod),
        cmocka_unit_test(times_go_up_to_24_00),
        cmocka_unit_test(a_template_takes_the_place_of_the_usual_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
