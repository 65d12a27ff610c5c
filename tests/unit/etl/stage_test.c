/* SPDX-License-Identifier: MIT */
#include "etl/stage.h"
#include "fixture.h"

static struct column_rule file_column[] = {{.name = "Shop \"x\"", .source = 0},
                                           {.name = "item", .source = 1},
                                           {.name = "price", .source = 2},
                                           {.name = "at", .source = 3},
                                           {.name = "absent", .source = -1}};
static struct table_column column[] = {
    {.name = "at"}, {.name = "item"}, {.name = "price"}, {.name = "Shop \"x\""}, {.name = "absent"}};
static size_t key[] = {3, 1};

struct variant {
    bool update, partitioned;
    const char *newest_by;
    size_t columns;
};

static void expect_merge(const struct variant *v, const char *sql)
{
    struct table t = {.schema = "s", .name = "stock", .column = column, .columns = 5, .key = key, .keys = 2};
    struct row_rule rule = {.column = file_column, .columns = v->columns};
    t.partitioned = v->partitioned;
    struct stage s = {.table = &t, .rule = &rule, .update = v->update, .newest_by = v->newest_by};
    struct buf out;
    buf_init(&out, 65536);
    stage_merge_sql(&out, &s);
    assert_string_equal(buf_cstr(&out), sql);
    buf_done(&out);
}

static void stage_has_the_columns_of_the_file_and_no_constraint(void **state)
{
    (void)state;
    struct table t = {.schema = "s", .name = "stock", .column = column, .columns = 5, .key = key, .keys = 2};
    struct row_rule rule = {.column = file_column, .columns = 2};
    struct buf out;
    buf_init(&out, 65536);
    const struct stage stage = {.table = &t, .rule = &rule, .newest_by = ""};
    stage_make_sql(&out, &stage);
    buf_puts(&out, "; ");
    stage_fill_sql(&out, &stage);
    assert_string_equal(buf_cstr(&out),
                        "LOCK TABLE \"s\".\"stock\" IN ROW EXCLUSIVE MODE;"
                        " CREATE TEMP TABLE cetl_stage ON COMMIT DROP AS SELECT \"Shop \"\"x\"\"\", \"item\","
                        " NULL::int8 AS \"cetl file\", NULL::int8 AS \"cetl line\" FROM \"s\".\"stock\" WITH NO DATA;"
                        " COPY pg_temp.cetl_stage FROM STDIN (FORMAT binary)");
    buf_done(&out);
}

static void last_row_of_a_key_is_written_over_the_table(void **state)
{
    (void)state;
    expect_merge(
        &(struct variant){.update = true, .newest_by = "", .columns = 5},
        "WITH w AS NOT MATERIALIZED (SELECT DISTINCT ON (\"Shop \"\"x\"\"\", \"item\") \"Shop \"\"x\"\"\", \"item\", \"price\","
        " \"at\", \"absent\" FROM pg_temp.cetl_stage ORDER BY \"Shop \"\"x\"\"\", \"item\", \"cetl line\" DESC), m AS ("
        "INSERT INTO \"s\".\"stock\" AS \"cetl old\" (\"Shop \"\"x\"\"\", \"item\", \"price\", \"at\", \"absent\")"
        " OVERRIDING SYSTEM VALUE SELECT \"Shop \"\"x\"\"\", \"item\", \"price\", \"at\", \"absent\" FROM w"
        " ON CONFLICT (\"Shop \"\"x\"\"\", \"item\") DO UPDATE SET \"price\" = excluded.\"price\", \"at\" = excluded.\"at\""
        " RETURNING \"cetl old\".xmax = 0 AS fresh)"
        " SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM m");
}

static void merge_without_counting_writes_the_same_rows(void **state)
{
    (void)state;
    struct table t = {.schema = "s", .name = "stock", .column = column, .columns = 5, .key = key, .keys = 2, .partitioned = true};
    struct row_rule rule = {.column = file_column, .columns = 4};
    struct buf out;
    buf_init(&out, 65536);
    stage_write_sql(&out, &(struct stage){.table = &t, .rule = &rule, .update = true, .newest_by = "at"});
    assert_string_equal(
        buf_cstr(&out),
        "INSERT INTO \"s\".\"stock\" AS \"cetl old\" (\"Shop \"\"x\"\"\", \"item\", \"price\", \"at\")"
        " OVERRIDING SYSTEM VALUE SELECT \"Shop \"\"x\"\"\", \"item\", \"price\", \"at\" FROM (SELECT DISTINCT ON (\"Shop "
        "\"\"x\"\"\", \"item\")"
        " \"Shop \"\"x\"\"\", \"item\", \"price\", \"at\" FROM pg_temp.cetl_stage"
        " ORDER BY \"Shop \"\"x\"\"\", \"item\", \"at\" DESC NULLS LAST, \"cetl line\" DESC) w"
        " ON CONFLICT (\"Shop \"\"x\"\"\", \"item\") DO UPDATE SET \"price\" = excluded.\"price\", \"at\" = excluded.\"at\""
        " WHERE \"cetl old\".\"at\" IS NULL OR excluded.\"at\" >= \"cetl old\".\"at\"");
    buf_done(&out);
}

static void merge_of_keys_that_are_not_repeated_has_no_winners(void **state)
{
    (void)state;
    struct table t = {.schema = "s", .name = "stock", .column = column, .columns = 5, .key = key, .keys = 2};
    struct row_rule rule = {.column = file_column, .columns = 4};
    struct buf out;
    buf_init(&out, 65536);
    stage_write_once_sql(&out, &(struct stage){.table = &t, .rule = &rule, .update = true, .newest_by = "at"});
    assert_string_equal(
        buf_cstr(&out),
        "INSERT INTO \"s\".\"stock\" AS \"cetl old\" (\"Shop \"\"x\"\"\", \"item\", \"price\", \"at\")"
        " OVERRIDING SYSTEM VALUE SELECT \"Shop \"\"x\"\"\", \"item\", \"price\", \"at\" FROM pg_temp.cetl_stage"
        " ORDER BY \"Shop \"\"x\"\"\", \"item\""
        " ON CONFLICT (\"Shop \"\"x\"\"\", \"item\") DO UPDATE SET \"price\" = excluded.\"price\", \"at\" = excluded.\"at\""
        " WHERE \"cetl old\".\"at\" IS NULL OR excluded.\"at\" >= \"cetl old\".\"at\"");
    buf_done(&out);
}

static void newest_by_orders_the_stage_and_guards_the_table(void **state)
{
    (void)state;
    expect_merge(
        &(struct variant){.update = true, .partitioned = true, .newest_by = "at", .columns = 4},
        "WITH w AS MATERIALIZED (SELECT DISTINCT ON (\"Shop \"\"x\"\"\", \"item\") \"Shop \"\"x\"\"\", \"item\", \"price\", \"at\""
        " FROM pg_temp.cetl_stage ORDER BY \"Shop \"\"x\"\"\", \"item\", \"at\" DESC NULLS LAST, \"cetl line\" DESC),"
        " k AS (SELECT count(*) AS n FROM w WHERE EXISTS (SELECT FROM \"s\".\"stock\" AS \"cetl old\""
        " WHERE \"cetl old\".\"Shop \"\"x\"\"\" = w.\"Shop \"\"x\"\"\" AND \"cetl old\".\"item\" = w.\"item\")), m AS ("
        "INSERT INTO \"s\".\"stock\" AS \"cetl old\" (\"Shop \"\"x\"\"\", \"item\", \"price\", \"at\")"
        " OVERRIDING SYSTEM VALUE SELECT \"Shop \"\"x\"\"\", \"item\", \"price\", \"at\" FROM w"
        " ON CONFLICT (\"Shop \"\"x\"\"\", \"item\") DO UPDATE SET \"price\" = excluded.\"price\", \"at\" = excluded.\"at\""
        " WHERE \"cetl old\".\"at\" IS NULL OR excluded.\"at\" >= \"cetl old\".\"at\""
        " RETURNING 1) SELECT i.n, (SELECT count(*) FROM m) - i.n"
        " FROM (SELECT (SELECT count(*) FROM w) - k.n AS n FROM k) i");
}

static void file_of_keys_alone_updates_nothing(void **state)
{
    (void)state;
    static const char *const sql[] = {", \"cetl line\" DESC", ", \"cetl line\""};
    for (int ignore = 0; ignore < 2; ignore++) {
        char expected[2048];
        snprintf(expected, sizeof expected,
                 "WITH w AS NOT MATERIALIZED (SELECT DISTINCT ON (\"Shop \"\"x\"\"\", \"item\") \"Shop \"\"x\"\"\", \"item\""
                 " FROM pg_temp.cetl_stage ORDER BY \"Shop \"\"x\"\"\", \"item\"%s), m AS ("
                 "INSERT INTO \"s\".\"stock\" AS \"cetl old\" (\"Shop \"\"x\"\"\", \"item\")"
                 " OVERRIDING SYSTEM VALUE SELECT \"Shop \"\"x\"\"\", \"item\" FROM w"
                 " ON CONFLICT (\"Shop \"\"x\"\"\", \"item\") DO NOTHING RETURNING 1) SELECT count(*), 0 FROM m",
                 sql[ignore]);
        expect_merge(&(struct variant){.update = !ignore, .newest_by = "", .columns = 2}, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stage_has_the_columns_of_the_file_and_no_constraint),
        cmocka_unit_test(last_row_of_a_key_is_written_over_the_table),
        cmocka_unit_test(merge_without_counting_writes_the_same_rows),
        cmocka_unit_test(merge_of_keys_that_are_not_repeated_has_no_winners),
        cmocka_unit_test(newest_by_orders_the_stage_and_guards_the_table),
        cmocka_unit_test(file_of_keys_alone_updates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
