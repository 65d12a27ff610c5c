# SPDX-License-Identifier: MIT
"""The user's migrations: each once, in order, in a transaction; a mistake stops nothing but the loading, and says where it is."""

import os
import re
import shutil
import signal
import subprocess
import threading

import pytest

from daemon import BINARY
from waiting import until

ORDERS = "[dataset orders]\nfiles = orders*.csv\ntable = shop.orders\n"
TABLES = "CREATE SCHEMA shop;\nCREATE TYPE shop.kind AS ENUM ('a', 'b');\nCREATE TABLE shop.orders (id int PRIMARY KEY, kind shop.kind);\n"


def write(daemon, name, text, folder=None):
    folder = folder or os.path.join(daemon.folder, "migrations")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text)
    return os.path.join(folder, name)


def recorded(database):
    return database.rows("SELECT number, name FROM cetl.user_migration ORDER BY number")


def reason(daemon):
    return daemon.json("/status")["database"]["reason"]


def wait_reason(daemon, *parts):
    return until(lambda: all(p in (reason(daemon) or "") for p in parts) and reason(daemon), lambda: "%s in %r\n%s" % (parts, reason(daemon), daemon.log()))


def test_names_without_a_schema_are_those_of_public_whatever_the_role_is_called(make_cetld, database):
    """The role of the tests is called cetl, as the package's is; so is our schema."""
    d = make_cetld(database.url(), "[dataset notes]\ncolumns = id int primary key\n[derive changes]\nafter = notes\nsql = select count(*) as n from change\n")
    write(d, "001_change.sql", "CREATE TABLE change (id int);")
    d.start()
    d.drop("notes.csv", "id\n1\n")
    d.wait_state("notes.csv")
    assert database.rows("SELECT table_schema::text FROM information_schema.tables WHERE table_name = 'change' ORDER BY 1") == [("cetl",), ("public",)]
    until(lambda: d.get("/v1/changes").status == 200, d.log)
    assert d.json("/v1/changes") == [{"n": 0}]


def test_they_run_before_the_datasets_are_opened_and_once(make_cetld, database):
    daemon = make_cetld(database.url(), ORDERS)
    write(daemon, "001_tables.sql", TABLES)
    write(daemon, "002_more.sql", "-- füllt\nSELECT pg_catalog.set_config('search_path', '', false);\nSET statement_timeout = '1ms';\nINSERT INTO shop.orders VALUES (0, 'b');\n")
    write(daemon, "README", "not one of them")
    daemon.start()
    daemon.drop("orders.csv", "id,kind\n1,a\n")
    daemon.wait_state("orders.csv")
    assert database.rows("SELECT id, kind::text FROM shop.orders ORDER BY id") == [(0, "b"), (1, "a")]
    assert recorded(database) == [(1, "tables"), (2, "more")]
    daemon.restart()
    write(daemon, "003_later.sql", "ALTER TABLE shop.orders ADD note text DEFAULT 'n'")
    daemon.signal(signal.SIGHUP)
    until(lambda: recorded(database)[-1] == (3, "later"), "the new one was run at the reload")
    assert database.value("SELECT count(*)::int FROM shop.orders WHERE note = 'n'") == 2
    assert reason(daemon) is None


def test_folder_is_an_option(make_cetld, database, folder):
    place = os.path.join(folder, "elsewhere")
    daemon = make_cetld(database.url(), ORDERS, database={"migrations": place})
    write(daemon, "1_tables.sql", TABLES, place)
    daemon.start()
    daemon.drop("orders.csv", "id,kind\n1,a\n")
    daemon.wait_state("orders.csv")


def test_failing_one_leaves_nothing_and_loading_waits_until_it_is_mended(make_cetld, database):
    daemon = make_cetld(database.url(), ORDERS)
    write(daemon, "001_tables.sql", TABLES)
    path = write(daemon, "002_bad.sql", "CREATE TABLE shop.extra (id int);\n\nSELECT 'é',\n  nothing FROM shop.orders;\n")
    daemon.start(ready=False)
    wait_reason(daemon, path + ":4:", 'column "nothing" does not exist', "mend it, and reload")
    assert daemon.get("/readyz").status == 503 and path in daemon.get("/v1/orders").body.decode()
    daemon.drop("orders.csv", "id,kind\n1,a\n")
    assert recorded(database) == [(1, "tables")] and database.value("SELECT to_regclass('shop.extra') IS NULL")
    write(daemon, "002_bad.sql", "CREATE TABLE shop.extra (id int);")
    daemon.signal(signal.SIGHUP)
    daemon.wait_state("orders.csv")
    assert recorded(database) == [(1, "tables"), (2, "bad")] and reason(daemon) is None


def test_changed_one_is_refused(make_cetld, database):
    daemon = make_cetld(database.url(), ORDERS)
    path = write(daemon, "001_tables.sql", TABLES)
    daemon.start()
    write(daemon, "001_tables.sql", TABLES + "-- and more\n")
    daemon.signal(signal.SIGHUP)
    wait_reason(daemon, path + " was changed after it was run", "the next number")
    daemon.drop("orders.csv", "id,kind\n1,a\n")
    until(lambda: daemon.ledger("orders.csv") and daemon.ledger("orders.csv")[0]["state"] == "queued", "it waits")
    assert daemon.get("/v1/orders").status == 200  # reading goes on
    write(daemon, "001_tables.sql", TABLES)
    daemon.signal(signal.SIGHUP)
    daemon.wait_state("orders.csv")
    # One that was run and is gone.
    write(daemon, "002_more.sql", "SELECT 1")
    daemon.signal(signal.SIGHUP)
    until(lambda: len(recorded(database)) == 2, "the second")
    os.remove(os.path.join(daemon.folder, "migrations/002_more.sql"))
    daemon.signal(signal.SIGHUP)
    wait_reason(daemon, "migration 2 (more)", "put it back")


def test_one_that_ends_its_transaction_is_refused(make_cetld, database):
    daemon = make_cetld(database.url(), ORDERS)
    path = write(daemon, "001_tables.sql", TABLES + "COMMIT;\nCREATE TABLE shop.extra (id int);\n")
    daemon.start(ready=False)
    wait_reason(daemon, path, "COMMIT")
    assert recorded(database) == []


def test_two_daemons_at_once_run_each_once(make_cetld, database):
    daemons = [make_cetld(database.url(), ORDERS) for _ in range(2)]
    for daemon in daemons:
        write(daemon, "001_tables.sql", TABLES + "SELECT pg_sleep(0.5);\n")
    threads = [threading.Thread(target=d.start) for d in daemons]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert recorded(database) == [(1, "tables")]
    assert all(d.get("/readyz").status == 200 for d in daemons)


@pytest.mark.parametrize("names,says", [
    (["001_a.sql", "003_c.sql"], r"003_c.sql: number 2 is missing before it"),
    (["002_a.sql"], r"002_a.sql: number 1 is missing before it"),
    (["001_a.sql", "1_b.sql"], r"1_b.sql: has the number of .*001_a.sql"),
    (["first.sql"], r"first.sql: a migration is named by its number from 1 and a name: 001_people.sql"),
    (["000_a.sql"], r"000_a.sql: a migration is named by its number"),
])
def test_names_and_numbers_are_checked(folder, names, says):
    path = os.path.join(folder, "cetl.conf")
    os.makedirs(os.path.join(folder, "migrations"))
    open(path, "w").close()
    for name in names:
        with open(os.path.join(folder, "migrations", name), "w") as f:
            f.write("SELECT 1")
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1 and re.search(says, answer.stderr), answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_what_cannot_be_read_is_told(folder):
    path = os.path.join(folder, "cetl.conf")
    with open(path, "w") as f:
        f.write("[database]\nmigrations = %s/none\n" % folder)
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1 and answer.stderr.startswith(path + ":2: migrations: %s/none cannot be read" % folder), answer.stderr
    os.makedirs(folder + "/none")
    for text, says in ((b"x" * (1 << 20) + b"x", "at most 1048576 bytes"), (b"SELECT '\xff'", "no UTF-8"), (b"a\0b", "no UTF-8")):
        with open(folder + "/none/001_a.sql", "wb") as f:
            f.write(text)
        answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
        assert answer.returncode == 1 and says in answer.stderr, answer.stderr
    shutil.rmtree(folder + "/none")
    os.makedirs(folder + "/none/001_a.sql")
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1 and "001_a.sql: cannot be read" in answer.stderr, answer.stderr
