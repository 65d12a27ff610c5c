# SPDX-License-Identifier: MIT
"""GET /events: server-sent events, read by a reader written from the WHATWG HTML standard (9.2)."""

import json
import os
import re
import resource
import select
import signal
import time

import pytest

from daemon import BINARY
from test_api_access import ELSEWHERE, bearer, new_token, start, tokens  # noqa: F401
from waiting import until

CONFIG = """
[dataset orders]
files = orders*.csv
columns = id bigint primary key, v text
[dataset people]
files = people*.csv
columns = id bigint
[derive totals]
after = orders
sql = select count(*) as n from orders
"""
ORDERS = "id,v\n1,a\n2,b\n"


class Stream:
    """One client: `events` as (id, kind, data) in the order of their arrival, `last_id` as a browser would send it."""

    def __init__(self, daemon, path="/events", headers=None, unix=False):
        connection = daemon.connection(unix=unix, timeout=30)
        connection.connect()
        self.socket = connection.sock
        self.events, self.comments, self.last_id, self.ended, self.retry = [], 0, "", False, None
        self._bytes, self._text, self._id, self._kind, self._data = b"", b"", None, "", []
        fields = {"Host": "localhost", "Accept": "text/event-stream", **(headers or {})}
        self.socket.sendall(("GET %s HTTP/1.1\r\n%s\r\n" % (path, "".join("%s: %s\r\n" % f for f in fields.items()))).encode())
        while b"\r\n\r\n" not in self._bytes:
            self._bytes += self.socket.recv(65536)
        head, _, self._bytes = self._bytes.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        self.status, self.headers = int(status.split()[1]), dict(line.split(": ", 1) for line in lines)
        assert self.headers["Transfer-Encoding"] == "chunked"
        self.socket.setblocking(False)
        self._take(b"")
        until(lambda: self.last_id or self.read().last_id, "the id to begin with", step=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def _dechunk(self):
        """RFC 9112, 7.1."""
        while b"\r\n" in self._bytes:
            size, _, rest = self._bytes.partition(b"\r\n")
            size = int(size, 16)
            if len(rest) < size + 2:
                return
            assert rest[size:size + 2] == b"\r\n"
            self._text, self._bytes = self._text + rest[:size], rest[size + 2:]
            self.ended = self.ended or size == 0

    def _line(self, line):
        if not line:
            if self._id is not None:
                self.last_id = self._id
            if self._data:
                self.events.append((self.last_id, self._kind or "message", json.loads("\n".join(self._data))))
            self._kind, self._data = "", []
            return
        if line.startswith(":"):
            self.comments += 1
            return
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "id" and "\0" not in value:
            self._id = value
        elif field == "event":
            self._kind = value
        elif field == "data":
            self._data.append(value)
        elif field == "retry":
            self.retry = int(value)
        else:
            raise AssertionError("an unknown field: %r" % line)

    def _take(self, piece):
        self._bytes += piece
        self._dechunk()
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            self._line(line.decode())

    def read(self, wait=0.02):
        """Take what is there."""
        if not self.ended and select.select([self.socket], [], [], wait)[0]:
            piece = self.socket.recv(1 << 20)
            assert piece, "closed without the last chunk"
            self._take(piece)
        return self

    def until(self, found, deadline=30):
        """Read until found(event) is true of one; that one."""
        def there():
            return next((e for e in self.events if found(e)), None) or self.read() and None
        return until(there, lambda: "the event; there are %s" % self.events, deadline, step=0)

    def state(self, name, state):
        return self.until(lambda e: e[1] == "file" and e[2].get("name") == name and e[2]["state"] == state)

    def states(self, name):
        return [e[2]["state"] for e in self.events if e[1] == "file" and e[2].get("name") == name]


def test_a_file_is_followed_to_its_end(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon) as s:
        assert s.status == 200 and s.headers["Content-Type"] == "text/event-stream" and s.headers["Cache-Control"] == "no-store"
        daemon.drop("orders.csv", ORDERS)
        event_id, _, loaded = s.state("orders.csv", "loaded")
        assert s.states("orders.csv") == ["queued", "loading", "committing", "loaded"]
        entry = daemon.wait_state("orders.csv")
        assert loaded["id"] == entry["id"] and loaded["dataset"] == "orders" and loaded["error"] is None
        assert {k: loaded[k] for k in loaded if k.startswith("rows_")} == {k: entry[k] for k in entry if k.startswith("rows_")}
        assert loaded["arrived_at"] == entry["arrived_at"] and loaded["bytes"] == len(ORDERS) and s.retry > 0
        version = s.until(lambda e: e[1] == "dataset" and e[2]["dataset"] == "orders")[2]["version"]
        assert version == next(d for d in daemon.json("/v1") if d["name"] == "orders")["version"]
        derive = s.until(lambda e: e[1] == "derive" and e[2]["state"] == "fresh" and e[2].get("rows") == 1)
        assert derive[2]["dataset"] == "totals"
        numbers = [int(e[0].partition("-")[2]) for e in s.events]
        assert numbers == sorted(set(numbers))
        daemon.drop("orders_again.csv", ORDERS)
        assert s.state("orders_again.csv", "duplicate")[2]["duplicate_of"] == entry["id"]
        daemon.drop("people.csv", "id\nx\n")
        failed = s.state("people.csv", "failed")[2]
        assert "people.csv" in failed["error"] or "bigint" in failed["error"] or "x" in failed["error"]
        assert failed["rows_rejected"] == 1


def test_what_cannot_be_read_is_told(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon) as s:
        os.makedirs(daemon.path("incoming"), exist_ok=True)
        os.symlink("/etc/hostname", daemon.path("incoming", "people.csv"))
        event = s.state("people.csv", "unreadable")[2]
        assert event["dataset"] == "people" and event["id"] is None and event["error"]


def test_a_file_that_waits_is_told_and_so_is_its_going_on(cetld):
    daemon = cetld(CONFIG.replace("files = people*.csv", "files = people*.csv\nrequires = orders"))
    with Stream(daemon) as s:
        daemon.drop("people.csv", "id\n1\n")
        assert "orders" in s.state("people.csv", "waiting")[2]["error"]
        daemon.drop("orders.csv", ORDERS)
        s.state("people.csv", "loaded")
        assert s.states("people.csv")[:2] == ["queued", "waiting"] and s.states("people.csv")[-3:] == ["loading", "committing", "loaded"]


def test_a_dataset_alone_may_be_asked_for(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon, "/events?dataset=people") as s, Stream(daemon, "/events?dataset=people&dataset=totals") as both:
        daemon.drop("orders.csv", ORDERS)
        daemon.wait_state("orders.csv")
        daemon.drop("people.csv", "id\n1\n")
        s.state("people.csv", "loaded")
        assert {e[2]["dataset"] for e in s.events} == {"people"}
        both.state("people.csv", "loaded")
        both.until(lambda e: e[1] == "derive" and e[2].get("rows") == 1)
        assert {e[2]["dataset"] for e in both.events} == {"people", "totals"}


def test_who_comes_back_gets_what_it_missed(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon) as s:
        daemon.drop("orders1.csv", ORDERS)
        s.state("orders1.csv", "loaded")
        seen = s.last_id
    daemon.drop("orders2.csv", "id,v\n3,c\n")
    daemon.drop("orders3.csv", "id,v\n4,d\n")
    daemon.wait_state("orders2.csv")
    daemon.wait_state("orders3.csv")
    with Stream(daemon, headers={"Last-Event-ID": seen}) as back:
        for name in ("orders2.csv", "orders3.csv"):
            back.state(name, "loaded")
            assert back.states(name) == ["queued", "loading", "committing", "loaded"]
        assert back.states("orders1.csv") == [] and all(e[1] != "reset" for e in back.events)


@pytest.fixture(scope="module")
def shared(module_cetld):
    return module_cetld(CONFIG)


@pytest.mark.parametrize("last", ["abc-1", "nonsense", "-1", "9" * 400])
def test_who_was_away_too_long_is_told_to_read_anew(shared, last):
    daemon = shared
    with Stream(daemon, headers={"Last-Event-ID": last}) as s:
        reset = s.until(lambda e: e[1] == "reset")
        assert reset[2]["hint"] and reset[0] != last and s.last_id.partition("-")[0] == reset[0].partition("-")[0]
        daemon.drop("plain%s.csv" % last[:2], "id,v\n1,%s\n" % last)
        s.state("plain%s.csv" % last[:2], "loaded")


def test_an_id_of_an_earlier_daemon_is_not_taken_for_its_own(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon) as s:
        daemon.drop("orders.csv", ORDERS)
        s.state("orders.csv", "loaded")
        last = s.last_id
    daemon.restart()
    with Stream(daemon, headers={"Last-Event-ID": last}) as s:
        s.until(lambda e: e[1] == "reset")


def test_the_ring_is_bounded_and_a_slow_client_is_told_what_it_lost(cetld):
    """Over 1100 files (4400 events, more than are kept) a client that does not read keeps nothing but its place, and others get all."""
    daemon = cetld(CONFIG, daemon={"settle": "0"})
    with Stream(daemon, unix=True) as slow, Stream(daemon) as quick:
        first = quick.last_id
        rss = resident(daemon)
        for n in range(1100):
            daemon.drop("orders%d.csv" % n, "id,v\n%d,%s\n" % (n, "x" * 50))
        until(lambda: len({e[2]["name"] for e in quick.read().events if e[1] == "file" and e[2]["state"] == "loaded"}) == 1100, "all are loaded",
              deadline=60)
        assert not any(e[1] == "reset" for e in quick.events)
        assert resident(daemon) < rss + 40 * 2**20
        with Stream(daemon, headers={"Last-Event-ID": first}) as back:
            back.until(lambda e: e[1] == "reset")
        until(lambda: any(e[1] == "reset" for e in slow.read().events), "it reads on, and is told")
        daemon.drop("people.csv", "id\n1\n")
        slow.state("people.csv", "loaded")


def resident(daemon):
    """Bytes; nothing where a sanitizer keeps what was freed."""
    if re.search(r"/(asan|tsan)/", os.path.abspath(BINARY)):
        return 0
    with open("/proc/%d/statm" % daemon.process.pid) as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def test_progress_of_a_large_file(cetld, database):
    daemon = cetld(CONFIG)
    with database.connect() as other, Stream(daemon) as s:
        other.cursor().execute("LOCK TABLE orders IN EXCLUSIVE MODE")  # it stands before its first row, until it may go on
        daemon.drop("orders.csv", "id,v\n" + "".join("%d,%s\n" % (n, "y" * 60) for n in range(200000)))
        progress = s.until(lambda e: e[1] == "progress")
        other.rollback()
        s.state("orders.csv", "loaded")
        assert progress[2]["name"] == "orders.csv" and 0 < progress[2]["bytes_read"] <= progress[2]["bytes"] and progress[2]["rows_read"] >= 0
        last = s.last_id
        with Stream(daemon, headers={"Last-Event-ID": progress[0]}) as back:
            back.state("orders.csv", "loaded")
            assert not any(e[1] == "progress" for e in back.events)  # what is past is not told again
        assert last


def test_many_clients_are_cheap(cetld):
    """600 of them: each gets everything, and the API answers others meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    streams = []
    try:
        daemon = cetld(CONFIG, api={"max_connections": "2000", "max_event_streams": "600", "max_address_connections": "2000"})
        before = resident(daemon)
        streams = [Stream(daemon) for _ in range(600)]
        assert resident(daemon) - before < 600 * 32 * 1024
        one_more = daemon.get("/events")
        assert one_more.status == 503 and one_more.headers["Retry-After"] and "max_event_streams" in one_more.json["hint"]
        daemon.drop("orders.csv", ORDERS)
        daemon.wait_state("orders.csv")
        for s in streams:
            s.state("orders.csv", "loaded")
        assert 'cetl_event_streams 600' in daemon.get("/metrics").body.decode()
        for s in streams:
            s.close()
        streams = []
        until(lambda: "cetl_event_streams 0" in daemon.get("/metrics").body.decode(), "all have left")
        assert daemon.get("/status").status == 200
    finally:
        for s in streams:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_streams_leave_room_for_other_requests(cetld):
    daemon = cetld(CONFIG, api={"max_connections": "8", "max_event_streams": "100"})
    streams = [Stream(daemon) for _ in range(6)]
    assert daemon.get("/events").status == 503
    assert daemon.get("/status").status == 200
    for s in streams:
        s.close()


def test_streams_end_in_order_when_the_daemon_stops(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon) as s, Stream(daemon, unix=True) as local:
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        until(lambda: s.read().ended, "the last chunk")
        until(lambda: local.read().ended, "the last chunk")
        daemon.process.wait(20)
        assert time.monotonic() - began < 4  # not the grace that open requests get
        daemon.process = None


def test_what_is_asked_wrongly(shared):
    daemon = shared
    assert daemon.get("/events", headers={"Accept": "application/json"}).status == 406
    assert daemon.get("/events?since=1").status == 400
    assert daemon.get("/events?" + "&".join("dataset=" + "x" * 100 for _ in range(60))).status == 400
    assert daemon.request("POST", "/events", b"").status in (403, 405)
    head = daemon.request("HEAD", "/events")
    assert head.status == 200 and head.headers["Content-Type"] == "text/event-stream" and head.body == b""
    with Stream(daemon, "/events?dataset=never%0Aheard%20of&dataset=") as s:
        assert s.status == 200


def test_names_with_line_ends_do_not_make_events(shared):
    daemon = shared
    with Stream(daemon) as s:
        daemon.drop("orders\nevent: forged\ndata: {}\n.csv", ORDERS)
        event = s.until(lambda e: e[1] == "file" and e[2]["state"] == "loaded")
        assert {e[1] for e in s.events} <= {"file", "dataset", "derive", "progress"}
        assert re.search(r"\\n", event[2]["name"])


def test_a_token_sees_the_events_of_what_it_may_read(make_cetld, database, tokens):
    token, digest = new_token()
    daemon = start(make_cetld, database.url(), tokens, CONFIG + tokens.section("people", digest, allow="people: read"))
    mine = bearer(token, Accept="text/event-stream")
    assert daemon.get("/events?dataset=orders", headers=mine).status == 403
    assert daemon.get("/events", headers={**ELSEWHERE, "Accept": "text/event-stream"}).status == 401
    with Stream(daemon, headers=mine) as s:
        daemon.drop("orders.csv", ORDERS)
        daemon.wait_state("orders.csv")
        daemon.drop("people.csv", "id\n1\n")
        s.state("people.csv", "loaded")
        s.until(lambda e: e[1] == "dataset")
        assert {e[2]["dataset"] for e in s.events} == {"people"}
        with Stream(daemon, unix=True) as local:
            daemon.signal(signal.SIGHUP)  # the token may be gone now: its client must show it again
            until(lambda: s.read().ended, "the stream by token ends")
            daemon.drop("people2.csv", "id\n2\n")
            local.state("people2.csv", "loaded")


def test_who_listens_without_a_token_asks_again_when_that_may_be_refused(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon) as s:
        daemon.sections["api"]["anonymous"] = "none"
        daemon.write_config(CONFIG)
        daemon.signal(signal.SIGHUP)
        until(lambda: s.read().ended, "the stream ends")
        assert daemon.get("/events", headers={"Accept": "text/event-stream"}).status == 401


def test_rows_that_are_taken_out_again_are_told(cetld):
    daemon = cetld(CONFIG.replace("files = orders*.csv", "files = orders*.csv\nlineage = yes"))
    daemon.drop("orders.csv", ORDERS)
    entry = daemon.wait_state("orders.csv")
    with Stream(daemon) as s:
        version = next(d for d in daemon.json("/v1") if d["name"] == "orders")["version"]
        assert daemon.request("POST", "/v1/files/%d/unload" % entry["id"], b"", unix=True).status == 200
        told = s.until(lambda e: e[1] == "file" and e[2]["state"] == "unloaded")[2]
        assert told["id"] == entry["id"] and told["dataset"] == "orders"
        assert s.until(lambda e: e[1] == "dataset")[2]["version"] > version


def write(daemon, row):
    answer = daemon.request("POST", "/v1/orders", json.dumps(row), {"Content-Type": "application/json"}, unix=True)
    assert answer.status == 201, answer


def test_what_the_api_writes_is_told(cetld):
    daemon = cetld(CONFIG)
    with Stream(daemon, "/events?dataset=orders") as s:
        for n in (1, 2, 3):
            write(daemon, {"id": n, "v": "by the API"})
            s.until(lambda e: e[1] == "dataset" and e[2]["version"] >= n)


@pytest.mark.long
def test_what_others_write_is_told_within_seconds(cetld, database):
    daemon = cetld(CONFIG)
    with Stream(daemon, "/events?dataset=orders") as s:
        write(daemon, {"id": 1, "v": "by the API"})
        known = s.until(lambda e: e[1] == "dataset")[2]["version"]
        with database.connect() as other:
            other.cursor().execute("INSERT INTO orders VALUES (7, 'by hand')")
        s.until(lambda e: e[1] == "dataset" and e[2]["version"] > known)
