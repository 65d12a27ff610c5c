/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_format.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)

struct sample {
    const char *pattern, *text;
    int code;
    struct civil date;
    int64_t time_us;
};

static void check(const struct sample *s)
{
    struct error err = {0};
    struct type_format *f;
    if (type_format_new(slice_of(s->pattern), &err, &f)) fail_msg("%s: %s", s->pattern, err.text);
    struct type_stamp stamp = {0};
    int r = type_format_parse(f, slice_of(s->text), &stamp);
    struct civil d = stamp.date;
    bool same = d.year == s->date.year && d.month == s->date.month && d.day == s->date.day && stamp.time_us == s->time_us;
    if (r != s->code || (r == 0 && !same))
        fail_msg("%s \"%s\": %d, %d-%d-%d %lld", s->pattern, s->text, r, d.year, d.month, d.day, (long long)stamp.time_us);
    type_format_free(f);
}

static void each_part_of_a_template_is_read(void **state)
{
    (void)state;
    const struct civil day = {2024, 1, 31};
    const struct sample samples[] = {
        {"YYYY-MM-DD", "2024-01-31", 0, day, 0},
        {"D.M.YYYY", "31.1.2024", 0, day, 0},
        {"MM/DD/YY", "01/31/24", 0, day, 0},
        {"YYYYMMDD", "20240131", 0, day, 0},
        {"yyyymmddhh24miss", "20240131235958", 0, day, 86398 * SECOND},
        {"DD Mon YYYY", "31 JAN 2024", 0, day, 0},
        {"DD Month YYYY", "31  january 2024", 0, day, 0},
        {"DD/MM/YYYY HH24:MI", "31/01/2024 12:30", 0, day, 45000 * SECOND},
        {"MM/DD/YYYY HH12:MI:SS AM", "1/31/2024 12:00:01 am", 0, day, 1 * SECOND},
        {"MM/DD/YYYY HH:MI PM", "1/31/2024 01:00 PM", 0, day, 46800 * SECOND},
        {"YYYY-MM-DD\"T\"HH24:MI:SS.US", "2024-01-31T00:00:00.25", 0, day, 250000},
        {"YYYY-MM-DD HH24:MI:SS.MS", "2024-01-31 00:00:00.5", 0, day, 500000},
        {"YYYY", "2024", 0, {2024, 1, 1}, 0},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        check(&samples[i]);
}

static void what_does_not_fit_the_template_is_refused(void **state)
{
    (void)state;
    const struct sample samples[] = {
        {"DD/MM/YYYY", "31-01-2024", TYPE_E_SYNTAX, {0}, 0},
        {"DD/MM/YYYY", "31/01/24", TYPE_E_SYNTAX, {0}, 0},
        {"DD/MM/YYYY", "31/01/20245", TYPE_E_SYNTAX, {0}, 0},
        {"DD/MM/YYYY", "31/01/2024 ", TYPE_E_SYNTAX, {0}, 0},
        {"DD/MM/YYYY", "31/01", TYPE_E_SYNTAX, {0}, 0},
        {"DD/MM/YYYY", "", TYPE_E_SYNTAX, {0}, 0},
        {"DD/MM/YYYY", "01/31/2024", TYPE_E_RANGE, {0}, 0},
        {"DD/MM/YYYY", "30/02/2024", TYPE_E_RANGE, {0}, 0},
        {"DD/MM/YYYY", "01/01/0000", TYPE_E_RANGE, {0}, 0},
        {"YYYYMMDD", "2024131", TYPE_E_SYNTAX, {0}, 0},
        {"DD Mon YYYY", "31 January 2024", TYPE_E_SYNTAX, {0}, 0},
        {"DD Month YYYY", "31 Jan 2024", TYPE_E_SYNTAX, {0}, 0},
        {"HH24:MI", "24:00", TYPE_E_RANGE, {0}, 0},
        {"HH24:MI", "12:60", TYPE_E_RANGE, {0}, 0},
        {"HH12:MI AM", "13:00 PM", TYPE_E_RANGE, {0}, 0},
        {"HH12:MI AM", "00:30 AM", TYPE_E_RANGE, {0}, 0},
        {"HH24:MI:SS", "12:00:60", TYPE_E_RANGE, {0}, 0},
        {"HH12:MI AM", "12:30", TYPE_E_SYNTAX, {0}, 0},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        check(&samples[i]);
}

static void a_bad_template_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *words;
    } bad[] = {
        {"", "1 to 64 bytes"},
        {"YYYY-MM-DDTHH24", "\"T\""},
        {"YYYY-YYYY", "earlier part"},
        {"YYYY \"open", "not closed"},
        {"HH24:MI AM", "neither"},
        {"HH:MI", "need each other"},
        {"MM/DD", "neither a year"},
        {"YYYY1", "\"1\""},
        {"YYYY-MM-DD YYYY-MM-DD YYYY-MM-DD YYYY-MM-DD YYYY-MM-DD YYYY-MM-DD", "1 to 64 bytes"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {0};
        struct type_format *f = NULL;
        assert_int_equal(type_format_new(slice_of(bad[i].pattern), &err, &f), TYPE_E_SYNTAX);
        assert_null(f);
        if (!strstr(err.text, bad[i].words)) fail_msg("%s: %s", bad[i].pattern, err.text);
    }
}

static void a_template_suits_the_types_whose_parts_it_has(void **state)
{
    (void)state;
    struct type_format *date, *time;
    assert_int_equal(type_format_new(SLICE("YYYY-MM-DD"), NULL, &date), 0);
    assert_int_equal(type_format_new(SLICE("HH24:MI"), NULL, &time), 0);
    assert_true(type_format_suits(date, TYPE_DATE) && type_format_suits(date, TYPE_TIMESTAMPTZ));
    assert_false(type_format_suits(date, TYPE_TIME) || type_format_suits(date, TYPE_TEXT));
    assert_true(type_format_suits(time, TYPE_TIME));
    assert_false(type_format_suits(time, TYPE_DATE));
    assert_string_equal(type_format_pattern(time), "HH24:MI");
    type_format_free(date);
    type_format_free(time);
    type_format_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_of_a_template_is_read),
        cmocka_unit_test(what_does_not_fit_the_template_is_refused),
        cmocka_unit_test(a_bad_template_is_explained),
        cmocka_unit_test(a_template_suits_the_types_whose_parts_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
