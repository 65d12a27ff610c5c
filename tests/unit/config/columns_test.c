/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/columns.h"

#include <stdio.h>

#include <cmocka.h>

static void expect(const char *sql, const char *want)
{
    struct arena a;
    struct error err;
    struct config_list list = {0}, types = {0};
    char text[2048] = "";
    arena_init(&a, 16384, 1 << 20);
    int r = columns_parse(slice_of(sql), &a, &err, &list, &types);
    if (r > 0) snprintf(text, sizeof(text), "! %s", err.text);
    for (size_t i = 0; i < list.n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "|" : "", list.item[i]);
    arena_done(&a);
    assert_string_equal(text, want);
}

static void types_end_where_constraints_begin(void **state)
{
    (void)state;
    struct arena a;
    struct error err;
    struct config_list names, types;
    arena_init(&a, 16384, 1 << 20);
    const char *sql =
        "id bigint primary key, amount numeric(12, 2) not null default 1, at timestamp with time zone, unique (id), x text[]";
    assert_int_equal(columns_parse(slice_of(sql), &a, &err, &names, &types), 0);
    assert_int_equal(types.n, 4);
    assert_string_equal(types.item[0], "bigint");
    assert_string_equal(types.item[1], "numeric(12, 2)");
    assert_string_equal(types.item[2], "timestamp with time zone");
    assert_string_equal(types.item[3], "text[]");
    arena_done(&a);
}

static void names_are_found_among_types_and_constraints(void **state)
{
    (void)state;
    expect("id bigint primary key, Amount numeric(12,2) default 1 check (amount > 0), \"Order ID\" text default 'a,b'",
           "id|amount|Order ID");
    expect("id int, primary key (id), constraint c unique (id), check (id > 0), foreign key (id) references t (a, b), like other",
           "id");
    expect("exclude text", "exclude");
    expect("id int, exclude using gist (id with =)", "id");
    expect("a int -- the first, really\n, b text[] /* , c int */", "a|b");
    expect("\"primary\" int, x character varying(10)", "primary|x");
}

static void mistakes_are_told(void **state)
{
    (void)state;
    expect("id", "! column 'id' has no type");
    expect("id, b int", "! column 'id' has no type");
    expect("", "! it ends where a column was expected");
    expect("id int,", "! it ends where a column was expected");
    expect("id int,, b int", "! found ',' where a column's name was expected");
    expect("id int, ID text", "! column 'id' is there twice");
    expect("a numeric(12,2", "! a parenthesis is not closed");
    expect("a int)", "! a parenthesis is closed that was not opened");
    expect("a text default 'x", "! a quote or a comment is not closed");
    expect("a int; drop table t", "! a ';' does not belong in a list of columns");
}

static void there_are_at_most_1600_columns(void **state)
{
    (void)state;
    static char sql[40000];
    size_t len = 0;
    for (int i = 0; i <= COLUMNS_MAX; i++)
        len += (size_t)sprintf(sql + len, "%sc%d int", i ? "," : "", i);
    expect(sql, "! more than 1600 columns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_among_types_and_constraints),
        cmocka_unit_test(types_end_where_constraints_begin),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(there_are_at_most_1600_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
