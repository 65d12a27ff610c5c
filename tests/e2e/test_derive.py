# SPDX-License-Identifier: MIT
"""[derive]: tables and views made of loaded tables, never wrong for long, never in the way of a load."""

import os
import re
import signal
import subprocess
import threading

import psycopg2.errors
import psycopg2.extensions
import pytest

from daemon import BINARY
from waiting import until

PEOPLE = """
[dataset people]
files = people*.csv
columns = person_id int primary key, name text not null
mode = replace

[dataset trades]
files = trades*.csv
columns = person_id int, date date, stock text
"""
OUTPUT = """
[derive output]
after = people, trades
sql =
    select p.*, t.date, t.stock
      from people p
      left join (select distinct on (person_id) * from trades order by person_id, date, stock) t using (person_id);
"""
ITEMS = """
[dataset items]
files = items*.csv
columns = id int, amount int
"""
REPLACED = ITEMS + "mode = replace\n"


def derive(daemon, name):
    """Its entry in /v1, or nothing while the database is away."""
    answer = daemon.get("/v1")
    assert answer.status in (200, 503), answer
    found = [e for e in answer.json if e.get("derived") and e["name"] == name] if answer.status == 200 else []
    return found[0] if found else None


def wait_derive(daemon, name, state="fresh", deadline=30):
    """Wait for a state of it; the entry."""
    seen = []

    def there():
        seen[:] = [derive(daemon, name)]
        return seen[0] if seen[0] and seen[0]["state"] == state else None

    return until(there, lambda: "%s is %s: %s\n%s" % (name, state, seen, daemon.log()), deadline)


def wait_rows(database, query, rows, daemon, deadline=30):
    seen = []

    def there():
        try:
            seen[:] = [database.rows(query)]
        except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as e:  # not made yet
            seen[:] = [str(e)]
        return seen[0] == rows

    until(there, lambda: "%s gives %s, not %s\n%s" % (query, seen, rows, daemon.log()), deadline)


def metric(daemon, name):
    return int(re.search(r"^%s (\d+)$" % name, daemon.get("/metrics").body.decode(), re.M).group(1))


def items(*pairs):
    return "id,amount\n" + "".join("%d,%d\n" % p for p in pairs)


def reload(daemon, config, says="configuration reloaded"):
    before = len(daemon.log_lines(says))
    daemon.write_config(config)
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.log_lines(says)) > before, lambda: "%s\n%s" % (says, daemon.log()))


# ---- what it is for ----

def test_people_with_their_earliest_trade(cetld, database):
    daemon = cetld(PEOPLE + OUTPUT)
    wait_derive(daemon, "output")
    daemon.drop("people.csv", "person_id,name\n1,Ann\n2,Bob\n3,Cem\n")
    daemon.drop("trades.csv", "person_id,date,stock\n1,2024-02-01,B\n1,2024-01-01,A\n3,2024-03-01,C\n3,2024-03-02,A\n")
    wait_rows(database, "SELECT person_id, name, date::text, stock FROM output ORDER BY 1",
              [(1, "Ann", "2024-01-01", "A"), (2, "Bob", None, None), (3, "Cem", "2024-03-01", "C")], daemon)
    assert [r["stock"] for r in sorted(daemon.get_rows("output"), key=lambda r: r["person_id"])] == ["A", None, "C"]
    entry = wait_derive(daemon, "output")
    assert entry["rows"] == 3 and entry["error"] is None and entry["after"] == ["people", "trades"] and entry["refreshed_at"]
    assert [(c["name"], c["type"]) for c in entry["columns"]] == [("person_id", "integer"), ("name", "text"), ("date", "date"), ("stock", "text")]
    daemon.drop("people.csv", "person_id,name\n3,Cem\n")
    wait_rows(database, "SELECT person_id, stock FROM output", [(3, "C")], daemon)
    assert metric(daemon, "cetl_derive_refreshes_total") >= 2 and metric(daemon, "cetl_derive_failures_total") == 0


def test_it_stands_without_rows_before_the_first_file(cetld, database):
    daemon = cetld(PEOPLE + OUTPUT)
    wait_derive(daemon, "output")
    assert daemon.get_rows("output") == []
    assert daemon.get("/readyz?dataset=output").status == 200


def test_inferred_input_is_waited_for(cetld, database):
    daemon = cetld("[dataset clicks]\n\n[derive kinds]\nafter = clicks\nsql = select kind, count(*) as n from clicks group by kind\n")
    entry = wait_derive(daemon, "kinds", "waiting")
    assert "clicks has no table yet" in entry["error"]
    answer = daemon.get("/v1/kinds")
    assert answer.status == 404 and b"not made yet" in answer.body
    daemon.drop("clicks.csv", "kind,at\na,1\nb,2\na,3\n")
    daemon.wait_state("clicks.csv")
    wait_rows(database, "SELECT * FROM kinds ORDER BY 1", [("a", 2), ("b", 1)], daemon)


def test_derives_of_derives_follow_in_order(cetld, database):
    daemon = cetld(ITEMS + """
[derive top]
after = big
sql = select max(total) as most from big
[derive big]
after = totals
as = view
sql = select * from totals where total > 10
[derive totals]
after = items
sql = select id, sum(amount) as total from items group by id
""")
    for n in range(3):
        daemon.drop("items_%d.csv" % n, items((1, 10 + n), (2, 20)))
    daemon.wait_count("loaded", 3)
    wait_rows(database, "SELECT * FROM top", [(60,)], daemon)
    daemon.drop("items_3.csv", items((1, 100)))
    wait_rows(database, "SELECT * FROM top", [(133,)], daemon)
    assert daemon.get_rows("big", limit=5) and wait_derive(daemon, "big")["rows"] is None


def test_hundred_files_make_few_refreshes(cetld, database):
    daemon = cetld(ITEMS + "[derive total]\nafter = items\nsql = select sum(amount) as total, count(*) as n from items\n")
    wait_derive(daemon, "total")
    before = metric(daemon, "cetl_derive_refreshes_total")
    for n in range(100):
        daemon.drop("items_%d.csv" % n, items((n, n), (n, 1)))
    daemon.wait_count("loaded", 100)
    wait_rows(database, "SELECT total::int, n::int FROM total", [(5050, 200)], daemon)
    assert metric(daemon, "cetl_derive_refreshes_total") - before <= 20


# ---- readers ----

def test_readers_see_the_old_rows_or_the_new_ones(cetld, database):
    daemon = cetld(REPLACED + "[derive copy]\nafter = items\nsql = select * from items\n")
    daemon.drop("items.csv", items(*((i, 0) for i in range(1000))))
    wait_rows(database, "SELECT count(*)::int FROM copy", [(1000,)], daemon)
    old = database.connect()
    old.autocommit = False
    old.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ)
    old_sql = old.cursor()
    old_sql.execute("SELECT count(*) FROM items")  # the snapshot; copy itself is not touched yet
    seen, ended = set(), threading.Event()

    def read():
        db = database.connect()
        with db.cursor() as sql:
            while not ended.is_set():
                sql.execute("SELECT count(*)::int, count(DISTINCT amount)::int FROM copy")
                seen.add(sql.fetchone())
        db.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for n in range(1, 5):
            daemon.drop("items.csv", items(*((i, n) for i in range(1000))))
            wait_rows(database, "SELECT DISTINCT amount FROM copy", [(n,)], daemon)
        old_sql.execute("SELECT count(*)::int, min(amount), max(amount) FROM copy")
        assert old_sql.fetchone() == (1000, 0, 0)
    finally:
        ended.set()
        reader.join()
        old.close()
    assert seen == {(1000, 1)}


def test_what_others_put_on_the_table_stays(cetld, database):
    daemon = cetld(ITEMS + "[derive copy]\nafter = items\nsql = select * from items\n")
    wait_derive(daemon, "copy")
    database.rows("CREATE INDEX mine ON copy (id)")
    database.rows("CREATE VIEW seen AS SELECT count(*)::int FROM copy")
    oid = database.value("SELECT 'copy'::regclass::oid")
    daemon.drop("items.csv", items((1, 1), (2, 2)))
    wait_rows(database, "SELECT * FROM seen", [(2,)], daemon)
    assert database.value("SELECT to_regclass('mine') IS NOT NULL") and database.value("SELECT 'copy'::regclass::oid") == oid


# ---- failures ----

QUOTIENT = REPLACED + "[derive quotient]\nafter = items\nsql = select id, 100 / amount as q from items\n"


def test_failure_is_seen_and_touches_no_load(cetld, database):
    daemon = cetld(QUOTIENT)
    daemon.drop("items.csv", items((1, 10)))
    wait_rows(database, "SELECT id, q FROM quotient", [(1, 10)], daemon)
    daemon.drop("items.csv", items((1, 0), (2, 5)))
    entry = wait_derive(daemon, "quotient", "failed")
    assert "division by zero" in entry["error"] and entry["rows"] == 1
    assert daemon.wait_state("items.csv", nth=2)["rows_loaded"] == 2
    assert database.rows("SELECT id, q FROM quotient") == [(1, 10)] and daemon.get_rows("quotient") == [{"id": 1, "q": 10}]
    assert metric(daemon, "cetl_derive_failures_total") >= 1
    assert daemon.log_lines("derive quotient failed.*division by zero")
    daemon.restart()
    assert "division by zero" in wait_derive(daemon, "quotient", "failed")["error"]
    daemon.drop("items.csv", items((1, 4), (2, 5)))
    wait_rows(database, "SELECT id, q FROM quotient ORDER BY 1", [(1, 25), (2, 20)], daemon)
    assert wait_derive(daemon, "quotient")["error"] is None


def test_query_that_takes_too_long_is_ended(cetld, database):
    daemon = cetld(ITEMS + "[derive slow]\nafter = items\ntimeout = 300ms\nsql = select id from items, pg_sleep(30)\n")
    daemon.drop("items.csv", items((1, 1)))
    daemon.wait_state("items.csv")
    assert "statement timeout" in wait_derive(daemon, "slow", "failed")["error"]


def test_table_of_somebody_else_is_left_alone(cetld, database):
    database.rows("CREATE TABLE output (mine text)")
    database.rows("INSERT INTO output VALUES ('precious')")
    database.rows("ALTER TABLE output OWNER TO cetl")
    daemon = cetld(PEOPLE + OUTPUT)
    entry = wait_derive(daemon, "output", "failed")
    assert "was not made for this derive" in entry["error"] and "table =" in entry["error"]
    daemon.drop("people.csv", "person_id,name\n1,Ann\n")
    daemon.wait_state("people.csv")
    assert database.rows("SELECT * FROM output") == [("precious",)]


def test_loads_do_not_wait_for_a_refresh(cetld, database):
    daemon = cetld(ITEMS + "[derive slow]\nafter = items\nsql = select id from items, pg_sleep(60)\n", database={"load_connections": "1"})
    wait_derive(daemon, "slow", "refreshing")
    for n in range(10):
        daemon.drop("items_%d.csv" % n, items((n, n)))
    daemon.wait_count("loaded", 10, deadline=20)
    assert derive(daemon, "slow")["state"] == "refreshing"
    daemon.stop(deadline=15)
    until(lambda: not database.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%%pg_sleep(60)%%'"
                                    " AND pid <> pg_backend_pid()"), "the session is gone", deadline=20)


# ---- kill ----

def test_killed_in_the_middle_of_a_refresh_it_is_right_after_the_restart(make_cetld, database):
    daemon = make_cetld(database.url(), REPLACED + """
[derive total]
after = items
sql = select count(*) as n, sum(amount) as total from items where (select pg_sleep(0.7)) is not null
""").start()
    wait_derive(daemon, "total")
    for n in range(1, 4):
        daemon.drop("items.csv", items(*((i, n) for i in range(100))))
        daemon.wait_state("items.csv", nth=n)
        until(lambda: database.rows("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DELETE FROM \"public\".\"total\"%%'"),
              lambda: "it is made\n" + daemon.log(), step=0.01)
        daemon.kill9()
        assert database.rows("SELECT count(*)::int FROM total") == [(1,)]
        daemon.start()
        wait_rows(database, "SELECT n::int, total::int FROM total", [(100, 100 * n)], daemon)


def test_commit_that_no_refresh_followed_is_found_at_start(make_cetld, database):
    daemon = make_cetld(database.url(), ITEMS + "[derive total]\nafter = items\nsql = select sum(amount) as total from items\n").start()
    daemon.drop("items.csv", items((1, 5)))
    wait_rows(database, "SELECT total::int FROM total", [(5,)], daemon)
    daemon.stop()
    database.rows("INSERT INTO items VALUES (2, 6)")
    database.rows("INSERT INTO cetl.change (dataset_id, rows) SELECT id, 1 FROM cetl.dataset WHERE name = 'items'")
    daemon.start()
    wait_rows(database, "SELECT total::int FROM total", [(11,)], daemon)
    refreshed = wait_derive(daemon, "total")["refreshed_at"]
    daemon.restart()
    assert wait_derive(daemon, "total")["refreshed_at"] == refreshed  # nothing is new


# ---- definitions ----

def test_changed_definition_makes_the_table_anew(cetld, database):
    daemon = cetld(ITEMS + "[derive total]\nafter = items\nsql = select sum(amount) as total from items\n")
    daemon.drop("items.csv", items((1, 5), (2, 7)))
    wait_rows(database, "SELECT total::int FROM total", [(12,)], daemon)
    reload(daemon, ITEMS + "[derive total]\nafter = items\nsql = select id, sum(amount)::text as words from items group by id\n")
    until(lambda: sorted(daemon.get("/v1/total").json, key=str) == [{"id": 1, "words": "5"}, {"id": 2, "words": "7"}],
          lambda: "the new columns\n" + daemon.log())
    reload(daemon, ITEMS + "[derive total]\nafter = items\nas = view\nsql = select count(*) as n from items\n")
    until(lambda: database.value("SELECT relkind FROM pg_class WHERE relname = 'total'") == "v", lambda: "a view\n" + daemon.log())
    until(lambda: daemon.get("/v1/total").body == b'[{"n":2}]\n', lambda: "the view: %r" % daemon.get("/v1/total"))
    reload(daemon, ITEMS + "[derive total]\nafter = items\nas = view\nsql = select 'x' as other, 1 as more\n")
    until(lambda: daemon.get("/v1/total").body == b'[{"other":"x","more":1}]\n', lambda: "other columns: %r" % daemon.get("/v1/total"))
    reload(daemon, ITEMS + "[derive total]\nafter = items\nsql = select id from items\n")
    until(lambda: database.value("SELECT relkind FROM pg_class WHERE relname = 'total'") == "r", lambda: "a table again\n" + daemon.log())


@pytest.mark.parametrize("kind", ["table", "view"])
def test_what_others_depend_on_is_not_dropped(cetld, database, kind):
    config = ITEMS + "[derive total]\nafter = items\nas = " + kind + "\nsql = select %s from items\n"
    daemon = cetld(config % "sum(amount) as total")
    daemon.drop("items.csv", items((1, 5), (2, 7)))
    wait_derive(daemon, "total")
    wait_rows(database, "SELECT total::int FROM total", [(12,)], daemon)
    database.rows("CREATE VIEW mine AS SELECT total FROM total")
    reload(daemon, config % "count(*) as n")
    entry = wait_derive(daemon, "total", "failed")
    assert "mine" in entry["error"] and "drop these first" in entry["error"]
    assert database.rows("SELECT total::int FROM mine") == [(12,)]
    database.rows("DROP VIEW mine")
    reload(daemon, config % "count(*) as n")
    wait_derive(daemon, "total")
    wait_rows(database, "SELECT n::int FROM total", [(2,)], daemon)


def test_views_of_other_derives_follow_a_table_that_is_made_anew(cetld, database):
    def config(columns, seen):
        return ITEMS + """
[derive totals]
after = items
sql = select %s from items group by id
[derive seen]
after = totals
as = view
sql = select %s from totals
[derive seen_again]
after = seen
as = view
sql = select * from seen
[derive last]
after = seen_again, items
sql = select * from seen_again
""" % (columns, seen)

    daemon = cetld(config("id, sum(amount) as total", "total"))
    daemon.drop("items.csv", items((1, 5), (1, 7)))
    wait_rows(database, "SELECT total::int FROM last", [(12,)], daemon)
    reload(daemon, config("id, count(*) as n", "n, id"))
    wait_rows(database, "SELECT n::int, id FROM last", [(2, 1)], daemon)
    until(lambda: daemon.get("/v1/seen_again").body == b'[{"n":2,"id":1}]\n', lambda: "%r" % daemon.get("/v1/seen_again"))
    # A view that changes so that it must be dropped takes those above it along, too.
    reload(daemon, config("id, count(*) as n", "id::text as name"))
    wait_rows(database, "SELECT name FROM last", [("1",)], daemon)
    assert metric(daemon, "cetl_derive_failures_total") == 0, daemon.log()


# ---- mistakes ----

MISTAKES = [
    ("[derive a]\nafter = b\nsql = select 1\n[derive b]\nafter = c\nsql = select 1\n[derive c]\nafter = a\nsql = select 1\n", r":5: .*circle \(a after b after c after a\)"),
    ("[derive a]\nafter = item\nsql = select 1\n", r":5: after: there is no dataset or derive 'item' \(did you mean 'items'\?\)"),
    ("[derive a]\nafter = items\n", r":4: a derive needs a query: sql = "),
    ("[derive a]\nsql = select 1\n", r":4: .*after = "),
    ("[derive items]\nafter = items\nsql = select 1\ntable = public.x\n", r":4: 'items' is a dataset.*write \[derive items_derived\]"),
    ("[derive a]\nafter = items\nsql = select 1\ntable = public.items\n", r":7: the table public.items is that of dataset 'items'"),
    ("[rollup items.daily]\ngroup = id\nmeasure = count(*) as n\n[derive items_daily]\nafter = items\nsql = select 1\n", r":7: the table items_daily is that of rollup 'items.daily'"),
    ("[rollup items.daily]\ngroup = id\nmeasure = count(*) as n\n[derive a]\nafter = items_daily\nsql = select 1\n", r":8: after: 'items_daily' is a rollup.*write items"),
    ("[derive files]\nafter = items\nsql = select 1\n", r":4: 'files' is a word of the API.*write \[derive files_data\]"),
    ("[derive a]\nafter = items\nsql = select 1\ntable = cetl.a\n", r":7: table: 'cetl.a' is not a table for your data"),
]


@pytest.mark.parametrize("text,says", MISTAKES)
def test_mistake_is_told_with_its_place(folder, text, says):
    path = os.path.join(folder, "cetl.conf")
    with open(path, "w") as f:
        f.write("[dataset items]\nfiles = items*.csv\ncolumns = id int, amount int\n" + text)
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1 and re.search(re.escape(path) + says, answer.stderr), answer.stderr


def test_query_is_checked_by_the_server(make_cetld, database):
    def check(config):
        daemon = make_cetld(database.url(), config)
        return daemon, subprocess.run([BINARY, "--check", "-c", daemon.conf], capture_output=True, text=True, timeout=30)

    daemon, answer = check(PEOPLE + OUTPUT + "[derive more]\nafter = output\nsql = select stock, count(*) from output group by stock\n")
    assert answer.returncode == 0, answer.stderr
    assert database.value("SELECT to_regclass('output') IS NULL AND to_regclass('people') IS NULL")
    daemon, answer = check(PEOPLE + OUTPUT.replace("t.stock", "t.stok") + "[derive more]\nafter = output\nsql = select 1 from output\n")
    line = next(n for n, text in enumerate(open(daemon.conf), 1) if text.startswith("sql ="))
    assert answer.returncode == 1 and "%s:%d: derive output: column t.stok does not exist (line 1 of sql)" % (daemon.conf, line) in answer.stderr, answer.stderr
    assert answer.stderr.count("derive") == 1 and "derive more: the database was not asked, because output has no table yet" in answer.stdout
    # One statement, whatever is written.
    daemon, answer = check(ITEMS + "[derive a]\nafter = items\nsql = select 1 as one; drop schema public cascade\n")
    assert answer.returncode == 1 and "multiple commands" in answer.stderr
    # Against the tables that are there, with derives that were made before.
    daemon = make_cetld(database.url(), PEOPLE + OUTPUT).start()
    wait_derive(daemon, "output")
    daemon, answer = check(PEOPLE + OUTPUT.replace("t.stock", "t.stock as share") + "[derive more]\nafter = output\nsql = select share from output\n")
    assert answer.returncode == 0, answer.stderr


def test_mistake_at_a_reload_leaves_everything_as_it_was(cetld, database):
    good = ITEMS + "[derive total]\nafter = items\nsql = select sum(amount) as total from items\n"
    daemon = cetld(good)
    daemon.drop("items.csv", items((1, 5)))
    wait_rows(database, "SELECT total::int FROM total", [(5,)], daemon)
    reload(daemon, good + "[derive a]\nafter = a\nsql = select 1\n", says="the old one stays")
    assert daemon.log_lines("circle.*a after a")
    daemon.drop("items_2.csv", items((1, 6)))
    wait_rows(database, "SELECT total::int FROM total", [(11,)], daemon)
    assert derive(daemon, "a") is None
