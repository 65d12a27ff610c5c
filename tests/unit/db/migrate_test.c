/* SPDX-License-Identifier: MIT */
#include "db/migrate.h"
#include "pg_fixture.h"

static struct pg_answer migrate(struct pg_client *p)
{
    struct pg_answer a = {0};
    assert_int_equal(db_migrate(p->conn, pg_answered, &a), 0);
    assert_int_equal(a.done, 0);
    assert_true(pg_await(p->loop, &a.done));
    assert_int_equal(a.done, 1);
    return a;
}

static void fresh(struct pg_client *p)
{
    pg_client_open(p);
    assert_int_equal(pg_sql(p, "DROP SCHEMA IF EXISTS cetl CASCADE").status, 0);
}

static void a_fresh_database_gets_the_schema_and_a_second_run_changes_nothing(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    assert_int_equal(migrate(&p).status, 0);
    static const char list[] =
        "SELECT string_agg(number || ' ' || name || ' ' || length(checksum) || ' ' || xmin, ', ') FROM cetl.migration";
    struct pg_answer before = pg_sql(&p, list);
    assert_memory_equal(before.value, "1 ledger 64", 11);
    assert_int_equal(migrate(&p).status, 0);
    assert_string_equal(pg_sql(&p, list).value, before.value);
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").value, "0");
    pg_client_close(&p);
}

static void the_ledger_refuses_a_loaded_file_whose_rows_are_not_accounted_for(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    assert_int_equal(migrate(&p).status, 0);
    assert_int_equal(pg_sql(&p, "INSERT INTO cetl.file (token, name, state, rows_read, rows_loaded, rows_rejected) VALUES ('a', "
                                "'a', 'loaded', 3, 2, 1)")
                         .status,
                     0);
    struct pg_answer a =
        pg_sql(&p, "INSERT INTO cetl.file (token, name, state, rows_read, rows_loaded) VALUES ('b', 'b', 'loaded', 3, 2)");
    assert_string_equal(a.error.sqlstate, "23514");
    a = pg_sql(&p, "INSERT INTO cetl.file (token, name, state) VALUES ('c', 'c', 'lost')");
    assert_string_equal(a.error.sqlstate, "23514");
    a = pg_sql(&p, "INSERT INTO cetl.file (token, name, state) VALUES ('a', 'again', 'failed')");
    assert_string_equal(a.error.sqlstate, "23505");
    pg_client_close(&p);
}

static void every_table_is_documented(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    assert_int_equal(migrate(&p).status, 0);
    struct pg_answer a = pg_sql(&p, "SELECT count(*) FROM pg_class WHERE relnamespace = 'cetl'::regnamespace AND relkind = 'r'"
                                    " AND obj_description(oid, 'pg_class') IS NULL");
    assert_string_equal(a.value, "0");
    pg_client_close(&p);
}

static void a_newer_database_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    assert_int_equal(migrate(&p).status, 0);
    pg_sql(&p, "INSERT INTO cetl.migration VALUES (999, 'future', 'x'), (1000, 'far future', 'x')");
    struct pg_answer a = migrate(&p);
    assert_int_equal(a.status, -EINVAL);
    assert_non_null(strstr(a.error.text, "number 1000 (far future) by a newer cetld; this one knows up to"));
    assert_true(db_conn_idle(p.conn));
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").value, "0");
    pg_client_close(&p);
}

static void a_changed_text_is_refused(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    assert_int_equal(migrate(&p).status, 0);
    pg_sql(&p, "UPDATE cetl.migration SET checksum = repeat('0', 64)");
    struct pg_answer a = migrate(&p);
    assert_int_equal(a.status, -EINVAL);
    assert_non_null(strstr(a.error.text, "migration 1 (ledger) was made with another text"));
    pg_client_close(&p);
}

static void a_migration_that_fails_leaves_nothing_of_itself(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    pg_sql(&p, "CREATE SCHEMA cetl; CREATE TABLE cetl.change (in_the_way int)");
    struct pg_answer a = migrate(&p);
    assert_int_equal(a.status, ERROR_REFUSED);
    assert_string_equal(a.error.sqlstate, "42P07");
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM cetl.migration").value, "0");
    assert_string_equal(pg_sql(&p, "SELECT to_regclass('cetl.dataset') IS NULL").value, "t");
    assert_false(db_conn_in_transaction(p.conn));
    pg_client_close(&p);
}

static void two_at_once_wait_for_each_other(void **state)
{
    (void)state;
    struct pg_client p, q;
    fresh(&p);
    pg_client_open(&q);
    struct pg_answer a = {0}, b = {0};
    assert_int_equal(db_migrate(p.conn, pg_answered, &a), 0);
    assert_int_equal(db_migrate(q.conn, pg_answered, &b), 0);
    /* Two loops, turned in turn. */
    for (int i = 0; i < 2000000 && !(a.done && b.done); i++) {
        uv_run(loop_uv(p.loop), UV_RUN_NOWAIT);
        uv_run(loop_uv(q.loop), UV_RUN_NOWAIT);
    }
    assert_int_equal(a.done + b.done, 2);
    assert_int_equal(a.status, 0);
    assert_int_equal(b.status, 0);
    pg_client_close(&q);
    pg_client_close(&p);
}

static struct pg_answer migrate_user(struct pg_client *p, const struct db_migration *list)
{
    struct pg_answer a = {0};
    assert_int_equal(db_migrate_user(p->conn, list, pg_answered, &a), 0);
    assert_true(pg_await(p->loop, &a.done));
    assert_int_equal(a.done, 1);
    return a;
}

static void the_users_run_once_and_a_refusal_has_file_and_line(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    pg_sql(&p, "DROP TABLE IF EXISTS theirs, more");
    assert_int_equal(migrate(&p).status, 0);
    struct db_migration list[] = {{1, "a", "CREATE TABLE theirs (id int)", "f/1_a.sql"},
                                  {2, "b", "CREATE TABLE more (id int);\nSELECT 'é',\n  nothing FROM theirs", "f/2_b.sql"},
                                  {0, NULL, NULL, NULL}};
    static const char numbers[] =
        "SELECT coalesce(string_agg(number || ' ' || name, ', ' ORDER BY number), '') FROM cetl.user_migration";
    for (int i = 0; i < 2; i++) {
        struct pg_answer a = migrate_user(&p, list);
        assert_int_equal(a.status, ERROR_REFUSED);
        assert_string_equal(a.error.sqlstate, "42703");
        assert_string_equal(
            a.error.text,
            "f/2_b.sql:3: column \"nothing\" does not exist; nothing of this migration was done: mend it, and reload");
        assert_string_equal(pg_sql(&p, numbers).value, "1 a");
        assert_string_equal(pg_sql(&p, "SELECT to_regclass('more') IS NULL").value, "t");
        assert_false(db_conn_in_transaction(p.conn));
    }
    list[1].sql = "SELECT 1";
    assert_int_equal(migrate_user(&p, list).status, 0);
    assert_string_equal(pg_sql(&p, numbers).value, "1 a, 2 b");
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").value, "0");
    pg_client_close(&p);
}

static void a_text_of_the_users_that_changed_or_is_gone_is_refused(void **state)
{
    (void)state;
    struct pg_client p;
    fresh(&p);
    assert_int_equal(migrate(&p).status, 0);
    struct db_migration list[] = {{1, "a", "SELECT 1", "f/1_a.sql"}, {2, "b", "SELECT 2", "f/2_b.sql"}, {0, NULL, NULL, NULL}};
    assert_int_equal(migrate_user(&p, list).status, 0);
    list[0].sql = "SELECT 1 ";
    struct pg_answer a = migrate_user(&p, list);
    assert_int_equal(a.status, -EINVAL);
    assert_non_null(strstr(a.error.text, "f/1_a.sql was changed after it was run"));
    list[0].sql = "SELECT 1";
    list[1].number = 0;
    a = migrate_user(&p, list);
    assert_int_equal(a.status, -EINVAL);
    assert_non_null(strstr(a.error.text, "migration 2 (b) was run in this database, and its file is gone"));
    list[1] = (struct db_migration){2, "renamed", "SELECT 2", "f/2_renamed.sql"}; /* the text counts */
    assert_int_equal(migrate_user(&p, list).status, 0);
    pg_client_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_database_gets_the_schema_and_a_second_run_changes_nothing),
        cmocka_unit_test(the_ledger_refuses_a_loaded_file_whose_rows_are_not_accounted_for),
        cmocka_unit_test(every_table_is_documented),
        cmocka_unit_test(a_newer_database_is_refused_and_left_alone),
        cmocka_unit_test(a_changed_text_is_refused),
        cmocka_unit_test(a_migration_that_fails_leaves_nothing_of_itself),
        cmocka_unit_test(two_at_once_wait_for_each_other),
        cmocka_unit_test(the_users_run_once_and_a_refusal_has_file_and_line),
        cmocka_unit_test(a_text_of_the_users_that_changed_or_is_gone_is_refused),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
