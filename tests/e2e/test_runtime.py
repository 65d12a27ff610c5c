# SPDX-License-Identifier: MIT
"""Under a service manager: sockets that are passed, the watchdog, what is told, ten thousand files at a start, reloads, and the end."""

import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from manager import Manager
from source import PARTS, assert_parts, large_part, part
from waiting import until

ITEMS = "[dataset items]\nfiles = items*.csv\ncolumns = id bigint, name text\n"


@pytest.fixture
def make_manager(folder):
    made = []

    def make(**options):
        made.append(Manager(folder, **options))
        return made[-1]

    yield make
    for manager in made:
        manager.close()


def listening(path=None):
    """A socket as a socket unit has it: on a free port of this machine, or at a path."""
    s = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    s.bind(path or ("127.0.0.1", 0))
    s.listen(64)
    return s


# -- sockets that are passed

def test_requests_that_are_sent_during_a_restart_are_answered(make_cetld, database, folder):
    """The sockets are the manager's, so nobody is refused: who comes while the daemon is away, or ends, waits for the next one."""
    tcp, unix = listening(), listening(os.path.join(folder, "passed.sock"))
    daemon = make_cetld(database.url(), ITEMS, api={"listen": "127.0.0.1:%d, unix:%s" % (tcp.getsockname()[1], os.path.join(folder, "passed.sock"))})
    daemon.socket = os.path.join(folder, "passed.sock")
    daemon.passed = [tcp, unix]
    daemon.start()
    assert len(daemon.log_lines("listening on")) == 2 and len(daemon.log_lines("passed by systemd")) == 2
    daemon.drop("items_1.csv", "id,name\n1,a\n")
    daemon.wait_state("items_1.csv")
    answers, failed, over = [], [], threading.Event()

    def ask(by_unix):
        while not over.is_set():
            try:
                answer = daemon.get("/v1/items", unix=by_unix, timeout=30)
                answers.append((answer.status, answer.body))
            except OSError as e:
                failed.append(e)

    askers = [threading.Thread(target=ask, args=(n % 2 == 1,)) for n in range(4)]
    for asker in askers:
        asker.start()
    port = daemon.port
    for _ in range(5):
        before = len(answers)
        until(lambda: len(answers) > before + 20, lambda: "answers; failed: %s\n%s" % (failed, daemon.log()))
        daemon.stop()
        daemon.launch()
        daemon.port = port
    over.set()
    for asker in askers:
        asker.join()
    assert not failed
    assert set(answers) == {(200, b'[{"id":1,"name":"a"}]\n')}


def test_what_listen_says_beside_passed_sockets_is_listened_to_as_well(make_cetld, database):
    tcp = listening()
    daemon = make_cetld(database.url(), ITEMS)
    daemon.passed = [tcp]
    daemon.start()
    assert daemon.get("/status", unix=True).status == 200
    assert daemon.request("GET", "/status").status == 200
    daemon.port = tcp.getsockname()[1]
    assert daemon.get("/status").status == 200


def test_where_passed_sockets_differ_from_the_configuration_that_is_told(make_cetld, database, folder):
    tcp, unix = listening(), listening(os.path.join(folder, "passed.sock"))
    os.chmod(os.path.join(folder, "passed.sock"), 0o666)
    listen = "unix:%s/passed.sock, 127.0.0.1:0, unix:%s/api.sock" % (folder, folder)
    daemon = make_cetld(database.url(), ITEMS, api={"listen": listen, "socket_mode": "0600"})
    daemon.socket = os.path.join(folder, "api.sock")
    daemon.passed = [tcp, unix]
    daemon.start()
    assert len(daemon.log_lines("systemctl edit cetld.socket")) == 2, daemon.log()
    assert daemon.log_lines(r"127.0.0.1:%d is listened to.*`listen` does not name it" % tcp.getsockname()[1]), daemon.log()
    assert daemon.log_lines(r"the mode of unix:.*passed.sock is 0666, .* not 0600, as socket_mode says"), daemon.log()


def test_passed_sockets_answer_without_a_database_too(make_cetld, folder):
    tcp = listening()
    daemon = make_cetld("host=%s dbname=nothing" % folder, ITEMS, api={"listen": "127.0.0.1:%d, unix:%s/x.sock" % (tcp.getsockname()[1], folder)})
    daemon.passed = [tcp]
    daemon.launch()
    daemon.port = tcp.getsockname()[1]
    assert daemon.get("/status", timeout=20).status == 200
    assert daemon.get("/readyz").status == 503


def test_passed_descriptor_that_does_not_listen_is_told(make_cetld, database, folder):
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        daemon = make_cetld(database.url(), ITEMS)
        daemon.passed = [idle]
        daemon.launch()
        assert daemon.process.wait(20) == 1
        daemon.process = None
    assert daemon.log_lines("descriptor 3.*ListenStream="), daemon.log()


# -- the watchdog

def test_load_is_not_taken_for_a_hang(make_cetld, database, make_manager, folder):
    manager = make_manager(watchdog=3)
    daemon = make_cetld(database.url(), PARTS, daemon={"workers": "1"})
    daemon.environment = manager.environment
    daemon.start()
    began = time.monotonic()
    source = os.path.join(folder, "part_0.csv")
    large_part(source, 0, 60)
    daemon.drop_file(source)
    for n in range(300):
        daemon.drop("part_small_%d.csv" % n, part(n, 10**8 + n * 10, 10))
    daemon.wait_count("loaded", 301)
    assert manager.longest_gap("WATCHDOG=1", began, time.monotonic()) < 3


@pytest.fixture
def broken(make_cetld, database, make_manager, faultio):
    """broken(fault): a daemon with a watchdog of a second, in which a call of that kind hangs for five."""
    def start(fault):
        manager = make_manager(watchdog=1)
        daemon = make_cetld(database.url(), ITEMS)
        daemon.start()
        daemon.stop()
        daemon.environment = {**manager.environment, "LD_PRELOAD": faultio, "FAULT": fault + "=delay:5000"}
        daemon.start()
        assert manager.wait("WATCHDOG=1", nth=3)
        return daemon, manager

    return start


def test_hang_of_a_worker_is_noticed_also_while_others_get_on(broken):
    daemon, manager = broken("read~items_hang#1")
    daemon.drop("items_hang.csv", "id,name\n0,a\n")
    until(lambda: daemon.files_in("work"), "the file is claimed")
    began = time.monotonic()
    n = 0
    while not daemon.log_lines("a worker hangs"):
        n += 1
        daemon.drop("items_%d.csv" % n, "id,name\n%d,a\n" % n)
        assert time.monotonic() - began < 4.5, daemon.log()
        until(lambda: daemon.files_in("done"), lambda: "another file is loaded\n" + daemon.log())
    # Systemd would restart it by now; here it goes on, and so does the watchdog's food.
    daemon.wait_state("items_hang.csv")
    assert manager.longest_gap("WATCHDOG=1", began, time.monotonic()) > 1  # it is fed three times a second
    until(lambda: manager.heard("WATCHDOG=1", since=time.monotonic() - 0.5), "it is fed again")


def test_hang_of_the_loop_is_noticed(broken):
    daemon, manager = broken("PQsendQuery~COMMIT#1")
    began = time.monotonic()
    daemon.drop("items_1.csv", "id,name\n1,a\n")
    daemon.wait_moved()
    until(lambda: manager.longest_gap("WATCHDOG=1", began, time.monotonic()) > 3, "no food for 3 s")
    until(lambda: manager.heard("WATCHDOG=1", since=time.monotonic() - 0.5), "it is fed again")


# -- what is told

def test_status_has_the_queue_and_the_rate(make_cetld, database, make_manager, folder):
    manager = make_manager()
    daemon = make_cetld(database.url(), PARTS)
    daemon.environment = manager.environment
    daemon.start()
    manager.wait("STATUS=0 queued, 0 waiting, 0 loading")
    source = os.path.join(folder, "part_0.csv")
    rows = large_part(source, 0, 40)
    daemon.drop_file(source)
    daemon.wait_state("part_0.csv")
    manager.wait("STATUS=0 queued, 0 waiting, 0 loading, 0 unreadable, %d rows loaded, " % rows, contains=" MB/s")
    assert daemon.json("/status")["rates"]["rows_per_second"] > 0
    with database.connect() as other:
        other.cursor().execute("LOCK TABLE parts IN EXCLUSIVE MODE")  # the next one stands until it may go on
        another = os.path.join(folder, "part_1.csv")
        rows += large_part(another, 1, 1)
        daemon.drop_file(another)
        manager.wait("STATUS=0 queued, 0 waiting, 1 loading")
    daemon.wait_state("part_1.csv")
    manager.wait("STATUS=0 queued, 0 waiting, 0 loading, 0 unreadable, %d rows loaded" % rows)
    daemon.stop()
    assert manager.count("STOPPING=1") == 1 and manager.heard("STATUS=stopping")


def test_status_says_why_the_database_is_away(make_cetld, folder, make_manager):
    manager = make_manager()
    daemon = make_cetld("host=%s dbname=nothing" % folder, ITEMS)
    daemon.environment = manager.environment
    daemon.start(ready=False)
    manager.wait("READY=1")
    manager.wait("STATUS=", contains="; database: ")


def test_reload_is_told_and_so_is_the_mistake_that_hinders_it(make_cetld, database, make_manager):
    manager = make_manager()
    daemon = make_cetld(database.url(), ITEMS)
    daemon.environment = manager.environment
    daemon.start()
    daemon.write_config(ITEMS + "[dataset other]\ncolumns = id bigint\n")
    daemon.signal(signal.SIGHUP)
    manager.wait("READY=1", nth=2)
    assert manager.count("RELOADING=1") == 1
    assert daemon.get("/v1/other").status == 200  # READY means that it is in force
    daemon.write_config(ITEMS + "mode = perhaps\n")
    daemon.signal(signal.SIGHUP)
    manager.wait("READY=1", nth=3)
    manager.wait("STATUS=", contains="cetl.conf:17: mode")
    daemon.write_config(ITEMS)
    daemon.signal(signal.SIGHUP)
    manager.wait("READY=1", nth=4)
    told = manager.count("STATUS=")
    until(lambda: "cetl.conf" not in manager.heard("STATUS=")[-1][1] and told, "the mistake is forgotten")


def test_reload_without_a_database_does_not_keep_the_manager_waiting(make_cetld, folder, make_manager):
    manager = make_manager()
    daemon = make_cetld("host=%s dbname=nothing" % folder, ITEMS)
    daemon.environment = manager.environment
    daemon.start(ready=False)
    daemon.signal(signal.SIGHUP)
    manager.wait("READY=1", nth=2, deadline=5)


# -- ten thousand files

def test_ready_within_five_seconds_of_a_kill_with_ten_thousand_files_queued(make_cetld, database, make_manager):
    """Half of them claimed, half in incoming/; all of them loaded in the end, once."""
    files, readiness = 10000, 5
    daemon = make_cetld(database.url(), ITEMS, daemon={"unmatched": "leave"})
    for n in range(files // 2):
        daemon.drop("items_%05d.csv" % n, "id,name\n%d,a\n" % n)
    database.rows("CREATE TABLE items (id bigint, name text); ALTER TABLE items OWNER TO cetl")
    with database.connect() as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE items IN EXCLUSIVE MODE")
        daemon.start()
        until(lambda: len(daemon.files_in("work")) == files // 2, lambda: "they are claimed\n" + daemon.log(), deadline=60, step=0.1)
        daemon.kill9()
    for n in range(files // 2, files):
        daemon.drop("items_%05d.csv" % n, "id,name\n%d,a\n" % n)
    manager = make_manager()
    daemon.environment = manager.environment
    began = time.monotonic()
    daemon.launch()
    ready = manager.wait("READY=1")[0] - began
    until(daemon._listening, "it listens")
    until(lambda: daemon.get("/readyz").status == 200, "/readyz is 200", step=0.01)
    answers = time.monotonic() - began
    assert ready <= readiness and answers <= readiness, "READY=1 after %.2f s, /readyz after %.2f s" % (ready, answers)
    print("READY=1 after %.3f s, /readyz after %.3f s" % (ready, answers))
    until(lambda: database.value("SELECT count(*) FROM cetl.file") >= files, lambda: "all are loaded\n" + daemon.log(), deadline=120, step=0.2)
    assert database.rows("SELECT count(*), count(DISTINCT id) FROM items") == [(files, files)]
    assert database.rows("SELECT state, count(*) FROM cetl.file GROUP BY 1") == [("loaded", files)]


# -- reloads under load

def test_hundred_reloads_under_load_lose_nothing(make_cetld, database, make_manager, folder):
    """Good ones and bad ones, each waited for, while files come, large and small, and a client reads: nothing lost, nothing refused."""
    manager = make_manager()
    daemon = make_cetld(database.url(), PARTS)
    daemon.environment = manager.environment
    daemon.start()
    sources = []
    for n in range(100):
        sources.append(os.path.join(folder, "part_%03d.csv" % n))
        with open(sources[-1], "wb") as f:
            f.write(part(n, n * 50, 50))
    sources.append(os.path.join(folder, "part_large.csv"))
    large_part(sources[-1], 10**6, 30)
    answers, over = [], threading.Event()

    def read():
        while not over.is_set():
            answers.append(daemon.get("/v1/parts?limit=1&order=id").status)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        daemon.drop_file(sources[-1])
        for n in range(100):
            daemon.drop_file(sources[n])
            more = ["", "[dataset other_%d]\ncolumns = id bigint\n" % n, "[dataset other]\nmode = perhaps\n"][n % 3]
            daemon.write_config(PARTS + more)
            told = manager.count("READY=1")
            daemon.signal(signal.SIGHUP)
            manager.wait("READY=1", nth=told + 1)
    finally:
        over.set()
        reader.join()
    assert manager.count("RELOADING=1") == 100
    daemon.wait_count("loaded", 101)
    assert_parts(database, daemon, sources)
    assert set(answers) == {200} and len(answers) > 10


# -- the end

def test_sigterm_with_thousands_of_files_queued_ends_soon(make_cetld, database, make_manager):
    daemon = make_cetld(database.url(), ITEMS)
    for n in range(4000):
        daemon.drop("items_%05d.csv" % n, "id,name\n%d,a\n" % n)
    daemon.start()
    until(lambda: daemon.files_in("done"), "they load", step=0.01)
    began = time.monotonic()
    daemon.stop(30)
    print("stopped after %.2f s" % (time.monotonic() - began))
    loaded = database.value("SELECT count(*) FROM cetl.file WHERE state = 'loaded'")
    assert database.value("SELECT count(DISTINCT id) FROM items") == loaded < 4000
    assert len(daemon.files_in()) == 4000


@pytest.mark.long
def test_end_in_the_middle_of_a_long_copy_between_file_systems(make_cetld, database, folder, faultio):
    """A claim that copies gets the time that loads get; then it is given up, the file stays where it was dropped, and the next start claims it."""
    source = os.path.join(folder, "part_0.csv")
    large_part(source, 0, 60)
    daemon = make_cetld(database.url(), PARTS)
    daemon.environment = {"LD_PRELOAD": faultio, "FAULT": "rename~work#*=EXDEV;read~part_0.csv#*=delay:1000"}
    daemon.start()
    daemon.drop_file(source)
    until(lambda: any(name == b".part" for _, _, names in os.walk(os.fsencode(daemon.path("work"))) for name in names), "the copy has begun")
    began = time.monotonic()
    daemon.stop(20)
    assert time.monotonic() - began > 8, "it was not in the middle"
    assert daemon.files_in() == [b"incoming/part_0.csv"]
    daemon.environment = {}
    daemon.start()
    daemon.wait_state("part_0.csv")
    assert_parts(database, daemon, [source])


# -- the log

def test_each_file_has_one_line_with_its_counts_and_a_name_that_is_one_word(make_cetld, database):
    daemon = make_cetld(database.url(), ITEMS + "max_errors = 1\nduplicates = skip\n").start()
    daemon.drop("items\n1\x1b[31m.csv", "id,name\n1,a\nx,b\n2,c\n")
    daemon.wait_moved()
    daemon.wait_count("loaded", 1)
    daemon.drop("items_2.csv", "id,name\n1,a\nx,b\n2,c\n")
    daemon.wait_state("items_2.csv", "duplicate")
    daemon.drop("items_3.csv", "nothing\n")
    daemon.wait_state("items_3.csv", "failed")
    lines = daemon.log_lines(r" file=items")
    assert len(lines) == 3 and all("\x1b" not in line for line in lines), lines
    fields = [dict(re.findall(r"(?<= )([a-z_]+)=(\S+)", line)) for line in lines]
    assert fields[0]["file"] == "items\\n1\\x1b[31m.csv"
    assert [f["state"] for f in fields] == ["loaded", "duplicate", "failed"]
    counted = {"bytes": "20", "read": "3", "rows": "2", "updated": "0", "ignored": "0", "rejected": "1", "filtered": "0", "dataset": "items"}
    assert {k: fields[0][k] for k in counted} == counted
    for f, entry in zip(fields, reversed(daemon.ledger())):
        assert int(f["file_id"]) == entry["id"] and re.fullmatch(r"\d+\.\d{3}", f["seconds"]) and len(f["token"]) == 25


def test_the_same_complaint_does_not_fill_the_log(make_cetld, database):
    daemon = make_cetld(database.url(), ITEMS).start()
    daemon.write_config(ITEMS + "mode = perhaps\n")
    for _ in range(20):
        daemon.signal(signal.SIGHUP)
        daemon.get("/status")
    daemon.write_config(ITEMS)
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines("configuration reloaded"), "the last reload")
    assert 1 <= len(daemon.log_lines("'perhaps' is not")) <= 5


# -- where the unit does not let it write

@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a folder read-only")
@pytest.mark.parametrize("what", ["spool", "lock", "state"])
def test_what_the_sandbox_does_not_let_it_write_is_told_with_what_to_do(make_cetld, folder, what):
    """For the daemon it is a file system that is read-only, whatever the reason."""
    place = os.path.join(folder, "srv")
    os.makedirs(os.path.join(place, "spool"))
    options = {"state": place + "/state"} if what == "state" else {"spool": place + ("/spool" if what == "lock" else "/new")}
    daemon = make_cetld("" if what == "state" else "host=%s dbname=nothing" % folder, daemon=options)
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    told = r"Read-only file system; .*systemctl edit cetld, with \[Service\] and ReadWritePaths=\"%s/" % place
    command = ["unshare", "--mount", "sh", "-c", script, "sh", place, daemon.binary, "-c", daemon.conf]
    with subprocess.Popen(command, env={**os.environ, "INVOCATION_ID": "0" * 32}, stderr=subprocess.PIPE, text=True) as process:
        seen = ""
        for line in process.stderr:
            seen += line
            if re.search(told, line):
                process.terminate()
                break
        if "permission denied" in seen and "mount" in seen:
            pytest.skip("no mounts here")
        assert re.search(told, seen), seen
