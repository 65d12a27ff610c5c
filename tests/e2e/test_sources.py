# SPDX-License-Identifier: MIT
"""Sources: files of another server, fetched on time or when somebody asks, and loaded once."""

import io
import os
import ssl
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from daemon import BINARY
from waiting import until

CETL = os.path.join(os.path.dirname(BINARY), "cetl")
EVENTS = "id,name,at\n1,start,2024-01-31 12:00:00\n2,stop,2024-01-31 13:00:00\n"


def zipped(text, name="events.csv"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo(name, (2024, 1, 31, 0, 0, 0)), text)
    return out.getvalue()


class Feed(ThreadingHTTPServer):
    """Gives `files`; what it was asked is in `asked`. `plan` are statuses for the next requests, "cut", "hang": after a part, or "slow": whole, later."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.plan, self.versions, self.go_on = {}, [], [], True, threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, path):
        return "http://127.0.0.1:%d%s" % (self.server_address[1], path)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        feed = self.server
        step = feed.plan.pop(0) if feed.plan else 200
        data = feed.files.get(self.path)
        etag = '"%08x"' % (hash(data) & 0xffffffff)
        if step == 200 and data is None:
            step = 404
        if step == 200 and feed.versions and self.headers.get("If-None-Match") == etag:
            step = 304
        feed.asked.append((self.path, step))
        if step == "slow":
            feed.go_on.wait(60)
            step = 200
        if isinstance(step, str) and step not in ("cut", "hang"):
            self.send_response(302)
            self.send_header("Location", step)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(200 if step in ("cut", "hang") else step)
        body = data if step in (200, "cut", "hang") else b""
        if feed.versions and step in (200, 304):
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-10] if step in ("cut", "hang") else body)
        if step == "hang":
            feed.go_on.wait(60)
        self.close_connection = step in ("cut", "hang")


@pytest.fixture
def feed():
    made = Feed()
    yield made
    made.shutdown()
    made.server_close()


def config(feed, path="/events.zip", name="events", every="0", more=""):
    return "[source %s]\nurl = %s\nevery = %s\ndataset = us_event_data\n%s" % (name, feed.url(path), every, more)


def pull(daemon, *arguments):
    return subprocess.run([CETL, "-c", daemon.conf, "--socket", daemon.socket, "pull", *arguments], capture_output=True, text=True, timeout=60)


def source(daemon):
    return daemon.get("/status", unix=True).json["sources"][0]


def test_an_event_feed_is_pulled_unpacked_loaded_and_read(make_cetld, database, feed):
    feed.files["/events.zip"] = zipped(EVENTS)
    d = make_cetld(database.url(), config=config(feed)).start()
    job = d.request("POST", "/start-etl-job", unix=True).json
    job = until(lambda: (lambda j: j if j["state"] == "done" else None)(d.get(job["url"], unix=True).json), d.log)
    assert job["files_loaded"] == 1, (job, d.log())
    assert job["rows_loaded"] == 2
    assert [(s["name"], s["state"], s["error"]) for s in job["sources"]] == [("events", "pulled", None)]
    rows = d.json("/latest-event-data?dataset=us_event_data")
    assert [(r["id"], r["name"]) for r in rows] == [(1, "start"), (2, "stop")]
    # Unchanged: 304; without versions: the same bytes, a duplicate. No row is doubled.
    again = pull(d, "events")
    assert again.returncode == 0 and again.stdout == "events: unchanged\n", again
    assert feed.asked[-1] == ("/events.zip", 304)
    d.stop()
    d.start()
    assert pull(d).stdout == "events: unchanged\n"  # the version outlives the daemon
    feed.versions = False
    assert pull(d).returncode == 0
    d.wait_state("events.zip", "duplicate")
    feed.versions = True
    feed.files["/events.zip"] = zipped(EVENTS + "3,late,2024-02-01 00:00:00\n")
    assert "pulled" in pull(d).stdout
    assert d.get("/v1/us_event_data?select=id").json == [{"id": 1}, {"id": 2}, {"id": 1}, {"id": 2}, {"id": 3}]


def test_it_comes_by_itself(make_cetld, database, feed):
    feed.files["/daily.csv"] = EVENTS.encode()
    d = make_cetld(database.url(), config=config(feed, "/daily.csv?key=secret", every="1s")).start()
    feed.files["/daily.csv?key=secret"] = EVENTS.encode()
    d.wait_state("daily.csv")
    until(lambda: sum(step == 304 for _, step in feed.asked) >= 2, d.log)
    assert "secret" not in d.get("/status", unix=True).body.decode()
    assert len(d.ledger()) == 1


def test_what_may_pass_is_tried_again(make_cetld, database, feed):
    feed.files["/events.zip"] = zipped(EVENTS)
    feed.plan = [503, "cut", 500]
    d = make_cetld(database.url(), config=config(feed, every="1d")).start()
    d.wait_state("events.zip")
    assert [step for _, step in feed.asked] == [503, "cut", 500, 200]
    assert "the server answered 503" in d.log()
    assert d.files_in("work") == []


@pytest.mark.parametrize("plan, path, words", [
    ([], "/nothing.csv", "the server answered 404"),
    (["/a", "/b", "/c", "/d", "/e", "/f", "/g"], "/events.zip", "redirect"),
    (["ftp://127.0.0.1/x"], "/events.zip", ""),
    ([], "/large.csv", "larger than size_max"),
])
def test_what_cannot_be_pulled_is_told(make_cetld, database, feed, plan, path, words):
    feed.files["/events.zip"] = zipped(EVENTS)
    feed.files["/large.csv"] = b"a\n" + b"1\n" * 10000
    feed.plan = plan
    d = make_cetld(database.url(), config=config(feed, path, more="size_max = 4K\n")).start()
    answer = pull(d)
    assert answer.returncode == 1 and "events: failed: " in answer.stdout and words in answer.stdout
    state = source(d)
    assert state["state"] == "failed" and state["error"] and d.ledger() == []
    assert [f for f in d.files_in("work") if "upload" in os.path.basename(os.fsdecode(f))] == []
    assert pull(d, "evnets").returncode != 0  # there is none
    assert d.get("/start-etl-job?source=none", unix=True).status == 404


def test_a_server_that_is_away_is_told(make_cetld, database, feed):
    d = make_cetld(database.url(), config=config(feed).replace(str(feed.server_address[1]), "1")).start()
    assert pull(d).returncode == 1 and source(d)["state"] in ("failed", "pulling")


def test_a_file_that_does_not_load_fails_the_pull(make_cetld, database, feed):
    feed.files["/events.zip"] = zipped(EVENTS, "../../evil.csv")[:-30]
    d = make_cetld(database.url(), config=config(feed)).start()
    assert pull(d).returncode == 1
    assert d.ledger("events.zip")[0]["state"] == "failed"


def test_a_disk_keeps_what_is_to_stay_free_while_a_file_comes(make_cetld, database, feed, small_disk, folder):
    """Of 2 MB 800 kB: neither a file of 1.5 MB over HTTP nor one out of a folder fits, and a reload that lowers the bound lets it in."""
    large = EVENTS.encode() + b"3,%s,2024-01-31 14:00:00\n" % (b"x" * 1500000)
    feed.files["/large.csv"] = large
    os.mkdir(os.path.join(folder, "in"))
    with open(os.path.join(folder, "in", "other.csv"), "wb") as f:
        f.write(large)
    os.utime(f.name, (1.7e9, 1.7e9))
    text = config(feed, "/large.csv") + "[source folder]\nurl = file://%s/in\nevery = 0\n" % folder
    d = make_cetld(database.url(), text, daemon={"spool": small_disk, "spool_min_free": "800K"})
    d.spool = small_disk
    d.start()
    for name in ("events", "folder"):
        answer = pull(d, name)
        assert answer.returncode == 1 and "not enough space left" in answer.stdout, answer
        assert d.files_in("work") == []
    d.sections["daemon"]["spool_min_free"] = "0"
    reload(d, text)
    assert "pulled" in pull(d, "events").stdout


@pytest.mark.parametrize("end", ["stop", "kill9"])
def test_the_end_of_the_daemon_gives_a_pull_up(make_cetld, database, feed, end):
    feed.files["/events.zip"] = zipped(EVENTS)
    feed.plan = ["hang"]
    d = make_cetld(database.url(), config=config(feed, every="1d")).start()
    until(lambda: d.files_in("work") != [], d.log)
    getattr(d, end)()
    assert end == "kill9" or d.files_in("work") == []
    feed.go_on.set()
    d.start()
    d.wait_state("events.zip")
    assert len(d.get("/v1/us_event_data").json) == 2 and d.files_in("work") == []


def test_a_reload_changes_the_sources(make_cetld, database, feed):
    feed.files["/a.csv"] = feed.files["/b.csv"] = EVENTS.encode()
    d = make_cetld(database.url(), config=config(feed, "/a.csv", "one")).start()
    assert pull(d).returncode == 0
    d.write_config(config(feed, "/a.csv", "one") + config(feed, "/b.csv", "two", every="1d"))
    d.signal(1)
    until(lambda: ("/b.csv", 200) in feed.asked, d.log)
    assert pull(d, "one").stdout == "one: unchanged\n"
    d.write_config("")
    d.signal(1)
    until(lambda: d.get("/status", unix=True).json["sources"] == [], d.log)


def test_a_reload_leaves_the_retries_of_a_pull_that_was_asked_for(make_cetld, database, feed):
    feed.files["/a.csv"] = EVENTS.encode()
    feed.plan = [503, 503]
    d = make_cetld(database.url(), config=config(feed, "/a.csv")).start()
    assert pull(d).returncode == 1
    reload(d, config(feed, "/a.csv", more="size_max = 1M\n"))
    d.wait_state("a.csv")
    assert [step for _, step in feed.asked] == [503, 503, 200]


# Those about who asks are in test_sources_access.py.
def test_an_address_that_changes_during_a_pull_is_pulled_next(make_cetld, database, feed):
    feed.files["/a.csv"] = feed.files["/b.csv"] = EVENTS.encode()
    feed.plan = ["slow"]
    d = make_cetld(database.url(), config=config(feed, "/a.csv", every="1d")).start()
    until(lambda: ("/a.csv", "slow") in feed.asked, d.log)
    reload(d, config(feed, "/b.csv", every="1d"))
    feed.go_on.set()
    until(lambda: any(path == "/b.csv" for path, _ in feed.asked), d.log)


OPTIONS = ["source.%s" % name for name in ("url", "every", "dataset", "size_max", "ca_file")]


def reload(daemon, text):
    daemon.write_config(text)
    answer = daemon.request("POST", "/reload", unix=True)
    assert answer.status == 200, answer


def test_a_reload_changes_every_option(make_cetld, database, feed):
    for name in ("a", "b"):
        feed.files["/%s.csv" % name] = b"v\n" + name.encode() * 5000 + b"\n"
    base = "[source s]\nurl = %s\nevery = %s\ndataset = %s\nsize_max = %s\n"
    d = make_cetld(database.url(), config=base % (feed.url("/a.csv"), "0", "one", "4K")).start()
    assert "larger than size_max" in pull(d).stdout
    reload(d, base % (feed.url("/a.csv"), "0", "one", "1M"))
    assert "pulled" in pull(d).stdout and d.wait_state("a.csv")["dataset"] == "one"
    reload(d, base % (feed.url("/b.csv"), "0", "two", "1M"))
    assert "pulled" in pull(d).stdout and d.wait_state("b.csv")["dataset"] == "two"
    reload(d, base % (feed.url("/b.csv"), "0", "three", "1M"))  # what "two" has, "three" has not
    assert "pulled" in pull(d).stdout
    until(lambda: d.get("/v1/three").status == 200 and len(d.json("/v1/three")) == 1, d.log)
    asked = len(feed.asked)
    reload(d, base % (feed.url("/b.csv"), "1s", "two", "1M"))
    until(lambda: len(feed.asked) >= asked + 2, d.log)


def test_certificates_are_checked_and_those_of_a_file_are_trusted(make_cetld, database, feed, folder):
    key, certificate = os.path.join(folder, "key"), os.path.join(folder, "pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    feed.socket = context.wrap_socket(feed.socket, server_side=True)
    feed.files["/a.csv"] = EVENTS.encode()
    text = config(feed, "/a.csv").replace("http:", "https:")
    d = make_cetld(database.url(), config=text).start()
    assert "certificate" in pull(d).stdout
    reload(d, text + "ca_file = %s\n" % certificate)
    assert "pulled" in pull(d).stdout


def test_mistakes_of_the_configuration(folder):
    conf = os.path.join(folder, "c.conf")
    for text, words in [("[source a]\n", "needs an address"), ("[source a]\nurl = ftp://x/y\n", "http"),
                        ("[source A b]\nurl = http://x/y\n", "[source a_b]"), ("[source a]\nurl = http://x/\ndataset = A\n", "dataset")]:
        with open(conf, "w") as f:
            f.write(text)
        answer = subprocess.run([BINARY, "--check", "-c", conf], capture_output=True, text=True)
        assert answer.returncode == 1 and words in answer.stderr, text
