/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/rollup.h"

#include <stdio.h>

#include <cmocka.h>

static void expect_keys(const char *sql, const char *want)
{
    static const char *const kinds[] = {"column", "date", "trunc", "expr"};
    struct arena a;
    struct error err;
    struct rollup_keys keys = {0};
    char text[2048] = "";
    arena_init(&a, 16384, 1 << 20);
    int r = rollup_parse_keys(slice_of(sql), &a, &err, &keys);
    if (r > 0) snprintf(text, sizeof(text), "! %s", err.text);
    for (size_t i = 0; i < keys.n; i++) {
        const struct rollup_key *k = &keys.item[i];
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s %s>%s", i ? "|" : "", kinds[k->kind],
                 k->sql ? k->sql : k->column, k->unit ? k->unit : "-", k->alias);
    }
    arena_done(&a);
    assert_string_equal(text, want);
}

static void expect_measures(const char *sql, const char *want)
{
    static const char *const functions[] = {"count*", "count", "sum", "min", "max", "avg", "and", "or", "server"};
    struct arena a;
    struct error err;
    struct rollup_measures measures = {0};
    char text[2048] = "";
    arena_init(&a, 16384, 1 << 20);
    int r = rollup_parse_measures(slice_of(sql), &a, &err, &measures);
    if (r > 0) snprintf(text, sizeof(text), "! %s", err.text);
    for (size_t i = 0; i < measures.n; i++) {
        const struct rollup_measure *m = &measures.item[i];
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s>%s", i ? "|" : "", functions[m->function],
                 m->sql      ? m->sql
                 : m->column ? m->column
                             : "-",
                 m->alias);
    }
    arena_done(&a);
    assert_string_equal(text, want);
}

static void keys_are_columns_dates_and_truncated_times(void **state)
{
    (void)state;
    expect_keys("placed::date as day, zip", "date placed ->day|column zip ->zip");
    expect_keys("cast(Placed AS Date) d", "date placed ->d");
    expect_keys("date_trunc('Month', placed) as month", "trunc placed month>month");
    expect_keys("\"Order ID\" as \"Id\"", "column Order ID ->Id");
}

static void without_as_the_name_is_postgresqls(void **state)
{
    (void)state;
    expect_keys("placed::date, date_trunc('day', placed)", "date placed ->placed|trunc placed day>date_trunc");
    expect_keys("cast(placed as date)", "date placed ->placed");
    expect_measures("count(*), SUM(a), min(b), max(c), count(d)", "count* ->count|sum a>sum|min b>min|max c>max|count d>count");
}

static void measures_may_be_named(void **state)
{
    (void)state;
    expect_measures("sum(amount) as revenue,\ncount(*) as orders, max(amount) largest",
                    "sum amount>revenue|count* ->orders|max amount>largest");
}

static void keys_may_be_expressions_with_a_name(void **state)
{
    (void)state;
    expect_keys("extract(year from placed) as year, upper( zip ) as z",
                "expr extract(year from placed) ->year|expr upper( zip ) ->z");
    expect_keys("cast(a as text) || ',' || b[1] as \"As\", c", "expr cast(a as text) || ',' || b[1] ->As|column c ->c");
    expect_keys("(a, b)::text as t", "expr (a, b)::text ->t");
    expect_keys("a + b", "! found '+' where ',' or the end was expected");
    expect_keys("a + (b as c", "! found '+' where ',' or the end was expected");
    expect_keys("a; drop table x as c", "! found ';' where ',' or the end was expected");
}

static void measures_may_be_of_expressions(void **state)
{
    (void)state;
    expect_measures("sum(price * quantity) as total, count(distinct zip)",
                    "server sum(price * quantity)>total|server count(distinct zip)>count");
    expect_measures("avg(a), bool_and(b) as every, stddev(a), var_pop(a)",
                    "avg a>avg|and b>every|server stddev(a)>stddev|server var_pop(a)>var_pop");
    expect_measures("count(*) filter (where (a) > 1) as n, sum(a) filter (where b)",
                    "server count(*) filter (where (a) > 1)>n|server sum(a) filter (where b)>sum");
    expect_measures("sum(all a)", "server sum(all a)>sum");
}

static void first_and_last_name_their_order(void **state)
{
    (void)state;
    expect_measures("first(a order by b desc, lower(c)), last(a + 1 order by b) as z",
                    "server (array_agg(a ORDER BY b desc, lower(c)\n, a))[1]>first|"
                    "server (array_agg(a + 1 ORDER BY b\n, a + 1))[count(*)]>z");
    expect_measures("first(a)", "! found ')' where 'order by' was expected");
    expect_measures("first(a order by)", "! found ')' where an expression was expected");
    expect_measures("first(a order by b", "! it ends where ')' was expected");
    expect_measures("first(order by b)", "! found 'order' where an expression was expected");
}

static void mistakes_say_what_was_expected(void **state)
{
    (void)state;
    expect_keys("", "! it ends where a column was expected");
    expect_keys("a,", "! it ends where a column was expected");
    expect_keys("a::timestamp", "! found 'timestamp' where 'date' (another cast needs 'as name') was expected");
    expect_keys("lower(a)", "! found 'lower' where a column, column::date, cast(column as date), date_trunc('unit', column) or "
                            "'expression as name' was expected");
    expect_keys("a + b", "! found '+' where ',' or the end was expected");
    expect_keys(
        "date_trunc('eon', a)",
        "! found ''eon'' where a unit: 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year' was expected");
    expect_keys("a as 'x'", "! found ''x'' where a name was expected");
    expect_keys("a as \"x", "! a quote or a comment is not closed");
    expect_keys("\"\"", "! found '\"\"' where a column was expected");
    expect_measures("median(a)",
                    "! found 'median' where count(*), or count, sum, min, max, avg, stddev, stddev_pop, variance, var_pop, "
                    "bool_and, bool_or, first or last of something was expected");
    expect_measures("stddev(*)", "! found '*' where a column or an expression was expected");
    expect_measures("sum()", "! found ')' where a column or an expression was expected");
    expect_measures("sum(a + b", "! it ends where ')' was expected");
    expect_measures("sum(*)", "! found '*' where a column or an expression was expected");
    expect_measures("sum a", "! found 'a' where '(' was expected");
    expect_measures("sum(a", "! it ends where ')' was expected");
}

static void lists_have_a_ceiling(void **state)
{
    (void)state;
    char sql[1000] = "a";
    for (int i = 0; i < ROLLUP_ITEMS_MAX; i++)
        strcat(sql, ",a");
    expect_keys(sql, "! more than 64 items");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_columns_dates_and_truncated_times),
        cmocka_unit_test(without_as_the_name_is_postgresqls),
        cmocka_unit_test(measures_may_be_named),
        cmocka_unit_test(keys_may_be_expressions_with_a_name),
        cmocka_unit_test(measures_may_be_of_expressions),
        cmocka_unit_test(first_and_last_name_their_order),
        cmocka_unit_test(mistakes_say_what_was_expected),
        cmocka_unit_test(lists_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
