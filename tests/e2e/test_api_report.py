# SPDX-License-Identifier: MIT
"""[report]: typed parameters, defaults, CSV attachments, JSON; what is refused, and by whom."""

import csv
import datetime
import io
import os
import shutil
import signal
import subprocess
import tempfile
from urllib.parse import quote

import pytest

from cluster import Database
from daemon import BINARY, Cetld
from waiting import until

HIRES = """
[dataset department]
columns = id int primary key, department text
[dataset hired]
columns = id int primary key, name text, at timestamptz, department_id int, pay numeric(8,2)
"""
REPORTS = """
[report quarterly_hires]
param    = year int default extract(year from now())
filename = quarterly_hires_{year}.csv
sql      =
    select d.department, -- :not_a_parameter
           count(*) filter (where extract(quarter from h.at) = 1) as q1,
           count(*) filter (where extract(quarter from h.at) = 2) as q2,
           ':year' || $$ :year$$ as "as :year"
      from hired h join department d on d.id = h.department_id
     where extract(year from h.at) = :year::numeric
     group by 1 order by 1;
[report typed]
param =
    n int,
    words text[] default array['a', 'b'], at timestamptz default '2024-01-02 03:04:05+02'
    pay numeric(5,2) default 1
filename = {n} {pay}.csv
sql = select :n + 1 as n, :words[1] as first, cardinality(:words) as words, :at as at, :pay as pay, point(1, :n) as place
[report many]
param = n bigint default 10
sql = select i, 'row ' || i as text from generate_series(1, :n) i order by i desc
[report divide]
param = by int
sql = select 10 / :by as x
[report empty]
sql = select id, name from hired where false
[report named]
param = who text
filename = {who}.csv
sql = select :who as who
[report slow]
sql = select 1 as one, pg_sleep(30)::text as slept
[report writes]
sql = select nextval('counted') as n
"""
BROKEN = """
[report nothing]
sql = select * from no_such_table
[report twice]
sql = select 1 as a, 2 as a
"""


@pytest.fixture(scope="module")
def api(postgres):
    name = postgres.create_database()
    database = Database(postgres, name)
    database.rows("CREATE SEQUENCE counted; GRANT ALL ON SEQUENCE counted TO PUBLIC")
    folder = tempfile.mkdtemp(prefix="cetld-")
    daemon = Cetld(folder, database.url(), HIRES + REPORTS + BROKEN, database={"stream_timeout": "2s"}).start()
    try:
        year = datetime.datetime.now(datetime.timezone.utc).year
        daemon.drop("department.csv", "id,department\n1,Staff\n2,\"Supply, Chain\"\n")
        daemon.drop("hired.csv", "id,name,at,department_id,pay\n1,A,2021-01-05T00:00:00Z,1,1\n2,B,2021-02-05T00:00:00Z,2,1\n"
                    "3,C,2021-05-05T00:00:00Z,2,1\n4,D,%d-01-01T00:00:00Z,1,1\n" % year)
        daemon.wait_state("department.csv")
        daemon.wait_state("hired.csv")
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)
        postgres.drop_database(name)


def rows(answer):
    assert answer.status == 200, answer
    return list(csv.reader(io.StringIO(answer.body.decode(), newline="")))


def problem(answer, status):
    assert answer.status == status and answer.headers.get_content_type() == "application/problem+json", answer
    return answer.json


def test_csv_attachment_is_named_by_the_value(api):
    answer = api.get("/v1/report/quarterly_hires?year=2021")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="quarterly_hires_2021.csv"'
    assert rows(answer) == [["department", "q1", "q2", "as :year"], ["Staff", "1", "0", ":year :year"], ["Supply, Chain", "1", "1", ":year :year"]]


def test_default_is_made_by_the_server(api):
    year = datetime.datetime.now(datetime.timezone.utc).year
    answer = api.get("/v1/report/quarterly_hires")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="quarterly_hires_%d.csv"' % year
    assert rows(answer)[1:] == [["Staff", "1", "0", ":year :year"]]


def test_json_and_lines_by_accept(api):
    answer = api.get("/v1/report/quarterly_hires/?year=2021", headers={"Accept": "application/json"})
    assert answer.json[0] == {"department": "Staff", "q1": 1, "q2": 0, "as :year": ":year :year"}
    assert "Content-Disposition" not in answer.headers and "Accept" in answer.headers["Vary"]
    lines = api.get("/v1/report/quarterly_hires?year=2021", headers={"Accept": "application/x-ndjson"}).body.decode().splitlines()
    assert len(lines) == 2
    assert api.get("/v1/report/quarterly_hires", headers={"Accept": "text/html, */*;q=0.8"}).headers.get_content_type() == "text/csv"
    assert api.get("/v1/report/quarterly_hires", headers={"Accept": "image/png"}).status == 406


def test_empty_report_has_its_header(api):
    answer = api.get("/v1/report/empty")
    assert rows(answer) == [["id", "name"]]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="empty.csv"'


def test_head_has_no_body(api):
    answer = api.request("HEAD", "/v1/report/quarterly_hires?year=2021")
    assert answer.status == 200 and answer.body == b"" and "quarterly_hires_2021" in answer.headers["Content-Disposition"]


def test_parameters_have_their_types(api):
    answer = api.get("/v1/report/typed?n=%2041&words={x,y,z}&pay=2.005", headers={"Accept": "application/json"})
    assert answer.status == 200, answer
    (row,) = answer.json
    assert row["n"] == 42 and row["first"] == "x" and row["words"] == 3 and row["at"] == "2024-01-02T01:04:05+00:00" and str(row["pay"]) == "2.01"
    assert row["place"] == "(1,41)"
    assert 'filename="41 1.00.csv"' in api.get("/v1/report/typed?n=41").headers["Content-Disposition"]


@pytest.mark.parametrize("query, words", [
    ("year=abc", ["year", "int", "abc"]),
    ("year=2021.5", ["year", "int"]),
    ("year=99999999999", ["year", "int", "out of range"]),
    ("year=", ["year", "int"]),
    ("year=2021&year=2022", ["year", "twice"]),
    ("yaer=2021", ["yaer", "not one of this report"]),
    ("limit=1", ["limit", "not one of this report"]),
    ("year=2021'--", ["year", "int"]),
    ("year=%ff", ["year", "int"]),
])
def test_bad_value_is_named_with_its_type(api, query, words):
    body = problem(api.get("/v1/report/quarterly_hires?" + query), 400)
    for word in words:
        assert word in body["message"] + " " + (body["details"] or ""), body
    assert "its parameters: year int default extract(year from now())" == body["hint"]
    assert "select" not in str(body).lower().replace("default extract", "")


def test_missing_parameter_is_named(api):
    assert problem(api.get("/v1/report/divide"), 400)["message"] == "the parameter by is missing; it is of type int"


def test_value_that_the_query_cannot_take_is_the_clients(api):
    assert problem(api.get("/v1/report/divide?by=0"), 400)["code"] == "22012"
    assert api.get("/v1/report/divide?by=5").status == 200


def test_unknown_report(api):
    body = problem(api.get("/v1/report/quarterly_hire"), 404)
    assert body["message"] == "there is no report quarterly_hire" and "did you mean quarterly_hires?" in body["hint"]
    assert problem(api.request("POST", "/v1/report/empty"), 405)


@pytest.mark.parametrize("path", [
    "/v1/report/..%2f..%2fetc%2fpasswd", "/v1/report/quarterly_hires%27;select%201--", "/v1/report/%00", "/v1/report/" + "x" * 5000, "/v1/report/%ff%fe",
    "/v1/report/named?who=%00", "/v1/report/named?who=%ff", "/v1/report/named?" + "&".join("p%d=1" % n for n in range(500)),
    "/v1/report/typed?n=1&words={" + ",".join("{" * 20) + "}", "/v1/report/typed?n=1;drop%20table%20hired", "/v1/report/typed?n=1&at=never%27",
    "/v1/report/many?n=1%29%3B%20select%20pg_sleep%2810%29", "/v1/report/typed?n[]=1", "/v1/report/typed?%6e=x",
])
def test_hostile_requests_are_the_clients_fault(api, path):
    answer = api.get(path)
    assert 400 <= answer.status < 500, answer
    assert b"select" not in answer.body.lower() or b"select" in path.encode()
    assert rows(api.get("/v1/report/typed?n=1"))[1][0] == "2"


def test_broken_report_is_not_the_clients_fault(api):
    body = problem(api.get("/v1/report/nothing"), 500)
    assert "no_such_table" not in str(body)
    assert "no_such_table" in api.log()
    problem(api.get("/v1/report/twice"), 500)


def test_reports_only_read(api):
    answer = api.get("/v1/report/writes")
    assert answer.status == 405, answer


def test_long_report_streams_and_stops_in_time(api):
    found = rows(api.get("/v1/report/many?n=50000"))
    assert found[0] == ["i", "text"] and [int(row[0]) for row in found[1:]] == list(range(50000, 0, -1))
    assert "stream_timeout" in problem(api.get("/v1/report/slow"), 503)["hint"]


@pytest.mark.parametrize("who, expected", [
    ("a/../b", 'filename="a_.._b.csv"'),
    ("..%2f..%2fetc", 'filename="_.._etc.csv"'),
    ('say "hi"', 'filename="say _hi_.csv"'),
    ("a\r\nX-Evil: 1", 'filename="a__X-Evil_ 1.csv"'),
    ("Zoë 100%", "filename=\"Zo_ 100_.csv\"; filename*=UTF-8''Zo%C3%AB%20100%25.csv"),
])
def test_file_names_are_never_paths(api, who, expected):
    answer = api.get("/v1/report/named?who=" + (who if "%2f" in who else quote(who, safe="")))
    assert answer.headers["Content-Disposition"] == "attachment; " + expected
    assert "X-Evil" not in answer.headers


def test_listed(api):
    listed = {r["name"]: r for r in api.json("/v1/report")}
    assert listed["quarterly_hires"] == {"name": "quarterly_hires", "report": "/v1/report/quarterly_hires", "filename": "quarterly_hires_{year}.csv",
                                         "parameters": [{"name": "year", "type": "int", "default": "extract(year from now())"}]}
    assert [d for d in api.json("/v1") if d["name"] == "quarterly_hires"] == [listed["quarterly_hires"]]


def test_report_runs_as_the_tokens_role(make_cetld, database, folder):
    made = dict(line.split() for line in subprocess.run([BINARY, "--new-token"], capture_output=True, text=True, timeout=10).stdout.splitlines())
    path = os.path.join(folder, "hash")
    with open(path, "w") as f:
        f.write(made["sha256"] + "\n")
    role = "report_" + database.name
    token = "[token t]\nhash_file = %s\nallow = report who: read, report hires: read\nrole = %s\n" % (path, role)
    database.rows("CREATE ROLE %s; GRANT %s TO cetl" % (role, role))
    try:
        daemon = make_cetld(database.url(), HIRES + token + "[report who]\nparam = n int default 1\nsql = select current_user as who, :n as n\n"
                            "[report hires]\nsql = select count(*) as n from hired\n[report other]\nsql = select 1 as n\n").start()
        header = {"Authorization": "Bearer " + made["token"]}
        assert rows(daemon.get("/v1/report/who?n=7", headers=header)) == [["who", "n"], [role, "7"]]
        assert rows(daemon.get("/v1/report/who"))[1][0] != role
        assert daemon.get("/v1/report/hires", headers=header).status == 403 and daemon.get("/v1/report/hires").status == 200
        assert daemon.get("/v1/report/other", headers=header).status == 403
        assert [r["name"] for r in daemon.get("/v1/report", headers=header).json] == ["who", "hires"]
        assert problem(daemon.get("/v1/report/who?n=x", headers=header), 400)
        assert rows(daemon.get("/v1/report/who", headers=header))[1][0] == role
    finally:
        daemon.stop()
        database.rows("DROP ROLE %s" % role)


def test_reload_replaces_reports(cetld):
    daemon = cetld("[report a]\nsql = select 1 as x\n")
    assert rows(daemon.get("/v1/report/a")) == [["x"], ["1"]]
    for config, says in (("[report a]\nsql = select 2 as y\n[report b]\nsql = select 3 as z\n", "configuration reloaded"),
                         ("[report b]\nsql = select 3 as z where :q = 1\n", ":q is no parameter; declare it: param = q int")):
        daemon.write_config(config)
        daemon.signal(signal.SIGHUP)
        until(lambda: says in daemon.log(), lambda: daemon.log())
        assert rows(daemon.get("/v1/report/a")) == [["y"], ["2"]] and rows(daemon.get("/v1/report/b")) == [["z"], ["3"]]


def test_check_asks_the_server(make_cetld, database):
    def check(config):
        daemon = make_cetld(database.url(), config)
        return subprocess.run([BINARY, "--check", "-c", daemon.conf], capture_output=True, text=True, timeout=30)

    answer = check(HIRES + REPORTS.replace("nextval('counted')", "1"))
    assert answer.returncode == 0, answer
    bad = {
        "param = x itn\nsql = select :x as x": 'report r: param x: type "itn" does not exist',
        "param = x int default nope()\nsql = select :x as x": "report r: param x: function nope() does not exist",
        "sql =\n  select id,\n   nam from hired": 'report r: column "nam" does not exist (line 2 of sql)',
        "sql = select 1, 2 as b": "report r: column 1 has no name; write … AS name",
        "sql = select 1 as b, 2 as b": "report r: the columns 1 and 2 are both called b; name one of them otherwise: … AS name",
        "sql = with gone as (delete from hired returning *) select * from gone": "must be at the top level",
        "sql = delete from hired": "report r: syntax error",
        "sql = select * from hired for update": "report r: cannot execute SELECT FOR UPDATE in a read-only transaction",
        "sql = select * from hires": 'report r: relation "hires" does not exist',
    }
    for config, words in bad.items():
        answer = check(HIRES + "[report r]\n" + config + "\n[report ok]\nsql = select id from hired\n")
        assert answer.returncode != 0 and words in answer.stderr + answer.stdout, (config, answer)
    answer = check(HIRES + "[rollup hired.by_day]\ngroup = at::date as day\nmeasure = count(*) as n\n[report r]\nsql = select * from hired_by_day\n")
    assert answer.returncode == 0 and "report r: the database was not asked, because there is no hired_by_day yet" in answer.stdout + answer.stderr, answer
