# SPDX-License-Identifier: MIT
"""Rows that only the server can refuse: found one by one, rejected within the budget, named without one; the rest loads."""

import hashlib
import os

import pytest

from waiting import until

ITEMS = """
[dataset items]
files = items*.csv
columns = id bigint primary key, kind text, amount numeric(12,2)
max_errors = %s
"""


def rows(n, bad=None, of=lambda i: "%d,k%d,%d.00" % (i, i % 7, i)):
    """A CSV of n rows, ids from 1; `bad` replaces some: {id: text of the row}."""
    bad = bad or {}
    return "id,kind,amount\n" + "".join((bad.get(i) or of(i)) + "\n" for i in range(1, n + 1))


def rejects(daemon, entry):
    return daemon.json("/v1/files/%s/rejects" % entry["id"])


def loaded(daemon, name, read, rejected):
    entry = daemon.wait_state(name, "loaded")
    assert daemon.settled(entry)
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_rejected"]) == (read, read - rejected, rejected), entry
    return entry


def prepared(cetld, database, budget, *statements):
    """A running daemon whose table items has what the statements give it."""
    daemon = cetld(ITEMS % budget)
    until(lambda: database.value("SELECT to_regclass('items') IS NOT NULL"), "the table is there")
    for statement in statements:
        database.rows(statement)
    return daemon


# How the server refuses: statements that prepare it, the bad row (its id is 500), column, SQLSTATE.
REFUSALS = {
    "check": (["ALTER TABLE items ADD CONSTRAINT positive CHECK (amount > 0)"], "500,k,-1", "", "23514"),
    "unique": (["ALTER TABLE items ADD UNIQUE (kind, amount)", "INSERT INTO items VALUES (0, 'k', 77)"], "500,k,77", "", "23505"),
    "primary_key": (["INSERT INTO items VALUES (500, 'old', 1)"], "500,new,2", "id", "23505"),
    "inside_the_file": ([], "3,k,1", "id", "23505"),
    "exclusion": (["ALTER TABLE items ADD EXCLUDE USING btree (amount WITH =)"], "500,k,3.00", "amount", "23P01"),
    "foreign_key": (["CREATE TABLE kinds (kind text PRIMARY KEY)", "INSERT INTO kinds SELECT 'k' || n FROM generate_series(0, 6) n",
                     "ALTER TABLE items ADD FOREIGN KEY (kind) REFERENCES kinds"], "500,none,1", "kind", "23503"),
    "deferred_key": (["CREATE TABLE kinds (kind text PRIMARY KEY)", "INSERT INTO kinds SELECT 'k' || n FROM generate_series(0, 6) n",
                      "ALTER TABLE items ADD FOREIGN KEY (kind) REFERENCES kinds DEFERRABLE INITIALLY DEFERRED"], "500,none,1", "kind", "23503"),
    "deferred_unique": (["ALTER TABLE items ADD UNIQUE (amount) DEFERRABLE INITIALLY DEFERRED"], "500,k,3.00", "amount", "23505"),
    "domain": (["CREATE DOMAIN small AS numeric CHECK (value < 1000000)", "ALTER TABLE items ALTER amount TYPE small"], "500,k,1000001", "amount", "23514"),
    "trigger_before": (["CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.kind = 'bad' THEN RAISE EXCEPTION 'no %', new.kind; END IF;"
                        " RETURN new; END $$", "CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION f()"], "500,bad,1", "", "P0001"),
    "trigger_after": (["CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.kind = 'bad' THEN PERFORM 1 / 0; END IF;"
                       " RETURN new; END $$", "CREATE TRIGGER t AFTER INSERT ON items FOR EACH ROW EXECUTE FUNCTION f()"], "500,bad,1", "", "22012"),
    "row_too_big": (["ALTER TABLE items ALTER kind SET STORAGE PLAIN"], "500," + "x" * 9000 + ",1", "", "54000"),
    "index_row_too_big": (["CREATE INDEX ON items (kind)"], "500," + "".join(hashlib.sha256(b"%d" % i).hexdigest() for i in range(100)) + ",1", "", "54000"),
    "nested_too_deep": (["ALTER TABLE items ADD CHECK (left(kind, 1) <> '[' OR kind::json IS NOT NULL)"], "500," + "[" * 100000 + ",1", "", "54001"),
    "index_expression": (["CREATE INDEX ON items ((1 / (amount - 77)))"], "500,k,77", "", "22012"),
}


@pytest.mark.parametrize("how", sorted(REFUSALS))
def test_refused_row_is_rejected_and_the_rest_loads(cetld, database, how):
    statements, row, column, code = REFUSALS[how]
    daemon = prepared(cetld, database, "1", *statements)
    before = database.value("SELECT count(*) FROM items")
    daemon.drop("items_1.csv", rows(999, {500: row}, lambda i: "%d,k%d,%d.00" % (i, i % 7, i if i != 77 else 7700)))
    entry = loaded(daemon, "items_1.csv", 999, 1)
    assert database.value("SELECT count(*) FROM items") == before + 998
    (reject,) = rejects(daemon, entry)
    assert (reject["line"], reject["raw"], reject["column"] or "", reject["code"]) == (501, row, column, code), reject
    assert reject["message"].startswith("PostgreSQL refused the row: ")
    if column:
        assert reject["value"] == dict(zip(("id", "kind", "amount"), row.split(",")))[column]


@pytest.mark.parametrize("how", ["check", "foreign_key", "primary_key"])
def test_without_a_budget_the_first_bad_row_is_named(cetld, database, how):
    statements, row, column, code = REFUSALS[how]
    daemon = prepared(cetld, database, "0", *statements)
    before = database.value("SELECT count(*) FROM items")
    daemon.drop("items_1.csv", rows(999, {500: row, 700: row.replace("500", "700")}))
    entry = daemon.wait_state("items_1.csv", "failed")
    assert entry["error"].startswith("line 501: PostgreSQL refused the row: "), entry
    assert "at least 1 of 999 rows" in entry["error"]
    assert database.value("SELECT count(*) FROM items") == before
    (reject,) = rejects(daemon, entry)
    assert (reject["line"], reject["raw"], reject["code"]) == (501, row, code)
    assert row in daemon.errors_csv("items_1.csv").replace('"', "")


BAD_TEN = {i: "%d,bad,-1" % i for i in (1, 2, 999, 5000, 5001, 30000, 65536, 77777, 99999, 100000)}
POSITIVE = "ALTER TABLE items ADD CONSTRAINT positive CHECK (amount > 0)"
KINDS = ["CREATE TABLE kinds (kind text PRIMARY KEY)", "INSERT INTO kinds SELECT 'k' || n FROM generate_series(0, 6) n",
         "ALTER TABLE items ADD FOREIGN KEY (kind) REFERENCES kinds"]


@pytest.mark.parametrize("budget", ["20", "1%", "10"])
@pytest.mark.parametrize("statements", [[POSITIVE], KINDS], ids=["check", "foreign_key"])
def test_ten_bad_rows_of_many_are_found(cetld, database, budget, statements):
    daemon = prepared(cetld, database, budget, *statements)
    daemon.drop("items_1.csv", rows(100000, BAD_TEN))
    entry = loaded(daemon, "items_1.csv", 100000, 10)
    assert [r["line"] for r in rejects(daemon, entry)] == [i + 1 for i in sorted(BAD_TEN)]
    assert database.value("SELECT count(*) FROM items") == 99990


@pytest.mark.parametrize("budget", ["9", "0.009%"])
def test_over_the_budget_nothing_loads(cetld, database, budget):
    daemon = prepared(cetld, database, budget, POSITIVE)
    daemon.drop("items_1.csv", rows(100000, BAD_TEN))
    entry = daemon.wait_state("items_1.csv", "failed")
    assert entry["rows_rejected"] == 10 and entry["error"].startswith("line 2: "), entry
    assert database.value("SELECT count(*) FROM items") == 0
    assert len(daemon.errors_csv("items_1.csv").splitlines()) == 11


def test_rejects_of_both_kinds_share_the_budget(cetld, database):
    daemon = prepared(cetld, database, "2", POSITIVE)
    daemon.drop("items_1.csv", rows(100, {10: "10,k,ten", 20: "20,k,-1"}))
    entry = loaded(daemon, "items_1.csv", 100, 2)
    assert [(r["line"], r["code"]) for r in rejects(daemon, entry)] == [(11, "22P02"), (21, "23514")]
    daemon.drop("items_2.csv", rows(300, {10: "10,k,ten", 20: "20,k,-1", 30: "30,k,-1"}).replace("\n", "\n1000", 300))
    entry = daemon.wait_state("items_2.csv", "failed")
    assert database.value("SELECT count(*) FROM items") == 98


def test_rows_may_refer_to_rows_behind_them(cetld, database):
    daemon = cetld("""
[dataset tree]
files = tree*.csv
columns = id bigint primary key, parent bigint references tree, name text check (name <> 'bad')
max_errors = 3
""")
    # A chain from the last to the first, cut at 5000 by a bad row: what hangs on it, 4999 and 4998, has no parent either.
    n = 20000
    lines = ["%d,%s,x" % (i, i + 1 if i < n and i != 4997 else "") for i in range(1, n + 1)]
    lines[5000 - 1] = "5000,5001,bad"
    daemon.drop("tree_1.csv", "id,parent,name\n" + "\n".join(lines) + "\n")
    entry = loaded(daemon, "tree_1.csv", n, 3)
    assert [r["line"] for r in rejects(daemon, entry)] == [4999, 5000, 5001]
    assert database.value("SELECT count(*) FROM tree") == n - 3


def test_same_bytes_again_are_a_duplicate_and_no_rejects(cetld, database):
    daemon = prepared(cetld, database, "100%", POSITIVE)
    data = rows(1000, {500: "500,k,-1"})
    daemon.drop("items_1.csv", data)
    loaded(daemon, "items_1.csv", 1000, 1)
    daemon.drop("items_2.csv", data)
    assert daemon.wait_state("items_2.csv", "duplicate")["rows_rejected"] == 0


def test_rollup_follows_what_was_loaded(cetld, database):
    daemon = cetld(ITEMS % "20" + "[rollup items.sums]\ngroup = kind\nmeasure = count(*) as n, sum(amount) as total\n")
    until(lambda: database.value("SELECT to_regclass('items_sums') IS NOT NULL"), "the rollup is there")
    database.rows(POSITIVE)
    daemon.drop("items_1.csv", rows(100000, BAD_TEN))
    loaded(daemon, "items_1.csv", 100000, 10)
    assert database.same("SELECT * FROM items_sums", "SELECT kind, count(*), sum(amount) FROM items GROUP BY kind")


def test_replace_keeps_the_old_rows_out_of_the_judgement(cetld, database):
    daemon = cetld(ITEMS % "1" + "mode = replace\n")
    daemon.drop("items_1.csv", rows(1000))
    loaded(daemon, "items_1.csv", 1000, 0)
    daemon.drop("items_2.csv", rows(1000, {700: "3,twice,1"}))
    entry = loaded(daemon, "items_2.csv", 1000, 1)
    (reject,) = rejects(daemon, entry)
    assert (reject["line"], reject["code"]) == (701, "23505")
    assert database.value("SELECT count(*) FROM items") == 999


@pytest.mark.parametrize("how", ["kill9", "stop"])
def test_ended_in_the_search_leaves_nothing_and_loads_later(cetld, database, how):
    daemon = prepared(cetld, database, "20", POSITIVE)
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        # A key that comes and goes: the search waits for its end, in the middle of the file.
        sql.execute("INSERT INTO items VALUES (50000, 'k1', 1)")
        daemon.drop("items_1.csv", rows(100000, BAD_TEN))
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%cetl_window%'") == 1,
              "the load waits", deadline=60)
        getattr(daemon, how)()
        holder.rollback()
    holder.close()
    until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cetl' AND datname = current_database()") == 0, "its sessions end")
    assert database.value("SELECT count(*) FROM items") == 0
    daemon.start()
    entry = loaded(daemon, "items_1.csv", 100000, 10)
    assert len(rejects(daemon, entry)) == 10
    assert os.listdir(daemon.path("work")) == []


def test_refusal_of_the_whole_fails_with_the_servers_words(cetld, database):
    daemon = prepared(cetld, database, "100%",
                      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (SELECT count(*) FROM items) > 10 AND"
                      " (SELECT count(*) FROM added) > 500 THEN RAISE EXCEPTION 'too many at once'; END IF; RETURN NULL; END $$",
                      "CREATE TRIGGER t AFTER INSERT ON items REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION f()")
    daemon.drop("items_1.csv", rows(1000))
    entry = daemon.wait_state("items_1.csv", "failed")
    assert "too many at once" in entry["error"] and database.value("SELECT count(*) FROM items") == 0


KEYED = """
[dataset items]
files = items*.csv
columns = id bigint primary key, kind text, amount numeric(12,2)
mode = %s
max_errors = %s
"""


@pytest.mark.parametrize("mode", ["upsert", "ignore"])
@pytest.mark.parametrize("first", [False, True], ids=["into_empty", "into_filled"])
@pytest.mark.parametrize("how, statements", [("check", [POSITIVE]), ("foreign_key", KINDS), ("unique", ["ALTER TABLE items ADD UNIQUE (amount)"])])
def test_keyed_modes_reject_what_the_merge_refuses(cetld, database, mode, first, how, statements):
    daemon = cetld(KEYED % (mode, "5"))
    until(lambda: database.value("SELECT to_regclass('items') IS NOT NULL"), "the table is there")
    for statement in statements:
        database.rows(statement)
    before = known = 0
    if first:
        daemon.drop("items_0.csv", rows(20000, of=lambda i: "%d,k%d,%d.00" % (i, i % 7, i + 100000)))
        before, known = daemon.wait_state("items_0.csv")["rows_loaded"], 10000
    bad = {i: "%d,bad,-1" % (i + 10000) for i in (100, 15000, 29999)}
    daemon.drop("items_1.csv", rows(30000, bad, lambda i: "%d,k%d,%d.00" % (i + 10000, i % 7, i)))
    entry = daemon.wait_state("items_1.csv")
    # The first file brought the key of line 101. Where that row is ignored PostgreSQL looks at its CHECKs, and at nothing else of it.
    passed_over = first and mode == "ignore" and how != "check"
    lost = [101, 15001, 30000]
    if passed_over:
        lost.remove(101)
    if how == "unique":
        del lost[0]  # the first of the equal amounts stays
    assert [r["line"] for r in rejects(daemon, entry)] == lost
    known -= first and 101 in lost
    assert (entry["rows_updated"], entry["rows_ignored"]) == ((known, 0) if mode == "upsert" else (0, known))
    assert daemon.settled(entry) and database.value("SELECT count(*) FROM items") == before + entry["rows_loaded"]


def test_keyed_file_without_a_budget_names_the_row(cetld, database):
    daemon = cetld(KEYED % ("upsert", "0"))
    until(lambda: database.value("SELECT to_regclass('items') IS NOT NULL"), "the table is there")
    database.rows(POSITIVE)
    daemon.drop("items_0.csv", rows(100))
    daemon.wait_state("items_0.csv")
    daemon.drop("items_1.csv", rows(200, {150: "150,k,-5"}))
    error = daemon.wait_state("items_1.csv", "failed")["error"]
    assert error.startswith("line 151: ") and "positive" in error, error
    assert database.value("SELECT count(*) FROM items") == 100


def test_rejects_mended_and_dropped_again_load(cetld, database):
    daemon = prepared(cetld, database, "10", POSITIVE)
    bad = {2: '2,"two\nlines, ""quoted""",-2', 3: "three,k,3", 5: "5,k,-5,extra"}
    daemon.drop("items_1.csv", rows(6, bad).replace("id,kind,amount", 'ID,"Kind",Amount'))
    entry = loaded(daemon, "items_1.csv", 6, 3)
    answers = [daemon.get("/v1/files/%s/rejects%s" % (entry["id"], q), headers=h) for q, h in (("?format=csv", {}), ("", {"Accept": "text/csv"}))]
    assert answers[0].body == answers[1].body and answers[0].headers["Content-Type"].startswith("text/csv")
    text = answers[0].body.decode()
    assert text == 'ID,"Kind",Amount\n2,"two\nlines, ""quoted""",-2\nthree,k,3\n5,k,-5,extra\n'
    daemon.drop("items_2.csv", text.replace("-2", "2").replace("three", "3").replace("-5,extra", "5"))
    loaded(daemon, "items_2.csv", 3, 0)
    assert database.rows("SELECT id FROM items ORDER BY id") == [(i,) for i in range(1, 7)]
    assert database.value("SELECT kind FROM items WHERE id = 2") == 'two\nlines, "quoted"'
    assert daemon.get("/v1/files/%s/rejects?format=xml" % entry["id"]).status == 400
    assert daemon.get("/v1/files/999999/rejects?format=csv").status == 404
    assert isinstance(daemon.json("/v1/files/%s/rejects" % entry["id"]), list)


def test_load_that_is_cancelled_again_and_again_fails(cetld, database):
    daemon = cetld(ITEMS % "0", database={"backoff_max": "300ms"})
    until(lambda: database.value("SELECT to_regclass('items') IS NOT NULL"), "the table is there")
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        daemon.drop("items_1.csv", rows(10))
        cancel = ("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'cetl' AND wait_event_type = 'Lock'"
                  " AND query LIKE '%COPY%' AND query_start < now() - interval '20 ms'")
        until(lambda: not database.rows(cancel) and [e for e in daemon.ledger("items_1.csv") if e["state"] == "failed"],
              lambda: "it fails\n" + daemon.log())
        assert "cancelled" in daemon.wait_state("items_1.csv", "failed")["error"]
        holder.rollback()
    holder.close()


def test_more_bad_rows_than_are_kept_in_words_count_all_the_same(cetld, database):
    """A long message a row fills what is kept; the rows behind are known by their lines."""
    daemon = prepared(cetld, database, "60%", "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.amount < 0 THEN"
                      " RAISE EXCEPTION '%', repeat('no ', 300); END IF; RETURN new; END $$",
                      "CREATE TRIGGER t BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION f()")
    bad = {i: "%d,k,-1" % i for i in range(1, 20001) if i % 2 or i > 5000}
    daemon.drop("items_1.csv", rows(40000, bad))
    entry = daemon.wait_state("items_1.csv", "loaded", deadline=240)
    assert daemon.settled(entry) and (entry["rows_loaded"], entry["rows_rejected"]) == (40000 - len(bad), len(bad))
    assert database.value("SELECT count(*) FROM items") == 40000 - len(bad)


@pytest.mark.parametrize("mode, loaded_again", [("append", 19), ("upsert", 0)])
def test_equal_bytes_with_a_bad_row_load_again_where_duplicates_load(cetld, database, mode, loaded_again):
    """That the server refuses a row of them makes them no duplicate."""
    key = " primary key" if mode == "upsert" else ""
    daemon = cetld("[dataset items]\nfiles = items*.csv\ncolumns = id bigint%s, kind text, amount numeric(12,2) check (amount > 0)\n"
                   "mode = %s\nduplicates = load\nmax_errors = 1\n" % (key, mode))
    for name in ("items1.csv", "items2.csv"):
        daemon.drop(name, rows(20, {7: "7,k,-1"}))
        entry = daemon.wait_state(name)
        assert daemon.settled(entry) and entry["rows_rejected"] == 1, entry
    assert (entry["rows_loaded"], entry["rows_updated"]) == (loaded_again, 19 - loaded_again)
    assert database.value("SELECT count(*) FROM items") == 19 + loaded_again
