# SPDX-License-Identifier: MIT
"""The shapes of work that people come with, by the configurations of conf/examples; what must be there PostgreSQL computes from the raw cells."""

import csv
import io
import os
import random
import uuid
from datetime import date, datetime, timedelta

from waiting import until

SEED = 20240701


def configuration(examples, name):
    with open(os.path.join(examples, name), encoding="utf-8") as f:
        return f.read()


def text_of(rows, header=None, **options):
    out = io.StringIO()
    writer = csv.writer(out, **options)
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def raw_table(database, name, columns, rows):
    """Cells as they stand, empty ones NULL: what an oracle computes from."""
    database.rows("DROP TABLE IF EXISTS %s" % name)
    database.rows("CREATE TABLE %s (%s)" % (name, ", ".join("%s text" % c for c in columns)))
    database.insert(name, [[cell if cell != "" else None for cell in row] for row in rows])


# -- (a) people and each one's earliest trade


PEOPLE = ["person_id", "name", "city", "joined"]
TRADES = ["trade_id", "person_id", "stock", "date", "shares", "price"]
EARLIEST = """
    SELECT p.person_id::bigint, p.name, p.city, to_date(p.joined, 'MM/DD/YYYY') AS joined,
           (SELECT min(to_date(t.date, 'MM/DD/YYYY')) FROM raw_trades t WHERE t.person_id = p.person_id) AS date,
           (SELECT t.stock FROM raw_trades t WHERE t.person_id = p.person_id ORDER BY to_date(t.date, 'MM/DD/YYYY'), t.trade_id::bigint LIMIT 1) AS stock
      FROM raw_people p"""


def american(day):
    return "%d/%d/%d" % (day.month, day.day, day.year)


def make_people(r, n):
    return [[str(i), "Person %d, of %d" % (i, n), r.choice(["Porto", "Malmö", ""]), american(date(2020, 1, 1) + timedelta(days=r.randrange(900)))]
            for i in range(1, n + 1)]


def make_trades(r, first, n, people):
    return [[str(first + i), str(r.randint(1, people)), r.choice(["NRTH", "OAKS", "KELP"]), american(date(2023, 1, 1) + timedelta(days=r.randrange(30))),
             str(r.randint(-9, 9)), "%.2f" % r.uniform(1, 500)] for i in range(n)]


def test_people_with_their_earliest_trade(cetld, database, examples):
    r = random.Random(SEED)
    daemon = cetld(configuration(examples, "earliest-trade.conf"))
    people, trades = make_people(r, 400), make_trades(r, 1000, 500, 400)
    raw_table(database, "raw_people", PEOPLE, people)
    raw_table(database, "raw_trades", TRADES, trades)
    daemon.drop("people.csv", text_of(people, PEOPLE))
    daemon.drop("trades.csv", text_of(trades, TRADES))
    derived = lambda: database.rows("SELECT to_regclass('output') IS NOT NULL") == [(True,)] and database.same("SELECT * FROM output", EARLIEST)
    until(derived, lambda: "output is right\n" + daemon.log())
    people = make_people(r, 300)
    raw_table(database, "raw_people", PEOPLE, people)
    daemon.drop("people2.csv", text_of(people, PEOPLE))
    until(derived, lambda: "output follows its people\n" + daemon.log())
    trades = make_trades(r, 1, 300, 300)  # earlier numbers
    database.insert("raw_trades", trades)
    daemon.drop("trades2.csv", text_of(trades, TRADES))
    until(derived, lambda: "output follows its trades\n" + daemon.log())
    assert {row["person_id"] for row in daemon.json("/v1/output?limit=1000")} == {int(p[0]) for p in people}


# -- (b) full names, split


PERSONS = ["Person ID", "Fullname", "Email", "Born", "Active", "Tags"]
SPLIT = """
    SELECT person_id::uuid, split_part(trim(fullname), ' ', 1), nullif(regexp_replace(trim(fullname), '^[^ ]* *', ''), ''), email, born::date,
           active::boolean, tags::jsonb FROM raw_persons"""


def test_full_names_are_split(cetld, database, examples):
    r = random.Random(SEED)
    parts = ["Ada", "Björn", "de la", "Nowak-Zielińska", "李", "O'Neill", "van  der"]
    rows = [[str(uuid.UUID(int=r.getrandbits(128))), " ".join(r.choice(parts) for _ in range(r.randint(1, 4))) + r.choice(["", " "]),
             r.choice(["a%d@example.org" % i, ""]), (date(1950, 1, 1) + timedelta(days=r.randrange(20000))).isoformat(), r.choice(["true", "f"]),
             r.choice(['{"level": %d}' % i, ""])] for i in range(3000)]
    daemon = cetld(configuration(examples, "split-names.conf"))
    raw_table(database, "raw_persons", ["person_id", "fullname", "email", "born", "active", "tags"], rows)
    daemon.drop("persons.csv", text_of(rows, PERSONS))
    entry = daemon.wait_state("persons.csv")
    assert daemon.settled(entry) and entry["rows_loaded"] == len(rows)
    assert database.same("SELECT person_id, first_name, last_name, email, born, active, tags FROM persons", SPLIT)
    assert database.value("SELECT count(DISTINCT id) FROM persons WHERE substr(id::text, 15, 1) = '4'") == len(rows)


# -- (c) sales by line, with the revenue of each day


SALES = ["SalesOrderNumber", "SalesOrderLine", "OrderDate", "CustomerName", "E-Mail", "Item", "Quantity", "UnitPrice", "LineTotal"]
DAILY = "SELECT order_date AS day, sum(line_total) AS revenue, count(*) AS lines, sum(quantity) AS pieces FROM sales GROUP BY order_date"
LATEST = """
    SELECT DISTINCT ON (number, line::int) number, line::int, day::date, customer, mail, item, quantity::int, price::numeric(10,2), total::numeric(12,2)
      FROM raw_sales ORDER BY number, line::int, n::int DESC"""


def make_sales(r, n):
    rows = []
    for _ in range(n):
        quantity, cents = r.randint(1, 9), r.randint(100, 99999)
        rows.append(["SO%d" % r.randint(1, 400), str(r.randint(1, 4)), (date(2024, 1, 1) + timedelta(days=r.randrange(20))).isoformat(), 'Name, "N"',
                     r.choice(["", "a@example.com"]), "Item", str(quantity), "%d.%02d" % divmod(cents, 100), "%d.%02d" % divmod(cents * quantity, 100)])
    return rows


def test_sales_by_line_with_daily_revenue(cetld, database, examples):
    r = random.Random(SEED)
    daemon = cetld(configuration(examples, "order-lines.conf"))
    raw_table(database, "raw_sales", ["number", "line", "day", "customer", "mail", "item", "quantity", "price", "total", "n"], [])
    n = 0
    for i, size in enumerate([900, 300, 5, 300]):
        rows = make_sales(r, size)
        database.insert("raw_sales", [[c if c != "" else None for c in row] + [str(n + k)] for k, row in enumerate(rows)])
        n += size
        daemon.drop("sales%d.csv" % i, text_of(rows, SALES, lineterminator="\r\n"))
        entry = daemon.wait_state("sales%d.csv" % i)
        assert daemon.settled(entry)
        assert database.same("SELECT * FROM sales", LATEST)
        assert database.same("SELECT day, revenue, lines, pieces FROM sales_daily", DAILY)


# -- (d) who was hired


GOOD = "department_id::int IN (SELECT id::int FROM raw_departments) AND job_id::int IN (SELECT id::int FROM raw_jobs)"
HIRED = "SELECT id::int, name, datetime::timestamptz, department_id::int, job_id::int FROM raw_hired WHERE " + GOOD
YEAR = "datetime LIKE '2021-%'"
BY_QUARTER = """
    SELECT d.department, j.job, %s FROM raw_hired h JOIN raw_departments d ON d.id = h.department_id JOIN raw_jobs j ON j.id = h.job_id
     WHERE %s GROUP BY d.department, j.job""" % (
    ", ".join("sum((substr(datetime, 6, 2)::int BETWEEN %d AND %d)::int)" % (3 * q + 1, 3 * q + 3) for q in range(4)), YEAR)
ABOVE = """
    WITH counted AS (SELECT d.id::int, d.department, (SELECT count(*) FROM raw_hired h WHERE h.department_id = d.id AND %s AND %s) AS hired FROM raw_departments d)
    SELECT * FROM counted WHERE hired > (SELECT avg(hired) FROM counted)""" % (GOOD, YEAR)


def test_hires_by_quarter_and_departments_above_the_mean(cetld, database, examples):
    r = random.Random(SEED)
    departments = [[str(i), 'Department, no. "%d"' % i] for i in range(1, 13)]
    jobs = [[str(i), "Job %d" % i] for i in range(1, 40)]
    hired, bad = [], 0
    for i in range(1, 2001):
        at = datetime(2020, 12, 1) + timedelta(minutes=r.randrange(410 * 24 * 60))
        row = [str(i), r.choice(["", "Name %d" % i]), at.strftime("%Y-%m-%dT%H:%M:%SZ"), str(min(12, int(r.expovariate(0.3)) + 1)), str(r.randint(1, 39))]
        if r.random() < 0.03:
            bad += 1
            row[r.choice([3, 4])] = r.choice(["", "", "99"])
        hired.append(row)
    for name, columns, rows in (("departments", ["id", "department"], departments), ("jobs", ["id", "job"], jobs),
                                ("hired", ["id", "name", "datetime", "department_id", "job_id"], hired)):
        raw_table(database, "raw_" + name, columns, rows)
    daemon = cetld(configuration(examples, "hiring.conf"))
    daemon.drop("hired_employees.csv", text_of(hired))
    daemon.wait_state("hired_employees.csv", "waiting")
    daemon.drop("jobs.csv", text_of(jobs))
    daemon.drop("departments.csv", text_of(departments))
    entry = daemon.wait_state("hired_employees.csv")
    assert daemon.settled(entry) and (entry["rows_loaded"], entry["rows_rejected"]) == (2000 - bad, bad) and bad > 30
    assert database.same("SELECT * FROM hired_employees", HIRED)
    codes = {reject["code"] for reject in daemon.json("/v1/files/%d/rejects?limit=1000" % entry["id"])}
    assert codes == {"23502", "23503"}
    until(lambda: database.value("SELECT to_regclass('hires_by_quarter') IS NOT NULL"), lambda: "the view is made\n" + daemon.log())
    assert database.same("SELECT * FROM hires_by_quarter", BY_QUARTER)
    until(lambda: database.same("SELECT * FROM departments_above_mean", ABOVE), lambda: "the departments are right\n" + daemon.log())
    rows = daemon.json("/v1/hires_by_quarter?limit=1000")
    assert len(rows) > 100 and all(set(row) == {"department", "job", "q1", "q2", "q3", "q4"} for row in rows)
    assert any(0 in (row["q1"], row["q2"], row["q3"], row["q4"]) for row in rows)
    assert 0 < len(daemon.json("/v1/departments_above_mean")) < 12
