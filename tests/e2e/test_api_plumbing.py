# SPDX-License-Identifier: MIT
"""What all routes share: gzip, pages of other origins, request ids and traces."""

import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

import pytest

from cluster import Database
from daemon import BINARY, Cetld
from waiting import until

ITEMS = """
[dataset items]
columns = id bigint primary key, name text
"""
ROWS = 60000
APP, TOOL = "https://app.example.org", "http://localhost:3000"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = {"traceparent": "00-%s-00f067aa0ba902b7-01" % TRACE}


class Api:
    def __init__(self, postgres):
        self.postgres, self.name = postgres, postgres.create_database()
        self.database = Database(postgres, self.name)
        self.folder = tempfile.mkdtemp(prefix="cetld-")
        self.daemon = Cetld(self.folder, self.database.url(), ITEMS, api={"cors_origins": APP + ", " + TOOL, "request_log": "yes"}).start()

    def remove(self):
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.postgres.drop_database(self.name)


@pytest.fixture(scope="module")
def shared(postgres):
    api = Api(postgres)
    try:
        api.daemon.drop("items.csv", "id,name\n" + "".join("%d,item number %d\n" % (n, n) for n in range(ROWS)))
        api.daemon.wait_state("items.csv")
        yield api
    finally:
        api.remove()


@pytest.fixture
def api(shared):
    return shared.daemon


def unpacked(answer):
    assert answer.status == 200 and answer.headers["Content-Encoding"] == "gzip", answer.headers
    return gzip.decompress(answer.body)


# ---- gzip ----

@pytest.mark.parametrize("path", ["/v1/items?limit=80", "/v1/items?limit=2000", "/v1/items", "/latest-event-data?dataset=items"])
@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-ndjson"])
def test_gzip_is_the_same_bytes(api, path, accept):
    plain = api.get(path, headers={"Accept": accept})
    packed = api.get(path, headers={"Accept": accept, "Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers and len(packed.body) < len(plain.body) / 2
    assert unpacked(packed) == plain.body
    for answer in (plain, packed):
        assert "Accept-Encoding" in ", ".join(answer.headers.get_all("Vary"))


def test_small_answers_stay_as_they_are(api):
    answer = api.get("/v1/items?limit=1", headers={"Accept-Encoding": "gzip"})
    assert answer.json == [{"id": 0, "name": "item number 0"}] and "Content-Encoding" not in answer.headers


def test_curl_takes_it(api):
    url = "http://127.0.0.1:%d/v1/items?limit=2000" % api.port
    out = subprocess.run(["curl", "-sS", "--compressed", url], capture_output=True, timeout=20, check=True).stdout
    assert len(json.loads(out)) == 2000


def test_head_says_gzip_and_sends_nothing(api):
    answer = api.request("HEAD", "/v1/items", headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200 and answer.body == b"" and answer.headers["Content-Encoding"] == "gzip"


def test_packed_answer_is_not_sent_again_while_it_is_true(api):
    packed = api.get("/v1/items?limit=80", headers={"Accept-Encoding": "gzip"})
    plain = api.get("/v1/items?limit=80")
    assert packed.headers["ETag"] == "W/" + plain.headers["ETag"].removeprefix("W/")
    for tag in (packed.headers["ETag"], plain.headers["ETag"]):
        for coding in ({"Accept-Encoding": "gzip"}, {}):
            again = api.get("/v1/items?limit=80", headers={"If-None-Match": tag, **coding})
            assert again.status == 304 and again.body == b"" and "Content-Encoding" not in again.headers
            assert "Accept-Encoding" in ", ".join(again.headers.get_all("Vary"))
            assert again.headers["ETag"] == (packed if coding else plain).headers["ETag"]


def test_gzip_can_be_turned_off(cetld):
    daemon = cetld(ITEMS, api={"gzip": "0"})
    assert "Content-Encoding" not in daemon.get("/metrics", headers={"Accept-Encoding": "gzip"}).headers


# ---- the ledger ----

def test_file_is_listed_once_whenever_one_looks(cetld):
    daemon = cetld(ITEMS.replace(" primary key", ""))
    seen = set()
    for n in range(120):
        daemon.drop("items_%d.csv" % n, "id,name\n%d,x\n" % n)
        names = [e["name"] for e in daemon.json("/v1/files?limit=1000")]
        assert len(names) == len(set(names)), "listed twice: %s" % sorted(n for n in names if names.count(n) > 1)
        assert seen <= set(names), "missed: %s" % (seen - set(names))
        seen |= set(names)
    daemon.wait_count("loaded", 120)


def test_file_that_is_committed_while_the_ledger_answers_is_listed_once(cetld, database):
    daemon = cetld(ITEMS.replace(" primary key", ""))
    lock = database.connect()
    lock.autocommit = False
    lock.cursor().execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
    daemon.drop("items.csv", "id,name\n1,x\n")
    until(lambda: [e["state"] for e in daemon.json("/v1/files")] == ["loading"], "it is loading")
    asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%%FROM cetl.file f LEFT JOIN%%' AND pid <> pg_backend_pid()"
    backends = [pid for pid, in database.rows(asked)]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_connection(("127.0.0.1", daemon.port)) as s:
            s.settimeout(20)
            s.sendall(b"GET /v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            for _ in range(10):
                daemon.get("/healthz")  # the loop has turned: what is in memory is noted
            lock.rollback()
            until(lambda: database.value("SELECT count(*) FROM cetl.file WHERE state = 'loaded'") == 1, "it is committed")
            s.setblocking(False)
            with pytest.raises(BlockingIOError):
                s.recv(1)
            s.settimeout(20)
            for pid in backends:
                os.kill(pid, signal.SIGCONT)
            answer = b""
            while piece := s.recv(65536):
                answer += piece
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
        lock.close()
    listed = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert [(e["name"], e["state"]) for e in listed] == [("items.csv", "loaded")]


def test_files_are_filtered_and_paged(cetld):
    daemon = cetld(ITEMS + "[dataset other]\nfiles = other*.csv\ncolumns = id bigint\n")
    for n in range(5):
        daemon.drop("items_%d.csv" % n, "id,name\n%d,x\n" % n)
        daemon.wait_state("items_%d.csv" % n)
    daemon.drop("other.csv", "id\nx\n")
    daemon.wait_state("other.csv", "failed")

    def names(query):
        return [e["name"] for e in daemon.json("/v1/files" + query)]

    assert names("?state=failed") == ["other.csv"] and names("?dataset=other&state=loaded") == [] and len(names("")) == 6
    assert names("?dataset=items&limit=2") == ["items_4.csv", "items_3.csv"] and names("?limit=2&offset=4") == ["items_1.csv", "items_0.csv"]
    found, path = [], "/v1/files?dataset=items&state=loaded&limit=2"
    while path:
        answer = daemon.get(path)
        found += [e["name"] for e in answer.json]
        link = answer.headers["Link"]
        path = link and link[1:link.index(">")]
        assert not link or link.endswith('; rel="next"')
    assert found == ["items_%d.csv" % n for n in (4, 3, 2, 1, 0)]
    for query, word in (("state=lost", "state must be"), ("limit=-1", "limit"), ("before=x", "before"), ("sate=loaded", "sate is not known")):
        answer = daemon.get("/v1/files?" + query)
        assert answer.status == 400 and word in answer.json["message"], answer


def test_rejects_are_a_file_to_mend(cetld, database):
    daemon = cetld(ITEMS.replace("[dataset items]", "[dataset items]\nmax_errors = 10"))
    daemon.drop("items_é 1.csv.gz", gzip.compress("id,name\n1,a\nx,\\é\n3,c\n".encode()))
    entry = daemon.wait_state("items_é 1.csv.gz")
    path = "/v1/files/%d/rejects" % entry["id"]
    answer = daemon.get(path, headers={"Accept": "text/csv"})
    assert answer.body.decode() == "id,name\nx,\\é\n"
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"items__ 1.rejects.csv\"; filename*=UTF-8''items_%C3%A9%201.rejects.csv"
    (reject,) = daemon.json(path)
    assert set(reject) == {"line", "byte_offset", "column", "code", "message", "value", "raw"} and (reject["line"], reject["raw"]) == (3, "x,\\é")
    daemon.drop("items_é 1.rejects.csv", answer.body.replace(b"x,", b"2,"))
    daemon.wait_state("items_é 1.rejects.csv")
    assert database.rows("SELECT id FROM items ORDER BY 1") == [(1,), (2,), (3,)]
    good = daemon.ledger("items_é 1.rejects.csv")[0]["id"]
    assert daemon.json("/v1/files/%d/rejects" % good) == [] and daemon.json(path + "?offset=5") == []
    assert daemon.get("/v1/files/999999/rejects").status == 404


# ---- the newest load ----

def test_latest_load_has_its_rows_alone(cetld):
    daemon = cetld("""
[dataset trades]
columns = id bigint, name text
lineage = yes
[rollup trades.names]
group = name
measure = count(*) as n
[dataset keyed]
columns = id bigint primary key, name text
mode = upsert
lineage = yes
[dataset plain]
columns = id bigint
lineage = no
""")
    def latest(dataset, **headers):
        return daemon.get("/latest-event-data?load=latest&dataset=" + dataset, headers=headers)

    answer = latest("trades")
    assert answer.json == [] and "Link" not in answer.headers
    daemon.drop("trades_1.csv", "id,name\n1,a\n2,b\n")
    first = daemon.wait_state("trades_1.csv")
    daemon.drop("trades_2.csv", "id,name\n9,c\n8,a\n")
    second = daemon.wait_state("trades_2.csv")
    answer = latest("trades")
    assert answer.json == [{"id": 9, "name": "c"}, {"id": 8, "name": "a"}]
    assert answer.headers["Link"] == '</v1/files/%d>; rel="describedby"' % second["id"]
    assert latest("trades", Accept="text/csv").body == b"id,name\n9,c\n8,a\n"
    assert len(daemon.json("/latest-event-data?dataset=trades")) == 4
    # What is unloaded is no longer the newest.
    assert daemon.request("POST", "/v1/files/%d/unload" % second["id"], unix=True).status == 200
    assert [r["id"] for r in latest("trades").json] == [1, 2] and first["id"]
    daemon.drop("keyed_1.csv", "id,name\n1,a\n2,b\n3,c\n")
    daemon.wait_state("keyed_1.csv")
    daemon.drop("keyed_2.csv", "id,name\n3,z\n1,x\n")
    daemon.wait_state("keyed_2.csv")
    assert latest("keyed").json == [{"id": 1, "name": "x"}, {"id": 3, "name": "z"}]

    daemon.drop("plain.csv", "id\n1\n")
    daemon.wait_state("plain.csv")
    for dataset, status, words in (("plain", 409, "do not bear their file"), ("trades_names", 400, "is not loaded"), ("nothing", 404, "no such table")):
        answer = latest(dataset)
        assert answer.status == status and words in answer.json["message"], answer
    assert "lineage = yes" in latest("plain").json["hint"]
    for query in ("load=newest", "load=", "lode=latest"):
        assert daemon.get("/latest-event-data?dataset=trades&" + query).status == 400
    assert daemon.get("/latest-event-data?dataset=plain").json == [{"id": 1}]


def test_load_without_lineage_is_not_taken_for_the_newest(make_cetld, database):
    config = "[dataset trades]\ncolumns = id bigint\nlineage = "
    daemon = make_cetld(database.url(), config + "no\n").start()
    daemon.drop("trades_1.csv", "id\n1\n")
    daemon.wait_state("trades_1.csv")
    daemon.write_config(config + "yes\n")
    daemon.restart()
    answer = daemon.get("/latest-event-data?load=latest")
    assert answer.status == 409 and "was loaded last without lineage" in answer.json["message"]
    daemon.drop("trades_2.csv", "id\n2\n")
    daemon.wait_state("trades_2.csv")
    assert daemon.get("/latest-event-data?load=latest").json == [{"id": 2}]


# ---- pages of other origins ----

def test_page_of_a_listed_origin_reads(api):
    for origin in (APP, TOOL):
        answer = api.get("/v1/items?limit=1", headers={"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"})
        assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Content-Range", "Location", "Link", "ETag", "X-Request-Id"} <= set(exposed)
        assert "Origin" in ", ".join(answer.headers.get_all("Vary"))


def test_errors_can_be_read_too(api):
    for path, status in (("/v1/nothing", 404), ("/nowhere/at/all", 404), ("/v1/items?limit=x", 400)):
        answer = api.get(path, headers={"Origin": APP})
        assert answer.status == status and answer.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", "https://app.example.org.evil.net", "https://app.example.org:444",
                                    "http://app.example.org", "HTTPS://APP.EXAMPLE.ORG", "*", "https://app.example.org, " + APP, "x" * 600])
def test_other_origins_get_nothing(api, origin):
    answer = api.get("/v1/items?limit=1", headers={"Origin": origin})
    assert answer.status == 403 and "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in ", ".join(answer.headers.get_all("Vary"))
    answer = api.request("OPTIONS", "/v1/items", headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    assert not [h for h in answer.headers if h.lower().startswith("access-control-")]


def test_preflight_says_what_may_be_sent(api):
    answer = api.request("OPTIONS", "/v1/items", headers={"Origin": APP, "Access-Control-Request-Method": "PATCH",
                                                          "Access-Control-Request-Headers": "authorization,prefer,x-client-info"})
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] == APP and answer.headers["Access-Control-Allow-Headers"] == "authorization,prefer,x-client-info"
    assert {"GET", "POST", "PATCH", "PUT", "DELETE"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    odd = api.request("OPTIONS", "/v1/items", headers={"Origin": APP, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "a; b=<script>"})
    assert odd.status == 204 and "Access-Control-Allow-Headers" not in odd.headers
    plain = api.request("OPTIONS", "/v1/items", headers={"Origin": APP})
    assert plain.status == 204 and "GET" in plain.headers["Allow"]


def test_star_is_without_credentials(cetld):
    daemon = cetld(ITEMS, api={"cors_origins": "*"})
    answer = daemon.get("/v1", headers={"Origin": "https://anybody.example.net", "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_without_origins_nothing_is_said(cetld):
    daemon = cetld(ITEMS)
    for method in ("GET", "OPTIONS"):
        answer = daemon.request(method, "/v1", headers={"Origin": APP, "Access-Control-Request-Method": "GET"})
        assert not [h for h in answer.headers if h.lower().startswith("access-control-")]


@pytest.mark.parametrize("origins", ["app.example.org", "https://app.example.org/", "https://*.example.org", "HTTPS://x.org", "null", "https://"])
def test_origins_are_checked(make_cetld, database, origins):
    daemon = make_cetld(database.url(), ITEMS, api={"cors_origins": origins})
    answer = subprocess.run([BINARY, "--check", "-c", daemon.conf], capture_output=True, text=True, timeout=20)
    assert answer.returncode == 1 and "cors_origins: '%s' is not an origin" % origins in answer.stderr


# ---- ids and traces ----

def test_every_answer_has_an_id(api):
    ids = {api.get(path).headers["X-Request-Id"] for path in ("/status", "/v1/items?limit=1", "/v1/nothing", "/v1/items")}
    assert len(ids) == 4
    assert api.get("/status", headers={"X-Request-Id": "mine-1.2_3"}).headers["X-Request-Id"] == "mine-1.2_3"
    assert api.get("/status", headers={"X-Request-Id": "not sane'; --"}).headers["X-Request-Id"] != "not sane'; --"


def test_request_log_has_id_and_trace(api):
    api.get("/v1/items?limit=3", headers={"X-Request-Id": "logged-1", **TRACEPARENT})
    until(lambda: api.log_lines("id=logged-1"), lambda: api.log())
    (line,) = api.log_lines("id=logged-1")
    assert "GET /v1/items?limit=3 200" in line and "trace=" + TRACE in line
    api.get("/v1/items?limit=3", headers={"X-Request-Id": "logged-2", "traceparent": "00-" + TRACE.upper() + "-00f067aa0ba902b7-01"})
    until(lambda: api.log_lines("id=logged-2"), lambda: api.log())
    assert "trace=" not in api.log_lines("id=logged-2")[0]


def test_request_log_has_what_was_cut(shared):
    def leave(path, name, answered):
        with socket.create_connection(("127.0.0.1", shared.daemon.port)) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: %s\r\n\r\n" % (path.encode(), name.encode()))
            answered(s)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: without it, it may wait for its answer
        return until(lambda: shared.daemon.log_lines("id=" + name), lambda: shared.daemon.log())

    (line,) = leave("/v1/items", "cut-1", lambda s: s.recv(100))
    assert re.search(r"GET /v1/items 200 \d{4,} bytes .* id=cut-1 \(closed within its answer\)", line), line
    db = shared.database.connect()
    try:
        with db.cursor() as sql:
            sql.execute("BEGIN; LOCK TABLE items")
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%FROM \"public\".\"items\"%%'"
            (line,) = leave("/v1/items", "cut-2", lambda s: until(lambda: shared.database.rows(waits), lambda: "the query waits"))
            sql.execute("ROLLBACK")
    finally:
        db.close()
    assert "GET /v1/items 0 0 bytes" in line and "id=cut-2 (closed before its answer)" in line, line


def test_server_sees_id_and_trace_of_a_stream(shared):
    with socket.create_connection(("127.0.0.1", shared.daemon.port)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.sendall(b"GET /v1/items HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: seen-1\r\ntraceparent: %s\r\n\r\n" % TRACEPARENT["traceparent"].encode())
        s.recv(100)
        names = until(lambda: shared.database.rows("SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'cetld seen%%'"),
                      lambda: "the stream's session bears its id")
        assert names == [("cetld seen-1 " + TRACE,)]
    until(lambda: not shared.database.rows("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'cetld seen%%'"), lambda: "it is over")


def test_server_sees_id_and_trace_of_a_write(cetld):
    daemon = cetld("[dataset notes]\ncolumns = id bigint primary key, who text default current_setting('application_name')\n")
    for headers, who in (({"X-Request-Id": "w-1", **TRACEPARENT}, "cetld w-1 " + TRACE), ({"X-Request-Id": "w-2"}, "cetld w-2")):
        answer = daemon.request("POST", "/v1/notes", body='{"id": %s}' % headers["X-Request-Id"][-1], unix=True,
                                headers={"Content-Type": "application/json", **headers})
        assert answer.status == 201 and answer.json["who"] == who, answer
