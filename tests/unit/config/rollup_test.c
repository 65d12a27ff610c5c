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
    static const char *const kinds[] = {"column", "date", "trunc"};
    struct arena a;
    struct error err;
    struct rollup_keys keys = {0};
    char text[2048] = "";
    arena_init(&a, 16384, 1 << 20);
    int r = rollup_parse_keys(slice_of(sql), &a, &err, &keys);
    if (r > 0) snprintf(text, sizeof(text), "! %s", err.text);
    for (size_t i = 0; i < keys.n; i++) {
        const struct rollup_key *k = &keys.item[i];
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s %s>%s", i ? "|" : "", kinds[k->kind], k->column,
                 k->unit ? k->unit : "-", k->alias);
    }
    arena_done(&a);
    assert_string_equal(text, want);
}

static void expect_measures(const char *sql, const char *want)
{
    static const char *const functions[] = {"count*", "count", "sum", "min", "max"};
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
                 m->column ? m->column : "-", m->alias);
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

static void mistakes_say_what_was_expected(void **state)
{
    (void)state;
    expect_keys("", "! it ends where a column was expected");
    expect_keys("a,", "! it ends where a column was expected");
    expect_keys("a::timestamp", "! found 'timestamp' where 'date' (the only cast there is here) was expected");
    expect_keys("lower(a)",
                "! found 'lower' where a column, column::date, cast(column as date) or date_trunc('unit', column) was expected");
    expect_keys("a + b", "! found '+' where ',' or the end was expected");
    expect_keys(
        "date_trunc('eon', a)",
        "! found ''eon'' where a unit: 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or 'year' was expected");
    expect_keys("a as 'x'", "! found ''x'' where a name was expected");
    expect_keys("a as \"x", "! a quote or a comment is not closed");
    expect_keys("\"\"", "! found '\"\"' where a column was expected");
    expect_measures("avg(a)", "! found 'avg' where count(*), count(column), sum(column), min(column) or max(column) was expected");
    expect_measures("sum(*)", "! found '*' where a column was expected");
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
        cmocka_unit_test(mistakes_say_what_was_expected),
        cmocka_unit_test(lists_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
