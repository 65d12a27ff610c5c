# SPDX-License-Identifier: MIT
"""`requires`: files wait for what they need, visibly, and not for ever."""

import os
import re
import subprocess

import pytest

from daemon import BINARY
from waiting import until

SHOP = """
[dataset customers]
files = customers*.csv
columns = id int primary key, name text
mode = upsert

[dataset orders]
files = orders*.csv
columns = id int, customer int references customers (id)
requires = customers
%s
[dataset others]
files = others*.csv
columns = id int
"""


def customers(*ids):
    return "id,name\n" + "".join("%d,n%d\n" % (i, i) for i in ids)


def orders(*rows):
    return "id,customer\n" + "".join("%d,%d\n" % r for r in rows)


def states(daemon, name):
    return [e["state"] for e in daemon.ledger(name)]


def test_file_waits_for_the_first_file_of_the_other(cetld, database):
    daemon = cetld(SHOP % "")
    daemon.drop("orders_1.csv", orders((1, 7)))
    entry = daemon.wait_state("orders_1.csv", "waiting")
    assert "customers" in entry["error"] and "nothing was loaded yet" in entry["error"]
    assert daemon.json("/v1/files?state=waiting")[0]["name"] == "orders_1.csv"
    until(lambda: daemon.json("/status")["files"]["waiting"] == 1, "counted")
    until(lambda: b"cetl_files_waiting 1\n" in daemon.get("/metrics").body, "counted, too")
    daemon.drop("others.csv", "id\n1\n")
    daemon.wait_state("others.csv")  # nobody else waits
    daemon.drop("customers.csv", customers(7))
    daemon.wait_state("orders_1.csv")
    assert database.rows("SELECT id, customer FROM orders") == [(1, 7)]
    assert daemon.json("/status")["files"]["waiting"] == 0
    assert len(daemon.log_lines("files of dataset orders wait")) == 1
    daemon.drop("orders_2.csv", orders((2, 7)))  # once is enough
    daemon.wait_state("orders_2.csv")


def test_file_waits_for_earlier_files_of_the_other_only(cetld, database):
    daemon = cetld(SHOP % "")
    daemon.drop("customers_1.csv", customers(1))
    daemon.wait_state("customers_1.csv")
    blocker = database.connect()
    blocker.autocommit = False
    sql = blocker.cursor()
    sql.execute("LOCK TABLE customers IN EXCLUSIVE MODE")
    daemon.drop("customers_2.csv", customers(2))
    until(lambda: states(daemon, "customers_2.csv") == ["loading"], "it is being loaded")
    for n in range(5):
        daemon.drop("orders_%d.csv" % n, orders((n, 2)))
    entry = daemon.wait_state("orders_4.csv", "waiting")
    assert "earlier file" in entry["error"]
    assert [states(daemon, "orders_%d.csv" % n) for n in range(5)] == [["waiting"]] * 5
    blocker.rollback()
    blocker.close()
    for n in range(5):
        daemon.wait_state("orders_%d.csv" % n)
    assert database.value("SELECT count(*)::int FROM orders") == 5


def test_waiting_goes_on_over_a_restart_and_a_kill(make_cetld, database):
    daemon = make_cetld(database.url(), SHOP % "").start()
    daemon.drop("orders.csv", orders((1, 7)))
    arrived = daemon.wait_state("orders.csv", "waiting")["arrived_at"]
    daemon.restart()
    assert daemon.wait_state("orders.csv", "waiting")["arrived_at"][:22] == arrived[:22]
    daemon.kill9()
    daemon.start()
    daemon.wait_state("orders.csv", "waiting")
    daemon.drop("customers.csv", customers(7))
    daemon.wait_state("orders.csv")
    assert database.rows("SELECT id, customer FROM orders") == [(1, 7)]


def test_it_fails_when_it_waited_too_long(cetld, database):
    daemon = cetld(SHOP % "wait = 1s\n")
    daemon.drop("orders.csv", orders((1, 7)))
    entry = daemon.wait_state("orders.csv", "failed")
    assert "it requires customers" in entry["error"] and "`wait`" in entry["error"]
    assert daemon.files_in("failed") and b"failed/orders.csv" in daemon.files_in("failed")
    daemon.drop("customers.csv", customers(7))
    daemon.wait_state("customers.csv")
    daemon.drop("orders.csv", orders((1, 7)))
    daemon.wait_state("orders.csv", nth=2)


def test_time_of_waiting_counts_from_the_arrival(make_cetld, database):
    daemon = make_cetld(database.url(), SHOP % "wait = 3s\n").start()
    daemon.drop("orders.csv", orders((1, 7)))
    daemon.wait_state("orders.csv", "waiting")
    daemon.stop()
    work = [n for n in os.listdir(daemon.path("work")) if n.endswith("=orders.csv")][0]
    early = "%016x" % (int(work[:16], 16) - 3600 * 1000000)
    os.rename(daemon.path("work", work), daemon.path("work", early + work[16:]))
    daemon.start()
    daemon.wait_state("orders.csv", "failed", deadline=2.5)


def test_refused_file_of_the_other_holds_nothing(cetld, database):
    daemon = cetld(SHOP % "")
    daemon.drop("customers_1.csv", customers(1))
    daemon.wait_state("customers_1.csv")
    daemon.drop("customers_2.csv", "id,name\nx,y\n")
    daemon.drop("orders.csv", orders((1, 1)))
    daemon.wait_state("orders.csv")


def test_reload_without_it_lets_go(cetld, database):
    daemon = cetld(SHOP % "")
    database.rows("INSERT INTO customers VALUES (7, 'x')")
    daemon.drop("orders.csv", orders((1, 7)))
    daemon.wait_state("orders.csv", "waiting")
    daemon.write_config((SHOP % "").replace("requires = customers\n", ""))
    daemon.signal(1)
    daemon.wait_state("orders.csv")


@pytest.mark.parametrize("text,says", [
    ("[dataset a]\nrequires = b\n[dataset b]\nrequires = c\n[dataset c]\nrequires = a\n", r":2: .*circle \(a requires b requires c requires a\)"),
    ("[dataset a]\nrequires = a\n", r":2: .*circle \(a requires a\)"),
    ("[dataset a]\nrequires = customer\n[dataset customers]\n", r":2: requires: there is no \[dataset customer\] \(did you mean 'customers'\?\)"),
])
def test_mistake_is_told_with_its_place(folder, text, says):
    path = os.path.join(folder, "cetl.conf")
    with open(path, "w") as f:
        f.write(text)
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1 and re.search(re.escape(path) + says, answer.stderr), answer.stderr
    assert len(answer.stderr.splitlines()) == 1
