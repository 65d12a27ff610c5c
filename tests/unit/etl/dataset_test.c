/* SPDX-License-Identifier: MIT */
#include "fixture.h"

static void a_snapshot_lives_as_long_as_its_last_reference(void **state)
{
    (void)state;
    const struct table_column id = fixture_column("id", TYPE_INT8);
    struct dataset *d = fixture_dataset("[dataset orders]\ncolumns = id bigint\n", &id, 1);
    struct dataset *again = dataset_ref(d);
    dataset_unref(d);
    assert_string_equal(again->name, "orders");
    assert_string_equal(again->config->name, "orders"); /* the configuration is kept, too */
    dataset_unref(again);
    dataset_unref(NULL);
}

static void first_reason_for_being_broken_stays(void **state)
{
    (void)state;
    struct dataset *d = dataset_new("orders", NULL, NULL);
    assert_null(d->broken);
    dataset_break(d, "%s is gone", "it");
    dataset_break(d, "something else");
    assert_string_equal(d->broken, "it is gone");
    dataset_unref(d);
}

static void names_are_quoted_as_postgresql_reads_them(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 256);
    assert_string_equal(table_quote(&out, "shop", "Big \"orders\""), "\"shop\".\"Big \"\"orders\"\"\"");
    buf_done(&out);
    buf_init(&out, 5);
    assert_null(table_quote(&out, "shop", "orders"));
    buf_done(&out);
}

static void table_is_made_with_the_columns_as_they_were_written(void **state)
{
    (void)state;
    const struct table_column id = fixture_column("id", TYPE_INT8);
    struct dataset *d = fixture_dataset("[dataset orders]\ncolumns = id bigint PRIMARY KEY,\n  note text\n", &id, 1);
    struct buf sql;
    buf_init(&sql, 1024);
    dataset_create_sql(&sql, d->config);
    assert_string_equal(buf_cstr(&sql), "CREATE TABLE IF NOT EXISTS \"public\".\"orders\" (id bigint PRIMARY KEY,\nnote text\n)");
    buf_done(&sql);
    dataset_unref(d);
}

static void section_for_a_column_that_the_table_lacks_breaks_the_dataset(void **state)
{
    (void)state;
    const struct table_column columns[] = {fixture_column("id", TYPE_INT8), fixture_column("note", TYPE_TEXT)};
    static const char with_section[] = "[dataset orders]\ncolumns = id bigint, note text\n\n[column orders.note]\nfrom = remark\n";
    struct dataset *d = fixture_dataset(with_section, columns, 2);
    dataset_check_columns(d);
    assert_null(d->broken);
    dataset_unref(d);
    d = fixture_dataset(with_section, columns, 1);
    dataset_check_columns(d);
    assert_string_equal(d->broken, "f:4: [column orders.note]: table public.orders has no such column");
    dataset_unref(d);
}

static void section_that_does_not_suit_its_column_breaks_the_dataset(void **state)
{
    (void)state;
    static const struct {
        const char *option, *broken;
    } cases[] = {
        {"format = FOO",
         "f:4: column note: format \"FOO\": \"F\" in the template is no part of a date or time; put literal text in "
         "quotes, as in YYYY-MM-DD\"T\"HH24:MI"},
        {"format = DD/MM/YYYY", "f:4: column note: format \"DD/MM/YYYY\": it lacks what a text needs"},
        {"decimal_mark = ,", "f:4: column note: decimal_mark and thousands_mark are for numbers, but it is a text"},
        {"timezone = UTC", "f:4: column note: timezone is for timestamptz (timestamp with time zone), but it is a text"},
    };
    const struct table_column columns[] = {fixture_column("id", TYPE_INT8), fixture_column("note", TYPE_TEXT)};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char config[200];
        snprintf(config, sizeof config, "[dataset orders]\ncolumns = id bigint, note text\n\n[column orders.note]\n%s\n",
                 cases[i].option);
        struct dataset *d = fixture_dataset(config, columns, 2);
        dataset_check_columns(d);
        assert_string_equal(d->broken, cases[i].broken);
        dataset_unref(d);
    }
}

/* ---- reading the catalog's rows ---- */

/* Rows as SQL_TABLE_COLUMNS gives them: name, oid, typmod, not null, default, generated, type, bytewise, place in the key, format;
 * and the table's oid, whether its key is DEFERRABLE, whether it is partitioned, LC_CTYPE, whether it has a collation of its
 * own, whether the database is bytewise, its own calls, the default, and whether it is an identity that is always generated. */
static PGresult *rows_of(const char *const (*row)[10], int rows)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[] = "c";
    static const char *const rest[] = {"16385", "f", "t", "C", "f", "t", "", "now()", "f"};
    PGresAttDesc column[19];
    for (int c = 0; c < 19; c++)
        column[c] = (PGresAttDesc){.name = name};
    assert_true(PQsetResultAttrs(res, 19, column));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < 19; c++) {
            char cell[64];
            int len = snprintf(cell, sizeof cell, "%s", c < 10 ? row[r][c] : rest[c - 10]);
            assert_true(PQsetvalue(res, r, c, cell, len));
        }
    return res;
}

static void columns_and_key_are_read_back(void **state)
{
    (void)state;
    static const char *const row[][10] = {
        {"note", "1043", "24", "f", "f", "f", "character varying(20)", "f", "2", ""},
        {"id", "20", "-1", "t", "t", "f", "bigint", "t", "1", ""},
        {"at", "600", "-1", "f", "f", "f", "point", "t", "0", ""},
        {"day", "1082", "-1", "f", "f", "t", "date", "t", "0", "DD/MM/YYYY"},
    };
    struct arena a;
    struct table t;
    PGresult *res = rows_of(row, 4);
    arena_init(&a, 1024, 1 << 20);
    assert_int_equal(table_read(&a, res, "shop", "orders", &t), 0);
    PQclear(res); /* all is copied */

    assert_string_equal(t.schema, "shop");
    assert_string_equal(t.name, "orders");
    assert_int_equal(t.oid, 16385);
    assert_false(t.key_deferrable);
    assert_true(t.partitioned);
    assert_int_equal(t.columns, 4);
    assert_int_equal(t.keys, 2);
    assert_int_equal(t.key[0], 1); /* in the key's own order */
    assert_int_equal(t.key[1], 0);
    assert_int_equal(t.column[0].type.id, TYPE_VARCHAR);
    assert_int_equal(t.column[0].type.typmod, 24);
    assert_false(t.column[0].bytewise);
    assert_true(t.column[1].not_null && t.column[1].has_default && !t.column[1].generated);
    assert_string_equal(t.column[1].default_sql, "now()");
    assert_false(t.column[1].identity_always);
    assert_false(t.column[2].known);
    assert_string_equal(t.column[2].sql_type, "point");
    assert_true(t.column[3].generated);
    assert_string_equal(t.column[3].format, "DD/MM/YYYY");
    assert_int_equal(table_find(&t, "day"), 3);
    assert_int_equal(table_find(&t, "Day"), -1);
    arena_done(&a);
}

static void table_without_columns_is_read_too(void **state)
{
    (void)state;
    struct arena a;
    struct table t;
    PGresult *res = rows_of(NULL, 0);
    arena_init(&a, 1024, 1 << 20);
    assert_int_equal(table_read(&a, res, "s", "t", &t), 0);
    assert_int_equal(t.columns + t.keys, 0);
    assert_int_equal(table_find(&t, "id"), -1);
    PQclear(res);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_lives_as_long_as_its_last_reference),
        cmocka_unit_test(first_reason_for_being_broken_stays),
        cmocka_unit_test(names_are_quoted_as_postgresql_reads_them),
        cmocka_unit_test(table_is_made_with_the_columns_as_they_were_written),
        cmocka_unit_test(section_for_a_column_that_the_table_lacks_breaks_the_dataset),
        cmocka_unit_test(section_that_does_not_suit_its_column_breaks_the_dataset),
        cmocka_unit_test(columns_and_key_are_read_back),
        cmocka_unit_test(table_without_columns_is_read_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
