# SPDX-License-Identifier: MIT
"""The HTTP interface as a client sees it."""

import http.client
import json
import os
import re
import socket
import stat
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from waiting import until

ITEMS = """
[dataset items]
files = items*.csv
columns = id bigint primary key, name text, price numeric(10,2), at timestamptz, tags jsonb
[dataset empty_one]
files = empty*.csv
columns = id bigint
"""
ROWS = 250


@pytest.fixture
def api(cetld):
    daemon = cetld(ITEMS)
    daemon.drop("items.csv", "id,name,price,at,tags\n" + "".join(
        '%d,"na""me %d",%d.50,2024-01-02 03:04:05+02,"{""n"": %d}"\n' % (n, n, n, n) for n in reversed(range(ROWS))))
    daemon.wait_state("items.csv")
    return daemon


def raw(daemon, data, timeout=10):
    """Send bytes, read until the server closes or is silent after an answer."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                return out
            out += piece


def test_status_says_that_it_works(api):
    answer = api.get("/status")
    assert answer.status == 200 and answer.headers.get_content_type() == "application/json"
    body = answer.json
    assert body["success"] is True and body["message"] == "Public status check endpoint is operational"
    assert body["version"] and body["uptime_seconds"] >= 0


def test_health_and_readiness(api):
    assert api.get("/healthz").status == 200
    assert api.get("/readyz").status == 200
    assert api.get("/readyz?dataset=items").status == 200
    assert api.get("/readyz?dataset=empty_one").status == 503


def test_rows_come_in_the_order_of_the_key(api):
    assert [r["id"] for r in api.get_rows("items", limit=5)] == [0, 1, 2, 3, 4]
    assert [r["id"] for r in api.get_rows("items", limit=5, offset=248)] == [248, 249]
    assert api.get_rows("items", limit=3, offset=1000) == []
    assert api.get_rows("items", limit=0) == []


def test_values_have_their_json_types(api):
    (row,) = api.get_rows("items", limit=1, offset=7)
    assert row == {"id": 7, "name": 'na"me 7', "price": api.json("/v1/items?limit=1&offset=7")[0]["price"], "at": "2024-01-02T01:04:05+00:00", "tags": {"n": 7}}
    assert str(row["price"]) == "7.50"


def test_first_chunk_has_ten_rows_unless_told(api):
    assert [r["id"] for r in api.json("/read/first-chunk")] == list(range(10))
    assert len(api.json("/read/first-chunk?limit=25")) == 25
    assert api.json("/read/first-chunk?dataset=empty_one") == []


def test_latest_event_data_is_the_whole_table(api):
    answer = api.get("/latest-event-data?dataset=items")
    assert answer.status == 200 and len(answer.json) == ROWS


def test_list_of_datasets(api):
    items = next(d for d in api.json("/v1") if d["name"] == "items")
    assert [(c["name"], c["type"]) for c in items["columns"]] == [
        ("id", "bigint"), ("name", "text"), ("price", "numeric(10,2)"), ("at", "timestamp with time zone"), ("tags", "jsonb")]
    assert items["key"] == ["id"] and items["rows"] == ROWS and items["file_name"] == "items.csv"


def test_ledger_entries(api):
    (entry,) = api.json("/v1/files")
    assert set(entry) >= {"id", "dataset", "name", "bytes", "sha256", "state", "rows_read", "rows_loaded", "rows_updated", "rows_ignored", "rows_rejected",
                          "rows_filtered", "error", "arrived_at", "started_at", "finished_at"}
    assert (entry["dataset"], entry["name"], entry["state"], entry["rows_loaded"]) == ("items", "items.csv", "loaded", ROWS)
    assert entry["bytes"] == os.path.getsize(api.path("done", "items.csv")) and len(entry["sha256"]) == 64
    assert entry["arrived_at"] <= entry["started_at"] <= entry["finished_at"]
    assert api.json("/v1/files/%s" % entry["id"])["sha256"] == entry["sha256"]
    assert api.get("/v1/files/999999").status == 404
    assert api.get("/v1/files/nonsense").status in (400, 404)


def test_rejects_come_in_pages(cetld):
    daemon = cetld(ITEMS.replace("[dataset items]", "[dataset items]\nmax_errors = 2000"))
    daemon.drop("items.csv", "id,name,price,at,tags\n" + "".join("x%d,n,1,,\n" % n for n in range(1500)))
    path = "/v1/files/%s/rejects" % daemon.wait_state("items.csv")["id"]
    pages = [daemon.json(path), daemon.json(path + "?offset=1000"), daemon.json(path + "?offset=1500")]
    assert [len(page) for page in pages] == [1000, 500, 0]
    assert [r["line"] for r in pages[0] + pages[1]] == list(range(2, 1502))
    assert daemon.json(path + "?limit=1&offset=7")[0]["value"] == "x7"
    assert daemon.get(path + "?limit=x").status == 400 and daemon.get(path + "?offset=-1").status == 400


def test_trailing_slash_is_answered_directly(api):
    for path in ("/status/", "/v1/", "/v1/items/?limit=2", "/read/first-chunk/"):
        assert api.get(path).status == 200, path


def test_unknown_things_are_404_problems(api):
    for path in ("/nowhere", "/v1/nothing", "/read/first-chunk?dataset=nothing", "/v1/items/extra/deep"):
        answer = api.get(path)
        assert answer.status == 404, path
        assert answer.headers.get_content_type() == "application/problem+json"
        assert answer.json["status"] == 404 and answer.json["title"] == "Not Found" and answer.json["message"]


def test_catalogs_are_not_reachable(api):
    for name in ("pg_class", "cetl.file", "file", "migration", "pg_catalog.pg_authid", "items%3B", "items%22"):
        assert api.get("/v1/" + name).status == 404, name


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "offset=-1", "limit=99999999999999999999", "limit=1%00", "offset=1e3"])
def test_bad_numbers_are_400(api, query):
    assert api.get("/v1/items?" + query).status == 400


def test_other_method_is_405_with_allow(api):
    answer = api.request("POST", "/status", b"{}")
    assert answer.status == 405 and "GET" in answer.headers["Allow"]


def test_head_has_no_body_and_the_same_head(api):
    get, head = api.get("/v1/items?limit=2"), api.request("HEAD", "/v1/items?limit=2")
    assert head.status == 200 and head.body == b"" and get.body != b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_unix_socket_answers_and_is_closed_to_others(api):
    assert api.get("/status", unix=True).status == 200
    assert stat.S_IMODE(os.stat(api.socket).st_mode) & 0o007 == 0


def test_one_connection_carries_many_requests(api):
    c = api.connection()
    c.connect()
    first = c.sock
    for n in range(50):
        c.request("GET", "/v1/items?limit=1&offset=%d" % n)
        assert json.loads(c.getresponse().read())[0]["id"] == n
        assert c.sock is first
    c.close()


def test_pipelined_requests_are_answered_in_order(api):
    requests = [b"GET /v1/items?limit=1&offset=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n if n % 3 else b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
                for n in range(30)]
    requests[-1] = b"GET /v1/items?limit=1&offset=29 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port), 10) as s:
        s.sendall(b"".join(requests))
        out = b""
        while piece := s.recv(65536):
            out += piece
    assert out.count(b"HTTP/1.1 200") == 30
    at = [out.find(b'"id":%d,' % n) if b'"id":%d,' % n in out else out.find(b'"id": %d,' % n) for n in range(30) if n % 3]
    assert -1 not in at and at == sorted(at)


def test_many_connections_at_once(api):
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: api.get("/v1/items?limit=1&offset=%d" % n), range(ROWS)))
    assert [a.json[0]["id"] for a in answers] == list(range(ROWS))


SMUGGLED = {
    "bare line feed": b"GET /status HTTP/1.1\nHost: a\n\n",
    "bare carriage return": b"GET /status HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n",
    "folded line": b"GET /status HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "no host": b"GET /status HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "length and chunks": b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "space before the colon": b"GET /status HTTP/1.1\r\nHost : a\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("what", sorted(SMUGGLED))
def test_request_that_could_be_read_two_ways_is_refused(api, what):
    answer = raw(api, SMUGGLED[what])
    assert answer.startswith(b"HTTP/1.1 400"), answer[:100]
    assert len(re.findall(rb"^HTTP/1\.1 \d", answer, re.MULTILINE)) == 1
    assert api.get("/status").status == 200


def test_head_beyond_the_limit_is_431(api):
    assert raw(api, b"GET /status HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")


def test_slow_head_is_cut_off(cetld):
    daemon = cetld(ITEMS, api={"header_timeout": "300ms"})
    with socket.create_connection(("127.0.0.1", daemon.port), 10) as s:
        s.sendall(b"GET /status HTTP/1.1\r\nHo")
        out = b""
        while piece := s.recv(4096):
            out += piece
    assert out == b"" or out.startswith(b"HTTP/1.1 408")
    assert daemon.get("/status").status == 200


def test_metrics_are_prometheus_text(api):
    answer = api.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {}
    for line in answer.body.decode().splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    assert samples['cetl_files_total{state="loaded"}'] == 1
    assert samples['cetl_rows_total{outcome="loaded"}'] == ROWS


def test_client_that_leaves_in_the_middle_is_no_harm(api):
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", api.port), 10)
        s.sendall(b"GET /latest-event-data?dataset=items HTTP/1.1\r\nHost: localhost\r\n\r\n")
        s.close()
    assert api.get("/v1/items?limit=1").status == 200


def slow_reader(daemon, path):
    """A client that asks, and then takes no more than fits into a small buffer."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(10)
    s.connect(("127.0.0.1", daemon.port))
    s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    return s


def test_slow_readers_do_not_stop_the_others(cetld, database):
    daemon = cetld(ITEMS, database={"api_connections": "3"})
    database.rows("INSERT INTO items (id, name) SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n")
    readers = []
    try:
        for _ in range(2):
            readers.append(slow_reader(daemon, "/v1/items"))
            assert readers[-1].recv(100).startswith(b"HTTP/1.1 200")
        readers += [slow_reader(daemon, "/v1/items") for _ in range(2)]
        for path in ("/status", "/v1", "/v1/files", "/v1/items?limit=5", "/read/first-chunk"):
            assert daemon.get(path, timeout=3).status == 200, path
        # Those who got no place are told so in time.
        assert readers[2].recv(1000).startswith(b"HTTP/1.1 503") and readers[3].recv(1000).startswith(b"HTTP/1.1 503")
    finally:
        for s in readers:
            s.close()


def test_query_of_a_client_that_left_ends_in_the_server(api, database):
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cetld api' AND wait_event_type = 'Lock' AND datname = current_database()"
    lock = database.connect()
    lock.autocommit = False
    with lock.cursor() as sql:
        sql.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
    s = slow_reader(api, "/v1/items?limit=1")
    until(lambda: database.value(waiting) == 1, lambda: "the query waits for the lock")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    until(lambda: database.value(waiting) == 0, lambda: "the query is gone", deadline=10)
    lock.close()


def test_only_this_machine_reads_without_a_token(api):
    for headers in ({"Host": "rebound.example.org"}, {"X-Forwarded-For": "192.0.2.1"}, {"Via": "1.1 gate"}):
        for path in ("/", "/v1", "/v1/items", "/v1/files", "/read/first-chunk", "/metrics", "/readyz"):
            answer = api.get(path, headers=headers)
            assert answer.status == 401 and "token" in answer.json["message"], (path, headers, answer)
        assert api.get("/status", headers=headers).status == 200
        assert api.request("OPTIONS", "/v1", headers=headers).status == 204
    assert api.get("/v1/items?limit=1", unix=True).status == 200


def own_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = s.getsockname()[0]
        return None if address.startswith(("127.", "0.")) else address


def test_from_another_address_only_the_status_is_read(make_cetld, database):
    address = own_address()
    if not address:
        pytest.skip("this machine has loopback only")
    daemon = make_cetld(database.url(), ITEMS)
    daemon.sections["api"]["listen"] += ", %s:0" % address
    daemon.write_config(ITEMS)
    daemon.start()
    port = int(re.search(r"listening on %s:(\d+)" % re.escape(address), daemon.log()).group(1))

    def status(path):
        c = http.client.HTTPConnection(address, port, timeout=10)
        c.request("GET", path, headers={"Host": "localhost"})
        answer = c.getresponse()
        answer.read()
        c.close()
        return answer.status

    assert [status(path) for path in ("/status", "/healthz", "/v1", "/v1/items")] == [200, 200, 401, 401]
    assert daemon.get("/v1/items").status == 200


def test_anonymous_none_leaves_the_status_only(cetld):
    daemon = cetld(ITEMS, ready=False, api={"anonymous": "none"})
    assert daemon.get("/status").status == 200
    assert daemon.get("/v1").status == 401 and daemon.get("/v1", unix=True).status != 401
