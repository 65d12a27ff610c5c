# SPDX-License-Identifier: MIT
"""Expressions between a file's cells and its table: computed columns, filters, checks."""

import os
import signal
import subprocess

import pytest

from daemon import BINARY
from test_memory import peak_rss
from waiting import until

PERSONS = """
[dataset persons]
files = persons*.csv
columns =
    id         bigint primary key,
    first_name text,
    last_name  text not null,
    age        int,
    source     text
filter = persons.age is null or age >= 18
max_errors = 50%

[column persons.first_name]
expr = split_part(full_name, ' ', 1)

[column persons.last_name]
expr = nullif(split_part(full_name, ' ', 2), '')

[column persons.source]
expr = filename() || ':' || line()

[column persons.age]
check = age < 200
"""


def test_columns_are_computed_rows_are_filtered_and_checked(cetld, database):
    daemon = cetld(PERSONS)
    daemon.drop("persons.csv", "id,full_name,age\n1,Ada Lovelace,36\n2,Young One,7\n3,Plato,80\n4,Old Man,969\n5,No Age,\n")
    entry = daemon.wait_state("persons.csv")
    assert daemon.settled(entry)
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_filtered"], entry["rows_rejected"]) == (5, 2, 1, 2)
    assert database.rows("SELECT * FROM persons ORDER BY id") == [
        (1, "Ada", "Lovelace", 36, "persons.csv:2"),
        (5, "No", "Age", None, "persons.csv:6"),
    ]
    found = {r["line"]: r for r in daemon.json("/v1/files/%d/rejects" % entry["id"])}
    assert set(found) == {4, 5}
    assert found[4]["column"] == "last_name" and found[4]["code"] == "23502" and "nullif" in found[4]["message"]
    assert (found[5]["column"], found[5]["code"], found[5]["value"]) == ("age", "23514", "969") and "age < 200" in found[5]["message"]


PRICES = """
[dataset prices]
files = prices*.csv
columns = id int, price numeric(10,2), total numeric, half int default 7
inputs = quantity int
max_errors = 10
[column prices.price]
from = Unit Price
expr = replace(price, '$', '')::numeric
[column prices.total]
expr = replace(unit, '$', '')::numeric * quantity
[column prices.half]
expr = 100 / quantity
[column prices.unit]
from = Unit Price
"""


def test_a_row_whose_expression_fails_is_rejected_with_postgresqls_words(cetld, database):
    daemon = cetld(PRICES.replace("[column prices.unit]\nfrom = Unit Price\n", "").replace("unit,", "price_text,"))
    daemon.drop("prices.csv", "id,Unit Price,price_text,quantity\n1,$2.50,$2.50,4\n2,$1,$1,0\n3,$x,$1,1\n4,$99999999999,$1,1\n5,,,\n")
    entry = daemon.wait_state("prices.csv")
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (2, 3)
    assert database.rows("SELECT id, price::text, total::text, half FROM prices ORDER BY id") == [(1, "2.50", "10.00", 25), (5, None, None, None)]
    found = {r["line"]: r for r in daemon.json("/v1/files/%d/rejects" % entry["id"])}
    assert {line: r["code"] for line, r in found.items()} == {3: "22012", 4: "22P02", 5: "22003"}
    assert "100 / quantity" in found[3]["message"] and "division by zero" in found[3]["message"]
    assert found[3]["raw"] == "2,$1,$1,0"


def test_every_column_may_be_computed_of_nothing(cetld, database):
    daemon = cetld(
        "[dataset marks]\nfiles = marks*.csv\nnew_columns = ignore\ncolumns = id uuid, line bigint, file text\n"
        "[column marks.id]\nexpr = gen_random_uuid()\n[column marks.line]\nexpr = line()\n[column marks.file]\nexpr = filename()\n"
    )
    daemon.drop("marks.csv", "x,y\n" + "1,2\n" * 20)
    assert daemon.wait_state("marks.csv")["rows_loaded"] == 20
    assert database.rows("SELECT count(DISTINCT id), min(line), max(line), min(file) FROM marks") == [(20, 2, 21, "marks.csv")]


def test_a_file_without_a_cell_that_an_expression_reads_fails(cetld):
    daemon = cetld(PERSONS)
    daemon.drop("persons.csv", "id,age\n1,36\n")
    assert "full_name" in daemon.wait_state("persons.csv", "failed")["error"]


DEFAULTS = ["n::text || 'a'", "regexp_replace(n::text, '7', 'x')", "regexp_replace(\"n\"::text, '7', 'x')"]


@pytest.mark.parametrize("expr", DEFAULTS)
def test_an_expression_reads_no_default_of_the_server(cetld, database, expr):
    """On the workers and in the server alike: what DEFAULT would give is not known where the expression runs."""
    daemon = cetld("[dataset v]\nfiles = v*.csv\ncolumns = id int, n int default 7, m text, n2 int default 8\n[column v.m]\nexpr = %s\n" % expr)
    daemon.drop("v1.csv", "id\n1\n")
    assert "column n, which an expression reads" in daemon.wait_state("v1.csv", "failed")["error"]
    daemon.drop("v2.csv", "id,n\n1,7\n")
    daemon.wait_state("v2.csv")
    assert database.rows("SELECT * FROM v") == [(1, 7, "7a" if "||" in expr else "x", 8)]


def test_a_part_of_the_path_and_an_expression_do_not_make_one_column(cetld):
    daemon = cetld("[dataset v]\nfiles = v*_{year}.csv\ncolumns = id int, year int\n[column v.year]\nexpr = id + 1\n")
    daemon.drop("v1_2024.csv", "id\n1\n")
    until(lambda: daemon.log_lines("column year has an expr, so {year} of `files` cannot give its value"), daemon.log)


def test_bad_bytes_in_front_of_an_expression_are_told_with_their_encoding(cetld, database):
    daemon = cetld("[dataset v]\nfiles = v*.csv\nencoding = cp1252\nmax_errors = 1\ncolumns = id int, t text\n[column v.t]\nexpr = upper(t)\n")
    daemon.drop("v.csv", b"id,t\n1,a\x81b\n2,\xe9\n")
    entry = daemon.wait_state("v.csv")
    assert database.rows("SELECT * FROM v") == [(2, "\u00c9")]
    (reject,) = daemon.json("/v1/files/%d/rejects" % entry["id"])
    assert reject["line"] == 2 and "mean nothing in cp1252" in reject["message"].lower()


def test_rollups_are_of_what_is_loaded(cetld, database):
    daemon = cetld(
        """
[dataset orders]
files = orders*.csv
columns = id int, day date, amount numeric, gross numeric
filter = amount > 0
[column orders.gross]
expr = amount * 1.2
[rollup orders.daily]
group = day
measure = sum(gross) as gross, count(*) as n
"""
    )
    for i in range(3):
        daemon.drop("orders%d.csv" % i, "id,day,amount\n" + "".join("%d,2024-01-%02d,%d\n" % (k, k % 5 + 1, k - 3) for k in range(20 + i)))
    for i in range(3):
        assert daemon.wait_state("orders%d.csv" % i)["rows_filtered"] == 4
    grouped = "SELECT day, sum(gross)::text, count(*) FROM orders GROUP BY day ORDER BY day"
    assert database.rows("SELECT day, gross::text, n FROM orders_daily ORDER BY day") == database.rows(grouped)


def test_computed_columns_are_written_over(cetld, database):
    daemon = cetld(
        "[dataset p]\nfiles = p*.csv\nmode = upsert\ncolumns = id int primary key, name text, n int\ninputs = raw text\n"
        "[column p.raw]\nfrom = name\n[column p.name]\nexpr = upper(name)\n[column p.n]\nexpr = length(raw)\n"
    )
    daemon.drop("p1.csv", "id,name\n1,ann\n2,bob\n")
    daemon.wait_state("p1.csv")
    daemon.drop("p2.csv", "id,name\n2,robert\n3,cy\n")
    entry = daemon.wait_state("p2.csv")
    assert (entry["rows_loaded"], entry["rows_updated"]) == (1, 1)
    assert database.rows("SELECT * FROM p ORDER BY id") == [(1, "ANN", 3), (2, "ROBERT", 6), (3, "CY", 2)]


def test_what_expressions_make_is_bounded(cetld, database):
    daemon = cetld(
        "[dataset p]\nfiles = p*.csv\nmax_errors = 1\ncolumns = id int, name text\n[column p.name]\nexpr = rpad(name, id)\n"
        "[dataset q]\nfiles = q*.csv\ncolumns = id int, name text\n[column q.name]\nexpr = rpad(name, 400000)\n"
    )
    lengths = [5, 3000000, 50000000, 7] + [20000] * 200
    daemon.drop("p.csv", "id,name\n" + "".join("%d,x\n" % n for n in lengths))
    entry = daemon.wait_state("p.csv")
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (len(lengths) - 1, 1)
    assert database.rows("SELECT sum(length(name))::text FROM p") == [(str(sum(lengths) - 50000000),)]
    assert daemon.json("/v1/files/%d/rejects" % entry["id"])[0]["code"] == "54000"
    daemon.drop("q.csv", "id,name\n" + "1,x\n" * 20000)
    assert "the expressions make too much" in daemon.wait_state("q.csv", "failed")["error"]
    assert peak_rss(daemon.process.pid) < (128 + 64) * 1024 * 1024


MISTAKES = {
    "unknown column": ("filter = amuont > 0", "", "amount"),
    "types": ("filter = amount", "", "boolean"),
    "operator": ("", "expr = amount + true", "operator"),
    "syntax": ("filter = amount >", "", "line 1, column"),
    "C": ("filter = amount > 0 && id = 1", "", "AND"),
    "computed": ("", "expr = id\n[column d.id]\nexpr = name", "computed itself"),
    "size": ("filter = amount" + " + 1" * 20000 + " > 0", "", "at most 65536 are read"),
    "table": ("filter = e.amount > 0", "", "no table 'e'"),
    "assignment": ("", "expr = raw_amount", "::"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_refused_with_their_place(folder, what):
    dataset, column, words = MISTAKES[what]
    path = os.path.join(folder, "cetl.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("[dataset d]\ncolumns = id int, name text, amount numeric\n%s\n[column d.amount]\n%s\n" % (dataset, column))
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1
    assert answer.stderr.startswith("%s:%d: " % (path, 3 if dataset else 5)) and words in answer.stderr, answer.stderr


def test_a_reload_with_a_mistake_changes_nothing(cetld, database):
    daemon = cetld(PERSONS)
    daemon.write_config(PERSONS.replace("age < 200", "age < 'many'"))
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines("the old one stays"), "the reload is refused")
    daemon.drop("persons.csv", "id,full_name,age\n1,Ada Lovelace,36\n")
    assert daemon.wait_state("persons.csv")["rows_loaded"] == 1


# -- what only the server can run


SERVER = """
[dataset visits]
files = visits*.csv
mode = %s
columns = id int primary key, page text, host text not null, hits int, source text
inputs = url text
filter = url !~ '^ftp:'
max_errors = 5
[column visits.host]
expr = substring(visits.url from '^[a-z]+://([^/]+)')
[column visits.page]
expr = coalesce(nullif(regexp_replace(url, '^[a-z]+://[^/]+', ''), ''), '/')
[column visits.hits]
check = visits.hits > 0 or host ~ 'test'
[column visits.source]
expr = filename() || ':' || line()
"""
VISITS = [
    "1,http://a.example/x,5",
    "2,ftp://b.example/,1",
    "3,https://c.example,2",
    "4,nothing,1",
    "5,http://d.example/,0",
    "6,http://test.example/a/b,0",
]
VISITED = [
    (1, "/x", "a.example", 5, "visits.csv:2"),
    (3, "/", "c.example", 2, "visits.csv:4"),
    (6, "/a/b", "test.example", 0, "visits.csv:7"),
]


@pytest.mark.parametrize("mode", ["append", "upsert", "ignore", "replace"])
def test_what_the_workers_cannot_run_runs_in_the_server(cetld, database, mode):
    daemon = cetld(SERVER % mode)
    daemon.drop("visits.csv", "id,url,hits\n" + "".join(v + "\n" for v in VISITS))
    entry = daemon.wait_state("visits.csv")
    assert daemon.settled(entry), entry
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_filtered"], entry["rows_rejected"]) == (6, 3, 1, 2)
    assert database.rows("SELECT * FROM visits ORDER BY id") == VISITED
    found = {r["line"]: r for r in daemon.json("/v1/files/%d/rejects" % entry["id"])}
    assert {line: (r["code"], r["column"]) for line, r in found.items()} == {5: ("23502", "host"), 6: ("23514", "hits")}
    assert "check visits.hits > 0 or host ~ 'test'" in found[6]["message"]

    daemon.drop("visits2.csv", "id,url,hits\n" + ("" if mode == "append" else "1,http://z.example/,9\n") + "7,http://y.example/y,1\n8,ftp://x,1\n")
    entry = daemon.wait_state("visits2.csv")
    assert daemon.settled(entry) and entry["rows_filtered"] == 1
    first = {
        "append": VISITED,
        "ignore": VISITED,
        "upsert": [(1, "/", "z.example", 9, "visits2.csv:2")] + VISITED[1:],
        "replace": [(1, "/", "z.example", 9, "visits2.csv:2")],
    }[mode]
    line = 2 if mode == "append" else 3
    assert database.rows("SELECT * FROM visits ORDER BY id") == first + [(7, "/y", "y.example", 1, "visits2.csv:%d" % line)]


def test_an_error_of_the_server_in_an_expression_is_a_reject(cetld, database):
    daemon = cetld(
        "[dataset logs]\nfiles = logs*.csv\nmax_errors = 3\ncolumns = id int, level numeric\ninputs = x double precision\n"
        "[column logs.level]\nexpr = ln(x)\n"
    )
    daemon.drop("logs.csv", "id,x\n" + "".join("%d,%d\n" % (i, 0 if i in (7, 500) else i) for i in range(1, 1001)))
    entry = daemon.wait_state("logs.csv")
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (998, 2)
    found = daemon.json("/v1/files/%d/rejects" % entry["id"])
    assert [(r["line"], r["code"]) for r in found] == [(8, "2201E"), (501, "2201E")]


WRONG_IN_THE_SERVER = {
    "'é' <> url and sum(hits) > 1": "16: aggregate functions are not allowed in WHERE; an expression is of one row",
    "row_number() over () > 1": "1: window functions are not allowed in WHERE; an expression is of one row",
    "filename() ~ 'a' and hits::nosuch": '28: type "nosuch" does not exist',
    "(select 1) > cell": '14: column "cell" does not exist; a cell that only expressions read is declared by `inputs`',
}


def test_a_function_of_the_databases_own_is_called(cetld, database):
    """Of a name that PostgreSQL has, too: which one is meant, says PostgreSQL."""
    database.rows("CREATE FUNCTION round(int) RETURNS text LANGUAGE sql AS $$SELECT 'own ' || $1$$")
    database.rows("CREATE FUNCTION times(text, int) RETURNS text LANGUAGE sql AS $$SELECT repeat($1, $2)$$")
    database.rows("CREATE OPERATOR * (LEFTARG = text, RIGHTARG = int, FUNCTION = times)")
    daemon = cetld("[dataset w]\nfiles = w*.csv\ncolumns = id int, a text\n[column w.a]\nexpr = round(id)\n"
                   "[dataset v]\nfiles = v*.csv\ncolumns = id int, a text, b text, c text\n"
                   "[column v.a]\nexpr = round(id)\n[column v.b]\nexpr = 'x'::text operator(public.*) id\n[column v.c]\nexpr = upper(c)\n")
    daemon.drop("v.csv", "id,c\n2,y\n")
    daemon.wait_state("v.csv")
    assert database.rows("SELECT * FROM v") == [(2, "own 2", "xx", "Y")]
    daemon.drop("w.csv", "id\n3\n")
    daemon.wait_state("w.csv")
    assert database.rows("SELECT * FROM w") == [(3, "own 3")]


def test_check_says_where_expressions_run(postgres, database, folder):
    path = os.path.join(folder, "cetl.conf")

    def check(text):
        with open(path, "w", encoding="utf-8") as f:
            f.write("[database]\nurl = %s\n" % database.url() + text)
        return subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)

    answer = check(PERSONS)
    assert (answer.returncode, answer.stdout) == (0, "dataset persons: its expressions run on the workers\n"), answer.stderr
    answer = check(SERVER % "append")
    assert answer.returncode == 0 and "dataset visits: its expressions run in the server" in answer.stdout, answer.stderr
    answer = check((SERVER % "append").replace("regexp_replace(url", "regexp_replcae(url"))
    at = "%s:%d: page: expr, line 1, column 17: function regexp_replcae" % (path, 2 + (SERVER % "append").split("\n").index("[column visits.page]") + 2)
    assert answer.returncode == 1 and answer.stderr.startswith(at), answer.stderr
    assert "No function matches" in answer.stderr
    for wrong, words in WRONG_IN_THE_SERVER.items():
        answer = check((SERVER % "append").replace("filter = url !~ '^ftp:'", "filter = %s" % wrong))
        assert answer.returncode == 1 and answer.stderr.startswith("%s:9: filter, line 1, column %s" % (path, words)), answer.stderr
    assert database.rows("SELECT count(*) FROM pg_class WHERE relname = 'visits'") == [(0,)]
