# SPDX-License-Identifier: MIT
"""mode = replace: the newest file is the table's content, and nobody ever sees less than one file."""

import os
import threading

import pytest

from waiting import until

REPLACED = """
[dataset prices]
files = prices*.csv
mode = replace
columns = id bigint primary key, price numeric(10,2) not null
"""


def prices(rows, price):
    return "id,price\n" + "".join("%d,%s\n" % (i, price) for i in range(rows))


def content(database):
    return database.rows("SELECT count(*)::int, min(price)::text, max(price)::text FROM prices")[0]


def test_newest_file_is_the_content(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_1.csv", prices(10, "1.00"))
    daemon.wait_state("prices_1.csv")
    daemon.drop("prices_2.csv", prices(4, "2.00"))
    daemon.wait_state("prices_2.csv")
    assert content(database) == (4, "2.00", "2.00")


def test_revert_to_earlier_bytes_loads_again(cetld, database):
    daemon = cetld(REPLACED)
    for n, price in enumerate(["1.00", "2.00", "1.00"]):
        daemon.drop("prices.csv", prices(3, price))
        daemon.wait_state("prices.csv", nth=n + 1)
    assert content(database) == (3, "1.00", "1.00")


def test_same_bytes_as_the_newest_load_are_a_duplicate(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_1.csv", prices(3, "1.00"))
    daemon.wait_state("prices_1.csv")
    daemon.drop("prices_2.csv", prices(3, "1.00"))
    daemon.wait_state("prices_2.csv", "duplicate")


def test_refused_file_leaves_the_old_content(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_1.csv", prices(3, "1.00"))
    daemon.wait_state("prices_1.csv")
    daemon.drop("prices_2.csv", prices(3, "2.00") + "7,seven\n")
    daemon.wait_state("prices_2.csv", "failed")
    assert content(database) == (3, "1.00", "1.00")


def test_readers_never_see_less_than_one_file(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_0.csv", prices(1000, "0.00"))
    daemon.wait_state("prices_0.csv")
    seen, ended = set(), threading.Event()

    def read():
        db = database.connect()
        with db.cursor() as sql:
            while not ended.is_set():
                sql.execute("SELECT count(*)::int, count(DISTINCT price)::int FROM prices")
                seen.add(sql.fetchone())
        db.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for n in range(1, 9):
            daemon.drop("prices_%d.csv" % n, prices(1000, "%d.00" % n))
        daemon.wait_count("loaded", 9)
    finally:
        ended.set()
        reader.join()
    assert seen == {(1000, 1)}


def test_files_that_wait_at_start_load_in_the_order_of_their_times(make_cetld, database):
    daemon = make_cetld(database.url(), REPLACED)
    # Names and times disagree: the times rule, names decide between equal times.
    for name, time in (("prices_a.csv", 3000), ("prices_b.csv", 1000), ("prices_c.csv", 2000), ("prices_d.csv", 2000)):
        daemon.drop(name, "id,price\n1,%d.00\n" % ord(name[7]))
        os.utime(daemon.path("incoming", name), (time, time))
    daemon.start()
    daemon.wait_count("loaded", 4)
    assert [e["name"] for e in daemon.ledger()] == ["prices_a.csv", "prices_d.csv", "prices_c.csv", "prices_b.csv"]
    assert content(database) == (1, "97.00", "97.00")


def test_files_renamed_in_one_after_the_other_load_in_that_order(cetld, database):
    daemon = cetld(REPLACED)
    names = ["prices_%d.csv" % (n * 37 % 20) for n in range(20)]
    for n, name in enumerate(names):
        daemon.drop(name, "id,price\n1,%d.00\n" % n)
    daemon.wait_count("loaded", 20)
    assert [e["name"] for e in daemon.ledger()] == list(reversed(names))
    assert content(database) == (1, "19.00", "19.00")


# ---- by exchange of the partition ----

SWAPPED = """
[dataset prices]
files = prices*.csv
mode = replace
replace_swap_min = 0
%s
columns = %s
"""
COLUMNS = "id bigint primary key, price numeric(10,2) not null"


def partition(database, table="prices"):
    """Name and oid of the one partition, or None."""
    found = database.rows("SELECT inhrelid::regclass::text, inhrelid::bigint FROM pg_inherits WHERE inhparent = '%s'::regclass" % table)
    assert len(found) <= 1
    return found[0] if found else None


def load_prices(daemon, n, price, rows=1000, state="loaded"):
    daemon.drop("prices_%d.csv" % n, prices(rows, price))
    entry = daemon.wait_state("prices_%d.csv" % n, state)
    assert daemon.settled(entry) or state == "failed"
    return entry


@pytest.mark.parametrize("columns", [COLUMNS, "id bigint, price numeric(10,2)", "id bigint, price numeric(10,2), primary key (price, id), unique (id)",
                                     "id bigint check (id >= 0), price numeric(10,2) default 7, twice numeric generated always as (price * 2) stored"])
def test_large_file_brings_another_partition(cetld, database, columns):
    daemon = cetld(SWAPPED % ("", columns))
    load_prices(daemon, 1, "1.00")
    first = partition(database)
    load_prices(daemon, 2, "2.00", rows=500)
    second = partition(database)
    assert first and second and first != second
    assert content(database) == (500, "2.00", "2.00")
    assert daemon.json("/v1")[0]["rows"] == 500
    assert [int(r["id"]) for r in daemon.get_rows("prices", limit=3)] == [0, 1, 2]
    assert database.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'prices%' AND relkind IN ('r', 'p')") == 2
    assert database.value("SELECT reltuples FROM pg_class WHERE oid = 'prices'::regclass") in (-1, 500)


@pytest.mark.parametrize("columns, more", [("id bigint primary key, price numeric(10,2) unique", ""), ("id bigint, price numeric(10,2), exclude (id with =)", ""),
                                           ("id bigint generated always as identity, price numeric(10,2)", ""), ("id bigserial, price numeric(10,2)", ""),
                                           (COLUMNS, "replace_swap_min = 1M")])
def test_where_it_does_not_go_rows_are_deleted_and_copied(cetld, database, columns, more):
    config = SWAPPED % ("", columns)
    daemon = cetld(config.replace("replace_swap_min = 0", more) if more else config)
    load_prices(daemon, 1, "1.00") if "unique" not in columns else daemon.drop("prices_1.csv", "id,price\n1,1.00\n")
    daemon.wait_state("prices_1.csv")
    first = partition(database)
    daemon.drop("prices_2.csv", "id,price\n7,2.00\n")
    daemon.wait_state("prices_2.csv")
    assert partition(database) == first and content(database) == (1, "2.00", "2.00")
    if "serial" in columns:
        assert database.value("INSERT INTO prices (price) VALUES (1) RETURNING id") == 1000


def test_table_of_somebody_else_is_left_as_it_is(cetld, database):
    database.rows("CREATE TABLE prices (id bigint primary key, price numeric(10,2)) PARTITION BY LIST (id)")
    database.rows("CREATE TABLE mine PARTITION OF prices DEFAULT")
    database.rows("ALTER TABLE prices OWNER TO cetl")
    database.rows("ALTER TABLE mine OWNER TO cetl")
    daemon = cetld(SWAPPED % ("", COLUMNS))
    for n in (1, 2):
        load_prices(daemon, n, "%d.00" % n)
    assert partition(database)[0] == "mine" and content(database) == (1000, "2.00", "2.00")


def test_views_grants_indexes_and_prepared_statements_survive(cetld, database):
    daemon = cetld(SWAPPED % ("", COLUMNS))
    load_prices(daemon, 1, "1.00")
    database.rows("GRANT SELECT ON prices TO pg_monitor")
    database.rows("CREATE VIEW dear AS SELECT * FROM prices WHERE price > 1")
    database.rows("CREATE INDEX by_price ON prices (price)")
    db = database.connect()
    with db.cursor() as sql:
        sql.execute("PREPARE q AS SELECT count(*)::int, max(price)::text FROM prices")
        sql.execute("EXECUTE q")
        assert sql.fetchone() == (1000, "1.00")
        load_prices(daemon, 2, "2.00")
        sql.execute("EXECUTE q")
        assert sql.fetchone() == (1000, "2.00")
        sql.execute("SET ROLE pg_monitor")
        sql.execute("SELECT count(*)::int FROM prices")
        assert sql.fetchone() == (1000,)
    db.close()
    assert database.value("SELECT count(*) FROM dear") == 1000
    assert database.value("SELECT count(*) FROM pg_index WHERE indrelid = %d AND indisvalid" % partition(database)[1]) == 2
    assert database.value("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'prices'::regclass")


def test_readers_of_an_exchanged_table_never_see_a_mix_or_an_empty_one(cetld, database):
    daemon = cetld(SWAPPED % ("", COLUMNS))
    load_prices(daemon, 0, "0.00")
    seen, ended, trouble = set(), threading.Event(), []

    def read(level):
        db = database.connect()
        db.autocommit = level is None
        try:
            with db.cursor() as sql:
                while not ended.is_set():
                    if level:
                        sql.execute("ROLLBACK; BEGIN ISOLATION LEVEL " + level)
                        sql.execute("SELECT txid_current_snapshot()")  # the snapshot is older than what it will look at
                    for _ in range(2 if level else 1):
                        sql.execute("SELECT count(*)::int, count(DISTINCT price)::int FROM prices")
                        seen.add(sql.fetchone())
        except Exception as e:
            trouble.append(e)
        db.close()

    readers = [threading.Thread(target=read, args=(level,)) for level in (None, None, "REPEATABLE READ")]
    for reader in readers:
        reader.start()
    try:
        for n in range(1, 9):
            daemon.drop("prices_%d.csv" % n, prices(1000, "%d.00" % n))
        daemon.wait_count("loaded", 9)
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert not trouble and seen == {(1000, 1)}
    assert content(database) == (1000, "8.00", "8.00")


def test_exchange_waits_for_a_reader_and_lets_others_read(cetld, database):
    daemon = cetld(SWAPPED % ("", COLUMNS))
    load_prices(daemon, 1, "1.00")
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("SELECT count(*) FROM prices")
        daemon.drop("prices_2.csv", prices(500, "2.00"))
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%DETACH%' AND usename = 'cetl'"), "it tries")
        for _ in range(20):
            assert content(database) == (1000, "1.00", "1.00")
        holder.rollback()
    holder.close()
    daemon.wait_state("prices_2.csv")
    assert content(database) == (500, "2.00", "2.00")


def test_refused_rows_leave_the_old_partition(cetld, database):
    daemon = cetld(SWAPPED % ("max_errors = 1", COLUMNS + " check (price < 100)"))
    load_prices(daemon, 1, "1.00")
    before = partition(database)
    daemon.drop("prices_2.csv", prices(1000, "2.00") + "5,3.00\n6,100\n")
    daemon.wait_state("prices_2.csv", "failed")
    assert partition(database) == before and content(database) == (1000, "1.00", "1.00")
    daemon.drop("prices_3.csv", prices(1000, "2.00") + "5,3.00\n")
    entry = daemon.wait_state("prices_3.csv")
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (1000, 1)
    assert partition(database) != before and content(database) == (1000, "2.00", "2.00")


def test_foreign_keys_are_looked_at(cetld, database):
    database.rows("CREATE TABLE goods (id bigint PRIMARY KEY)")
    database.rows("INSERT INTO goods SELECT generate_series(0, 999)")
    database.rows("GRANT REFERENCES, SELECT ON goods TO cetl")
    database.rows("ALTER TABLE goods OWNER TO cetl")
    daemon = cetld(SWAPPED % ("max_errors = 1", "id bigint primary key references goods, price numeric(10,2)"))
    load_prices(daemon, 1, "1.00")
    before = partition(database)
    daemon.drop("prices_2.csv", prices(1000, "2.00") + "1000,2.00\n")
    entry = daemon.wait_state("prices_2.csv")
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (1000, 1)
    assert before and partition(database) != before and content(database) == (1000, "2.00", "2.00")
    assert database.value("SELECT count(*) FROM pg_constraint WHERE conrelid = %d AND contype = 'f' AND convalidated" % partition(database)[1]) == 1


@pytest.mark.parametrize("step", ["CREATE TABLE", "DETACH", "INSERT INTO cetl.file", "COMMIT"])
def test_killed_in_the_exchange_leaves_one_content(make_cetld, database, step):
    """The server is held at the step, the daemon is killed there, and what it had begun ends with its session."""
    daemon = make_cetld(database.url(), SWAPPED % ("", COLUMNS)).start()
    load_prices(daemon, 1, "1.00")
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        locks = {"CREATE TABLE": "LOCK TABLE prices IN ROW EXCLUSIVE MODE", "DETACH": "SELECT 1 FROM prices",
                 "INSERT INTO cetl.file": "LOCK TABLE cetl.file IN SHARE MODE", "COMMIT": "LOCK TABLE cetl.change IN SHARE MODE"}
        sql.execute(locks[step])
        daemon.drop("prices_2.csv", prices(500, "2.00"))
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cetl' AND wait_event_type = 'Lock'"), "it waits")
        daemon.kill9()
        holder.rollback()
    holder.close()
    until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cetl' AND datname = current_database()") == 0, "its sessions end")
    assert content(database) in ((1000, "1.00", "1.00"), (500, "2.00", "2.00"))
    daemon.start()
    daemon.wait_state("prices_2.csv")
    assert content(database) == (500, "2.00", "2.00")
    assert database.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'prices%' AND relkind IN ('r', 'p')") == 2
    assert [e["rows_loaded"] for e in daemon.ledger()] == [500, 1000]


def test_inferred_table_is_exchanged_too(cetld, database):
    daemon = cetld(SWAPPED.replace("columns = %s", "") % "")
    load_prices(daemon, 1, "1.00")
    first = partition(database)
    load_prices(daemon, 2, "2.00")
    assert first and partition(database) != first and content(database) == (1000, "2.00", "2.00")
