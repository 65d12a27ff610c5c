# SPDX-License-Identifier: MIT
"""Tables with columns whose types have no binary form here: loaded through COPY's text format, read back as the server writes them."""

import csv
import io

import pytest

from waiting import until

TYPES = ["CREATE TYPE mood AS ENUM ('sad', 'fine', 'a,b')", "CREATE DOMAIN small AS int CHECK (value < 1000)", "CREATE DOMAIN smaller AS small CHECK (value > 0)",
         "CREATE TYPE pair AS (x int, y text)"]
HOSTS = """
[dataset hosts]
files = hosts*.csv
columns = id bigint, note text, at timestamptz, amount numeric(12,3), ratio float8, address inet, lasts interval, tags text[], mood mood, small smaller,
    span tstzrange, bytes bytea, pair pair, day date, doc jsonb
%s
"""
GOOD = [
    ["1", "plain", "2024-05-06 07:08:09+02", "1.500", "0.1", "10.0.0.1", "1 day 02:03:04", '{a,"b c",NULL}', "fine", "7",
     "[2024-01-01,2024-02-01)", "\\xdeadbeef", '(1,"a b")', "2024-02-29", '{"a": [1]}'],
    ["2", "tab\there\nline \\N \\. back\\slash \"q\" 日本", "-infinity", "", "NaN", "2001:db8::/32", "-3 mons", "{}", "a,b", "1", "empty", "\\x",
     "(,)", "infinity", "null"],
    ["3"] + [""] * 14,
]


def text(rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "note", "at", "amount", "ratio", "address", "lasts", "tags", "mood", "small", "span", "bytes", "pair", "day", "doc"])
    writer.writerows(rows)
    return out.getvalue()


def start(cetld, database, options=""):
    for statement in TYPES:
        database.rows(statement)
    daemon = cetld(HOSTS % options)
    until(lambda: database.value("SELECT to_regclass('hosts') IS NOT NULL"), "the table is there")
    return daemon


@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
def test_values_arrive_as_the_server_reads_them(cetld, database, mode):
    options = "mode = " + mode
    columns = HOSTS.replace("id bigint,", "id bigint primary key,") if mode == "upsert" else HOSTS
    for statement in TYPES:
        database.rows(statement)
    daemon = cetld(columns % options)
    daemon.drop("hosts_1.csv", text(GOOD))
    entry = daemon.wait_state("hosts_1.csv")
    assert entry["rows_loaded"] == 3 and daemon.settled(entry)
    if mode == "upsert":
        daemon.drop("hosts_2.csv", text(GOOD) + "4" + "," * 14 + "\n")
        entry = daemon.wait_state("hosts_2.csv")
        assert (entry["rows_loaded"], entry["rows_updated"]) == (1, 3)
        database.rows("DELETE FROM hosts WHERE id = 4")
    # psql's own COPY of the same CSV is the oracle.
    database.rows("CREATE TABLE expected (LIKE hosts)")
    database.copy_csv("expected", [daemon.path("done", "hosts_1.csv")])
    assert database.same("SELECT h::text FROM hosts h", "SELECT e::text FROM expected e")


def test_rows_are_read_through_the_api(cetld, database):
    daemon = start(cetld, database)
    daemon.drop("hosts_1.csv", text(GOOD))
    daemon.wait_state("hosts_1.csv")
    rows = daemon.get_rows("hosts", limit=10)
    wanted = [r[0] for r in database.rows("SELECT to_jsonb(h) FROM hosts h")]
    assert [{k: v for k, v in row.items() if k not in ("amount", "ratio")} for row in rows] == \
        [{k: v for k, v in row.items() if k not in ("amount", "ratio")} for row in wanted]
    answer = daemon.get("/v1/hosts", headers={"Accept": "text/csv"})
    assert b"2001:db8::/32" in answer.body and answer.body.count(b"deadbeef") == 1


@pytest.mark.parametrize("column, value, code", [("address", "10.0.0.256", "22P02"), ("mood", "happy", "22P02"), ("lasts", "soon", "22007"),
                                                 ("small", "1000", "23514"), ("tags", "{a", "22P02"), ("span", "[2,1)", "22007")])
def test_bad_value_is_rejected_with_its_row(cetld, database, column, value, code):
    daemon = start(cetld, database, "max_errors = 1")
    names = text([]).strip().split(",")
    bad = list(GOOD[0])
    bad[names.index(column)] = value
    daemon.drop("hosts_1.csv", text([GOOD[0], GOOD[1], bad, GOOD[2]]))
    entry = daemon.wait_state("hosts_1.csv")
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_rejected"]) == (4, 3, 1)
    (reject,) = daemon.json("/v1/files/%s/rejects" % entry["id"])
    assert (reject["line"], reject["column"], reject["value"], reject["code"]) == (5, column, value, code), reject


def test_without_a_budget_the_bad_value_is_named(cetld, database):
    daemon = start(cetld, database)
    bad = list(GOOD[0])
    bad[5] = "nowhere"
    daemon.drop("hosts_1.csv", text([GOOD[0], bad]))
    error = daemon.wait_state("hosts_1.csv", "failed")["error"]
    assert error.startswith("line 3: ") and "nowhere" in error and "inet" in error, error


def test_rollup_over_such_a_column_is_refused_in_words(cetld, database):
    for statement in TYPES:
        database.rows(statement)
    daemon = cetld(HOSTS % "" + "[rollup hosts.by_mood]\ngroup = mood\nmeasure = count(*) as n\n")
    until(lambda: daemon.log_lines("mood"), "it is said")
    assert daemon.log_lines("by_mood.*mood|mood.*by_mood")
