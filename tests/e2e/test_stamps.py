# SPDX-License-Identifier: MIT
"""soft_delete and timestamps: the columns they keep, and what loads and rollups make of them."""

PEOPLE = """
[dataset people]
files = people*.csv
columns = id bigint primary key, name text
mode = upsert
soft_delete = yes
timestamps = yes
[rollup people.names]
group = name
measure = count(*) as n
"""
COLUMNS = "SELECT attname::text, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0 ORDER BY attnum"
STAMPS = [("deleted_at", "timestamp with time zone"), ("created_at", "timestamp with time zone"), ("updated_at", "timestamp with time zone")]


def test_the_columns_are_added_to_a_table_that_is_there(cetld, database):
    database.rows("CREATE TABLE people (id bigint primary key, name text); ALTER TABLE people OWNER TO cetl")
    database.rows("INSERT INTO people VALUES (7, 'Old')")
    d = cetld(PEOPLE)
    assert database.rows(COLUMNS)[2:] == STAMPS
    assert database.rows("SELECT deleted_at, created_at IS NOT NULL FROM people") == [(None, True)]
    d.restart()
    assert database.rows(COLUMNS)[2:] == STAMPS


def test_a_loaded_key_is_there_again_and_says_when(cetld, database):
    d = cetld(PEOPLE)
    d.drop("people1.csv", "id,name\n1,Ann\n2,Bob\n3,Cid\n")
    d.wait_state("people1.csv")
    database.rows("UPDATE people SET deleted_at = now() WHERE id < 3")
    database.rows("SELECT pg_sleep(0.001)")
    d.drop("people2.csv", "id,name\n1,Eve\n")
    d.wait_state("people2.csv")
    rows = database.rows("SELECT id, name, deleted_at IS NULL, updated_at > created_at FROM people ORDER BY id")
    assert rows == [(1, "Eve", True, True), (2, "Bob", False, False), (3, "Cid", True, False)]


def test_rollups_leave_deleted_rows_out(cetld, database):
    d = cetld(PEOPLE)
    d.drop("people1.csv", "id,name\n1,Ann\n2,Bob\n3,Cid\n")
    d.wait_state("people1.csv")
    database.rows("SET cetl.load = 'on'; UPDATE people SET deleted_at = now() WHERE id < 3")
    d.drop("people2.csv", "id,name\n1,Ann\n2,Bob\n4,Cid\n")
    d.wait_state("people2.csv")
    assert database.rows("SELECT name, n FROM people_names ORDER BY 1") == [("Ann", 1), ("Bob", 1), ("Cid", 2)]
    database.rows("UPDATE people SET deleted_at = now() WHERE id = 4; DROP TABLE people_names")
    d.restart()
    assert database.rows("SELECT name, n FROM people_names ORDER BY 1") == [("Ann", 1), ("Bob", 1), ("Cid", 1)]


def test_a_file_brings_them_only_where_columns_declares_them(cetld, database):
    d = cetld(PEOPLE)
    d.drop("people1.csv", "id,name,deleted_at\n1,Ann,2020-01-01\n")
    assert "deleted_at" in d.wait_state("people1.csv", "failed")["error"]
    d.write_config(PEOPLE.replace("name text", "name text, deleted_at timestamptz").replace("[rollup people.names]", "[rollup people.again]"))
    d.restart()
    d.drop("people2.csv", "id,name,deleted_at\n1,Ann,2020-01-01\n2,Bob,\n")
    d.drop("people3.csv", "id,name\n3,Cid\n")
    d.wait_state("people2.csv")
    d.wait_state("people3.csv")
    assert database.rows("SELECT id FROM people WHERE deleted_at IS NULL ORDER BY 1") == [(2,), (3,)]
    assert database.rows("SELECT name, n FROM people_again ORDER BY 1") == [("Bob", 1), ("Cid", 1)]


def test_a_column_of_that_name_and_another_type_is_a_mistake(cetld, database):
    database.rows("CREATE TABLE people (id bigint primary key, name text, deleted_at text); ALTER TABLE people OWNER TO cetl")
    d = cetld(PEOPLE)
    assert "column deleted_at of public.people to be timestamptz" in d.log()
