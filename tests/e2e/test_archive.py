# SPDX-License-Identifier: MIT
"""[archive]: originals are stored once they are loaded, whatever dies, and stay in done/ until then."""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

import psycopg2
import pytest

from daemon import BINARY
from stores import Swift, Trouble
from waiting import until

ORDERS = "id,name\n1,one\n2,two\n"
ORIGINALS = "SELECT f.name, o.archive, o.state, o.url, o.error FROM cetl.original o JOIN cetl.file f ON f.id = o.file_id ORDER BY f.id, o.archive"


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def below(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".part"):
                continue
            with open(os.path.join(at, name), "rb") as f:
                found[os.path.relpath(os.path.join(at, name), folder)] = f.read()
    return found


def wait_stored(daemon, database, count, deadline=60):
    def there():
        assert daemon.process.poll() is None, daemon.log()
        rows = database.rows(ORIGINALS)
        return rows if len([r for r in rows if r[2] == "stored"]) >= count else None

    return until(there, lambda: "%d stored: %s\n%s" % (count, database.rows(ORIGINALS), daemon.log()), deadline)


def archive(url, name="main", more=""):
    return "[archive %s]\nurl = %s\n%s\n" % (name, url, more)


def test_what_is_loaded_is_stored_with_its_report(cetld, database, folder):
    place = os.path.join(folder, "kept")
    daemon = cetld(archive("file://%s/{dataset}/{date}/{sha256}-{name}" % place))
    daemon.drop("orders.csv", ORDERS)
    daemon.drop("broken.csv", "id,name\n1,one,too many\n")
    entry = daemon.wait_state("orders.csv")
    daemon.wait_state("broken.csv", "failed")
    (name, kept, state, url, error), = wait_stored(daemon, database, 1)
    assert (name, kept, error) == ("orders.csv", "main", None)
    found = below(place)
    key = os.path.relpath(url[len("file://"):], place)
    assert key.startswith("orders/20") and key.endswith("/%s-orders.csv" % sha256(ORDERS))
    assert sorted(found) == [key, key + ".load.json"] and found[key].decode() == ORDERS
    report = json.loads(found[key + ".load.json"])
    assert (report["id"], report["rows_loaded"], report["sha256"], report["state"]) == (entry["id"], 2, sha256(ORDERS), "loaded")


def test_refused_files_are_stored_where_that_is_asked_for(cetld, database, folder):
    place = os.path.join(folder, "kept")
    daemon = cetld(archive("file://%s/{id}/{name}" % place, more="failed = yes") + archive("file://%s/two/{id}" % folder, "second"))
    odd = b"odd \xff\n=name.csv"
    daemon.drop("broken.csv", "id,name\n1,one,too many\n")
    daemon.drop(odd, ORDERS)
    daemon.wait_state("broken.csv", "failed")
    rows = wait_stored(daemon, database, 3)
    assert sorted((r[1], r[2]) for r in rows) == [("main", "stored"), ("main", "stored"), ("second", "stored")]
    assert sorted(v.decode() for k, v in below(place).items() if not k.endswith(".json")) == ["id,name\n1,one\n2,two\n", "id,name\n1,one,too many\n"]
    assert sorted(v.decode() for k, v in below(os.path.join(folder, "two")).items() if not k.endswith(".json")) == [ORDERS]


def test_files_of_one_name_are_told_apart(cetld, database, folder):
    place = os.path.join(folder, "kept")
    daemon = cetld(archive("file://%s/{sha256}" % place))
    texts = ["id,name\n%d,abcde\n" % i for i in range(1, 8)]
    for n, text in enumerate(texts, 1):
        daemon.drop("orders.csv", text)
        daemon.wait_state("orders.csv", nth=n)
    wait_stored(daemon, database, len(texts))
    assert {k: v.decode() for k, v in below(place).items() if "." not in k} == {sha256(t): t for t in texts}


def test_a_store_that_is_away_holds_up_nothing_and_done_is_kept(cetld, database, folder):
    """The folder cannot be made at first; pruning is on all the time."""
    place = os.path.join(folder, "kept")
    with open(place, "w") as f:
        f.write("in the way")
    daemon = cetld(archive("file://%s/{sha256}-{name}" % place), daemon={"keep_done": "100ms"})
    for i in range(5):
        daemon.drop("orders%d.csv" % i, "id,name\n%d,x\n" % i)
    daemon.wait_count("loaded", 5)
    until(lambda: daemon.log_lines("archive main: .* cannot be stored"), "it says so")
    until(lambda: all(r[4] for r in database.rows(ORIGINALS)), "the ledger says why")
    daemon.drop("newer.csv", ORDERS)
    daemon.wait_state("newer.csv")
    daemon.restart()
    assert len(daemon.files_in("done")) == 6
    os.remove(place)
    wait_stored(daemon, database, 6)
    assert len([k for k in below(place) if not k.endswith(".json")]) == 6
    until(lambda: not daemon.files_in("done"), "what is stored, and old enough, goes")


def test_a_store_that_never_answers_holds_up_neither_loads_nor_the_end(cetld, database, folder):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        secret = os.path.join(folder, "secret")
        with open(secret, "w") as f:
            f.write("s")
        daemon = cetld("[store s]\nurl = s3:\nkey_id = k\nsecret_file = %s\nendpoint = http://127.0.0.1:%d\n" % (secret, silent.getsockname()[1])
                       + archive("s3://bucket/{id}"))
        for i in range(30):
            daemon.drop("o%d.csv" % i, "id\n%d\n" % i)
        daemon.wait_count("loaded", 30, deadline=20)
        until(lambda: silent.accept(), "it is asked")
        daemon.stop(deadline=10)
        assert database.rows("SELECT count(*) FROM cetl.original WHERE state = 'waiting'") == [(30,)]


HELD = """
ALTER TABLE cetl.dataset RENAME TO dataset_real;
CREATE FUNCTION held() RETURNS bool LANGUAGE plpgsql AS $$BEGIN
  IF current_query() LIKE '%FROM cetl.original o JOIN%' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF; RETURN true; END$$;
CREATE VIEW cetl.dataset AS SELECT * FROM cetl.dataset_real WHERE held();
GRANT ALL ON cetl.dataset TO PUBLIC
"""


def test_a_look_at_the_queue_that_takes_long_changes_no_pause(cetld, database, folder):
    """While it is on its way the first file is refused. What it finds must wait for the end of the pause, and no longer."""
    asked, when, refuse, end = [], {}, threading.Event(), threading.Event()

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    def one(client):
        with client, contextlib.suppress(OSError):
            path = client.recv(65536).split(b" ")[1].decode()
            asked.append(path)
            when.setdefault(path, time.monotonic())
            (refuse if path == "/bucket/1" else end).wait(120)
            client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener, psycopg2.connect(database.url()) as connection:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        daemon = cetld("[store s]\nurl = s3:\nendpoint = http://127.0.0.1:%d\n" % listener.getsockname()[1] + archive("s3://bucket/{id}")
                       + "[dataset orders]\nfiles = *.csv\ncolumns = id bigint, name text\n")
        daemon.drop("1.csv", ORDERS)
        until(lambda: asked == ["/bucket/1"], daemon.log)
        database.rows(HELD)
        cursor = connection.cursor()
        cursor.execute("SELECT pg_advisory_xact_lock(7)")
        daemon.drop("2.csv", "id,name\n7,x\n")
        until(lambda: database.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), daemon.log)
        refused = time.monotonic()
        refuse.set()
        until(lambda: database.value("SELECT max(tries) FROM cetl.original") == 1, daemon.log)
        connection.rollback()
        until(lambda: "/bucket/2" in when, lambda: "%s\n%s" % (asked, daemon.log()), deadline=15)
        assert when["/bucket/2"] - refused > 0.9, asked
        end.set()
        daemon.stop()


def test_a_folder_that_hangs_holds_up_no_loads(cetld, database, folder):
    """As a mount whose server is away does: a lease makes the open of the archive's file wait."""
    place = os.path.join(folder, "kept")
    os.mkdir(place)
    part = os.path.join(place, ".cetl-%s.part" % sha256(sha256(ORDERS))[:16])
    asked = []
    before = signal.signal(signal.SIGIO, lambda *_: asked.append(1))
    with open(part, "w"):
        os.chmod(part, 0o666)
    lease = os.open(part, os.O_RDONLY)
    try:
        fcntl.fcntl(lease, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        daemon = cetld(archive("file://%s/{sha256}" % place), daemon={"workers": "1"})
        daemon.drop("orders.csv", ORDERS)
        until(lambda: asked, "it is opened")
        daemon.drop("other.csv", "id\n5\n")
        daemon.wait_state("other.csv", deadline=10)
        assert database.rows("SELECT state FROM cetl.original WHERE file_id = 1") == [("waiting",)]
    finally:
        os.close(lease)
        signal.signal(signal.SIGIO, before)
    wait_stored(daemon, database, 2)
    daemon.stop()


def test_a_name_as_long_as_a_name_can_be_is_cut(cetld, database, folder):
    place = os.path.join(folder, "kept")
    daemon = cetld(archive("file://%s/{sha256}-{name}" % place) + archive("file://%s/two/{dataset}-{date}-{sha256}-{name}" % folder, "second"))
    name = "\u00e9" * 125 + ".csv"
    daemon.drop(name, ORDERS)
    daemon.drop(b"\xff" * 251 + b".csv", "id\n7\n")
    wait_stored(daemon, database, 4)
    assert "%s-%s" % (sha256(ORDERS), "\u00e9" * 50) in below(place)


def test_what_is_gone_is_told_and_holds_nobody(cetld, database, folder):
    place = os.path.join(folder, "kept")
    with open(place, "w") as f:
        f.write("in the way")
    daemon = cetld(archive("file://%s/{sha256}" % place))
    daemon.drop("orders.csv", ORDERS)
    daemon.drop("other.csv", "id\n5\n")
    daemon.wait_count("loaded", 2)
    os.remove(daemon.path("done", "orders.csv"))
    os.remove(place)
    until(lambda: dict(r[:3:2] for r in database.rows(ORIGINALS)) == {"orders.csv": "lost", "other.csv": "stored"},
          lambda: "one is lost: %s\n%s" % (database.rows(ORIGINALS), daemon.log()), deadline=60)
    assert daemon.log_lines("lost to it: its bytes are not in done/ or failed/ any more")


def test_what_was_missed_once_is_looked_for_again_however_long_the_store_was_away(cetld, database, folder):
    place = os.path.join(folder, "kept")
    with open(place, "w") as f:
        f.write("in the way")
    daemon = cetld(archive("file://%s/{sha256}" % place))
    daemon.drop("orders.csv", ORDERS)
    daemon.wait_state("orders.csv")

    def tried(words, times):
        (tries, error), = database.rows("SELECT tries, error FROM cetl.original")
        return tries >= times and words in error

    until(lambda: tried("", 3), "it is tried", deadline=30)
    away = os.path.join(folder, "away")
    os.rename(daemon.path("done", "orders.csv"), away)
    os.remove(place)
    daemon.signal(signal.SIGHUP)
    until(lambda: tried("not in done/", 4), "it is missed")
    os.rename(away, daemon.path("done", "orders.csv"))
    wait_stored(daemon, database, 1)


def test_an_archive_that_is_taken_out_of_the_configuration_queues_nothing(cetld, database, folder):
    daemon = cetld(archive("file://%s/kept/{sha256}" % folder))
    daemon.drop("a.csv", ORDERS)
    wait_stored(daemon, database, 1)
    daemon.write_config("")
    daemon.signal(signal.SIGHUP)
    until(lambda: database.rows("SELECT count(*) FROM pg_trigger WHERE tgname = 'cetl_to_archive'") == [(0,)], "the trigger is gone")
    daemon.drop("b.csv", "id\n7\n")
    daemon.wait_state("b.csv")
    assert len(database.rows(ORIGINALS)) == 1


def test_kills_leave_one_object_of_each_file(cetld, database, folder):
    place = os.path.join(folder, "kept")
    daemon = cetld(archive("file://%s/{dataset}/{sha256}" % place))
    texts = ["id,name\n%d,%s\n" % (i, "x" * 3000) for i in range(60)]
    for i, text in enumerate(texts):
        daemon.drop("orders%d.csv" % i, text)
    for wanted in (1, 15, 30, 45):
        until(lambda: len([k for k in below(place) if "." not in k]) >= wanted, lambda: "%d stored\n%s" % (wanted, daemon.log()))
        daemon.kill9()
        daemon.start()
    wait_stored(daemon, database, len(texts))
    assert not [n for _, _, names in os.walk(place) for n in names if n.endswith(".part")]
    kept = {k: v.decode() for k, v in below(place).items() if not k.endswith(".json")}
    assert kept == {"orders/" + sha256(t): t for t in texts}


def test_reloads_lose_and_double_nothing_of_what_is_on_its_way(cetld, database, folder):
    """With and without a second archive, whose store never answers, again and again while files come and are stored."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = os.path.join(folder, "kept")
        one = archive("file://%s/{sha256}" % place)
        other = "[store s]\nurl = s3:\nendpoint = http://127.0.0.1:%d\n" % silent.getsockname()[1] + archive("s3://bucket/{id}", "second")
        daemon = cetld(one)
        texts = ["id,name\n%d,%s\n" % (i, "x" * 100000) for i in range(40)]
        for i, text in enumerate(texts):
            daemon.drop("orders%d.csv" % i, text)
            if i % 4 == 0:
                daemon.write_config(one + other * (i % 8 == 0))
                assert daemon.request("POST", "/reload", unix=True).status == 200
        daemon.write_config(one)
        assert daemon.request("POST", "/reload", unix=True).status == 200
        until(lambda: database.rows("SELECT state, count(*) FROM cetl.original WHERE archive = 'main' GROUP BY 1") == [("stored", 40)],
              lambda: "all are stored: %s\n%s" % (database.rows(ORIGINALS), daemon.log()), deadline=60)
        kept = {k: v.decode() for k, v in below(place).items() if not k.endswith(".json")}
        assert kept == {sha256(t): t for t in texts}
        assert not [n for _, _, names in os.walk(place) for n in names if n.endswith(".part")]


def test_a_database_that_is_read_only_is_set_up_as_long_as_nothing_changes(cetld, database, folder):
    place = archive("file://%s/kept/{sha256}" % folder) + archive("file://%s/kept/{id}" % folder, "b-2")
    daemon = cetld(place)
    assert database.rows("SELECT name, failed FROM cetl.archive ORDER BY 1") == [("b-2", False), ("main", False)]
    database.rows("ALTER DATABASE %s SET default_transaction_read_only = on" % database.name)
    daemon.restart()
    assert daemon.json("/v1/files") == []


@pytest.mark.parametrize("url, words", [
    ("ftp://x/{sha256}", "is no s3://BUCKET"), ("s3://b/{name}", "{sha256} or {id} must be in it"), ("s3://b/{sha265}", "did you mean 'sha256'?"),
    ("s3://{dataset}/{sha256}", "behind the bucket"), ("azure://a/{dataset}/{sha256}", "behind the bucket"), ("s3://b/{sha256", "there is no {sha256}"),
])
def test_mistakes_are_told(folder, url, words):
    path = os.path.join(folder, "c.conf")
    with open(path, "w") as f:
        f.write("[archive x]\nurl = %s\n" % url)
    run = subprocess.run([BINARY, "-c", path, "--check"], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and words in run.stderr + run.stdout and "c.conf:2" in run.stderr + run.stdout, run


# ---- real stores


def store(folder, server, bucket, endpoint=None, secret=None):
    """(the URL's begin, a [store] section)"""
    path = os.path.join(folder, "secret")
    with open(path, "w") as f:
        f.write((secret or server.secret) + "\n")
    os.chmod(path, 0o600)
    s3 = isinstance(server, Swift)
    url = "s3://" + bucket if s3 else "azure://%s/%s" % (server.account, bucket)
    return url, "[store real]\nurl = %s\nendpoint = %s\nsecret_file = %s\n%s\n" % (
        "s3:" if s3 else url, endpoint or server.endpoint(), path, "key_id = " + server.id if s3 else "")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_real_stores_get_small_and_large_files(kind, swift, azurite, cetld, database, folder):
    server = swift if kind == "s3" else azurite
    (server.make_bucket if kind == "s3" else server.make_container)("plain")
    url, section = store(folder, server, "plain")
    daemon = cetld(section + archive(url + "/a b/{dataset}/{sha256}-{name}"))
    large = "id,text\n" + "".join("%d,%s\n" % (i, "t" * 90) for i in range(200000))
    daemon.drop("small é.csv", ORDERS)
    daemon.drop("large.csv", large)
    rows = wait_stored(daemon, database, 2, deadline=120)
    for text, row in ((ORDERS, "small é.csv"), (large, "large.csv")):
        at, = [r[3] for r in rows if r[0] == row]
        assert server.object("plain", at[len(url) + 1:]).decode() == text
        assert json.loads(server.object("plain", at[len(url) + 1:] + ".load.json"))["sha256"] == sha256(text)


@pytest.mark.long
def test_a_killed_upload_leads_to_exactly_one_object(swift, cetld, database, folder):
    """The second part of a large file is held up until the daemon is dead."""
    swift.make_bucket("killed")
    met = []

    def plan(n, head):
        line = head.split("\r\n")[0]
        if "partNumber=2" in line:
            met.append(line)
            if len(met) <= 3:
                daemon.process.kill()
                return "cut"
        return None

    trouble = Trouble(swift.port, plan)
    try:
        url, section = store(folder, swift, "killed", "http://127.0.0.1:%d" % trouble.port)
        daemon = cetld(section + archive(url + "/{sha256}"))
        large = "id,text\n" + "".join("%d,%s\n" % (i, "t" * 90) for i in range(200000))
        daemon.drop("large.csv", large)
        for _ in range(3):
            until(lambda: daemon.process.poll() is not None, "it is killed", deadline=60)
            daemon.process = None
            daemon.launch()
        until(daemon._listening, "it listens", deadline=60)
        wait_stored(daemon, database, 1, deadline=120)
        assert swift.object("killed", sha256(large)).decode() == large
        listing = swift.request("GET", "/killed", "list-type=2").decode()
        assert listing.count("<Key>") == 2, listing
        assert b"<Upload>" not in swift.request("GET", "/killed", "uploads=")
    finally:
        trouble.close()


@pytest.mark.long
def test_a_wrong_key_is_told_in_the_stores_words_and_mended_by_a_reload(swift, cetld, database, folder):
    swift.make_bucket("keyed")
    url, section = store(folder, swift, "keyed", secret="wrong")
    daemon = cetld(section + archive(url + "/{sha256}"))
    daemon.drop("orders.csv", ORDERS)
    daemon.wait_state("orders.csv")
    until(lambda: daemon.log_lines("archive main: orders.csv cannot be stored: .*SignatureDoesNotMatch"), daemon.log)
    until(lambda: "SignatureDoesNotMatch" in (database.rows(ORIGINALS)[0][4] or ""), "the ledger has it, too")
    store(folder, swift, "keyed")
    daemon.signal(signal.SIGHUP)
    wait_stored(daemon, database, 1)
    assert swift.object("keyed", sha256(ORDERS)).decode() == ORDERS


def peak_kib(daemon):
    with open("/proc/%d/status" % daemon.process.pid) as f:
        return int(next(line for line in f if line.startswith("VmHWM")).split()[1])


@pytest.mark.long
def test_a_file_of_1_gb_is_stored_with_little_memory(swift, cetld, database, folder, capsys):
    """It is refused, so that nothing of it has to be loaded; the same without an archive is what it is compared with."""
    swift.make_bucket("large")
    url, section = store(folder, swift, "large")
    daemon = cetld(section)
    source = os.path.join(folder, "large.csv")
    line = b"1,%s,too many\n" % (b"x" * 1000)
    with open(source, "wb") as f:
        f.write(b"id,text\n")
        for _ in range(1000):
            f.write(line * 1060)
    daemon.drop_file(source, "first.csv")
    daemon.wait_state("first.csv", "failed", deadline=300)
    before = peak_kib(daemon)
    daemon.write_config(section + archive(url + "/{name}-{id}", more="failed = yes"))
    daemon.restart()
    daemon.drop_file(source, "second.csv")
    entry = daemon.wait_state("second.csv", "failed", deadline=300)
    wait_stored(daemon, database, 1, deadline=600)
    after = peak_kib(daemon)
    with capsys.disabled():
        print(" [peak of RSS: %d MiB without an archive, %d MiB with %d MB stored]" % (before >> 10, after >> 10, entry["bytes"] // 10**6))
    assert after - before <= 64 << 10
    assert "<Size>%d</Size>" % entry["bytes"] in swift.request("GET", "/large", "list-type=2").decode()
