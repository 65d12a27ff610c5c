# SPDX-License-Identifier: MIT
"""
What somebody may send who means harm: SQL and nonsense in every place of every route, bytes that are no HTTP, connections by the hundred
that do nothing. The answer is the right 4xx, or the connection is closed; nothing of the server's inside is shown, nothing changes, and
others are served as if nothing were.
"""

import http.client
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from urllib.parse import quote, unquote

import pytest

from cluster import Database
from daemon import Cetld
from waiting import until

CONFIG = """
[dataset kinds]
files = kinds*.csv
columns = id bigint primary key, label text
[dataset items]
files = items*.csv
columns = id bigint primary key, name text, price numeric(10,2), at timestamptz, data jsonb, kind_id bigint references kinds
requires = kinds
[dataset victims]
files = victims*.csv
columns = id bigint primary key, name text
soft_delete = yes
[rollup items.kinds]
group = kind_id
measure = count(*) as n
[report since]
param = day date default current_date, name text default 'x', n int default 1
filename = since_{name}_{day}.csv
sql = select id, name, at from items where at >= :day and name <> :name and id > :n
"""
ROWS = 500

SQL = [
    "'", "''", "\"", "`", "\\", "\\'", "' OR '1'='1", "1; DROP TABLE items; --", "1); DROP TABLE items; --", "x'; SELECT pg_sleep(5); --",
    "1 UNION SELECT usename FROM pg_user", "/**/OR/**/1=1", "$1", "$$;", "${x}", "%", "%s%n", "{{7*7}}", "pg_catalog.pg_authid", "cetl.file",
    "items; SELECT 1", "id::text", "id->>'x'", "data->'a'->>'b'", "data->>''); --", "*,secrets(*)", "kinds!inner(*,items(*))", "(select 1)",
]
SHAPES = [
    "", ".", "..", "*", ",", "(", ")", "(((((((", "()", "eq.", "eq", "eq..", "not.", "not.not.eq.1", "in.", "in.(", "in.()", "in.(1,2", "in.(\"a", "is.true",
    "is.maybe", "like.*", "match.(", "match.(a+)+$", "cs.{", "ov.[", "fts.x", "eq.1).and(", "null", "NaN", "Infinity", "-1", "0x10", "1e999",
    "99999999999999999999", "9" * 400, "2024-02-30", "true", "[]", "{}", "{\"a\":", "\x01", "\n", "\r\nInjected: yes", "\t", "\u0000"[:0] + "\x7f", "é", "漢字", "🙂",
    "\u202e", "\ufeff", "../../etc/passwd", "..%2f..%2fetc", "%2e%2e", "A" * 6000, "(" * 3000, "a," * 2000, "a." * 2000, "and(" * 500,
]
RAW = ["%00", "%", "%zz", "%c3", "%ff%fe", "%ed%a0%80", "a%00b"]

PARAMETERS = ["select", "id", "name", "price", "at", "data", "order", "limit", "offset", "after", "and", "or", "not.and", "columns", "on_conflict",
              "dataset", "load", "state", "format", "day", "n", "wait", "source", "force", "x'y", "kinds.label", "kinds.order", "data->>a"]
PATHS = ["/", "/v1", "/v1/items", "/v1/items/1", "/v1/items_kinds", "/v1/victims", "/v1/victims/1", "/v1/report/since", "/v1/report", "/v1/files", "/v1/files/1",
         "/v1/files/1/rejects", "/etl-jobs", "/etl-jobs/1", "/read/first-chunk", "/latest-event-data", "/readyz", "/status", "/metrics", "/openapi.json", "/docs"]
PLACES = ["/v1/{}", "/v1/victims/{}", "/v1/report/{}", "/v1/files/{}", "/v1/files/{}/rejects", "/etl-jobs/{}", "/{}", "/v1/{}/bulk"]
HEADERS = ["Range", "Prefer", "Accept", "If-None-Match", "If-Match", "Accept-Encoding", "Range-Unit", "X-Request-Id", "traceparent", "Last-Event-ID", "Origin",
           "Content-Type", "Accept-Profile", "X-Soft-Delete", "Expect", "Content-Encoding"]
BODIES = ["", "{", "[", "[[[[[[[[", "[" * 5000, "{\"id\":", "null", "1", "\"x\"", "{}", "[]", "[{}]", "[1]", "{\"id\": \"'; DROP TABLE items; --\"}",
          "{\"nothing\": 1}", "{\"id\": 1, \"id\": 2}", "{\"id\": 1e400}", "{\"id\": null, \"name\": \"\\u0000\"}", "{\"name\": \"\\ud800\"}", "\xff\xfe", "id,name\n1",
          "{\"id\\\"; DROP TABLE items; --\": 1}", "{\"name; --\": 1}", "[{\"id\": 9}, 7]", "--x\r\n\r\n--x--"]

# What only the server's inside knows.
INSIDE = re.compile(rb"syntax error|SELECT |INSERT INTO|UPDATE .* SET|DELETE FROM|pg_catalog|unterminated|cached plan|prepared statement|LINE \d|daemon/|\.c:\d|Assertion|0x[0-9a-f]{8}")
FINE_5XX = {501}  # a method that is not known


class Probe:
    """Sends, and looks at what comes back; one connection for all, made anew where the server closed it."""

    def __init__(self, daemon, headers=None):
        self.daemon = daemon
        self.headers = headers or {}
        self.connection = None
        self.sent = 0
        self.seen = {}

    def send(self, method, target, body=None, headers=None):
        for attempt in (0, 1):
            fresh = self.connection is None
            if fresh:
                self.connection = self.daemon.connection(timeout=20)
                self.connection.connect()
            try:
                c = self.connection
                c.putrequest(method, target, skip_host=False, skip_accept_encoding=True)
                fields = {**self.headers, **(headers or {})}
                data = None if body is None else body.encode("latin-1", "replace") if isinstance(body, str) else body
                if data is not None:
                    fields.setdefault("Content-Length", str(len(data)))
                for name, value in fields.items():
                    c._buffer.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode("utf-8")))
                c.endheaders(data)
                answer = c.getresponse()
                content = answer.read()
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.connection = None
                if fresh or attempt:
                    raise
        if answer.will_close:
            self.connection = None
        self.sent += 1
        self.seen[answer.status] = self.seen.get(answer.status, 0) + 1
        what = "%s %s %r %r: %d %r" % (method, target[:300], headers, (body or "")[:200], answer.status, content[:500])
        unready = answer.status == 503 and target.startswith("/readyz?dataset=")  # it says whether that was loaded
        assert answer.status < 500 or answer.status in FINE_5XX or unready, what
        assert answer.headers.get("Injected") is None, what
        if answer.status >= 400 and method != "HEAD":
            assert answer.headers.get_content_type() == "application/problem+json" and json.loads(content)["message"], what
            shown = json.loads(content)
            shown.pop("instance", None)
            # What was sent may be said again; what is the server's own may not.
            said = json.dumps({k: v for k, v in shown.items() if isinstance(v, str)}).encode()
            if INSIDE.search(said) and not any(INSIDE.search(str(part).encode("utf-8", "replace")) for part in (unquote(target), headers, body)):
                raise AssertionError(what)
        return answer.status


class Others:
    """Somebody else who reads the whole time, and must not notice."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.slowest = 0.0
        self.count = 0
        self.failed = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        connection = self.daemon.connection(timeout=20)
        try:
            while not self.stopping.is_set():
                begun = time.monotonic()
                connection.request("GET", "/v1/items?limit=2")
                answer = connection.getresponse()
                rows = json.loads(answer.read())
                assert answer.status == 200 and [r["id"] for r in rows] == [1, 2], (answer.status, rows)
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.count += 1
                self.stopping.wait(0.005)
        except Exception as e:  # seen by the test
            self.failed = e
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        assert self.failed is None, "%r after %d requests" % (self.failed, self.count)
        assert self.count > 0


@pytest.fixture(scope="module")
def database(postgres):
    name = postgres.create_database()
    yield Database(postgres, name)
    postgres.drop_database(name)


@pytest.fixture(scope="module")
def daemon(database):
    """One for all tests here: what one of them does to it the next one would notice."""
    folder = tempfile.mkdtemp(prefix="cetld-")
    os.chmod(folder, 0o755)
    daemon = Cetld(folder, database.url(), CONFIG, api={"anonymous": "write", "header_timeout": "1s", "idle_timeout": "2s"})
    daemon.start()
    daemon.drop("kinds.csv", "id,label\n1,a\n2,b\n")
    daemon.drop("items.csv", "id,name,price,at,data,kind_id\n" + "".join(
        '%d,name %d,%d.50,2024-01-02 03:04:05+02,"{""n"": %d}",%d\n' % (n, n, n, n, 1 + n % 2) for n in range(1, ROWS + 1)))
    daemon.drop("victims.csv", "id,name\n" + "".join("%d,n%d\n" % (n, n) for n in range(1, 50)))
    for name in ("kinds.csv", "items.csv", "victims.csv"):
        daemon.wait_state(name)
    try:
        yield daemon
        daemon.stop()
    finally:
        for pid in daemon.processes():
            os.kill(pid, 9)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hostile(daemon, database):
    content = "SELECT md5(string_agg(i::text, ',' ORDER BY id)) FROM items i"
    before = database.value(content)
    yield daemon
    assert database.value(content) == before and database.value("SELECT count(*) FROM items") == ROWS
    assert database.value("SELECT count(*) FROM kinds") == 2
    assert not re.search(r"\b(panic|assert|AddressSanitizer|runtime error)\b", daemon.log())


def some(values, long, step):
    """All of them at length, else every step-th from a place of its own."""
    return values if long else values[::step]


def test_nonsense_in_every_parameter_of_every_route(hostile, long):
    probe = Probe(hostile)
    attacks = [quote(a, safe="") for a in SQL + SHAPES] + RAW
    with Others(hostile) as others:
        for n, path in enumerate(PATHS):
            for m, name in enumerate(PARAMETERS):
                for attack in attacks if long else attacks[(7 * n + 5 * m) % 29::29]:
                    probe.send("GET", "%s?%s=%s" % (path, quote(name), attack))
        for attack in some(attacks, long, 2):
            probe.send("GET", "/v1/items?select=id&%s=eq.1" % attack)
            probe.send("GET", "/v1/items?name=eq.%s" % attack)
            probe.send("GET", "/v1/items?%s" % attack)
    assert probe.seen.get(400, 0) > 100 and probe.seen.get(200, 0) > 100, probe.seen
    assert others.slowest < 2, others.slowest


def test_nonsense_in_every_path(hostile, long):
    probe = Probe(hostile)
    attacks = [quote(a, safe="") for a in SQL + SHAPES] + RAW
    with Others(hostile):
        for place in PLACES:
            for n, attack in enumerate(some(attacks, long, 3)):
                for method in ("GET", "HEAD", "DELETE") if long else (("GET", "HEAD", "DELETE")[n % 3],):
                    probe.send(method, place.format(attack))
    assert probe.seen.get(404, 0) > 50, probe.seen


def test_nonsense_in_every_header(hostile, long):
    probe = Probe(hostile)
    attacks = [a for a in SQL + SHAPES if not re.search(r"[\x00-\x08\n-\x1f\x7f]", a)]
    with Others(hostile):
        for n, name in enumerate(HEADERS):
            for attack in some(attacks[n % 5:], long, 5):
                if name == "Content-Encoding" or name == "Content-Type":
                    probe.send("POST", "/v1/victims", "{}", {name: attack})
                else:
                    probe.send("GET", "/v1/items?limit=3", None, {name: attack})
        for value in ("bytes=0-", "0-", "-1", "5-1", "0-99999999999999999999", "items=0-1", "0-0,2-3"):
            probe.send("GET", "/v1/items", None, {"Range": value})
        for value in ("count=exact", "count=many", "return=everything", "count=exact,count=planned", "tx=rollback", "max-affected=x", "x" * 5000):
            probe.send("GET", "/v1/items", None, {"Prefer": value})


def test_nonsense_in_every_body(hostile, long):
    probe = Probe(hostile)
    types = ["application/json", "text/csv", "application/x-ndjson", "multipart/form-data; boundary=x", "multipart/form-data", "application/json; charset=\"", "x/y"]
    targets = [("POST", "/v1/victims"), ("PATCH", "/v1/victims?id=eq.1"), ("PUT", "/v1/victims/1"), ("PATCH", "/v1/victims/1"), ("POST", "/v1/victims/bulk"),
               ("POST", "/ingest/"), ("PUT", "/ingest/x.csv"), ("POST", "/v1/report/since"), ("DELETE", "/v1/victims?id=eq.nonsense"), ("POST", "/start-etl-job")]
    with Others(hostile):
        for n, (method, path) in enumerate(targets):
            for m, body in enumerate(some(BODIES, long, 2)):
                for kind in types if long else (types[(n + m) % len(types)],):
                    if path.startswith("/ingest/") and kind not in types[3:5]:
                        continue  # any bytes are a file
                    probe.send(method, path, body, {"Content-Type": kind})


def test_nonsense_in_every_parameter_of_a_write(hostile, long):
    probe = Probe(hostile, {"Content-Type": "application/json"})
    attacks = [quote(a, safe="") for a in SQL + SHAPES] + RAW
    names = ["id", "name", "and", "or", "select", "columns", "on_conflict", "limit", "order", "missing", "x'y", "kinds.id", "force"]
    preferences = ["", "return=representation", "resolution=merge-duplicates, return=minimal", "missing=default, return=headers-only"]
    bodies = {"POST": '[{"id": 7, "name": "x"}]', "PATCH": '{"name": "y"}', "PUT": '{"id": 7, "name": "z"}', "DELETE": None}
    with Others(hostile):
        for n, name in enumerate(names):
            for m, attack in enumerate(attacks if long else attacks[n % 9::9]):
                for method in bodies if long else (list(bodies)[(n + m) % 4],):
                    prefer = preferences[(n + m) % len(preferences)]
                    probe.send(method, "/v1/victims?%s=%s" % (quote(name), attack), bodies[method], {"Prefer": prefer} if prefer else {})
    assert probe.seen.get(400, 0) > 50, probe.seen


# -- bytes that are no HTTP, or no good one


def exchange(daemon, data, timeout=10):
    """Send, read until the server closes; what was read."""
    out = b""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout) as s:
        try:
            s.sendall(data)
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                out += piece
        except ConnectionError:
            pass
    return out


def statuses(answer):
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


H = b"Host: localhost\r\n"
SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
BAD = {
    "length and coding": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "coding and length": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nContent-Length: 400\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "two lengths": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Content-Length: 0\r\nContent-Length: 43\r\n\r\n" + SMUGGLED, 400),
    "obs-fold": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "bare LF": (b"GET /v1 HTTP/1.1\nHost: localhost\n\n" + SMUGGLED, 400),
    "bare CR": (b"GET /v1 HTTP/1.1\r\n" + H + b"A: b\rTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED, 400),
    "space before the colon": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "coding by another name": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "chunk ends with LF": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\n\r\n" + SMUGGLED, 400),
    "chunk extension with CR": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0;a\rb\r\n\r\n" + SMUGGLED, 400),
    "trailer": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\nHost: evil\r\n\r\n" + SMUGGLED, 400),
    "length with a sign": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Content-Length: +0\r\n\r\n" + SMUGGLED, 400),
    "huge length": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Content-Length: 18446744073709551616\r\n\r\n" + SMUGGLED, 400),
    "large length": (b"POST /v1/victims HTTP/1.1\r\n" + H + b"Content-Length: 999999999999\r\n\r\n" + SMUGGLED, 413),
    "NUL": (b"GET /v1 HTTP/1.1\r\n" + H + b"A: \0\r\n\r\n" + SMUGGLED, 400),
    "two hosts": (b"GET /v1 HTTP/1.1\r\n" + H + H + b"\r\n" + SMUGGLED, 400),
    "no host": (b"GET /v1 HTTP/1.1\r\n\r\n" + SMUGGLED, 400),
    "absolute without a host": (b"GET http:///v1 HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED, 400),
    "https": (b"GET https://localhost/v1 HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED, 421),
    "authority-form": (b"CONNECT localhost:22 HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED, 501),
    "unknown method": (b"BREW /v1 HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED, 501),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "long target": (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + H + b"\r\n", 414),
    "long field": (b"GET /v1 HTTP/1.1\r\n" + H + b"A: " + b"a" * 20000 + b"\r\n\r\n", 431),
    "many fields": (b"GET /v1 HTTP/1.1\r\n" + H + b"A: b\r\n" * 1000 + b"\r\n", 431),
    "random": (bytes(range(1, 256)) * 4, 400),
}


@pytest.mark.parametrize("what", sorted(BAD))
def test_what_can_be_read_two_ways_is_answered_once_and_closed(hostile, what):
    data, status = BAD[what]
    assert statuses(exchange(hostile, data)) == [status]


def test_upgrades_are_not_taken_and_not_refused(hostile):
    for fields in (b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"):
        answer = exchange(hostile, b"GET /status HTTP/1.1\r\n" + H + fields + b"\r\nGET /healthz HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n")
        assert statuses(answer) == [200, 200]


def test_three_hundred_slow_connections_harm_nobody(hostile):
    """Heads, bodies and readers that stop: cut off by their time-outs, while others are served."""
    slow = []

    def connect(data, receive=None):
        s = socket.socket()
        if receive:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        s.connect(("127.0.0.1", hostile.port))
        s.sendall(data)
        slow.append(s)

    try:
        with Others(hostile) as others:
            for n in range(100):
                connect(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\nX: "[:n])
                connect(b"POST /v1/victims HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
                connect(b"GET /v1/items?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 16, 4096)
            begun, count = time.monotonic(), others.count
            # A byte now and then does not keep them either.
            while time.monotonic() - begun < 2.5:
                for n, s in enumerate(slow):
                    try:
                        if n % 3 < 2:
                            s.send(b"x", socket.MSG_DONTWAIT)
                        else:
                            s.recv(1, socket.MSG_DONTWAIT)
                    except OSError:
                        pass
                time.sleep(0.05)
            assert others.count - count > 10
        assert others.slowest < 2, others.slowest

        def open_connections():
            found = re.search(r"^cetl_http_connections (\d+)", hostile.get("/metrics").body.decode(), re.M)
            return int(found.group(1))

        until(lambda: open_connections() <= 5, lambda: "the slow ones are cut off: %d are left" % open_connections(), deadline=15)
    finally:
        for s in slow:
            s.close()


def test_half_closed_client_gets_its_answers(hostile):
    with socket.create_connection(("127.0.0.1", hostile.port), 10) as s:
        s.sendall(b"GET /v1/items?limit=1 HTTP/1.1\r\n" + H + b"\r\nHEAD /v1/items HTTP/1.1\r\n" + H + b"\r\n")
        s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            out += piece
    assert statuses(out) == [200, 200] and out.endswith(b"\r\n\r\n")
