/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/zone_rule.h"

static struct zone_rule parse(const char *text)
{
    struct zone_rule r;
    if (!zone_rule_parse(slice_of(text), &r)) fail_msg("%s is refused", text);
    return r;
}

static void a_rule_without_summer_time_is_an_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int32_t standard_s;
    } rules[] = {{"UTC0", 0},      {"<+0530>-5:30", 19800},     {"<-03>3", -10800},
                 {"JST-9", 32400}, {"<+0545>-05:45:30", 20730}, {"ABC+1", -3600}};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct zone_rule r = parse(rules[i].text);
        assert_int_equal(r.standard_s, rules[i].standard_s);
        assert_false(r.has_summer);
    }
}

static void weekdays_of_months_are_found(void **state)
{
    (void)state;
    struct zone_rule r = parse("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(r.summer_s, 7200);
    struct zone_rule_year y = zone_rule_year(&r, 2024);
    assert_int_equal(y.summer_at, 1711846800);   /* 2024-03-31 01:00 UTC */
    assert_int_equal(y.standard_at, 1729990800); /* 2024-10-27 01:00 UTC */
    r = parse("EST5EDT,M3.2.0,M11.1.0");
    y = zone_rule_year(&r, 2023);
    assert_int_equal(y.summer_at, 1678604400);   /* 2023-03-12 07:00 UTC */
    assert_int_equal(y.standard_at, 1699164000); /* 2023-11-05 06:00 UTC */
}

static void a_summer_time_below_standard_time_is_taken(void **state)
{
    (void)state;
    struct zone_rule r = parse("IST-1GMT0,M10.5.0,M3.5.0/1");
    assert_int_equal(r.standard_s, 3600);
    assert_int_equal(r.summer_s, 0);
    struct zone_rule_year y = zone_rule_year(&r, 2024);
    assert_int_equal(y.summer_at, 1729990800);
    assert_int_equal(y.standard_at, 1711846800);
}

static void days_of_the_year_are_counted_with_and_without_the_leap_day(void **state)
{
    (void)state;
    struct zone_rule julian = parse("AAA0BBB,J60/0,J300/0"), ordinal = parse("AAA0BBB,59/0,300/0");
    assert_int_equal(zone_rule_year(&julian, 2023).summer_at, 1677628800);  /* March 1 */
    assert_int_equal(zone_rule_year(&julian, 2024).summer_at, 1709251200);  /* March 1 */
    assert_int_equal(zone_rule_year(&ordinal, 2023).summer_at, 1677628800); /* March 1 */
    assert_int_equal(zone_rule_year(&ordinal, 2024).summer_at, 1709164800); /* February 29 */
}

static void hours_may_lead_out_of_the_day(void **state)
{
    (void)state;
    struct zone_rule r = parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
    assert_int_equal(zone_rule_year(&r, 2024).summer_at, 1711846800);
    r = parse("EET-2EEST,M3.4.4/50,M10.4.4/50");
    assert_int_equal(zone_rule_year(&r, 2023).summer_at, 1679702400); /* Saturday 02:00 behind Thursday, March 23 */
}

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "5",
                                        "CET",
                                        "CET-",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M13.1.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,J5",
                                        "CET-1CEST,366,5",
                                        "<+03-3",
                                        "CET-168",
                                        "CET-1:60",
                                        "CET-1CEST,M3.5.0,M10.5.0/3x",
                                        "CET-1CEST,M3.5.0,M10.5.0,",
                                        "CET-11111111111"};
    struct zone_rule r;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (zone_rule_parse(slice_of(texts[i]), &r)) fail_msg("\"%s\" is taken", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_without_summer_time_is_an_offset),
        cmocka_unit_test(weekdays_of_months_are_found),
        cmocka_unit_test(a_summer_time_below_standard_time_is_taken),
        cmocka_unit_test(days_of_the_year_are_counted_with_and_without_the_leap_day),
        cmocka_unit_test(hours_may_lead_out_of_the_day),
        cmocka_unit_test(what_is_no_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
