# SPDX-License-Identifier: MIT
"""[backup NAME]: the daemon makes backups when they are due, each once, whatever is restarted or killed; what fails is told and tried again."""

import datetime
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from daemon import BINARY
from waiting import until

OPTIONS = ["backup.to", "backup.tables", "backup.every", "backup.at"]  # that a reload changes, with a case here
CETL = os.path.join(os.path.dirname(BINARY), "cetl")
ORDERS = "[dataset orders]\nfiles = orders*.csv\ncolumns = id int primary key, note text\n[dataset other]\nfiles = other*.csv\ncolumns = id int\n"


def backup(to, name="nightly", **options):
    return "[backup %s]\nto = %s\n%s" % (name, to, "".join("%s = %s\n" % o for o in options.items()))


def whole(place):
    """{name: manifest} of the whole backups that lie in a folder."""
    found = {}
    for name in sorted(n for n in os.listdir(place) if ".part-" not in n) if os.path.isdir(place) else []:
        try:
            with open(os.path.join(place, name, "manifest.json"), encoding="utf-8") as f:
                found[name] = json.load(f)
        except (FileNotFoundError, NotADirectoryError):
            pass
    return found


def status(daemon, name="nightly"):
    answer = daemon.get("/status", unix=True)
    return next(b for b in answer.json["backups"] if b["name"] == name)


def at(text):
    return datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", text))


@pytest.fixture
def loaded(cetld):
    """A daemon with rows in two tables, and its configuration to be written on."""
    daemon = cetld(ORDERS)
    daemon.drop("orders.csv", "id,note\n1,x\n2,y\n")
    daemon.drop("other.csv", "id\n7\n")
    daemon.wait_count("loaded", 2)
    return daemon


def reload(daemon, text):
    n = len(daemon.log_lines("configuration reloaded"))
    daemon.write_config(ORDERS + text)
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.log_lines("configuration reloaded")) > n, daemon.log)


def made(daemon, place, n=1, deadline=30):
    until(lambda: len(whole(place)) >= n and status(daemon)["state"] in ("made", "running"), lambda: "%d are made: %s\n%s" % (n, status(daemon), daemon.log()), deadline)
    return whole(place)


def test_the_first_is_made_at_once_restored_and_not_made_again_before_its_time(loaded, database, folder):
    place = os.path.join(folder, "backups")  # which is made
    reload(loaded, backup(place, every="1d"))
    (name, manifest), = made(loaded, place).items()
    assert re.fullmatch(r"nightly-\d{8}T\d{6}Z", name)
    assert {t["name"]: t["file"]["rows"] for t in manifest["tables"]} == {"orders": 2, "other": 1}
    until(lambda: status(loaded)["state"] == "made", loaded.log)
    told = status(loaded)
    assert told["place"] == os.path.join(place, name) and told["error"] is None
    assert abs((at(told["due_at"]) - at(told["made_at"])).total_seconds() - 86400) < 60
    loaded.restart()
    assert status(loaded) == told  # known over a restart
    until(lambda: loaded.log_lines("configuration|ready"), loaded.log)
    loaded.signal(signal.SIGHUP)
    until(lambda: len(loaded.log_lines("configuration reloaded")) == 2, loaded.log)
    assert list(whole(place)) == [name] and not [n for n in os.listdir(place) if n != name]
    database.rows("DELETE FROM orders")
    subprocess.run([CETL, "-c", loaded.conf, "restore", os.path.join(place, name)], check=True, stdout=subprocess.DEVNULL)
    assert database.value("SELECT count(*) FROM orders") == 2
    said = subprocess.run([CETL, "-c", loaded.conf, "--socket", loaded.socket, "status"], check=True, capture_output=True, text=True).stdout
    assert "nightly: the last one " + told["made_at"] in said
    metrics = loaded.get("/metrics").body.decode()
    assert re.search(r'cetl_backup_made_timestamp_seconds\{backup="nightly",\} 1\d{9}', metrics) and 'outcome="made",} 0' in metrics


@pytest.mark.long
def test_a_backup_that_was_due_while_the_daemon_was_down_is_made_once_when_it_is_back(loaded, folder):
    place = os.path.join(folder, "backups")
    os.mkdir(place)
    reload(loaded, backup(place, every="1d"))
    made(loaded, place)
    until(lambda: status(loaded)["state"] == "made", loaded.log)
    loaded.stop()
    note = os.path.join(loaded.state, "backup", "nightly")
    with open(note) as f:
        numbers = [int(n) for n in f.read().split()]
    days = 3 * 86400 * 10**6
    os.rename(os.path.join(place, *whole(place)), os.path.join(place, "of_long_ago"))
    with open(note, "w") as f:
        f.write("0 %d %d %d\n" % (numbers[1] - days, numbers[2] - days, numbers[3] - days))
    loaded.start()
    assert len(made(loaded, place, 2)) == 2
    until(lambda: status(loaded)["state"] == "made", loaded.log)
    loaded.restart()
    assert len(whole(place)) == 2 and status(loaded)["state"] == "made"


def test_what_fails_is_told_and_tried_again_until_it_is_mended(loaded, folder):
    place = os.path.join(folder, "backups")
    with open(place, "w") as f:
        f.write("in the way")
    heard = []
    listener = socket.create_server(("127.0.0.1", 0))

    def hook():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            head, body = b"", b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            head, body = head.split(b"\r\n\r\n", 1)
            length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
            while len(body) < length:
                body += client.recv(65536)
            heard.append(json.loads(body))
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.close()

    thread = threading.Thread(target=hook, daemon=True)
    thread.start()
    try:
        reload(loaded, backup(place, every="1s") + "[notify team]\nurl = http://127.0.0.1:%d/\n" % listener.getsockname()[1])
        until(lambda: status(loaded)["state"] == "failed", loaded.log)
        told = status(loaded)
        assert "Not a directory" in told["error"] and told["made_at"] is None
        until(lambda: any(e["state"] == "backup" and "Not a directory" in e["error"] for b in heard for e in b["events"]), lambda: heard)
        assert "backup nightly could not be made" in heard[0]["text"]
        until(lambda: re.search(r'cetl_backups_total\{backup="nightly",outcome="failed",\} [2-9]', loaded.get("/metrics").body.decode()), loaded.log)
        assert len(loaded.log_lines("backup nightly could not be made")) == 1  # once, however often
        first = at(status(loaded)["due_at"])
        os.remove(place)
        os.mkdir(place)
        name = min(made(loaded, place))
        assert abs((datetime.datetime.strptime(name, "nightly-%Y%m%dT%H%M%S%z") - first).total_seconds()) <= 1  # it kept its name
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.long
def test_the_program_that_is_missing_and_a_configuration_that_is_wrong_are_told(cetld, folder, database):
    daemon = cetld(ORDERS)
    alone = os.path.join(folder, "alone")
    os.mkdir(alone)
    os.link(BINARY, os.path.join(alone, "cetld")) if os.stat(BINARY).st_dev == os.stat(alone).st_dev else subprocess.run(["cp", BINARY, alone], check=True)
    daemon.stop()
    daemon.binary = os.path.join(alone, "cetld")
    daemon.write_config(ORDERS + backup(folder))
    daemon.start()
    until(lambda: "install it" in (status(daemon)["error"] or ""), daemon.log)
    os.makedirs(os.path.join(folder, "bin"))
    os.symlink(CETL, os.path.join(folder, "bin", "cetl"))  # as it is installed: sbin/cetld, bin/cetl
    daemon.signal(signal.SIGHUP)
    until(lambda: status(daemon)["state"] == "failed" and "no dataset with a table" in status(daemon)["error"] or whole(folder), daemon.log)


def slow_table(database):
    """A backup of it takes long: each row of COPY waits for a lock that the test holds."""
    database.rows("CREATE TABLE IF NOT EXISTS slow AS SELECT 1 AS id; GRANT SELECT ON slow TO cetl; SELECT 1")
    db = database.cluster.connect(database.name)
    db.autocommit = False
    with db.cursor() as sql:
        sql.execute("LOCK TABLE slow IN ACCESS EXCLUSIVE MODE")
    return db


def running(daemon):
    return [pid for pid, command in daemon.processes().items() if " backup " in command]


def test_a_backup_does_not_delay_the_daemons_end_and_is_made_by_the_next_start(loaded, database, folder):
    place = os.path.join(folder, "backups")
    os.mkdir(place)
    lock = slow_table(database)
    try:
        reload(loaded, backup(place, tables="slow"))
        until(lambda: running(loaded), loaded.log)
        pid, = running(loaded)
        assert os.getpriority(os.PRIO_PROCESS, pid) > 0 and status(loaded)["state"] == "running"
        loaded.stop(deadline=10)  # and leaves no process behind
        assert os.listdir(place) == [] and loaded.log_lines("broken off") and not loaded.log_lines("could not be made")
        due = os.listdir(os.path.join(loaded.state, "backup"))
        assert "nightly" in due
    finally:
        lock.close()
    loaded.start()
    assert len(made(loaded, place)) == 1


@pytest.mark.long
def test_a_backup_that_does_not_end_is_killed_at_the_daemons_end(loaded, database, folder):
    lock = slow_table(database)
    try:
        reload(loaded, backup(os.path.join(folder, "backups"), tables="slow"))
        until(lambda: running(loaded), loaded.log)
        os.kill(running(loaded)[0], signal.SIGSTOP)
        loaded.stop(deadline=15)  # and leaves no process behind
    finally:
        lock.close()


@pytest.mark.long
def test_a_killed_daemon_leaves_its_backup_at_work_and_the_next_one_waits_for_it_and_makes_no_other(loaded, database, folder):
    place = os.path.join(folder, "backups")
    os.mkdir(place)
    lock = slow_table(database)
    try:
        reload(loaded, backup(place, tables="slow"))
        until(lambda: running(loaded), loaded.log)
        pid, = running(loaded)
        loaded.kill9()
        loaded.start()
        until(lambda: loaded.log_lines("backups wait for it"), loaded.log)
        assert running(loaded) == [pid]
    finally:
        lock.close()
    (name, _), = made(loaded, place).items()
    until(lambda: status(loaded)["state"] == "made", loaded.log)
    assert list(whole(place)) == [name] and not running(loaded)
    loaded.stop()


@pytest.mark.long
def test_a_killed_backup_is_made_anew_in_its_place(loaded, database, folder):
    place = os.path.join(folder, "backups")
    os.mkdir(place)
    lock = slow_table(database)
    try:
        reload(loaded, backup(place, tables="slow", every="1s"))
        until(lambda: running(loaded), loaded.log)
        first = at(status(loaded)["due_at"])
        os.kill(running(loaded)[0], signal.SIGKILL)
        until(lambda: "killed by signal 9" in (status(loaded)["error"] or ""), loaded.log)
    finally:
        lock.close()
    made(loaded, place)
    reload(loaded, "")
    names = os.listdir(place)
    assert not [n for n in names if ".part-" in n] and min(names) == first.strftime("nightly-%Y%m%dT%H%M%SZ")


@pytest.mark.long
def test_a_backup_goes_to_a_store_by_a_secret_of_the_units_credentials_and_leaves_nothing_behind(loaded, database, folder, swift):
    swift.make_bucket("nightly")
    with open(os.path.join(folder, "store-secret"), "w") as f:
        f.write(swift.secret)
    loaded.stop()
    loaded.environment["CREDENTIALS_DIRECTORY"] = folder
    text = "[store s]\nurl = s3:\nendpoint = %s\nkey_id = %s\nsecret_file = %%d/store-secret\n" % (swift.endpoint(), swift.id)
    loaded.write_config(ORDERS + text + backup("s3://missing/b", every="1s"))
    loaded.start()
    until(lambda: "NoSuchBucket" in (status(loaded)["error"] or ""), loaded.log)  # the store's word
    reload(loaded, text + backup("s3://nightly/b"))
    until(lambda: status(loaded)["state"] == "made", loaded.log)
    place = status(loaded)["place"]
    assert place.startswith("s3://nightly/b/nightly-")
    assert sorted(os.listdir(os.path.join(loaded.state, "backup"))) == [".lock", "nightly", "nightly.words"]
    database.rows("DELETE FROM orders")
    subprocess.run([CETL, "-c", loaded.conf, "restore", place], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "CREDENTIALS_DIRECTORY": folder})
    assert database.value("SELECT count(*) FROM orders") == 2


# ---- what a reload changes


def test_reload_changes_to(loaded, folder):
    one, other = [os.path.join(folder, n) for n in ("one", "other")]
    os.mkdir(one)
    os.mkdir(other)
    reload(loaded, backup(one, every="1s"))
    made(loaded, one)
    until(lambda: status(loaded)["place"], loaded.log)
    assert status(loaded)["place"].startswith(one + "/")
    reload(loaded, backup(other, every="1d"))
    assert not (status(loaded)["place"] or "").startswith(other + "/")  # nothing is there yet
    reload(loaded, backup(other, every="1s"))
    made(loaded, other)
    until(lambda: (status(loaded)["place"] or "").startswith(other + "/"), loaded.log)


def test_reload_changes_tables(loaded, folder):
    place = os.path.join(folder, "backups")
    os.mkdir(place)
    reload(loaded, backup(place, every="1s", tables="orders"))
    made(loaded, place)
    assert all([t["name"] for t in m["tables"]] == ["orders"] for m in whole(place).values())
    reload(loaded, backup(place, every="1s", tables="other, public.orders"))
    until(lambda: [t["name"] for t in max(whole(place).items())[1]["tables"]] == ["other", "orders"], loaded.log)


def test_reload_changes_every_and_at(loaded, folder):
    place = os.path.join(folder, "backups")
    os.mkdir(place)
    reload(loaded, backup(place, every="1d"))
    made(loaded, place)
    until(lambda: status(loaded)["state"] == "made", loaded.log)

    def due():
        return at(status(loaded)["due_at"])

    first = due()
    reload(loaded, backup(place, every="2d"))
    assert due() - first == datetime.timedelta(days=1)
    for hour in (5, 17):
        reload(loaded, backup(place, every="1d", at="%02d:30" % hour))
        now = datetime.datetime.now(datetime.timezone.utc)
        assert due().strftime("%H:%M:%S") == "%02d:30:00" % hour
        assert datetime.timedelta(0) < due() - now <= datetime.timedelta(days=1)
    assert len(whole(place)) == 1


@pytest.mark.parametrize("text, words", [
    ("", "a backup needs a place"), ("to = backups", "no absolute path"), ("to = s3://", "names no bucket"), ("to = azure://a", "names no container"),
    ("to = /b\nat = 24:00", "no time of the day"), ("to = /b\nat = 2:30", "no time of the day"), ("to = /b\nat = 02:30\nevery = 5h", "a part of a day"),
    ("to = /b\nat = 02:30\nevery = 36h", "a part of a day"), ("to = /b\nevery = 0", "every"), ("to = /b\ntables = *, a", "stands alone"),
])
def test_mistakes_are_told(folder, text, words):
    path = os.path.join(folder, "c.conf")
    with open(path, "w") as f:
        f.write("[backup x]\n%s\n" % text)
    run = subprocess.run([BINARY, "-c", path, "--check"], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and words in run.stderr + run.stdout and "c.conf:" in run.stderr + run.stdout, run
