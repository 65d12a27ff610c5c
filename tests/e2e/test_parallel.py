# SPDX-License-Identifier: MIT
"""One file over several connections: the same rows, rollups, rejects and counts as over one."""

import os
import time
from contextlib import suppress

import psycopg2
import pytest

from source import PARTS, PARTS_DAILY, assert_parts, large_part, part
from waiting import until

PARALLEL = PARTS.replace("[rollup", "parallel = 3\nparallel_min = 1K\n[rollup", 1)
CONNECTIONS = {"load_connections": "5"}
NOTHING_LEFT = ("SELECT (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()),"
                " (SELECT count(*) FROM cetl.file WHERE state IN ('loading', 'committing')),"
                " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                "  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")


def shares(database):
    return [row[0] for row in database.rows("SELECT shares FROM cetl.file WHERE state = 'loaded' ORDER BY id")]


def assert_nothing_left(database):
    assert database.rows(NOTHING_LEFT) == [(0, 0, 0)], "prepared transactions, open rows, locks"


def large(folder, name="part_large.csv", megabytes=6, first=1):
    path = os.path.join(folder, name)
    large_part(path, first, megabytes)
    return path


def test_loads_the_same_as_one_connection(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS).start()
    sources = [large(folder), large(folder, "part_other.csv", first=1000000)]
    daemon.drop_file(sources[0])
    entry = daemon.wait_state("part_large.csv")
    assert daemon.settled(entry) and entry["rows_loaded"] > 0
    daemon.drop_file(sources[1])
    daemon.wait_state("part_other.csv")
    assert shares(database) == [3, 3]
    assert_parts(database, daemon, sources)
    assert daemon.json("/v1")[0]["rows"] == entry["rows_loaded"] + daemon.ledger("part_other.csv")[0]["rows_loaded"]
    assert_nothing_left(database)


def test_rows_are_rejected_within_the_budget_and_beyond(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL.replace("parallel = 3", "parallel = 3\nmax_errors = 3"), database=CONNECTIONS).start()
    path = large(folder, megabytes=3)
    with open(path, "rb") as f:
        good = f.read()
    bad = b"x,2024-01-01,w,1\n7,never,w,1\n8,2024-01-01,w,much\n"
    half = good.index(b"\n7000,2024-") + 1
    daemon.drop("part_within.csv", good[:half] + bad + good[half:])
    entry = daemon.wait_state("part_within.csv")
    assert entry["rows_rejected"] == 3 and daemon.settled(entry)
    assert shares(database) == [3]
    rejects = daemon.json("/v1/files/%d/rejects" % entry["id"])
    assert [r["column"] for r in rejects] == ["id", "day", "amount"]
    assert database.value("SELECT count(*) FROM parts") == entry["rows_loaded"]
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)
    daemon.drop("part_beyond.csv", good + bad + b"y,,,\n")
    entry = daemon.wait_state("part_beyond.csv", "failed")
    assert entry["rows_rejected"] == 4
    assert daemon.errors_csv("part_beyond.csv").count("never") >= 1
    assert database.value("SELECT count(*) FROM parts") == database.value("SELECT sum(rows_loaded) FROM cetl.file")
    assert_nothing_left(database)


def test_equal_bytes_are_a_duplicate(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database={"load_connections": "8"}).start()
    source = large(folder)
    for name in ("part_a.csv", "part_b.csv"):  # side by side
        daemon.drop_file(source, name)
    until(lambda: len([e for e in daemon.ledger() if e["state"] in ("loaded", "duplicate")]) == 2, lambda: "both are over\n" + daemon.log())
    daemon.wait_moved()
    daemon.drop_file(source, "part_c.csv")
    daemon.wait_state("part_c.csv", "duplicate")
    assert sorted(e["state"] for e in daemon.ledger()) == ["duplicate", "duplicate", "loaded"]
    rows = database.value("SELECT count(*) FROM parts")
    assert rows == database.value("SELECT count(DISTINCT id) FROM parts") > 0
    assert_nothing_left(database)


def test_what_the_server_refuses_is_told_as_over_one_connection(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL.replace("id bigint not null", "id bigint not null check (id <> 50000)"), database=CONNECTIONS).start()
    daemon.drop_file(large(folder))
    entry = daemon.wait_state("part_large.csv", "failed")
    assert "parts_id_check" in entry["error"]
    assert database.value("SELECT count(*) FROM parts") == 0
    assert daemon.log_lines("over one connection, not 3: .*parts_id_check")
    assert_nothing_left(database)


REFUSED = [
    ("CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION t()",
     "it has triggers"),
    ("CREATE TABLE words (word text PRIMARY KEY); ALTER TABLE parts ADD CONSTRAINT f FOREIGN KEY (word) REFERENCES words NOT VALID; ALTER TABLE parts DROP CONSTRAINT f;"
     " CREATE TABLE days (id bigint PRIMARY KEY); INSERT INTO days SELECT generate_series(1, 200000); ALTER TABLE parts ADD FOREIGN KEY (id) REFERENCES days",
     "it has foreign keys"),
    ("ALTER TABLE parts ADD PRIMARY KEY (id) DEFERRABLE", "its primary key is DEFERRABLE"),
    ("CREATE UNIQUE INDEX ON parts (id)", "unique"),
    ("ALTER TABLE parts ADD PRIMARY KEY (id); CREATE UNIQUE INDEX ON parts (id, day)", "unique"),
]


@pytest.mark.parametrize("change, reason", REFUSED, ids=[r[1].replace(" ", "_") for r in REFUSED])
def test_a_table_that_cannot_be_loaded_so_takes_one_connection(make_cetld, database, folder, change, reason):
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS).start()
    database.rows(change)
    source = large(folder, megabytes=1)
    daemon.drop_file(source)
    daemon.wait_state("part_large.csv")
    assert daemon.log_lines("over one connection, not 3: .*" + reason), daemon.log()
    assert shares(database) == [None]
    assert_parts(database, daemon, [source])


def test_too_few_connections_take_one(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database={"load_connections": "1"}).start()
    source = large(folder, megabytes=1)
    daemon.drop_file(source)
    daemon.wait_state("part_large.csv")
    assert daemon.log_lines("over one connection, not 3: .*load_connections")
    assert shares(database) == [None]
    assert_parts(database, daemon, [source])


def test_what_is_free_is_taken_and_small_files_get_on(make_cetld, database, folder):
    """Both connections for the first; another large file, of another dataset, waits for it, a small one does not."""
    config = PARALLEL.replace("parallel = 3", "parallel = 16") + "[dataset others]\nfiles = other*.csv\ncolumns = id bigint, day date, word text, amount numeric\n"
    daemon = make_cetld(database.url(), config, database={"load_connections": "2"}).start()
    source = large(folder)
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("LOCK TABLE parts_daily IN ACCESS EXCLUSIVE MODE")  # it cannot end before we say so
        daemon.drop_file(source)
        until(lambda: database.value("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()") == 1, "a share is prepared")
        daemon.drop_file(large(folder, "other_large.csv"))
        daemon.drop("other_small.csv", part(3, 1, 10))
        daemon.wait_state("other_small.csv")
        assert [e["name"] for e in daemon.ledger() if e["state"] in ("loading", "committing")] == ["part_large.csv"]
        holder.rollback()
    holder.close()
    daemon.wait_count("loaded", 3)
    assert shares(database).count(2) == 1
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)
    assert_nothing_left(database)


def test_a_server_without_prepared_transactions_takes_one_and_status_says_so(make_cetld, own_database, folder):
    own_database.rows("ALTER SYSTEM SET max_prepared_transactions = 0")
    own_database.cluster.stop()
    own_database.cluster.start()
    daemon = make_cetld(own_database.url(), PARALLEL, database=CONNECTIONS).start()
    assert "max_prepared_transactions" in daemon.json("/status")["database"]["parallel_needs"]
    source = large(folder, megabytes=1)
    daemon.drop_file(source)
    daemon.wait_state("part_large.csv")
    assert shares(own_database) == [None]
    assert_parts(own_database, daemon, [source])


def test_the_ledger_shows_a_load_once(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS).start()
    assert daemon.json("/status")["database"]["parallel_needs"] is None
    source = large(folder, megabytes=30)
    daemon.drop_file(source)
    seen = []
    while not seen or seen[-1] != ["loaded"]:
        seen.append([e["state"] for e in daemon.ledger()])
        assert len(seen[-1]) <= 1 or seen[-1] == ["committing", "loaded"], seen[-1]
    assert ["loading"] in seen
    daemon.wait_moved()
    assert_parts(database, daemon, [source])


# -- tables with a key

KEYED = """
[dataset parts]
files = part_*.csv
mode = %s
columns = id bigint primary key, day date not null, word text, amount numeric(12,2)
parallel = 3
parallel_min = 1K
"""
MODES = ["append", "upsert", "ignore"]


def assert_rows(database, *paths):
    """The table holds the rows of the files, of which later ones win."""
    database.rows("CREATE TABLE expected (place int, id bigint, day date, word text, amount numeric(12,2))")
    for place, path in enumerate(paths):
        database.rows("ALTER TABLE expected ALTER place SET DEFAULT %d" % place)
        database.copy_csv("expected (id, day, word, amount)", [path])
    assert database.same("SELECT * FROM parts", "SELECT DISTINCT ON (id) id, day, word, amount FROM expected ORDER BY id, place DESC")
    database.rows("DROP TABLE expected")


def counts(entry):
    return entry["rows_loaded"], entry["rows_updated"], entry["rows_ignored"]


def rows_of(path):
    with open(path, "rb") as f:
        return f.read().count(b",2024-")


@pytest.mark.parametrize("mode", MODES)
def test_keys_that_are_new_load_over_several(make_cetld, database, folder, mode):
    daemon = make_cetld(database.url(), KEYED % mode, database=CONNECTIONS).start()
    sources = [large(folder), large(folder, "part_other.csv", first=1000000)]
    for path in sources:
        daemon.drop_file(path)
    for path in sources:
        entry = daemon.wait_state(os.path.basename(path))
        assert counts(entry) == (rows_of(path), 0, 0)
    assert set(shares(database)) <= ({3} if mode != "append" else {3, 2}), "append loads side by side, and shares the connections"
    assert_rows(database, *sources)
    assert_nothing_left(database)


@pytest.mark.parametrize("mode", MODES)
def test_known_key_goes_over_one(make_cetld, database, folder, mode):
    daemon = make_cetld(database.url(), KEYED % mode, database=CONNECTIONS).start()
    source = large(folder)
    old = os.path.join(folder, "old.csv")
    with open(old, "wb") as f:
        f.write(b"id,day,word,amount\n50000,2020-01-01,old,1\n")
    database.copy_csv("parts", [old])
    daemon.drop_file(source)
    if mode == "append":
        entry = daemon.wait_state("part_large.csv", "failed")
        assert "parts_pkey" in entry["error"] and "(50000)" in entry["error"]
        assert database.value("SELECT count(*) FROM parts") == 1
    else:
        entry = daemon.wait_state("part_large.csv")
        assert counts(entry) == (rows_of(source) - 1, *((1, 0) if mode == "upsert" else (0, 1)))
        assert shares(database) == [None]
        assert_rows(database, *([old, source] if mode == "upsert" else [source, old]))
    assert daemon.log_lines("over one connection, not 3: .*parts_pkey")
    assert_nothing_left(database)


@pytest.mark.parametrize("mode", MODES)
def test_key_that_a_file_repeats_goes_over_one(make_cetld, database, folder, mode):
    """Its rows are in different shares, of which one may be prepared: the other does not wait for it for ever."""
    daemon = make_cetld(database.url(), KEYED % mode, database=CONNECTIONS).start()
    source = large(folder)
    again = os.path.join(folder, "again.csv")
    with open(again, "wb") as f:
        f.write(b"id,day,word,amount\n1,2020-01-01,again,1\n")
    with open(source, "rb") as f:
        whole = f.read()
    daemon.drop("part_large.csv", whole + b"1,2020-01-01,again,1\n")
    if mode == "append":
        entry = daemon.wait_state("part_large.csv", "failed")
        assert "parts_pkey" in entry["error"] and "(id)=(1)" in entry["error"]
        assert database.value("SELECT count(*) FROM parts") == 0
    else:
        entry = daemon.wait_state("part_large.csv")
        assert counts(entry) == (rows_of(source), 0, 1)
        assert_rows(database, *([source, again] if mode == "upsert" else [again, source]))
        assert shares(database) == [None]
    assert daemon.log_lines("over one connection, not 3: "), daemon.log()
    assert_nothing_left(database)


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_outside_writer_between_two_shares_stops_nothing(make_cetld, database, folder, mode):
    """It has a key that a share wants, and wants one that a share has: no deadlock check sees that circle through a prepared share."""
    daemon = make_cetld(database.url(), KEYED % mode, database=CONNECTIONS).start()
    source = large(folder)
    last = rows_of(source)
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("INSERT INTO parts VALUES (%s, '2020-01-01')", (last,))
        daemon.drop_file(source)
        until(lambda: database.value("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()") > 0, "a share is prepared")
        began = time.monotonic()
        seen = True  # where it waits for a share that is not prepared yet the server sees the circle, and ends one of both
        with suppress(psycopg2.errors.DeadlockDetected):
            sql.execute("INSERT INTO parts SELECT i, '2020-01-01' FROM generate_series(1, %s) i ON CONFLICT DO NOTHING", (last - 1,))
            seen = False
        assert time.monotonic() - began < 15
        holder.rollback()
    holder.close()
    entry = daemon.wait_state("part_large.csv")
    assert counts(entry) == (last, 0, 0)
    assert seen or daemon.log_lines("over one connection, not 3: ") or daemon.log_lines("deadlock detected"), daemon.log()
    assert_rows(database, source)
    assert_nothing_left(database)


@pytest.mark.parametrize("key", ["", " primary key"])
def test_sequences_follow_the_ids_of_all_shares(make_cetld, database, folder, key):
    config = (KEYED % "append").replace("id bigint primary key", "id bigint generated by default as identity" + key)
    daemon = make_cetld(database.url(), config, database=CONNECTIONS).start()
    source = large(folder)
    with open(source, "rb") as f:
        head, _, rows = f.read().partition(b"\n")
    for name, first in (("part_up.csv", b"999999,2024-01-01,first,1\n"), ("part_down.csv", None)):
        if first:
            daemon.drop(name, head + b"\n" + first + rows)
            daemon.wait_state(name)
            assert database.value("INSERT INTO parts (day) VALUES ('2020-01-01') RETURNING id") == 1000000
            database.rows("TRUNCATE parts; ALTER SEQUENCE parts_id_seq RESTART")
        else:
            daemon.drop(name, head + b"\n" + rows + b"999999,2024-01-01,last,1\n")
            daemon.wait_state(name)
            assert database.value("INSERT INTO parts (day) VALUES ('2020-01-01') RETURNING id") == 1000000
    assert shares(database) == [3, 3]
    assert_nothing_left(database)


# -- what earlier runs, and others, have left

def instance(daemon):
    with open(os.path.join(daemon.state, "instance")) as f:
        return f.read().strip()


def test_orphans_of_ours_are_rolled_back_and_those_of_others_are_left(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS).start()
    ours = instance(daemon)
    assert len(ours) == 16
    daemon.stop()
    for name in ("cetl:%s:77:1" % ours, "cetl:0123456789abcdef:77:1", "mine"):
        db = database.cluster.connect(database.name, "cetl")
        db.autocommit = False
        with db.cursor() as sql:
            sql.execute("INSERT INTO parts VALUES (%s, '2024-01-01')", (len(name),))
            sql.execute("PREPARE TRANSACTION '%s'" % name)
        db.close()
    try:
        daemon.start()
        assert instance(daemon) == ours
        left = [r[0] for r in database.rows("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1")]
        assert left == ["cetl:0123456789abcdef:77:1", "mine"]
        assert daemon.log_lines("cetl:%s:77:1 .*belonged to no file" % ours)
    finally:
        for name, in database.rows("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            database.rows("ROLLBACK PREPARED '%s'" % name)


def test_an_unreadable_id_takes_one_connection_and_status_says_so(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS)
    with open(os.path.join(daemon.state, "instance"), "w") as f:
        f.write("cetl:mine\n")
    daemon.start()
    assert "state/instance holds no id" in daemon.json("/status")["database"]["parallel_needs"]
    source = large(folder, megabytes=1)
    daemon.drop_file(source)
    daemon.wait_state("part_large.csv")
    assert shares(database) == [None]
    assert_parts(database, daemon, [source])
