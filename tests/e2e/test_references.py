# SPDX-License-Identifier: MIT
"""Foreign keys: rows that refer to nothing are told all at once."""

import time

import pytest

HIRED = """
[dataset departments]
files = departments*.csv
mode = upsert
columns = id int primary key, department text
[dataset jobs]
files = jobs*.csv
mode = upsert
columns = area text, id int, job text, primary key (area, id)
[dataset hired]
files = hired*.csv
mode = %s
columns =
    id int primary key,
    name text,
    department_id int references departments,
    area text,
    job_id int,
    foreign key (area, job_id) references jobs
max_errors = 5%%
"""


def dimensions(daemon):
    daemon.drop("departments.csv", "id,department\n" + "".join("%d,d%d\n" % (i, i) for i in range(1, 13)))
    daemon.drop("jobs.csv", "area,id,job\n" + "".join("%s,%d,j\n" % (a, i) for a in "xy" for i in range(1, 101)))
    daemon.wait_state("departments.csv")
    daemon.wait_state("jobs.csv")


def row(i):
    """3 % have something missing: half of them the department, half the job; some are NULL, and so refer to nothing by right."""
    department = "99" if i % 100 in (7, 8) else "" if i % 100 == 50 else str(i % 12 + 1)
    area, job = ("z", "1") if i % 100 == 9 else ("x", "") if i % 100 == 51 else ("xy"[i % 2], str(i % 100 + 1))
    return "%d,name %d,%s,%s,%s\n" % (i, i, department, area, job)


@pytest.mark.parametrize("mode", ["append", "upsert", "replace"])
def test_many_rows_that_refer_to_nothing_are_told_in_seconds(cetld, database, mode):
    n = 200000 if mode == "append" else 20000
    daemon = cetld(HIRED % mode)
    dimensions(daemon)
    began = time.monotonic()
    daemon.drop("hired.csv", "id,name,department_id,area,job_id\n" + "".join(map(row, range(n))))
    entry = daemon.wait_state("hired.csv", deadline=120)
    took = time.monotonic() - began
    assert daemon.settled(entry), entry
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (n - n * 3 // 100, n * 3 // 100)
    assert database.rows("SELECT count(*), count(department_id), count(job_id) FROM hired") == [(n * 97 // 100, n * 96 // 100, n * 96 // 100)]
    assert took < 60, took  # one by one it would be many minutes
    found = {r["line"]: r for r in daemon.json("/v1/files/%d/rejects" % entry["id"])}
    assert found[9]["code"] == "23503" and found[9]["column"] == "department_id" and found[9]["value"] == "99"
    assert found[9]["message"] == "no row of departments has id = 99"
    assert found[11]["column"] == "area" and found[11]["message"] == "no row of jobs has area = z and id = 1"
    assert found[9]["raw"] == row(7).strip()


def test_rows_that_came_in_between_are_loaded_with_the_next_file(cetld, database):
    daemon = cetld(HIRED % "upsert")
    dimensions(daemon)
    rows = "id,name,department_id,area,job_id\n" + "".join(map(row, range(200)))
    daemon.drop("hired1.csv", rows)
    assert daemon.wait_state("hired1.csv")["rows_rejected"] == 6
    daemon.drop("departments2.csv", "id,department\n99,late\n")
    daemon.wait_state("departments2.csv")
    daemon.drop("hired2.csv", rows + row(0))
    assert daemon.wait_state("hired2.csv")["rows_rejected"] == 2
    assert database.rows("SELECT count(*) FROM hired") == [(198,)]


def test_other_faults_beside_missing_references_are_told_too(cetld, database):
    daemon = cetld((HIRED % "append").replace("name text", "name text check (name <> 'name 5')"))
    dimensions(daemon)
    daemon.drop("hired.csv", "id,name,department_id,area,job_id\n" + "".join(map(row, range(400))) + row(3))
    entry = daemon.wait_state("hired.csv")
    assert daemon.settled(entry) and entry["rows_rejected"] == 14, entry
    codes = sorted(r["code"] for r in daemon.json("/v1/files/%d/rejects" % entry["id"]))
    assert codes == ["23503"] * 12 + ["23505", "23514"]


def test_more_than_the_budget_fails_the_file(cetld, database):
    daemon = cetld((HIRED % "append").replace("max_errors = 5%", "max_errors = 2%"))
    dimensions(daemon)
    daemon.drop("hired.csv", "id,name,department_id,area,job_id\n" + "".join(map(row, range(1000))))
    entry = daemon.wait_state("hired.csv", "failed")
    assert entry["rows_rejected"] == 30 and "no row of departments has id = 99" in entry["error"], entry
    assert database.rows("SELECT count(*) FROM hired") == [(0,)]


def run(database, statements):
    with database.connect() as conn:
        conn.cursor().execute(statements)
        conn.commit()


def test_what_policies_hide_from_us_is_not_missing(cetld, database):
    """The foreign key sees rows that our role may not: only the server's refusals say which are missing."""
    run(database, """
        CREATE TABLE departments (id int PRIMARY KEY, seen bool);
        INSERT INTO departments VALUES (1, true), (2, false);
        ALTER TABLE departments ENABLE ROW LEVEL SECURITY;
        CREATE POLICY seen ON departments USING (seen);
        CREATE TABLE hired (id int PRIMARY KEY, department_id int REFERENCES departments);
        GRANT ALL ON departments, hired TO cetl""")
    daemon = cetld("[dataset hired]\nfiles = hired*.csv\nmax_errors = 1\n")
    daemon.drop("hired.csv", "id,department_id\n1,1\n2,2\n3,3\n")
    assert daemon.wait_state("hired.csv")["rows_rejected"] == 1
    assert database.rows("SELECT * FROM hired ORDER BY id") == [(1, 1), (2, 2)]


def test_what_a_trigger_makes_is_not_missing(cetld, database):
    run(database, """
        CREATE TABLE departments (id int PRIMARY KEY);
        CREATE TABLE hired (id int PRIMARY KEY, department_id int REFERENCES departments);
        CREATE FUNCTION make() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO departments VALUES (7) ON CONFLICT DO NOTHING; RETURN NULL; END';
        CREATE TRIGGER make BEFORE INSERT ON hired EXECUTE FUNCTION make();
        GRANT ALL ON departments, hired TO cetl""")
    daemon = cetld("[dataset hired]\nfiles = hired*.csv\nmax_errors = 1\n")
    daemon.drop("hired.csv", "id,department_id\n1,7\n2,8\n")
    assert daemon.wait_state("hired.csv")["rows_rejected"] == 1
    assert database.rows("SELECT * FROM hired") == [(1, 7)]
