# SPDX-License-Identifier: MIT
"""Files that are sent: taken whole or not at all, under names that are none of paths, once, whatever is cut, full or killed."""

import contextlib
import glob
import http.client
import json
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from cluster import Database
from daemon import BINARY, Answer, Cetld
from faults import arm
from test_api_access import bearer, new_token, start, tokens  # noqa: F401, the fixture
from waiting import until

MIB = 1024 * 1024
ORDERS = """
[dataset orders]
files = orders*.csv
columns = id bigint primary key, amount numeric(12,2)
[dataset notes]
files = notes*.csv
columns = id bigint, note text
[dataset lax]
files = lax*.csv
columns = id bigint primary key, note text
max_errors = 50%
"""
MAX_UPLOAD = 300000


class Shared:
    """One daemon for the tests that do it no harm. What changes something comes by its socket."""

    def __init__(self, postgres):
        self.postgres, self.name = postgres, postgres.create_database()
        self.database = Database(postgres, self.name)
        self.folder = tempfile.mkdtemp(prefix="cetld-")
        os.chmod(self.folder, 0o755)
        self.daemon = Cetld(self.folder, self.database.url(), ORDERS, api={"max_upload": MAX_UPLOAD, "idle_timeout": "2s"}).start()

    def remove(self):
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.postgres.drop_database(self.name)


@pytest.fixture(scope="module")
def shared(postgres):
    one = Shared(postgres)
    try:
        yield one
    finally:
        one.remove()


@pytest.fixture
def api(shared):
    return shared.daemon


def send(daemon, method, path, body=None, headers=None, timeout=30):
    return daemon.request(method, path, body, headers, unix=True, timeout=timeout)


def multipart(*files, boundary="x-y"):
    """(name, bytes) of each → body, headers."""
    out = b""
    for name, data in files:
        name = name.encode() if isinstance(name, str) else name
        out += b'--%s\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n' % (boundary.encode(), name, data)
    return out + b"--%s--\r\n" % boundary.encode(), {"Content-Type": "multipart/form-data; boundary=" + boundary}


def raw(daemon, data, until_text=None, timeout=10):
    """Send bytes as they are; what comes back until the end, or until `until_text` is there. The socket, too."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(daemon.socket)
    s.sendall(data)
    return s, read_until(s, until_text)


def read_until(s, text):
    got = b""
    while text is None or text not in got:
        piece = s.recv(65536)
        if not piece:
            break
        got += piece
    return got


def head(method, path, **fields):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: localhost"] + ["%s: %s" % (k.replace("_", "-"), v) for k, v in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def nothing_is_left(daemon):
    until(lambda: os.listdir(daemon.path("work")) == [], lambda: os.listdir(daemon.path("work")))


def names(daemon):
    return [e["name"] for e in daemon.ledger()]


# -- what is taken


def test_curl_sends_several_files(api, shared, folder):
    for name, text in (("notes_1.csv", "id,note\n1,a\n2,b\n"), ("notes 2.csv", "id,note\n3,c\n"), ("größe.csv", "n\n5\n")):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    out = subprocess.run(["curl", "-sS", "--unix-socket", api.socket, "-F", "f=@notes_1.csv", "-F", "f=@notes 2.csv;type=text/csv", "-F", "other=@größe.csv",
                          "http://localhost/ingest/?wait=20s"], cwd=folder, check=True, capture_output=True).stdout
    files = json.loads(out)["files"]
    assert [(f["name"], f["state"], f["dataset"], f["rows_loaded"]) for f in files] == [
        ("notes_1.csv", "loaded", "notes", 2), ("notes 2.csv", "loaded", "notes", 1), ("größe.csv", "loaded", "größe", 1)]
    assert files[2]["rows"] == [{"n": 5}] and files[2]["rows_of"] == "file"
    assert shared.database.rows("SELECT id, note FROM notes WHERE id < 10 ORDER BY id") == [(1, "a"), (2, "b"), (3, "c")]
    api.wait_moved()
    assert {b"done/notes_1.csv", b"done/notes 2.csv", "done/größe.csv".encode()} <= set(api.files_in())


def test_curl_puts_a_file_by_its_name(api, folder):
    with open(os.path.join(folder, "notes_put.csv"), "w") as f:
        f.write("id,note\n11,x\n")
    out = subprocess.run(["curl", "-sS", "-w", "%{http_code}", "--unix-socket", api.socket, "-T", "notes_put.csv", "http://localhost/ingest/"], cwd=folder,
                         check=True, capture_output=True).stdout
    assert out.endswith(b"202")
    one = json.loads(out[:-3])["files"][0]
    assert (one["name"], one["dataset"]) == ("notes_put.csv", "notes") and one["state"] in ("queued", "loading")
    # From now on its URL tells what becomes of it.
    entry = until(lambda: (lambda e: e if e["state"] == "loaded" else None)(api.json(one["url"])), "loaded")
    assert entry["rows_loaded"] == 1 and entry["name"] == "notes_put.csv" and api.json("/v1/files/%d" % entry["id"]) == entry


def test_chunked_body_without_a_length(api, shared):
    def pieces():
        yield b"id,note\n"
        for i in range(2000, 4000):
            yield b"%d,%s\n" % (i, b"n" * 50)

    connection = api.connection(unix=True, timeout=30)
    connection.request("PUT", "/ingest/notes_chunked.csv?wait=20s", pieces(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    first = Answer(connection.getresponse())
    assert first.status == 200 and first.json["files"][0]["rows_loaded"] == 2000
    connection.request("POST", "/ingest/?name=notes_next.csv&wait=20s", b"id,note\n4000,z\n", {"Content-Type": "text/csv"})
    assert Answer(connection.getresponse()).status == 200  # on the same connection
    connection.close()
    assert shared.database.value("SELECT count(*) FROM notes WHERE id BETWEEN 2000 AND 4000") == 2001


def test_wait_answers_with_the_rejects(api):
    body, headers = multipart(("orders_bad.csv", b"id,amount\n1,2.5\n2,zz\n"), ("orders_good.csv", b"id,amount\n3,4\n"))
    answer = send(api, "POST", "/ingest/?wait=20s", body, headers)
    assert answer.status == 422 and answer.headers["Content-Type"] == "application/problem+json"
    bad, good = answer.json["files"]
    assert answer.json["message"] == "1 of 2 files was refused, and nothing of it was loaded"
    assert answer.json["details"].startswith("orders_bad.csv: line 3: column amount")
    assert (bad["state"], bad["rows_read"], bad["rows_rejected"]) == ("failed", 2, 1) and "line 3" in bad["error"]
    assert [(r["line"], r["column"], r["value"], r["raw"]) for r in bad["rejects"]] == [(3, "amount", "zz", "2,zz")]
    assert api.get(bad["rejects_url"] + "?format=csv").body == b"id,amount\n2,zz\n"
    assert (good["state"], good["rows"]) == ("loaded", [{"id": 3, "amount": 4}]) and good["rows_of"] == "table"


def test_wait_shows_what_was_left_out(api):
    answer = send(api, "PUT", "/ingest/lax_1.csv?wait=20s", b"id,note\n1,a\nx,b\n2," + b"l" * 70000 + b"\n")
    one = answer.json["files"][0]
    assert answer.status == 200 and (one["rows_loaded"], one["rows_rejected"]) == (2, 1)
    assert [r["line"] for r in one["rejects"]] == [3]
    assert one["rows"] == [{"id": 1, "note": "a"}, None]  # a row that is too large to be shown here


def test_many_files_and_many_rejects_in_one_answer(api):
    body, headers = multipart(*[("orders_%d.csv" % n, b"id,amount\n" + b"x,%s\n" % (b"y" * 1400) * 100) for n in range(2)])
    answer = send(api, "POST", "/ingest/?wait=20s", body, headers)
    assert answer.status == 422 and [len(f["rejects"]) for f in answer.json["files"]] == [100, 100]


def test_wait_that_is_over_is_202(api, shared):
    blocker = shared.database.connect()
    cursor = blocker.cursor()
    cursor.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    answer = send(api, "PUT", "/ingest/orders_slow.csv?wait=200ms", b"id,amount\n50,1\n")
    assert answer.status == 202
    one = answer.json["files"][0]
    assert one["state"] in ("queued", "loading") and api.json(one["url"])["state"] in ("queued", "loading")
    blocker.rollback()
    blocker.close()
    until(lambda: api.json(one["url"])["state"] == "loaded", "it is loaded")


def test_again_loads_equal_bytes(api, shared):
    text = b"id,note\n77,again\n"
    states = [send(api, "PUT", "/ingest/notes_again.csv?wait=20s" + more, text).json["files"][0]["state"] for more in ("", "", "&again=yes", "&again=no")]
    assert states == ["loaded", "duplicate", "loaded", "duplicate"]
    assert shared.database.value("SELECT count(*) FROM notes WHERE id = 77") == 2


def test_same_name_is_no_overwriting(api, shared):
    """Neither what lies in incoming/, nor what comes at the same time under one name."""
    with open(api.path("incoming", "notes_same.csv.part"), "w") as f:  # it waits for another name
        f.write("id,note\n300,dropped\n")
    answers = []
    body = b"id,note\n%d,sent\n"
    threads = [threading.Thread(target=lambda i=i: answers.append(send(api, "PUT", "/ingest/notes_same.csv?wait=20s", body % (301 + i)))) for i in range(6)]
    threads.append(threading.Thread(target=lambda: answers.append(send(api, "PUT", "/ingest/notes_same.csv.part?wait=20s&dataset=notes", body % 310))))
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [a.status for a in answers] == [200] * 7
    os.rename(api.path("incoming", "notes_same.csv.part"), api.path("incoming", "notes_same.csv"))
    until(lambda: shared.database.value("SELECT count(*) FROM notes WHERE id BETWEEN 300 AND 310") == 8, api.log)
    api.wait_moved()
    assert sum(b"done/notes_same" in f for f in api.files_in("done")) == 8


def test_dataset_rules_over_the_name(api, shared):
    answer = send(api, "PUT", "/ingest/orders_really_notes.csv?dataset=notes&wait=20s", b"id,note\n500,n\n")
    assert answer.status == 200 and answer.json["files"][0]["dataset"] == "notes"
    answer = send(api, "PUT", "/ingest/1.csv?dataset=fresh_one&wait=20s", b"a\n1\n")  # made by inference, under that name
    assert answer.status == 200 and answer.json["files"][0]["dataset"] == "fresh_one"
    answer = send(api, "PUT", "/ingest/2.csv?dataset=fresh_one&wait=20s", b"b\nx\n")
    assert answer.status == 422 and "to which it was sent" in answer.json["files"][0]["error"]
    # Loaded once more it goes where it was.
    first = api.ledger("orders_really_notes.csv")[0]
    assert send(api, "POST", "/v1/files/%d/replay?again=yes" % first["id"]).status == 202
    assert api.wait_state("orders_really_notes.csv", nth=2)["dataset"] == "notes"
    assert shared.database.value("SELECT count(*) FROM notes WHERE id = 500") == 2


def test_unknown_dataset_is_404_where_nothing_is_inferred(cetld):
    daemon = cetld(ORDERS, daemon={"unmatched": "fail"})
    assert send(daemon, "PUT", "/ingest/orders.csv?dataset=nowhere", b"x").status == 404
    assert send(daemon, "PUT", "/ingest/unknown.csv", b"x").status == 404
    body, headers = multipart(("orders_1.csv", b"id,amount\n1,1\n"), ("unknown.csv", b"x"))
    answer = send(daemon, "POST", "/ingest/", body, headers)
    assert answer.status == 404 and "unknown.csv" in answer.json["message"] and "dataset=" in answer.json["hint"]
    assert send(daemon, "PUT", "/ingest/unknown.csv?dataset=orders&wait=20s", b"id,amount\n1,1\n").status == 200
    assert names(daemon) == ["unknown.csv"]
    nothing_is_left(daemon)


# -- what is refused

NAMES = ["../evil.csv", "..", ".", ".hidden.csv", "a/b.csv", "/etc/passwd", "a\x01b.csv", "a\x7f.csv", "\x1b[2J.csv", "x" * 256]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_file_may_have(api, name):
    before = names(api)
    quoted = "".join("%%%02x" % c for c in name.encode())
    cases = [send(api, "PUT", "/ingest/" + quoted, b"a\n1\n"), send(api, "POST", "/ingest/?name=" + quoted, b"a\n1\n", {"Content-Type": "text/csv"})]
    for wrapped in ('filename="%s"' % name, "filename*=UTF-8''" + quoted):
        part = ("--b\r\nContent-Disposition: form-data; name=f; %s\r\n\r\na\r\n--b--" % wrapped).encode()
        cases.append(send(api, "POST", "/ingest/", part, {"Content-Type": "multipart/form-data; boundary=b"}))
    assert [c.status for c in cases] == [400] * 4, cases
    assert names(api) == before
    nothing_is_left(api)


def test_nul_in_names(api):
    for path in ("/ingest/a%00.csv", "/ingest/a.csv%00", "/ingest/?name=a%00.csv"):
        assert send(api, "PUT" if "?" not in path else "POST", path, b"a\n", {"Content-Type": "text/csv"}).status == 400
    for parameters in (b'filename="a\0.csv"', b"filename*=UTF-8''a%00.csv"):
        body = b"--b\r\nContent-Disposition: form-data; name=f; %s\r\n\r\na\r\n--b--" % parameters
        assert send(api, "POST", "/ingest/", body, {"Content-Type": "multipart/form-data; boundary=b"}).status == 400
    nothing_is_left(api)


def test_requests_that_are_no_uploads(api):
    good, form = multipart(("notes.csv", b"id,note\n"))
    for status, path, body, headers in [
            (415, "/ingest/", b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}),
            (415, "/ingest/", b"a\n1\n", {"Content-Type": "text/csv"}),
            (415, "/ingest/", b"a\n1\n", {}),
            (415, "/ingest/?name=a.csv", good, form),
            (415, "/ingest/?name=a.csv", b"\x1f\x8b", {"Content-Type": "text/csv", "Content-Encoding": "gzip"}),
            (400, "/ingest/", good, {"Content-Type": "multipart/form-data"}),
            (400, "/ingest/", good, {"Content-Type": "multipart/form-data; boundary=other"}),
            (400, "/ingest/", good[:-4], form),
            (400, "/ingest/", b"--x-y--", form),
            (400, "/ingest/", b"", form),
            (400, "/ingest/", good.replace(b'; filename="notes.csv"', b""), form),
            (400, "/ingest/", good.replace(b"notes.csv", b""), form),
            (400, "/ingest/", good.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1), form),
            (400, "/ingest/?wait=soon", good, form),
            (400, "/ingest/?wait=11m", good, form),
            (400, "/ingest/?again=perhaps", good, form),
            (400, "/ingest/?datasets=notes", good, form),
            (404, "/ingest/?dataset=No+Name", good, form),
            (404, "/ingest/?dataset=files", good, form),
            (404, "/ingest/?dataset=';DROP+TABLE+notes;--", good, form)]:
        answer = send(api, "POST", path, body, headers)
        assert answer.status == status, (path, headers, answer)
        assert "DROP" not in answer.json["message"] or answer.json["message"].startswith("there is no dataset")
    assert send(api, "PUT", "/ingest/a.csv", b"x", {"Content-Range": "bytes 0-0/2"}).status == 400
    assert send(api, "GET", "/ingest/").status == 405 and send(api, "POST", "/ingest/a.csv").status == 405
    nothing_is_left(api)


def test_uploads_by_the_network_need_a_token(api):
    body, headers = multipart(("notes.csv", b"id,note\n"))
    assert api.request("POST", "/ingest/", body, headers).status == 401
    assert api.request("PUT", "/ingest/notes.csv", b"id,note\n").status == 401


def test_token_sends_to_its_datasets_and_follows_what_it_sent(make_cetld, database, tokens):  # noqa: F811
    (sender, sender_hash), (ci, ci_hash) = new_token(), new_token()
    config = ORDERS + tokens.section("sender", sender_hash, allow="orders: ingest") + tokens.section("ci", ci_hash, allow="ingest")
    daemon = start(make_cetld, database.url(), tokens, config)

    def put(path, text, token=sender):
        return daemon.request("PUT", path, text, bearer(token))

    answer = put("/ingest/orders_1.csv?wait=20s", b"id,amount\n1,1\n")
    assert answer.status == 200
    one = answer.json["files"][0]
    assert one["rows_loaded"] == 1 and "rows" not in one  # it may not read them
    assert daemon.get(one["url"], headers=bearer(sender)).json["state"] == "loaded"
    assert daemon.get("/v1/files/%d" % one["id"], headers=bearer(sender)).status == 403
    for path in ("/ingest/notes_1.csv", "/ingest/new.csv", "/ingest/orders_1.csv?dataset=notes"):
        assert put(path, b"id,note\n1,1\n").status == 403, path
    body, headers = multipart(("orders_2.csv", b"id,amount\n2,1\n"), ("notes_1.csv", b"id,note\n1,1\n"))
    answer = daemon.request("POST", "/ingest/?wait=20s", body, bearer(sender, **headers))
    assert answer.status == 403 and "notes" in answer.json["message"]
    assert daemon.request("POST", "/ingest/?dataset=orders&wait=20s", *[multipart(("n.csv", b"id,amount\n3,1\n"))[0], bearer(sender, **headers)]).status == 200
    assert daemon.request("POST", "/start-etl-job", headers=bearer(sender)).status == 403
    assert daemon.request("POST", "/start-etl-job", headers=bearer(ci, Origin="https://data.example.org")).status == 202
    assert put("/ingest/new.csv?wait=20s", b"a\n1\n", ci).status == 200
    assert sorted(names(daemon)) == ["n.csv", "new.csv", "orders_1.csv"]


# -- what is too large


def test_413_comes_before_the_body(api):
    s, got = raw(api, head("PUT", "/ingest/notes.csv", Content_Length=MAX_UPLOAD + 1, Expect="100-continue"))
    assert got.startswith(b"HTTP/1.1 413 ") and b"100 Continue" not in got and b"%d bytes" % MAX_UPLOAD in got
    s.close()
    body = (b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n") * 6
    s, got = raw(api, head("PUT", "/ingest/notes.csv", Transfer_Encoding="chunked") + body)
    assert got.startswith(b"HTTP/1.1 413 ")
    s.close()
    nothing_is_left(api)


def test_expectation_is_answered_when_the_body_is_wanted(api):
    s, got = raw(api, head("PUT", "/ingest/notes_expect.csv?wait=20s", Content_Length=12, Expect="100-continue"), b"\r\n\r\n")
    assert got == b"HTTP/1.1 100 Continue\r\n\r\n"
    s.sendall(b"id,note\n7,x\n")
    assert read_until(s, b'"rows_loaded":1').startswith(b"HTTP/1.1 200 ")
    s.close()
    for path, status in (("/ingest/.x", b"400"), ("/ingest/x?dataset=No", b"404"), ("/ingest/x?wait=x", b"400")):
        s, got = raw(api, head("PUT", path, Content_Length=12, Expect="100-continue"))
        assert got.startswith(b"HTTP/1.1 %s " % status) and b"100 Continue" not in got
        s.close()


def test_no_space_is_507(cetld):
    daemon = cetld(ORDERS, daemon={"spool_min_free": "1000G"})
    s, got = raw(daemon, head("PUT", "/ingest/orders.csv", Content_Length=10, Expect="100-continue"))
    assert got.startswith(b"HTTP/1.1 507 ") and b"100 Continue" not in got
    s.close()
    body, headers = multipart(("orders.csv", b"id,amount\n1,1\n"))
    answer = send(daemon, "POST", "/ingest/", body, headers)
    assert answer.status == 507 and "space" in answer.json["message"] and "spool_min_free" in answer.json["hint"]
    daemon.drop("orders.csv", "id,amount\n1,1\n")  # what is dropped is not asked
    daemon.wait_state("orders.csv")


@pytest.mark.parametrize("fault,status", [("write~.upload-#2=ENOSPC", 507), ("fsync~.upload-#2=EDQUOT", 507), ("open~.upload-#2=ENOSPC", 507),
                                          ("write~.upload-#1=EIO", 500), ("rename~work/#1=ENOSPC", 507)])
def test_disk_that_fails_leaves_nothing(make_cetld, database, faultio, folder, fault, status):
    daemon = make_cetld(database.url(), ORDERS)
    arm(daemon, faultio, folder, fault)
    daemon.start()
    large = b"id,note\n" + b"".join(b"%d,%s\n" % (i, b"x" * 60) for i in range(10000))
    body, headers = multipart(("notes_1.csv", large), ("notes_2.csv", b"id,note\n1,a\n"))
    answer = send(daemon, "POST", "/ingest/", body, headers)
    assert answer.status == status, answer
    nothing_is_left(daemon)
    assert names(daemon) == []
    assert send(daemon, "POST", "/ingest/?wait=20s", body, headers).status == 200  # it is not the worse for it


def test_what_was_not_acknowledged_is_not_loaded_by_the_next_start(make_cetld, database, faultio, folder):
    """The file lies in its folder in work/ already, and that folder cannot be written to disk."""
    daemon = make_cetld(database.url(), ORDERS)
    arm(daemon, faultio, folder, "fsync~work/#4=EIO")
    daemon.start()
    assert send(daemon, "PUT", "/ingest/x.csv?dataset=notes", b"id,note\n1,a\n").status == 500
    with open(os.path.join(folder, "fired")) as fired:
        assert re.search(r"work/[0-9a-f-]+ ", fired.read())
    nothing_is_left(daemon)
    daemon.environment = {}
    daemon.restart()
    assert send(daemon, "PUT", "/ingest/x.csv?dataset=notes&again=yes&wait=20s", b"id,note\n1,a\n").status == 200
    assert database.value("SELECT count(*) FROM notes") == 1


def test_disk_that_is_full(cetld, small_disk):
    daemon = cetld(ORDERS, daemon={"spool": small_disk, "spool_min_free": "0"})
    daemon.spool = small_disk
    large = b"id,note\n" + b"1,x\n" * 800000

    def chunks():  # no length: nobody can tell before
        for at in range(0, len(large), 100000):
            yield large[at:at + 100000]

    answer = send(daemon, "PUT", "/ingest/notes.csv", large)
    assert answer.status == 507
    connection = daemon.connection(unix=True, timeout=30)
    with contextlib.suppress(BrokenPipeError):
        connection.request("PUT", "/ingest/notes.csv", chunks(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert Answer(connection.getresponse()).status == 507
    connection.close()
    nothing_is_left(daemon)
    # What had no name any more is given back a moment later.
    until(lambda: send(daemon, "PUT", "/ingest/notes.csv?wait=20s", b"id,note\n1,x\n").status == 200, daemon.log)


# -- what breaks


def test_broken_uploads_leave_nothing(api):
    before = names(api)
    body, headers = multipart(("notes_broken.csv", b"id,note\n" + b"1,x\n" * 40000))
    start = head("POST", "/ingest/", Content_Length=len(body), **{"Content_Type": headers["Content-Type"]})
    for cut in (len(start), len(start) + 60, len(start) + 100000, len(start) + len(body) - 1):
        s = socket.socket(socket.AF_UNIX)
        s.connect(api.socket)
        s.sendall((start + body)[:cut])
        s.close()  # the client is gone
    s, got = raw(api, head("PUT", "/ingest/notes_broken.csv", Transfer_Encoding="chunked") + b"5\r\n1,2\r\nX\r\n")
    assert got.startswith(b"HTTP/1.1 400 ")
    s.close()
    s, got = raw(api, head("PUT", "/ingest/notes_broken.csv", Content_Length=50) + b"id,note\n")
    assert got.startswith(b"HTTP/1.1 408 "), got  # idle_timeout is 2 s
    s.close()
    nothing_is_left(api)
    assert names(api) == before


POINTS = ["open~.upload-#1", "write~.upload-#2", "fsync~.upload-#1", "fsync~.upload-#2", "rename~work/#1", "rename~work/#2", "rename~work/#3"]


@pytest.mark.parametrize("action", ["kill", "killafter"])
@pytest.mark.parametrize("point", [p if p in ("write~.upload-#2", "rename~work/#1") else pytest.param(p, marks=pytest.mark.long) for p in POINTS])
def test_killed_at_a_point(make_cetld, database, faultio, folder, point, action):
    daemon = make_cetld(database.url(), ORDERS)
    arm(daemon, faultio, folder, "%s=%s" % (point, action))
    daemon.start()
    large = b"id,note\n" + b"".join(b"%d,%s\n" % (i, b"x" * 60) for i in range(10000))
    body, headers = multipart(("notes_1.csv", large), ("orders_x.csv", b"id,note\n1,a\n"))
    with pytest.raises((http.client.HTTPException, OSError)):
        send(daemon, "POST", "/ingest/?dataset=notes", body, headers)
    daemon.process.wait(10)
    daemon.process = None
    daemon.environment = {}
    daemon.start()
    # It was not told that they were taken: it sends them again, and nothing is there twice.
    assert send(daemon, "POST", "/ingest/?dataset=notes&wait=20s", body, headers).status == 200
    until(lambda: not daemon.files_in("work"), daemon.log)
    nothing_is_left(daemon)
    assert database.value("SELECT count(*) FROM notes") == 10001 and database.value("SELECT count(*) FROM orders") == 0


class Sender(threading.Thread):
    """Sends files, one after the other, until the daemon is gone; keeps what it was told was taken."""

    def __init__(self, daemon, number, deadline):
        super().__init__(daemon=True)
        self.target, self.number, self.taken, self.sent = daemon, number, [], 0
        self.deadline = deadline

    def run(self):
        while self.sent < self.deadline:
            first = self.number * 1000000 + self.sent * 10
            text = b"id,note\n" + b"".join(b"%d,%s\n" % (first + i, b"n" * 30) for i in range(10))
            self.sent += 1
            try:
                if self.sent % 3 == 0:
                    answer = send(self.target, "POST", "/ingest/?dataset=notes", *multipart(("x%d.csv" % first, text), ("x%d.csv" % first, b"id,note\n%d,b\n" % (first + 500000))))
                else:
                    answer = send(self.target, "PUT", "/ingest/notes_%d.csv" % first, text)
            except (http.client.HTTPException, OSError):
                return
            assert answer.status == 202, answer
            self.taken += range(first, first + 10)
            if self.sent % 3 == 0:
                self.taken.append(first + 500000)


@pytest.mark.parametrize("rounds", [2, pytest.param(25, marks=pytest.mark.long)])
def test_what_was_taken_is_loaded_once_whatever_is_killed(make_cetld, database, rounds):
    daemon = make_cetld(database.url(), ORDERS)
    chance, taken = random.Random(rounds), []
    for n in range(rounds):
        daemon.start()
        senders = [Sender(daemon, n * 4 + i, 5000) for i in range(4)]
        for s in senders:
            s.start()
        wanted = chance.randint(5, 60)
        until(lambda: sum(s.sent for s in senders) >= wanted, daemon.log)
        daemon.kill9()
        for s in senders:
            s.join()
            taken += s.taken
    daemon.start()
    until(lambda: not daemon.files_in("work", "incoming"), daemon.log, deadline=60)
    nothing_is_left(daemon)
    assert len(taken) >= rounds
    assert database.value("SELECT count(*) FROM unnest(%s) t(id) WHERE id NOT IN (SELECT id FROM notes)", taken) == 0
    assert database.value("SELECT count(*) - count(DISTINCT id) FROM notes") == 0


def test_dataset_and_again_survive_a_kill(make_cetld, database):
    daemon = make_cetld(database.url(), ORDERS).start()
    text = b"id,note\n1,a\n"
    assert send(daemon, "PUT", "/ingest/notes_1.csv?wait=20s", text).status == 200
    blocker = database.connect()
    cursor = blocker.cursor()
    cursor.execute("BEGIN; LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
    tokens = [send(daemon, "PUT", "/ingest/orders.csv?dataset=notes&again=yes", text).json["files"][0]["token"]]
    tokens.append(send(daemon, "PUT", "/ingest/orders.csv?dataset=notes", b"id,note\n2,b\n").json["files"][0]["token"])
    daemon.kill9()
    blocker.rollback()
    blocker.close()
    daemon.start()
    for token in tokens:
        entry = until(lambda t=token: (lambda a: a.json if a.status == 200 and a.json["state"] == "loaded" else None)(daemon.get("/v1/files/" + t)), daemon.log)
        assert (entry["dataset"], entry["name"]) == ("notes", "orders.csv")
    assert database.rows("SELECT id FROM notes ORDER BY 1") == [(1,), (1,), (2,)]


@pytest.mark.long
def test_files_are_taken_while_the_database_is_away(make_cetld, own_postgres, own_database):
    daemon = make_cetld(own_database.url(), ORDERS).start()
    own_postgres.stop("immediate")
    answer = send(daemon, "PUT", "/ingest/notes_1.csv?wait=100ms", b"id,note\n1,a\n")
    assert answer.status == 202 and answer.json["files"][0]["state"] in ("queued", "loading")
    own_postgres.start()
    until(lambda: daemon.get(answer.json["files"][0]["url"]).json.get("state") == "loaded", daemon.log, deadline=60)


# -- jobs


def test_job_tells_what_a_scan_found(api):
    folder = api.path("incoming", "late")
    os.makedirs(folder, exist_ok=True)
    api.drop("late/notes_job.csv", "id,note\n900,a\n901,b\n")
    answer = send(api, "POST", "/start-etl-job")
    assert answer.status == 202 and answer.headers["Location"] == answer.json["url"]
    job = until(lambda: (lambda j: j if j["state"] == "done" else None)(api.json(answer.json["url"])), api.log)
    assert job["files"] == job["files_loaded"] + job["files_duplicate"] + job["files_failed"] and job["files_open"] == 0
    assert api.ledger("notes_job.csv")[0]["state"] == "loaded"
    assert job["id"] in [j["id"] for j in api.json("/etl-jobs")]
    assert send(api, "GET", "/start-etl-job").status == 202
    assert api.get("/etl-jobs/nothing").status == 404


def test_job_is_not_for_everybody(api):
    assert send(api, "POST", "/start-etl-job?source=events").status == 404
    assert send(api, "POST", "/start-etl-job?what=ever").status == 400
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        for method in ("GET", "POST"):
            assert send(api, method, "/start-etl-job", headers=headers).status == 403, headers
    assert api.request("POST", "/start-etl-job").status == 401 and api.request("GET", "/start-etl-job").status == 401


# -- large


def peak_rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024


@pytest.mark.parametrize("megabytes", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_memory_is_bounded(cetld, megabytes):
    with open(BINARY, "rb") as f:
        if b"__asan_init" in f.read():
            pytest.skip("a sanitizer keeps what was freed")
    daemon = cetld(ORDERS, daemon={"memory_max": "32M"})
    line = b"%d," + b"x" * 1000 + b"\n"

    def lines():
        yield b"id,note\n"
        for i in range(megabytes):
            yield b"".join(line % (i * 1000 + k) for k in range(1000))

    connection = daemon.connection(unix=True, timeout=600)
    connection.request("PUT", "/ingest/notes_large.csv", lines(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    answer = Answer(connection.getresponse())
    assert answer.status == 202
    one = answer.json["files"][0]
    entry = until(lambda: (lambda e: e if e["state"] == "loaded" else None)(daemon.json(one["url"])), daemon.log, deadline=60 + megabytes)
    assert entry["rows_loaded"] == megabytes * 1000
    assert peak_rss(daemon.process.pid) <= (32 + 64) * MIB, "%d MiB" % (peak_rss(daemon.process.pid) // MIB)


def test_many_uploads_at_once(cetld, database):
    daemon = cetld(ORDERS)
    done = []

    def one(i):
        text = b"id,note\n" + b"".join(b"%d,%s\n" % (i * 1000 + k, b"x" * 500) for k in range(1000))
        for _ in range(200):
            answer = send(daemon, "PUT", "/ingest/notes_%d.csv?wait=30s" % i, text, timeout=60)
            if answer.status != 503:
                break
        done.append(answer.status)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert done == [200] * 30
    assert database.value("SELECT count(DISTINCT id) FROM notes") == 30000 and not glob.glob(daemon.path("work", ".upload*"))
