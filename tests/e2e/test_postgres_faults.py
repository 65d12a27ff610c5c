# SPDX-License-Identifier: MIT
"""PostgreSQL stopped, absent, cut off, slow, locked: files wait and load once, and the API answers all the while."""

import os
import signal

import pytest

from prober import Prober
from proxy import Proxy
from source import PARTS, assert_parts, large_part, part
from waiting import until

LATENCY = 0.25


def write_parts(folder, files=10, megabytes=0):
    sources = []
    for n in range(files):
        sources.append(os.path.join(folder, "part_%d.csv" % n))
        with open(sources[-1], "wb") as f:
            f.write(part(n, n * 1000, 1000))
    if megabytes:
        sources.append(os.path.join(folder, "part_large.csv"))
        large_part(sources[-1], 1000000, megabytes)
    return sources


def assert_prompt(*probers):
    for p in probers:
        assert p.error is None, "%s: %s" % (p.path, p.error)
        assert p.seconds and max(p.seconds) < LATENCY, "%s took %.0f ms" % (p.path, 1000 * max(p.seconds))


@pytest.fixture
def proxy(postgres):
    made = Proxy(postgres)
    yield made
    made.close()


def test_absent_at_start_files_wait_and_load_later(make_cetld, own_database, folder):
    sources = write_parts(folder, files=3)
    own_database.cluster.stop()
    daemon = make_cetld(own_database.url(), PARTS).start(ready=False)
    assert daemon.get("/healthz").status == 200
    assert daemon.get("/readyz").status == 503
    assert daemon.get("/status").json["success"] is True
    for path in sources:
        daemon.drop_file(path)
    assert daemon.get("/v1/parts").status == 503
    own_database.cluster.start()
    until(lambda: daemon.get("/readyz").status == 200, lambda: "ready again\n" + daemon.log(), deadline=40)
    daemon.wait_count("loaded", 3)
    assert_parts(own_database, daemon, sources)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_stopped_during_a_load_nothing_is_lost_or_doubled(make_cetld, own_database, folder, mode):
    sources = write_parts(folder, megabytes=30)
    daemon = make_cetld(own_database.url(), PARTS).start()
    with Prober(daemon, "/status") as status, Prober(daemon, "/readyz") as readyz:
        for path in sources:
            daemon.drop_file(path)
        until(lambda: any(e["state"] == "loading" for e in daemon.ledger()), "a load begins")
        own_database.cluster.stop(mode)
        until(lambda: daemon.get("/readyz").status == 503, "not ready")
        own_database.cluster.start()
        until(lambda: daemon.get("/readyz").status == 200, lambda: "ready again\n" + daemon.log(), deadline=40)
        daemon.wait_count("loaded", len(sources), deadline=120)
    assert_prompt(status, readyz)
    assert readyz.statuses == {200, 503}
    assert_parts(own_database, daemon, sources)


def test_backend_killed_during_a_load(make_cetld, own_database, folder):
    sources = write_parts(folder, files=2, megabytes=30)
    daemon = make_cetld(own_database.url(), PARTS).start()
    for path in sources:
        daemon.drop_file(path)
    until(lambda: own_database.value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'cetl' AND query ~* 'copy '"
                                     " AND state = 'active'"), "a COPY runs", step=0.001)
    daemon.wait_count("loaded", len(sources), deadline=120)
    assert_parts(own_database, daemon, sources)


CUTS = [
    "s2c:CommandComplete~COMMIT=rst,once",     # committed, and nobody says so: the doubt
    "s2c:CommandComplete~COMMIT=fincli,once",
    "c2s:CopyData#3=rst,once",                 # in the middle
    "c2s:CopyDone=rst,once",
    "s2c:CopyInResponse=rst,once",
    "s2c:CommandComplete~COPY=rst,once",       # rows arrived, not committed
]


@pytest.mark.parametrize("rule", CUTS)
def test_connection_cut_loads_once(make_cetld, database, folder, proxy, rule):
    sources = write_parts(folder, files=3, megabytes=3)
    daemon = make_cetld(database.url(proxy.port), PARTS).start()
    daemon.drop("part_first.csv", part(77, 500000, 10))
    daemon.wait_state("part_first.csv")
    with open(os.path.join(folder, "part_first.csv"), "wb") as f:
        f.write(part(77, 500000, 10))
    sources.append(os.path.join(folder, "part_first.csv"))
    proxy.tell("rule " + rule)
    for path in sources[:-1]:
        daemon.drop_file(path)
    daemon.wait_count("loaded", len(sources), deadline=90)
    assert proxy.fired() == [rule]
    assert_parts(database, daemon, sources)


def test_commit_in_doubt_while_the_server_stays_away(make_cetld, database, folder, proxy):
    """The answer to COMMIT is lost and no new connection is to be had: the load stays open, is not told as lost, and is found committed later."""
    source = write_parts(folder, files=1)
    daemon = make_cetld(database.url(proxy.port), PARTS).start()
    proxy.tell("rule s2c:CommandComplete~COMMIT=rst,once")
    daemon.drop_file(source[0])
    until(proxy.fired, "the cut at COMMIT", step=0.001)
    proxy.tell("refuse")
    proxy.tell("cut")
    until(lambda: daemon.get("/readyz").status == 503, "not ready")
    proxy.tell("accept")
    daemon.wait_state("part_0.csv", deadline=60)
    assert_parts(database, daemon, source)


def test_silent_server_does_not_silence_the_api(make_cetld, database, folder, proxy):
    sources = write_parts(folder, files=3)
    daemon = make_cetld(database.url(proxy.port), PARTS, database={"statement_timeout": "2s"}).start()
    proxy.tell("stall")
    for path in sources:
        daemon.drop_file(path)
    with Prober(daemon, "/status") as status, Prober(daemon, "/healthz") as healthz:
        until(lambda: len(status.seconds) > 100 and len(healthz.seconds) > 100, "200 answers")
    assert_prompt(status, healthz)
    proxy.tell("resume")
    daemon.wait_count("loaded", 3, deadline=90)
    assert_parts(database, daemon, sources)


def test_flapping_server_is_not_stormed(make_cetld, database, proxy):
    daemon = make_cetld(database.url(proxy.port), PARTS).start()
    proxy.tell("refuse")
    proxy.tell("cut")
    with Prober(daemon, "/status", interval=0.02) as status:
        until(lambda: len(status.seconds) > 200, "some seconds pass")
    before = proxy.stats()["conns"]
    proxy.tell("accept")
    until(lambda: daemon.get("/readyz").status == 200, lambda: "ready again\n" + daemon.log(), deadline=40)
    assert_prompt(status)
    assert proxy.stats()["conns"] - before < 20


def test_locked_table_is_waited_for(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARTS).start()
    sources = write_parts(folder, files=2)
    daemon.drop_file(sources[0])
    daemon.wait_state("part_0.csv")
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("LOCK TABLE parts IN ACCESS EXCLUSIVE MODE")
        daemon.drop_file(sources[1])
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"), "the load waits")
        assert daemon.get("/status").status == 200
        holder.rollback()
    holder.close()
    daemon.wait_state("part_1.csv")
    assert_parts(database, daemon, sources)


@pytest.mark.parametrize("tried_again", ["by a reload", pytest.param("by itself, a minute later", marks=pytest.mark.long)])
def test_dropped_column_pauses_the_dataset_and_loses_nothing(make_cetld, database, folder, tried_again):
    daemon = make_cetld(database.url(), PARTS).start()
    sources = write_parts(folder, files=2)
    daemon.drop_file(sources[0])
    daemon.wait_state("part_0.csv")
    database.rows("ALTER TABLE parts RENAME COLUMN amount TO amounts")
    daemon.drop_file(sources[1])
    until(lambda: daemon.log_lines("amount"), lambda: "a word about the column\n" + daemon.log())
    assert not any(p.endswith(b"part_1.csv") for p in daemon.files_in("done", "failed"))
    database.rows("ALTER TABLE parts RENAME COLUMN amounts TO amount")
    if tried_again == "by a reload":
        daemon.signal(signal.SIGHUP)
    daemon.wait_state("part_1.csv", deadline=90)
    assert_parts(database, daemon, sources)
