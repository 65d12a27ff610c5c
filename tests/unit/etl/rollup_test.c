/* SPDX-License-Identifier: MIT */
#include "../db/pg_fixture.h"
#include "etl/rollup.h"
#include "fixture.h"

/* sales (placed timestamp, zip text, amount numeric, n int, at point) */
static struct dataset *sales_with(const char *rollup)
{
    char text[1024];
    struct table_column column[] = {fixture_column("placed", TYPE_TIMESTAMP),
                                    fixture_column("zip", TYPE_TEXT),
                                    fixture_column("amount", TYPE_NUMERIC),
                                    fixture_column("n", TYPE_INT4),
                                    {.name = "at", .sql_type = "point", .oid = 600, .format = ""}};
    snprintf(text, sizeof text,
             "[dataset sales]\ncolumns = placed timestamp, zip text, amount numeric, n int, at point\n[rollup sales.by]\n%s",
             rollup);
    return fixture_dataset(text, column, 5);
}

static const char by_day_and_zip[] =
    "group = placed::date as day, date_trunc('month', placed) as month, zip\n"
    "measure = count(*) as rows, count(n), sum(amount) as \"the \"\" sum\", min(n), max(n) as most\n";

/* ---- resolving ---- */

static void rollups_table_has_the_types_that_postgresql_gives(void **state)
{
    (void)state;
    struct dataset *d = sales_with(by_day_and_zip);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    assert_null(d->broken);
    static const char *const columns[][2] = {{"day", "date"},     {"month", "timestamp without time zone"},
                                             {"zip", "text"},     {"rows", "bigint"},
                                             {"count", "bigint"}, {"the \" sum", "numeric"},
                                             {"min", "integer"},  {"most", "integer"}};
    const struct table *t = &d->rollup[0].table;
    assert_string_equal(t->name, "sales_by");
    assert_int_equal(t->columns, 8);
    assert_int_equal(t->keys, 3);
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(t->column[i].name, columns[i][0]);
        assert_string_equal(t->column[i].sql_type, columns[i][1]);
    }
    dataset_unref(d);
}

static void must_break(const char *rollup, const char *words)
{
    struct dataset *d = sales_with(rollup);
    d->table.column[1].name = "postcode"; /* the table was there already, and is another than the one that was declared */
    assert_int_equal(dataset_resolve_rollups(d), 0);
    assert_string_equal(d->broken, words);
    assert_int_equal(d->rollups, 0);
    dataset_unref(d);
}

static void what_does_not_fit_is_said_with_its_place(void **state)
{
    (void)state;
    must_break("group = zip\nmeasure = count(*)\n", "f:3: rollup by: table public.sales has no column zip");
    must_break("group = n\nmeasure = max(zip)\n", "f:3: rollup by: table public.sales has no column zip");
    must_break("group = at\nmeasure = count(*)\n", "f:3: rollup by: column at has type point, which a rollup cannot use");
    must_break("group = n\nmeasure = sum(placed)\n", "f:3: rollup by: sum does not take a timestamp without time zone");
}

static void text_in_another_order_than_bytewise_has_no_min(void **state)
{
    (void)state;
    struct dataset *d = sales_with("group = n\nmeasure = max(zip)\n");
    d->table.column[1].bytewise = false;
    assert_int_equal(dataset_resolve_rollups(d), 0);
    assert_string_equal(d->broken, "f:3: rollup by: min and max of zip need bytewise order; declare the column COLLATE \"C\"");
    dataset_unref(d);
}

/* ---- the text ---- */

static void definition_reads_as_a_person_would_write_it(void **state)
{
    (void)state;
    struct dataset *d = sales_with(by_day_and_zip);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    struct buf sql;
    buf_init(&sql, 1 << 16);
    rollup_definition(&sql, &d->rollup[0], &d->table);
    assert_string_equal(
        buf_cstr(&sql),
        "SELECT \"placed\"::date AS \"day\", date_trunc('month', \"placed\") AS \"month\", \"zip\" AS \"zip\","
        " count(*) AS \"rows\", count(\"n\") AS \"count\", sum(\"amount\") AS \"the \"\" sum\", min(\"n\") AS \"min\","
        " max(\"n\") AS \"most\" FROM \"public\".\"sales\" GROUP BY 1, 2, 3");
    buf_done(&sql);
    dataset_unref(d);
}

static void too_long_a_text_is_told(void **state)
{
    (void)state;
    struct dataset *d = sales_with(by_day_and_zip);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    struct buf sql;
    buf_init(&sql, 100);
    rollup_create_sql(&sql, &d->rollup[0], &d->table);
    assert_int_equal(buf_check(&sql), ERROR_TOO_BIG);
    buf_done(&sql);
    dataset_unref(d);
}

/* ---- the SQL, as PostgreSQL takes it ---- */

static void must_run(struct pg_client *p, const char *sql)
{
    struct pg_answer a = pg_ask(p, (struct db_query){.sql = sql});
    if (a.status != 0) fail_msg("%s\n%s", a.error.text, sql);
}

/* Rows that stand in the rollup and not in its definition, or the other way round. */
static void assert_rollup_is_its_definition(struct pg_client *p, const struct dataset *d)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    buf_puts(&sql, "WITH wanted AS (");
    rollup_definition(&sql, &d->rollup[0], &d->table);
    buf_puts(&sql, ") SELECT count(*) FROM ((TABLE sales_by EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE "
                   "sales_by)) different");
    assert_string_equal(pg_ask(p, (struct db_query){.sql = buf_cstr(&sql)}).value, "0");
    buf_done(&sql);
}

static void create(struct pg_client *p, const struct dataset *d)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    rollup_create_sql(&sql, &d->rollup[0], &d->table);
    must_run(p, buf_cstr(&sql));
    buf_done(&sql);
}

static void rollup_is_filled_when_it_is_made_and_made_again(void **state)
{
    (void)state;
    struct pg_client p;
    struct dataset *d = sales_with(by_day_and_zip);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    pg_client_open(&p);
    must_run(&p, "DROP TABLE IF EXISTS sales, sales_by");
    must_run(&p, "CREATE TABLE sales (placed timestamp, zip text, amount numeric, n int, at point)");
    must_run(&p, "INSERT INTO sales SELECT timestamp '2024-01-30' + i * interval '7 hours', nullif(i % 3, 0)::text, i / 10.0, "
                 "nullif(i % 5, 0)"
                 " FROM generate_series(1, 100) i UNION ALL SELECT NULL, NULL, NULL, NULL");
    create(&p, d);
    assert_rollup_is_its_definition(&p, d);
    must_run(&p, "DELETE FROM sales WHERE n = 1");
    create(&p, d);
    assert_rollup_is_its_definition(&p, d);
    struct buf definition;
    buf_init(&definition, 1 << 16);
    rollup_definition(&definition, &d->rollup[0], &d->table);
    assert_int_equal(pg_sql(&p, "SELECT length(obj_description('sales_by'::regclass))").status, 0);
    assert_memory_equal(pg_sql(&p, "SELECT obj_description('sales_by'::regclass)").value, definition.data, 200);
    buf_done(&definition);
    pg_client_close(&p);
    dataset_unref(d);
}

/* What a load's partial is, made by the server: the definition over the new rows only, a parameter a column. */
static void partials_merged_equal_the_definition_over_all(void **state)
{
    (void)state;
    struct pg_client p;
    struct dataset *d = sales_with(by_day_and_zip);
    assert_int_equal(dataset_resolve_rollups(d), 0);
    pg_client_open(&p);
    must_run(&p, "DROP TABLE IF EXISTS sales, sales_by");
    must_run(&p, "CREATE TABLE sales (placed timestamp, zip text, amount numeric, n int, at point)");
    create(&p, d);

    struct buf sql;
    buf_init(&sql, 1 << 16);
    rollup_merge_sql(&sql, &d->rollup[0]);
    /* Groups that are new, that come again, of NULL keys, and whose measures are NULL in one of the two. */
    static const char *const loads[] = {
        ("('2024-01-30 01:00', 'a', 1.5, 1), ('2024-01-30 02:00', 'a', 2.25, 3), ('2024-02-01', NULL, NULL, NULL), "
         "(NULL, NULL, 7, 7)"),
        "('2024-01-30 03:00', 'a', NULL, NULL), ('2024-02-01', NULL, 3, 3), (NULL, NULL, NULL, NULL), ('2024-02-02', 'b', 4, -4)",
        "('2024-01-30 03:00', 'a', -1, -9), ('2024-02-01', NULL, NULL, NULL), (NULL, NULL, 0.001, 100)",
    };
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct buf load;
        struct pg_answer partial[8];
        struct db_param param[8];
        buf_init(&load, 1 << 16);
        buf_puts(&load, "BEGIN; CREATE TEMP TABLE before ON COMMIT DROP AS TABLE sales; TRUNCATE sales; INSERT INTO sales VALUES ");
        buf_puts(&load, loads[i]);
        must_run(&p, buf_cstr(&load));
        for (size_t c = 0; c < 8; c++) {
            struct buf ask;
            buf_init(&ask, 1 << 16);
            buf_puts(&ask, "SELECT array_agg(");
            db_quote_identifier(&ask, slice_of(d->rollup[0].table.column[c].name));
            buf_puts(&ask, " ORDER BY day, month, zip)::text FROM (");
            rollup_definition(&ask, &d->rollup[0], &d->table);
            buf_puts(&ask, ") partial");
            partial[c] = pg_ask(&p, (struct db_query){.sql = buf_cstr(&ask)});
            assert_int_equal(partial[c].status, 0);
            param[c] = db_text(partial[c].value);
            buf_done(&ask);
        }
        struct pg_answer merged = pg_ask(&p, (struct db_query){.sql = buf_cstr(&sql), .param = param, .params = 8});
        if (merged.status != 0) fail_msg("%s", merged.error.text);
        must_run(&p, "INSERT INTO sales TABLE before; COMMIT");
        assert_rollup_is_its_definition(&p, d);
        buf_done(&load);
    }
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM sales_by").value, "4");
    buf_done(&sql);
    pg_client_close(&p);
    dataset_unref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rollups_table_has_the_types_that_postgresql_gives),
        cmocka_unit_test(what_does_not_fit_is_said_with_its_place),
        cmocka_unit_test(text_in_another_order_than_bytewise_has_no_min),
        cmocka_unit_test(definition_reads_as_a_person_would_write_it),
        cmocka_unit_test(too_long_a_text_is_told),
        cmocka_unit_test(rollup_is_filled_when_it_is_made_and_made_again),
        cmocka_unit_test(partials_merged_equal_the_definition_over_all),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
