# SPDX-License-Identifier: MIT
"""Columns that are looked up in another dataset's table."""

import os
import subprocess

import pytest

from daemon import BINARY
from waiting import until

CUSTOMERS = """
[dataset customers]
files = customers*.csv
mode = upsert
columns = id bigint primary key, zip text, level int
"""
ORDERS = """
[dataset orders]
files = orders*.csv
mode = %s
columns = id int primary key, customer_id int, zip text, level bigint
max_errors = 50%%
%s
[column orders.zip]
lookup = customers.zip on customers.id = customer_id
on_miss = %s
[column orders.level]
lookup = customers.level on customers.id = customer_id
"""
ORDER_ROWS = "id,customer_id\n1,10\n2,11\n3,99\n4,\n5,12\n"


def loaded_customers(daemon):
    daemon.drop("customers.csv", "id,zip,level\n10,75001,1\n11,10115,2\n12,,3\n")
    daemon.wait_state("customers.csv")


@pytest.mark.parametrize("mode", ["append", "upsert", "ignore", "replace"])
def test_what_is_not_found_is_null(cetld, database, mode):
    daemon = cetld(ORDERS % (mode, "", "null") + CUSTOMERS)  # the order of the sections is not that of their tables
    loaded_customers(daemon)
    daemon.drop("orders.csv", ORDER_ROWS)
    entry = daemon.wait_state("orders.csv")
    assert daemon.settled(entry), entry
    assert entry["rows_loaded"] == 5
    assert database.rows("SELECT * FROM orders ORDER BY id") == [
        (1, 10, "75001", 1), (2, 11, "10115", 2), (3, 99, None, None), (4, None, None, None), (5, 12, None, 3)]


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_what_is_not_found_rejects_its_row(cetld, database, mode):
    daemon = cetld(CUSTOMERS + ORDERS % (mode, "", "reject"))
    loaded_customers(daemon)
    daemon.drop("orders.csv", ORDER_ROWS)
    entry = daemon.wait_state("orders.csv")
    assert daemon.settled(entry), entry
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (4, 1)
    assert database.rows("SELECT id, zip FROM orders ORDER BY id") == [(1, "75001"), (2, "10115"), (4, None), (5, None)]
    [reject] = daemon.json("/v1/files/%d/rejects" % entry["id"])
    assert (reject["line"], reject["code"], reject["column"]) == (4, "23503", "zip")
    assert "lookup customers.zip on customers.id = customer_id: no row of customers has id = 99" in reject["message"]


def test_filters_checks_and_expressions_read_what_is_looked_up(cetld, database):
    daemon = cetld(
        CUSTOMERS
        + """
[dataset orders]
files = orders*.csv
columns = id int, zip text, place text, level int
inputs = customer int
filter = level is distinct from 2
max_errors = 5
[column orders.zip]
lookup = customers.zip on customers.id = customer
[column orders.level]
lookup = customers.level on customers.id = customer
on_miss = reject
check = level < 3
[column orders.place]
expr = upper(zip) || '-' || level
"""
    )
    loaded_customers(daemon)
    daemon.drop("orders.csv", "id,customer\n1,10\n2,11\n3,12\n4,98\n5,\n")
    entry = daemon.wait_state("orders.csv")
    assert daemon.settled(entry), entry
    assert (entry["rows_loaded"], entry["rows_filtered"], entry["rows_rejected"]) == (2, 1, 2)
    assert database.rows("SELECT * FROM orders ORDER BY id") == [(1, "75001", "75001-1", 1), (5, None, None, None)]
    found = {r["line"]: r["code"] for r in daemon.json("/v1/files/%d/rejects" % entry["id"])}
    assert found == {4: "23514", 5: "23503"}


def test_a_key_of_several_columns_and_the_cell_of_the_columns_own_name(cetld, database):
    daemon = cetld(
        """
[dataset prices]
files = prices*.csv
columns = item text, day date, price numeric(10,2), primary key (day, item)
[dataset sales]
files = sales*.csv
columns = id int, item text, day date, price numeric(10,1), name varchar(5)
max_errors = 2
[column sales.price]
lookup = prices.price on item = prices.item and prices.day = day
[column sales.name]
lookup = names.name on names.code = name
[dataset names]
files = names*.csv
columns = code text unique not null, name text
"""
    )
    daemon.drop("prices.csv", "item,day,price\na,2024-01-01,1.25\na,2024-01-02,2.50\nb,2024-01-01,3\n")
    daemon.drop("names.csv", "code,name\nx,Xaver\ny,Yvonne\n")
    daemon.wait_state("prices.csv")
    daemon.wait_state("names.csv")
    daemon.drop("sales.csv", "id,item,day,name\n1,a,2024-01-02,x\n2,b,2024-01-02,x\n3,b,2024-01-01,z\n4,a,2024-01-01,y\n")
    entry = daemon.wait_state("sales.csv")
    assert daemon.settled(entry), entry
    assert database.rows("SELECT id, price::text, name FROM sales ORDER BY id") == [(1, "2.5", "Xaver"), (2, None, "Xaver"), (3, "3.0", None)]
    [reject] = daemon.json("/v1/files/%d/rejects" % entry["id"])
    assert (reject["line"], reject["code"]) == (5, "22001")


def test_a_change_of_the_dimension_is_seen_by_the_next_file(cetld, database):
    daemon = cetld(CUSTOMERS + ORDERS % ("append", "", "null"))
    loaded_customers(daemon)
    want = {10: "75001", 11: "10115", 13: None}
    for i in range(6):
        daemon.drop("orders%d.csv" % i, "id,customer_id\n" + "".join("%d,%d\n" % (100 * i + k, k) for k in want))
        assert daemon.wait_state("orders%d.csv" % i)["rows_loaded"] == 3
        rows = database.rows("SELECT customer_id, zip FROM orders WHERE id >= %d" % (100 * i))
        assert dict(rows) == want, i
        want[13], want[10] = "zip%d" % i, "new%d" % i
        daemon.drop("customers%d.csv" % i, "id,zip\n13,zip%d\n10,new%d\n" % (i, i))
        daemon.wait_state("customers%d.csv" % i)


def test_a_dataset_waits_for_the_table_that_it_looks_into(cetld, database):
    customers = CUSTOMERS.replace("columns = id bigint primary key, zip text, level int\n", "")
    daemon = cetld(customers.replace("mode = upsert\n", "") + ORDERS % ("append", "", "null"))
    daemon.drop("orders.csv", ORDER_ROWS)
    until(lambda: daemon.log_lines("has no table yet"), "it waits")
    database.rows("CREATE TABLE customers (id bigint PRIMARY KEY, zip text, level int); GRANT SELECT ON customers TO PUBLIC;"
                  " INSERT INTO customers VALUES (10, 'A', 1)")
    assert daemon.wait_state("orders.csv")["rows_loaded"] == 5
    assert database.rows("SELECT zip FROM orders WHERE id = 1") == [("A",)]


@pytest.fixture
def check(folder):
    def run(text, url=None):
        path = os.path.join(folder, "cetl.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(("[database]\nurl = %s\n" % url if url else "") + text)
        return path, subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)

    return run


MISTAKES = {
    "custmers.zip on custmers.id = customer_id": "did you mean 'customers'?",
    "customers.zpi on customers.id = customer_id": "did you mean 'zip'?",
    "customers.zip on customers.idd = customer_id": "no column 'idd'",
    "customers.zip on customers.id = custmer_id": "did you mean customer_id?",
    "customers.zip on customers.id = note": "customers.id is bigint, and note is text",
    "customers.zip on customers.id = level": "is looked up itself",
    "orders.note on orders.id = id": "cannot look into itself",
    "customers.zip": "'on' was expected",
}


@pytest.mark.parametrize("lookup", MISTAKES)
def test_mistakes_are_refused_with_their_place(check, lookup):
    path, answer = check(
        "[dataset customers]\ncolumns = id bigint primary key, zip text, level int\n"
        "[dataset orders]\ncolumns = id int, note text, zip text, customer_id int, level int\n"
        "[column orders.level]\nlookup = customers.level on customers.id = id\n[column orders.zip]\nlookup = " + lookup + "\n")
    assert answer.returncode == 1 and answer.stderr.startswith("%s:8: " % path) and MISTAKES[lookup] in answer.stderr, answer.stderr


def test_check_asks_the_database_for_the_key(check, database):
    text = ORDERS % ("append", "", "null") + CUSTOMERS
    _, answer = check(text, database.url())
    assert answer.returncode == 0 and "its lookups in memory" in answer.stdout, answer
    path, answer = check(text.replace("mode = upsert\n", "").replace("id bigint primary key, zip", "id bigint, zip"), database.url())
    assert answer.returncode == 1 and "neither its primary key nor unique" in answer.stderr, answer.stderr
    assert answer.stderr.startswith("%s:" % path)
    assert database.rows("SELECT count(*) FROM pg_class WHERE relname = 'orders'") == [(0,)]


def test_many_files_and_a_kill(cetld, database):
    daemon = cetld(CUSTOMERS + ORDERS % ("append", "", "reject"))
    loaded_customers(daemon)
    for i in range(40):
        daemon.drop("orders%d.csv" % i, "id,customer_id\n%d,10\n%d,99\n%d,11\n" % (3 * i, 3 * i + 1, 3 * i + 2))
        if i == 20:
            daemon.kill9()
            daemon.start()
    for i in range(40):
        entry = daemon.wait_state("orders%d.csv" % i)
        assert (entry["rows_loaded"], entry["rows_rejected"]) == (2, 1)
    assert database.rows("SELECT count(*), count(zip) FROM orders") == [(80, 80)]


def test_rollups_are_of_what_is_looked_up(cetld, database):
    daemon = cetld(CUSTOMERS + ORDERS % ("append", "", "reject") + "[rollup orders.zips]\ngroup = zip\nmeasure = count(*) as n, sum(level) as levels\n")
    loaded_customers(daemon)
    for i in range(3):
        daemon.drop("orders%d.csv" % i, "id,customer_id\n%d,10\n%d,99\n%d,11\n" % (3 * i, 3 * i + 1, 3 * i + 2))
        daemon.wait_state("orders%d.csv" % i)
    assert database.rows("SELECT zip, n, levels::text FROM orders_zips ORDER BY zip") == [("10115", 3, "6"), ("75001", 3, "3")]


CARDS = """
[dataset cards]
files = cards*.csv
columns = number text primary key, owner text, rank numeric
[dataset uses]
files = uses*.csv
mode = %s
columns = id int primary key, owner text, rank numeric(10,1)
inputs = card varchar(40)
max_errors = 50%%
[column uses.owner]
lookup = cards.owner on cards.number = card
on_miss = reject
[column uses.rank]
lookup = cards.rank on cards.number = card
"""


@pytest.mark.parametrize("lookup_max", ["0", "100K"])
@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_what_does_not_fit_into_memory_is_joined_by_the_server(cetld, database, mode, lookup_max):
    daemon = cetld(CARDS % mode, daemon={"lookup_max": lookup_max})
    n = 3000
    daemon.drop("cards.csv", "number,owner,rank\n" + "".join("card %d,owner of %d,%d.25\n" % (i, i, i) for i in range(n)))
    daemon.wait_state("cards.csv")
    for f in range(3):
        daemon.drop("uses%d.csv" % f, "id,card\n" + "".join("%d,card %d\n" % (f * 10000 + i, i * 2) for i in range(2000)))
        entry = daemon.wait_state("uses%d.csv" % f)
        assert daemon.settled(entry) and (entry["rows_loaded"], entry["rows_rejected"]) == (1500, 500)
    wrong = ("SELECT count(*) FROM uses u LEFT JOIN cards c ON c.number = 'card ' || 2 * mod(u.id, 10000)"
             " WHERE (u.owner, u.rank) IS DISTINCT FROM (c.owner, c.rank::numeric(10,1))")
    assert database.rows("SELECT count(*) FROM uses") == [(4500,)] and database.rows(wrong) == [(0,)]
    told = daemon.log_lines("cards does not fit into lookup_max")
    assert len(told) == (0 if lookup_max == "0" else 1), told


def test_a_write_from_outside_is_seen(cetld, database):
    daemon = cetld(CUSTOMERS + ORDERS % ("append", "", "null"))
    loaded_customers(daemon)
    database.rows("UPDATE customers SET zip = 'other' WHERE id = 10")
    n = [0]

    def seen():
        n[0] += 1
        daemon.drop("orders%d.csv" % n[0], "id,customer_id\n%d,10\n" % n[0])
        daemon.wait_state("orders%d.csv" % n[0])
        return database.rows("SELECT zip FROM orders WHERE id = %d" % n[0]) == [("other",)]

    until(seen, "the statistics tell it", deadline=60, step=0.5)
