# SPDX-License-Identifier: MIT
"""The two ends: PostgreSQL dies at COMMIT, and the daemon is told to end while PostgreSQL hangs. The file is loaded once in the end."""

import os
import signal
import socket
import subprocess
import time

import psycopg2
import pytest

from cluster import Cluster, Database
from daemon import BINARY
from proxy import Proxy
from source import PARTS, assert_parts, part
from waiting import until

END = 30  # seconds within which SIGTERM ends the daemon


def write(folder, name="part_0.csv", seed=0, first=0):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(part(seed, first, 1000))
    return path


def backends(database):
    """Of the daemon."""
    return [pid for (pid,) in database.rows("SELECT pid FROM pg_stat_activity WHERE usename = 'cetl' AND datname = current_database()")]


@pytest.fixture(scope="module")
def crashing_postgres():
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def crashing_database(crashing_postgres):
    return Database(crashing_postgres, crashing_postgres.create_database())


@pytest.fixture
def make_proxy():
    made = []

    def make(cluster):
        made.append(Proxy(cluster))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


# -- PostgreSQL dies at COMMIT

AT_COMMIT = {
    "not_arrived": "c2s:Query~COMMIT=stall,once",
    "not_answered": "s2c:CommandComplete~COMMIT=stall,once",
}


def stop_immediately(database):
    database.cluster.stop("immediate")
    database.cluster.start()


def kill_a_backend(database):
    """The postmaster then ends all the others, and recovers: its checkpointer is another one."""
    checkpointer = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
    before = database.value(checkpointer)
    os.kill(backends(database)[0], signal.SIGKILL)

    def recovered():
        try:
            return [pid for (pid,) in database.rows(checkpointer) if pid != before]
        except psycopg2.OperationalError:
            return False

    until(recovered, "PostgreSQL recovered")


@pytest.mark.parametrize("crash", [stop_immediately, kill_a_backend])
@pytest.mark.parametrize("commit", AT_COMMIT)
def test_server_crash_at_commit_loads_once(make_cetld, crashing_database, make_proxy, folder, commit, crash):
    database, proxy = crashing_database, make_proxy(crashing_database.cluster)
    daemon = make_cetld(database.url(proxy.port), PARTS, database={"backoff_max": "1s"}).start()
    sources = [write(folder), write(folder, "part_1.csv", 1, 1000)]
    proxy.tell("rule " + AT_COMMIT[commit])
    daemon.drop_file(sources[0])
    until(proxy.fired, lambda: "a COMMIT\n" + daemon.log())
    crash(database)
    proxy.tell("cut")
    daemon.wait_state("part_0.csv")
    daemon.drop_file(sources[1])
    daemon.wait_state("part_1.csv")
    assert [e["state"] for e in daemon.ledger()] == ["loaded", "loaded"]
    assert_parts(database, daemon, sources)


# -- SIGTERM while PostgreSQL hangs

def hang_in_copy(daemon, database, proxy, source):
    proxy.tell("rule c2s:CopyDone=stall,once")
    daemon.drop_file(source)
    until(proxy.fired, lambda: "the end of a COPY\n" + daemon.log())
    proxy.tell("stall")


def hang_at_commit(daemon, database, proxy, source):
    proxy.tell("rule c2s:Query~COMMIT=stall,once")
    daemon.drop_file(source)
    until(proxy.fired, lambda: "a COMMIT\n" + daemon.log())
    proxy.tell("stall")


def hang_after_commit(daemon, database, proxy, source):
    proxy.tell("rule s2c:CommandComplete~COMMIT=stall,once")
    daemon.drop_file(source)
    until(proxy.fired, lambda: "the answer to a COMMIT\n" + daemon.log())


def hang_in_blackhole(daemon, database, proxy, source):
    proxy.tell("blackhole")
    daemon.drop_file(source)
    until(lambda: daemon.files_in("work"), lambda: "the file is claimed\n" + daemon.log())


HANGS = [hang_in_copy, hang_at_commit, hang_after_commit, hang_in_blackhole]


def terminate(*daemons):
    """SIGTERM to all before the first is waited for, so that they take their time together."""
    for daemon in daemons:
        daemon.signal(signal.SIGTERM)
    for daemon in daemons:
        daemon.stop(END)


def test_sigterm_while_the_database_hangs_ends_and_the_file_is_loaded_once_later(make_cetld, postgres, make_proxy, folder):
    lines = []
    for n, hang in enumerate(HANGS):
        database, proxy = Database(postgres, postgres.create_database()), make_proxy(postgres)
        lines.append((make_cetld(database.url(proxy.port), PARTS).start(), database, proxy, write(folder, "part_%d.csv" % n, n)))
        hang(*lines[-1])
    terminate(*[daemon for daemon, _, _, _ in lines])
    for daemon, database, proxy, source in lines:
        proxy.tell("pass")
        proxy.tell("clear")
        proxy.tell("cut")
        daemon.start()
        daemon.wait_state(os.path.basename(source))
        assert_parts(database, daemon, [source])
        daemon.stop()


def test_sigterm_while_the_backends_are_stopped_with_a_commit_before_them(make_cetld, postgres, database, make_proxy, folder):
    """The server has the COMMIT and will do it some time. The next daemon, which does not know, loads the file again, and that is no second copy."""
    proxy = make_proxy(postgres)
    daemon = make_cetld(database.url(proxy.port), PARTS).start()
    source = write(folder)
    proxy.tell("rule c2s:Query~COMMIT=stall:1,once")
    daemon.drop_file(source)
    until(proxy.fired, lambda: "a COMMIT\n" + daemon.log(), step=0.005)
    stopped = backends(database)
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        terminate(daemon)
        assert database.value("SELECT count(*) FROM cetl.file") == 0
        daemon.start(ready=False)
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'cetl'"),
              lambda: "the second load meets the first\n" + daemon.log())
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    daemon.wait_state("part_0.csv")
    assert [e["state"] for e in daemon.ledger()] == ["loaded"]
    assert_parts(database, daemon, [source])


def test_sigterm_twice_ends_as_once(make_cetld, postgres, make_proxy, database, folder):
    proxy = make_proxy(postgres)
    daemon = make_cetld(database.url(proxy.port), PARTS).start()
    source = write(folder)
    proxy.tell("rule s2c:CommandComplete~COMMIT=stall:2,once")
    daemon.drop_file(source)
    until(proxy.fired, lambda: "the answer to a COMMIT\n" + daemon.log())
    daemon.signal(signal.SIGTERM)
    until(lambda: daemon.log_lines("stopping"), "it stops")
    daemon.stop()
    daemon.start()
    daemon.wait_state("part_0.csv")
    assert_parts(database, daemon, [source])


# -- SIGTERM before the database is set up

def refused(proxy, database):
    proxy.tell("refuse")


def stalled(proxy, database):
    proxy.tell("stall")


def stalled_in_the_middle(proxy, database):
    proxy.tell("rule s2c:CommandComplete#5=stall")


def without_permission(proxy, database):
    """The setup fails, and waits for its next try."""
    database.rows("ALTER DATABASE %s OWNER TO postgres; REVOKE ALL ON DATABASE %s FROM public; GRANT CONNECT ON DATABASE %s TO cetl" % (3 * (database.name,)))


@pytest.mark.parametrize("trouble", [refused, stalled, stalled_in_the_middle, without_permission])
def test_sigterm_before_the_setup_is_done(make_cetld, postgres, make_proxy, database, folder, trouble):
    proxy = make_proxy(postgres)
    trouble(proxy, database)
    daemon = make_cetld(database.url(proxy.port), PARTS).start(ready=False)
    daemon.drop_file(write(folder))
    until(lambda: daemon.files_in("work"), "the file is claimed")
    assert daemon.get("/readyz").status == 503
    daemon.stop(END)
    assert daemon.files_in("work") and not daemon.files_in("done", "failed")


@pytest.mark.skipif(os.geteuid() != 0, reason="another resolv.conf takes root")
def test_a_name_that_nobody_resolves_does_not_hold_up_the_end(folder):
    servers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]  # who never answer
    resolv, conf, log = (os.path.join(folder, name) for name in ("resolv.conf", "cetl.conf", "log"))
    with open(resolv, "w") as f:
        for i, server in enumerate(servers):
            address = "127.53.%d.%d" % (os.getpid() % 250, i + 1)
            server.bind((address, 53))
            f.write("nameserver %s\n" % address)
    for name in ("spool", "state"):
        os.mkdir(os.path.join(folder, name))
    with open(conf, "w") as f:
        f.write("[daemon]\nspool = %s/spool\nstate = %s/state\n[database]\nurl = postgresql://db.example/cetl\n"
                "[api]\nlisten = unix:%s/sock\n" % (folder, folder, folder))
    mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    with open(log, "w") as out:
        process = subprocess.Popen(["unshare", "-m", "sh", "-c", mount, resolv, BINARY, "-c", conf], stdout=out, stderr=out)
    try:
        servers[0].settimeout(30)
        servers[0].recv(512)  # it asks
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(END) == 0
        assert time.monotonic() - began < 5
    finally:
        process.kill()
        process.wait()
        for server in servers:
            server.close()
