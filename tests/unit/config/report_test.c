/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/report.h"

#include <cmocka.h>

static struct arena a;

static int set_up(void **state)
{
    (void)state;
    arena_init(&a, 16384, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&a);
    return 0;
}

/* name|type|default; … or ! the words */
static void expect_params(const char *text, const char *want)
{
    struct error err;
    struct report_params p = {0};
    struct buf out;
    buf_init(&out, 4096);
    int r = report_params_parse(slice_of(text), &a, &err, &p);
    if (r > 0) buf_printf(&out, "! %s", err.text);
    for (size_t i = 0; i < p.n; i++)
        buf_printf(&out, "%s%s|%s|%s", i ? "; " : "", p.item[i].name, p.item[i].type,
                   p.item[i].otherwise ? p.item[i].otherwise : "-");
    assert_string_equal(out.len ? buf_cstr(&out) : "", want);
    buf_done(&out);
}

static void expect_sql(const char *sql, const char *want)
{
    struct error err;
    struct report_params p = {0};
    struct report_text t = {0};
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(report_params_parse(SLICE("year int, who text[]"), &a, &err, &p), 0);
    int r = report_sql_parse(slice_of(sql), &p, &a, &err, &t);
    if (r > 0) buf_printf(&out, "! %s", err.text);
    if (r == 0) report_sql(&t, &p, 3, &out);
    assert_string_equal(out.len ? buf_cstr(&out) : "", want);
    buf_done(&out);
}

static void expect_filename(const char *name, const char *want)
{
    struct error err;
    struct report_params p = {0};
    struct report_text t = {0};
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(report_params_parse(SLICE("year int"), &a, &err, &p), 0);
    int r = report_filename_parse(slice_of(name), &p, &a, &err, &t);
    if (r > 0) buf_printf(&out, "! %s", err.text);
    for (size_t i = 0; i < t.n; i++)
        buf_printf(&out, SLICE_FMT "%s", SLICE_ARG(t.piece[i].text), t.piece[i].param < 0 ? "" : "[2021]");
    assert_string_equal(out.len ? buf_cstr(&out) : "", want);
    buf_done(&out);
}

static void parameters_have_a_type_and_maybe_a_default(void **state)
{
    (void)state;
    expect_params("", "");
    expect_params("year int default extract(year from now())", "year|int|extract(year from now())");
    expect_params("Year INT\nat timestamp(3) with time zone default now()", "year|INT|-; at|timestamp(3) with time zone|now()");
    expect_params("a numeric(5, 2) default 1, b int[] default array[1, 2],c \"My Type\"",
                  "a|numeric(5, 2)|1; b|int[]|array[1, 2]; c|\"My Type\"|-");
    expect_params("a text default 'x, y' -- so\n  , b public.kind", "a|text|'x, y'; b|public.kind|-");
    expect_params("a int default coalesce(\n  1,\n  2)\nb int", "a|int|coalesce(\n  1,\n  2); b|int|-");
}

static void mistakes_in_parameters_say_what_was_expected(void **state)
{
    (void)state;
    expect_params("year", "! the parameter 'year' has no type; write year int");
    expect_params("year, x int", "! the parameter 'year' has no type; write year int");
    expect_params("year int defualt 5", "! found '5' where 'default' or the next parameter was expected");
    expect_params("year int not null", "! found 'not' where 'default' or the next parameter was expected");
    expect_params("year int default", "! it ends where a default's expression was expected");
    expect_params("year int default )", "! found ')' where a default was expected");
    expect_params("year int default 1; drop table x", "! found ';' where a default was expected");
    expect_params("year numeric(5", "! it ends where the end of a type was expected");
    expect_params("year int, year text", "! the parameter 'year' is there twice");
    expect_params("\"year\" int", "! found '\"year\"' where a parameter's name was expected");
    expect_params("a int, b int default :a", "! a default is an expression by itself; it knows no other parameter");
    expect_params("a text default 'x", "! a quote or a comment is not closed");
}

static void placeholders_become_parameters_where_sql_has_signs(void **state)
{
    (void)state;
    expect_sql("select :year", "select ($3::int)");
    expect_sql("select :YEAR+:year::text, :who[1]", "select ($3::int)+($3::int)::text, ($4::text[])[1]");
    expect_sql("select a::int, f(x := 1), y[1: 2]", "select a::int, f(x := 1), y[1: 2]");
    expect_sql("select ':year', \":year\", $$:year$$, $x$ :year $$ $x$, E'\\':year' -- :year\n /* :year /* :who */ */, :who",
               "select ':year', \":year\", $$:year$$, $x$ :year $$ $x$, E'\\':year' -- :year\n /* :year /* :who */ */, ($4::text[])");
}

static void mistakes_in_a_query_name_the_placeholder(void **state)
{
    (void)state;
    expect_sql("select :yaer", "! :yaer is no parameter (did you mean :year?)");
    expect_sql("select x[1:number]", "! :number is no parameter; declare it: param = number int");
    expect_sql("select $1", "! a parameter is written by its name, as in :year, not $1");
    expect_sql("select 1; drop table x", "! a report is one query; there is a ';' in it");
    expect_sql("select 'x", "! a quote or a comment is not closed");
}

static void file_names_hold_values(void **state)
{
    (void)state;
    expect_filename("a.csv", "a.csv");
    expect_filename("a_{year}_{YEAR}.csv", "a_[2021]_[2021].csv");
    expect_filename("{yaer}.csv", "! {yaer} is no parameter (did you mean {year}?)");
    expect_filename("{year.csv", "! a '{' is not closed");
    expect_filename("{}", "! {} is no parameter; declare it: param =  int");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parameters_have_a_type_and_maybe_a_default, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_parameters_say_what_was_expected, set_up, tear_down),
        cmocka_unit_test_setup_teardown(placeholders_become_parameters_where_sql_has_signs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_a_query_name_the_placeholder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_names_hold_values, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
