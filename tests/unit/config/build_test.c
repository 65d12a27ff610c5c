/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct config *parse(const char *text)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    int r = config_parse("f", slice_of(text), &m, &c);
    if (r) fail_msg("%d: %s", r, m.stored ? m.text[0] : "");
    mistakes_done(&m);
    return c;
}

/* All mistakes, one a line. */
static void expect_mistakes(const char *text, const char *want)
{
    struct mistakes m;
    struct config *c = NULL;
    struct buf all;
    mistakes_init(&m);
    buf_init(&all, 1 << 16);
    int r = config_parse("f", slice_of(text), &m, &c);
    for (size_t i = 0; i < m.stored; i++)
        buf_printf(&all, "%s\n", m.text[i]);
    assert_string_equal(buf_cstr(&all), want);
    assert_int_equal(r, CONFIG_E_INVALID);
    assert_null(c);
    buf_done(&all);
    mistakes_done(&m);
}

static void the_marks_of_numbers_differ(void **state)
{
    (void)state;
    expect_mistakes("[dataset a]\ncolumns = x int, y int, z int\ndecimal_mark = ,\nthousands_mark = ,\n"
                    "[column a.x]\nthousands_mark = ,\n[column a.y]\nthousands_mark = .\n[column a.z]\ndecimal_mark = x\n",
                    "f:4: decimal_mark and thousands_mark are both ','\n"
                    "f:6: decimal_mark and thousands_mark are both ','\n"
                    "f:10: decimal_mark: 'x' is not dataset, . or ,\n");
    struct config *c =
        parse("[dataset a]\ncolumns = x int, y int\ndecimal_mark = ,\nthousands_mark = space\ntimezone = Asia/Tokyo\n"
              "[column a.x]\ndecimal_mark = .\nthousands_mark = '\n");
    assert_int_equal(c->datasets[0].decimal_mark, ',');
    assert_int_equal(c->datasets[0].thousands_mark, ' ');
    assert_string_equal(zone_name(c->datasets[0].zone), "Asia/Tokyo");
    assert_int_equal(c->datasets[0].column[0].decimal_mark, '.');
    assert_int_equal(c->datasets[0].column[0].thousands_mark, '\'');
    assert_null(c->datasets[0].column[0].zone);
    config_unref(c);
}

static void where_every_column_has_a_position_there_is_no_header(void **state)
{
    (void)state;
    struct config *c = parse("[dataset a]\ncolumns = x int, y int\n[column a.x]\nposition = 2\n[column a.y]\nposition = 1\n"
                             "[dataset b]\ncolumns = x int, y int\n[column b.x]\nposition = 2\n"
                             "[dataset c]\nheader = yes\ncolumns = x int\n[column c.x]\nposition = 1\n");
    assert_int_equal(c->datasets[0].header, CONFIG_HEADER_NO);
    assert_int_equal(c->datasets[1].header, CONFIG_HEADER_YES);
    assert_int_equal(c->datasets[2].header, CONFIG_HEADER_YES);
    config_unref(c);
}

static void all_mistakes_are_told_at_once_with_their_places(void **state)
{
    (void)state;
    expect_mistakes("[deamon]\n"
                    "[daemon]\n"
                    "memory_mx = 1\n"
                    "settle = soon\n"
                    "unmatched = maybe\n"
                    "[dataset Orders]\n"
                    "colums = x\n"
                    "[database]\n"
                    "banana = 1\n",
                    "f:1: there is no section [deamon] (did you mean 'daemon'?)\n"
                    "f:3: [daemon] has no option 'memory_mx' (did you mean 'memory_max'?)\n"
                    "f:4: settle: 'soon' is not a duration (us, ms, s, min, h, d, w), 0 to 1h\n"
                    "f:5: unmatched: 'maybe' is not infer, fail or leave\n"
                    "f:9: [database] has no option 'banana'\n"
                    "f:7: [dataset] has no option 'colums' (did you mean 'columns'?)\n"
                    "f:6: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset orders]\n");
}

static void sections_that_need_names_have_them(void **state)
{
    (void)state;
    expect_mistakes("[dataset]\n[daemon x]\n[column a]\n[rollup b.c]\n", "f:1: [dataset] needs a name: [dataset orders]\n"
                                                                         "f:2: [daemon] takes no name\n"
                                                                         "f:3: write [column DATASET.NAME]\n"
                                                                         "f:4: there is no [dataset b]\n");
}

static void names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    expect_mistakes("[dataset files]\n", "f:1: 'files' is a word of the API's addresses; write [dataset files_data]\n");
    expect_mistakes("[dataset 2024]\n",
                    "f:1: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset t_2024]\n");
    expect_mistakes("[dataset a.b \"[]\n",
                    "f:1: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset a_b]\n");
    expect_mistakes("[dataset --]\n",
                    "f:1: a dataset's name is lower-case words joined by '_' that begin with a letter; write [dataset t_]\n");
}

static void columns_must_be_declared(void **state)
{
    (void)state;
    expect_mistakes("[dataset orders]\ncolumns = amount int\n[column orders.amuont]\n[column order.x]\n[column "
                    "orders.amount]\nfrom = A\nposition = 1\n",
                    "f:4: there is no [dataset order] (did you mean 'orders'?)\n"
                    "f:3: dataset 'orders' has no column 'amuont' (did you mean 'amount'?)\n"
                    "f:7: give from or position, not both\n");
    expect_mistakes("[dataset a]\n[column a.b]\n",
                    "f:2: dataset 'a' declares no columns; give it 'columns = \xe2\x80\xa6' first\n");
    expect_mistakes("[dataset a]\ncolumns = x\n", "f:2: columns: column 'x' has no type\n");
    expect_mistakes("[dataset a]\nheader = no\ncolumns = x int, y int\n[column a.x]\nposition = 1\n",
                    "f:2: without a header give every column of 'a' a position, or none (then their order counts)\n");
    expect_mistakes(
        "[dataset a]\nheader = no\nmissing_columns = reject\ncolumns = x int\n",
        "f:3: missing_columns = reject asks a header which columns are there, and 'a' has none (header = no); a row that is "
        "too short is refused anyway\n");
    expect_mistakes("[dataset a]\ncolumns = x int, y int, z int\n[column a.y]\nfrom = Order ID\n[column a.x]\nfrom = "
                    "order-id\n[column a.z]\nfrom = other\n",
                    "f:3: it and column 'x' both are from 'Order ID'\n");
    expect_mistakes("[dataset a]\ncolumns = x int, y int\n[column a.x]\nposition = 2\n[column a.y]\nposition = 2\n",
                    "f:5: it and column 'x' both have position 2\n");
}

static void rollups_are_checked(void **state)
{
    (void)state;
    expect_mistakes(
        "[dataset a]\nmode = replace\ncolumns = x int, t timestamptz\n"
        "[rollup a.r]\ngroup = tt::date\nmeasure = max(x), y\n"
        "[rollup a.s]\ngroup = x\nmeasure = sum(y), count(*) as x\n",
        "f:6: measure: found 'y' where count(*), or count, sum, min, max, avg, stddev, stddev_pop, variance, var_pop, bool_and, "
        "bool_or, first or last of something was expected\n"
        "f:5: dataset 'a' has no column 'tt' (did you mean 't'?)\n"
        "f:9: dataset 'a' has no column 'y' (did you mean 'x'?)\n"
        "f:7: two columns would be named 'x'; name one of them with 'as'\n");
    expect_mistakes(
        "[dataset a]\n[rollup a.b]\n",
        "f:2: group: it ends where a column was expected\n"
        "f:2: measure: it ends where count(*), or count, sum, min, max, avg, stddev, stddev_pop, variance, var_pop, bool_and, "
        "bool_or, first or last of something was expected\n");
    expect_mistakes("[dataset a]\ncolumns = x int\n[rollup a.r]\ngroup = x as _x\nmeasure = count(*)\n",
                    "f:3: a rollup's column cannot begin with '_', as '_x' does; name it with 'as'\n");
    expect_mistakes("[dataset a]\ncolumns = x int\n[rollup a.r]\ngroup = x + 1 as y\nmeasure = count(*) as y\n",
                    "f:3: two columns would be named 'y'; name one of them with 'as'\n");
}

static void tables_must_not_collide(void **state)
{
    (void)state;
    expect_mistakes("[dataset a]\n[rollup a.b]\ngroup = x\nmeasure = count(*)\n[dataset a_b]\n",
                    "f:2: its table a_b is that of dataset 'a_b'\n");
    expect_mistakes("[dataset a]\n[rollup a.b_c]\ngroup = x\nmeasure = count(*)\n[dataset a_b]\n[rollup a_b.c]\ngroup = x\nmeasure "
                    "= count(*)\n",
                    "f:6: its table a_b_c is that of rollup 'a.b_c'\n");
    expect_mistakes(
        "[dataset a]\n[rollup a.b_c]\ngroup = x\nmeasure = count(*)\n[dataset a_b]\ntable = other.t\n[rollup a_b.c]\ngroup = "
        "x\nmeasure = count(*)\n",
        "f:7: its table a_b_c is that of rollup 'a.b_c'\n"); /* one address in the API */
    expect_mistakes("[dataset a]\ntable = t\n[dataset b]\ntable = t\nmode = replace\n",
                    "f:3: dataset 'a' has the same table, and one of both replaces its content\n");
}

static void other_things_that_do_not_fit_are_told(void **state)
{
    (void)state;
    expect_mistakes("[daemon]\nmemory_max = 32M\nmax_record = 17M\n",
                    "f:3: max_record is more than half of memory_max; no record of that size could be loaded\n");
    expect_mistakes("[daemon]\nspool =\nstate =\n", "f:2: spool names no folder\nf:3: state names no folder\n");
    expect_mistakes("[dataset a]\nquote = none\nescape = \\\n", "f:3: escape means nothing without a quote (quote = none)\n");
    expect_mistakes("[dataset a]\nquote = '\ndelimiter = '\n", "f:2: quote and delimiter are the same character\n");
    expect_mistakes("[dataset a]\nfiles =\n", "f:2: files names no glob, so that no file can ever match\n");
}

static void a_password_in_the_url_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"postgresql://u:pw@h/db", "host=h password=x", "postgresql://h/db?password=x",
                                      "host=h password = x"};
    static const char *const good[] = {"postgresql://u@h:5432/db", "postgresql:///cetl", "host=/run/x dbname=y",
                                       "postgresql://h/a:b@c"};
    for (size_t i = 0; i < 4; i++) {
        char text[100];
        snprintf(text, sizeof(text), "[database]\nurl = %s\n", bad[i]);
        expect_mistakes(text, "f:2: url holds a password; put it into a file and name that by password_file\n");
    }
    for (size_t i = 0; i < 4; i++) {
        char text[100];
        snprintf(text, sizeof(text), "[database]\nurl = %s\n", good[i]);
        config_unref(parse(text));
    }
}

static void thousands_of_datasets_are_fine(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 4000; i++)
        buf_printf(&text, "[dataset d%d]\ncolumns = a int, b text\nnull = NULL\n", i);
    struct config *c = parse(buf_cstr(&text));
    assert_int_equal(c->n_datasets, 4000);
    buf_done(&text);
    config_unref(c);
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    static const char *const bits[] = {"[dataset a]\n",
                                       "[column a.b]\n",
                                       "[rollup a.b]\n",
                                       "[daemon]\n",
                                       "[",
                                       "]",
                                       "\n",
                                       "\n ",
                                       "columns = ",
                                       "group = ",
                                       "measure = ",
                                       "files = ",
                                       "b int",
                                       ",",
                                       "(",
                                       ")",
                                       "\"",
                                       "'",
                                       "count(*)",
                                       "$$",
                                       "%",
                                       "position = 1\n",
                                       "table = ",
                                       "\xc3\xa9",
                                       "="};
    unsigned seed = 7;
    for (int round = 0; round < 3000; round++) {
        char text[800] = "";
        for (int n = rand_r(&seed) % 30; n > 0; n--)
            strcat(text, bits[rand_r(&seed) % (sizeof(bits) / sizeof(bits[0]))]);
        struct mistakes m;
        struct config *c = NULL;
        mistakes_init(&m);
        int r = config_parse("f", slice_of(text), &m, &c);
        assert_true(r == 0 || r == CONFIG_E_INVALID);
        assert_int_equal(r == 0, m.n == 0);
        config_unref(c);
        mistakes_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_marks_of_numbers_differ),
        cmocka_unit_test(where_every_column_has_a_position_there_is_no_header),
        cmocka_unit_test(all_mistakes_are_told_at_once_with_their_places),
        cmocka_unit_test(sections_that_need_names_have_them),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(columns_must_be_declared),
        cmocka_unit_test(rollups_are_checked),
        cmocka_unit_test(tables_must_not_collide),
        cmocka_unit_test(other_things_that_do_not_fit_are_told),
        cmocka_unit_test(a_password_in_the_url_is_refused),
        cmocka_unit_test(thousands_of_datasets_are_fine),
        cmocka_unit_test(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
