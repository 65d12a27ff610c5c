# SPDX-License-Identifier: MIT
"""One file over several connections, cut, killed or crashed at each of its steps: all of it once."""

import os
import random
import subprocess

import pytest

from cluster import Cluster, Database
from faults import arm, killed_and_started
from proxy import Proxy
from source import assert_parts, large_part, part
from test_parallel import CONNECTIONS, KEYED, NOTHING_LEFT, PARALLEL, assert_nothing_left, assert_rows, large, shares
from waiting import until

STEPS = [
    "PQsendQuery~'loading', #1",
    "PQsendQuery~LOCK TABLE#1",
    "PQputCopyData#9",
    "PQputCopyEnd#1",
    "PQputCopyEnd#3",
    "PQsendQuery~PREPARE TRANSACTION#1",
    "PQsendQuery~PREPARE TRANSACTION#2",
    "PQsendQuery~pg_advisory_xact_lock#1",
    "PQsendQuery~SET state = 'committing'#1",
    "PQsendQuery~COMMIT#1",
    "PQsendQuery~SET shares = CASE#1",
    "PQsendQuery~COMMIT PREPARED#1",
    "PQsendQuery~COMMIT PREPARED#2",
    "PQsendQuery~SET state = 'loaded'#1",
    "rename~done#1",
]


@pytest.fixture
def begun(make_cetld, database, folder, faultio):
    """(daemon, sources): a dataset that exists already, and two files to be dropped."""
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS)
    sources = [large(folder), os.path.join(folder, "part_1.csv")]
    with open(sources[1], "wb") as f:
        f.write(part(1, 10**6, 3000))
    daemon.start()
    daemon.stop()
    arm(daemon, faultio, folder)
    return daemon, sources


@pytest.mark.parametrize("action", ["kill", "killafter"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at(begun, database, step, action):
    daemon, sources = begun
    for path in sources:
        daemon.drop_file(path)
    killed_and_started(daemon, "%s=%s" % (step, action))
    daemon.wait_count("loaded", 2)
    assert_parts(database, daemon, sources)
    assert set(shares(database)) <= {3, None}
    assert_nothing_left(database)


@pytest.mark.parametrize("action", ["kill", "killafter"])
@pytest.mark.parametrize("step", STEPS + ["PQsendQuery~SET LOCAL lock_timeout = '30s'#1"])
def test_killed_at_with_a_key(make_cetld, database, folder, faultio, step, action):
    """The second file writes over rows of the first, the third over those of both: none overtakes, whatever is killed."""
    daemon = make_cetld(database.url(), KEYED % "upsert", database=CONNECTIONS)
    sources = [large(folder), os.path.join(folder, "part_second.csv"), os.path.join(folder, "part_third.csv")]
    for n, path in enumerate(sources[1:], 2):
        with open(path, "wb") as f:
            f.write(part(n, 1000 * n, 3000))
    daemon.start()
    daemon.stop()
    for n, path in enumerate(sources):
        daemon.drop_file(path)
        os.utime(daemon.path("incoming", os.path.basename(path)), (10**9 + n, 10**9 + n))
    arm(daemon, faultio, folder, "%s=%s" % (step, action))
    killed_and_started(daemon)
    daemon.wait_count("loaded", 3)
    daemon.wait_moved()
    assert_rows(database, *sources)
    assert [daemon.settled(e) for e in daemon.ledger()] == [True] * 3
    assert_nothing_left(database)


@pytest.mark.parametrize("first", ["PQsendQuery~COMMIT PREPARED#1", "PQsendQuery~PREPARE TRANSACTION#2"])
@pytest.mark.parametrize("again", ["PQsendQuery~PREPARED 'cetl#1", "PQsendQuery~pg_terminate_backend#1", "PQsendQuery~SET shares = CASE#1"])
def test_killed_again_while_it_recovers(begun, database, first, again):
    daemon, sources = begun
    for path in sources:
        daemon.drop_file(path)
    for fault in (first + "=killafter", again + "=kill", again + "=killafter"):
        daemon.environment["FAULT"] = fault
        daemon.launch()
        try:
            assert daemon.process.wait(10) == -9, daemon.log()
        except subprocess.TimeoutExpired:
            # The kill before had done all there was to do.
            assert fault.endswith("killafter") and fault.startswith(again), daemon.log()
            daemon.kill9()
        daemon.process = None
    daemon.environment = {}
    daemon.start()
    daemon.wait_count("loaded", 2)
    assert_parts(database, daemon, sources)
    assert_nothing_left(database)


MESSAGES = [
    "c2s:Query~LOCK TABLE",
    "s2c:CopyInResponse",
    "c2s:CopyData#3",
    "s2c:CommandComplete~COPY",
    "c2s:Query~PREPARE TRANSACTION",
    "s2c:CommandComplete~PREPARE TRANSACTION",
    "c2s:Parse~shares > 0 RETURNING",
    "c2s:Query~COMMIT",
    "s2c:CommandComplete~COMMIT",
    "c2s:Query~COMMIT PREPARED",
    "s2c:CommandComplete~COMMIT PREPARED",
    "s2c:CommandComplete~COMMIT PREPARED#2",
    "c2s:Parse~WITH f AS (UPDATE cetl.file",
]


@pytest.fixture
def proxy(postgres):
    made = Proxy(postgres)
    yield made
    made.close()


@pytest.mark.parametrize("message", MESSAGES)
def test_connection_cut_at(make_cetld, database, folder, proxy, message):
    daemon = make_cetld(database.url(proxy.port), PARALLEL, database=CONNECTIONS).start()
    source = large(folder)
    rule = message + "=rst,once"
    proxy.tell("rule " + rule)
    daemon.drop_file(source)
    daemon.wait_state("part_large.csv", deadline=90)
    assert proxy.fired() == [rule]
    assert_parts(database, daemon, [source])
    assert_nothing_left(database)


@pytest.fixture(scope="module")
def crashing():
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.mark.parametrize("message", MESSAGES)
def test_server_crashes_at(make_cetld, crashing, folder, message):
    database = Database(crashing, crashing.create_database())
    proxy = Proxy(crashing)
    try:
        daemon = make_cetld(database.url(proxy.port), PARALLEL, database=CONNECTIONS).start()
        source = large(folder)
        with open(os.path.join(crashing.data, "postmaster.pid")) as f:
            postmaster = int(f.readline())
        rule = "%s=kill:%d:3,once" % (message, postmaster)
        proxy.tell("rule " + rule)
        daemon.drop_file(source)
        until(lambda: proxy.fired() == [rule] and not crashing.running(), lambda: "the server is down\n" + daemon.log())
        crashing.start()
        daemon.wait_state("part_large.csv", deadline=90)
        assert_parts(database, daemon, [source])
        assert_nothing_left(database)
        daemon.stop()
    finally:
        proxy.close()


def test_stopped_while_it_loads_and_loaded_by_the_next_run(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS).start()
    source = large(folder, megabytes=30)
    daemon.drop_file(source)
    until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%COPY%%' AND state = 'active' AND datname = current_database()"
                                 " AND usename = 'cetl'") == 3, "three connections copy", step=0.001)
    daemon.restart()
    daemon.wait_state("part_large.csv")
    assert_parts(database, daemon, [source])
    assert_nothing_left(database)


def kills(make_cetld, database, folder, seed, times, megabytes):
    """Killed at random moments of its loads, `times` times; how often that left a load open in the ledger, or prepared transactions."""
    r = random.Random(seed)
    daemon = make_cetld(database.url(), PARALLEL, database=CONNECTIONS)
    sources, first, caught = [], 1, 0
    copying = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'cetl' AND datname = current_database() AND query ~* 'copy ' AND state = 'active'"
    for n in range(3):
        sources.append(os.path.join(folder, "part_%d.csv" % n))
        first += large_part(sources[-1], first, megabytes)
    for n in range(times):
        if n < len(sources):
            daemon.drop_file(sources[n])
        daemon.launch()
        until(lambda: daemon.process.poll() is not None or daemon.files_in("work") or n >= len(sources), "a file is claimed", step=0.001)
        if n % 2 and n >= len(sources):  # however long a start takes, some of the kills come in the middle of a load
            until(lambda: daemon.process.poll() is not None or not daemon.files_in("work") or database.value(copying), "a file is sent", step=0.001)
        try:
            status = daemon.process.wait(r.random() * megabytes / 60 + (0.2 if n % 2 == 0 and n >= len(sources) else 0))  # a start takes a moment
            raise AssertionError("the daemon ended by itself with status %d\n%s" % (status, daemon.log()))
        except subprocess.TimeoutExpired:
            daemon.kill9()
        if database.value("SELECT to_regclass('cetl.file') IS NOT NULL"):
            caught += any(database.rows(NOTHING_LEFT)[0][:2])
    daemon.start()
    daemon.wait_count("loaded", len(sources), deadline=120)
    assert_parts(database, daemon, sources)
    assert_nothing_left(database)
    return caught


def test_some_random_kills_lose_and_double_nothing(make_cetld, database, folder):
    assert kills(make_cetld, database, folder, seed=1, times=8, megabytes=10) > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_many_random_kills_lose_and_double_nothing(make_cetld, database, folder, seed):
    assert kills(make_cetld, database, folder, seed=seed, times=40, megabytes=40) > 5


@pytest.mark.long
@pytest.mark.parametrize("copies", range(2, 9))
def test_killed_while_it_copies(begun, database, copies):
    daemon, sources = begun
    test_killed_at(begun, database, "PQputCopyData#%d" % (7 * copies), "kill")


def test_shares_that_are_decided_stay_where_they_cannot_be_settled_at_start(begun, database):
    daemon, sources = begun
    daemon.drop_file(sources[0])
    daemon.environment["FAULT"] = "PQsendQuery~COMMIT PREPARED#1=kill"
    daemon.launch()
    assert daemon.process.wait(30) == -9, daemon.log()
    daemon.process = None
    assert database.rows("SELECT state FROM cetl.file") == [("committing",)]
    prepared = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
    assert database.value(prepared) == 2
    daemon.environment = {}
    db = database.connect()  # somebody is at the row in the ledger, until the daemon's wait for it is cancelled
    db.autocommit = False
    with db.cursor() as sql:
        sql.execute("SELECT FROM cetl.file FOR UPDATE")
        daemon.start(ready=False)
        cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%SET shares = CASE%'"
        until(lambda: database.rows(cancel), "it waits for the row")
        until(lambda: daemon.log_lines("cannot be settled"), lambda: "it goes on\n" + daemon.log())
        until(lambda: daemon.log_lines("belonged to no file") or database.rows(cancel), lambda: "the file is looked up\n" + daemon.log())
        assert database.value(prepared) == 2
    db.close()
    daemon.wait_count("loaded", 1)
    assert_parts(database, daemon, sources[:1])
    assert_nothing_left(database)
