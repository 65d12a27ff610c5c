/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_marks.h"
#include "parse.h"

struct written {
    const char *text;
    const char *plain; /* NULL: refused */
};

static void check(struct type_marks marks, const struct written *table, size_t n)
{
    struct arena arena;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    for (size_t i = 0; i < n; i++) {
        char small[TYPE_MARKS_SMALL];
        struct slice plain;
        int r = type_marks_plain(&marks, slice_of(table[i].text), small, &arena, &plain);
        if (r != (table[i].plain ? 0 : TYPE_E_SYNTAX) || (r == 0 && !slice_equal(plain, slice_of(table[i].plain))))
            fail_msg("\"%s\" is %d, \"" SLICE_FMT "\"", table[i].text, r, SLICE_ARG(r ? SLICE("") : plain));
    }
    arena_done(&arena);
}
#define CHECK(table, ...) check(__VA_ARGS__, table, sizeof(table) / sizeof((table)[0]))

static void a_comma_may_stand_before_the_decimals_and_points_between_thousands(void **state)
{
    (void)state;
    const struct written table[] = {
        {"1.234,56", "1234.56"},
        {"-1.234.567,8", "-1234567.8"},
        {"12,5", "12.5"},
        {"1234,56", "1234.56"},
        {"1.234", "1234"},
        {" 7 ", "7"},
        {"+123", "+123"},
        {",5", ".5"},
        {"5,", "5."},
        {"1,5e3", "1.5e3"},
        {"NaN", "NaN"},
        {"-Infinity", "-Infinity"},
        {"", ""},
        {"999.999,0", "999999.0"},
    };
    CHECK(table, (struct type_marks){',', '.'});
}

static void groups_have_three_digits(void **state)
{
    (void)state;
    const struct written table[] = {
        {"1.2345", NULL},   {"12.34", NULL},     {"1234.567", NULL},   {"1..234", NULL},   {".234", NULL},   {"1.234.", NULL},
        {"1.23,4", NULL},   {"1,234.567", NULL}, {"1,2,3", NULL},      {"0.123", NULL},    {"-0.123", NULL}, {"012.345", NULL},
        {"1.234.56", NULL}, {"1.234e.5", NULL},  {"1234.567,8", NULL}, {"1.2345,6", NULL}, {"-.123", NULL},
    };
    CHECK(table, (struct type_marks){',', '.'});
}

static void a_point_is_refused_where_it_is_no_mark(void **state)
{
    (void)state;
    const struct written table[] = {{"1.5", NULL}, {"1,5", "1.5"}, {"1.234,5", NULL}, {"1,234,5", NULL}};
    CHECK(table, (struct type_marks){',', '\0'});
}

static void thousands_alone_leave_the_point(void **state)
{
    (void)state;
    const struct written commas[] = {{"1,234.56", "1234.56"}, {"1,234", "1234"}, {"1.234,5", NULL}, {"1,23", NULL}};
    CHECK(commas, (struct type_marks){'.', ','});
    const struct written apostrophes[] = {{"1'234'567.5", "1234567.5"},
                                          {"1\xe2\x80\x99"
                                           "234",
                                           "1234"},
                                          {"1'2", NULL}};
    CHECK(apostrophes, (struct type_marks){'.', '\''});
}

static void a_blank_may_be_one_that_does_not_break(void **state)
{
    (void)state;
    const struct written table[] = {
        {"1 234,5", "1234.5"},
        {"1\xc2\xa0"
         "234\xe2\x80\xaf"
         "567,5",
         "1234567.5"},
        {"1\xe2\x80\x89"
         "234",
         "1234"},
        {"1  234", NULL},
        {"1 23", NULL},
        {"1 234 ,5", NULL},
        {"1\xc2"
         "234",
         "1\xc2"
         "234"},
    };
    CHECK(table, (struct type_marks){',', ' '});
}

static void a_long_number_goes_to_the_arena(void **state)
{
    (void)state;
    char text[401], plain[401];
    memset(text, '7', sizeof(text));
    text[400] = '\0';
    memcpy(plain, text, sizeof(plain));
    text[300] = ',';
    plain[300] = '.';
    const struct written table[] = {{text, plain}};
    CHECK(table, (struct type_marks){',', '.'});
}

static void types_read_marked_numbers_and_say_how_they_are_written(void **state)
{
    (void)state;
    const struct parse_int whole[] = {{"1.234.567", 0, 1234567}, {"1,5", TYPE_E_SYNTAX, 0}, {"9.999.999.999", TYPE_E_RANGE, 0}};
    const struct type_input int4 = {.type = {TYPE_INT4, -1}, .marks = {',', '.'}};
    PARSE_INTS(whole, &int4);
    const struct type_input numeric = {.type = {TYPE_NUMERIC, -1}, .marks = {',', '.'}};
    struct arena arena;
    union value v;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    assert_int_equal(type_parse(&numeric, SLICE("-1.234,56"), &arena, &v), 0);
    assert_true(slice_equal(v.s, SLICE("\0\2\0\0\x40\0\0\2\x04\xd2\x15\xe0")));
    const struct type_input float8 = {.type = {TYPE_FLOAT8, -1}, .marks = {',', ' '}};
    assert_int_equal(type_parse(&float8, SLICE("1 234,5e1"), &arena, &v), 0);
    assert_true(v.f == 12345.0);
    /* Other types are not concerned. */
    const struct type_input text = {.type = {TYPE_TEXT, -1}, .marks = {',', '.'}};
    assert_int_equal(type_parse(&text, SLICE("1.234,56"), &arena, &v), 0);
    assert_true(slice_equal(v.s, SLICE("1.234,56")));
    char expected[128];
    assert_string_equal(type_expected(&numeric, TYPE_E_SYNTAX, expected), "a number such as 1.234,56");
    assert_string_equal(type_expected(&int4, TYPE_E_SYNTAX, expected), "a whole number such as 1.234");
    assert_string_equal(type_expected(&float8, TYPE_E_SYNTAX, expected), "a number such as 1 234,56");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_comma_may_stand_before_the_decimals_and_points_between_thousands),
        cmocka_unit_test(groups_have_three_digits),
        cmocka_unit_test(a_point_is_refused_where_it_is_no_mark),
        cmocka_unit_test(thousands_alone_leave_the_point),
        cmocka_unit_test(a_blank_may_be_one_that_does_not_break),
        cmocka_unit_test(a_long_number_goes_to_the_arena),
        cmocka_unit_test(types_read_marked_numbers_and_say_how_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
