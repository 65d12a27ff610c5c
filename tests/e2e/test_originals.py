# SPDX-License-Identifier: MIT
"""GET /v1/files/{id}/original and cetl original: a file as it was dropped, from wherever it is kept, or a link to it."""

import gzip
import hashlib
import hmac
import os
import random
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cetl import cetl as run
from stores import Swift
from test_api_access import ELSEWHERE, bearer, new_token, start, tokens  # noqa: F401
from test_archive import ORDERS, archive, store, wait_stored
from waiting import until

SECRET = "wJalrXUtnFEMI/K7MDENG"


def original(daemon, entry, query="", **options):
    return daemon.get("/v1/files/%s/original%s" % (entry["id"] if isinstance(entry, dict) else entry, query), unix=True, timeout=60, **options)


def forget(daemon, *places):
    for path in daemon.files_in(*places):
        os.remove(daemon.path(os.fsdecode(path)))


def stored(database, entry, url, name="kept"):
    database.rows("INSERT INTO cetl.original (file_id, archive, state, url) VALUES (%d, '%s', 'stored', '%s')" % (entry["id"], name, url))


def test_what_lies_here_is_answered_as_it_was_dropped(cetld, database):
    daemon = cetld(daemon={"unmatched": "infer"})
    packed = gzip.compress(b"id,name\n" + b"".join(b"%d,%d\n" % (i, random.getrandbits(200)) for i in range(100000)))
    daemon.drop("orders.csv.gz", packed)
    daemon.drop("empty.csv", b"")
    daemon.drop("bad é\n.csv", b"id\n1\n2,3\n")
    daemon.wait_state("orders.csv.gz")
    until(lambda: len(daemon.ledger()) == 3, daemon.log)
    daemon.wait_moved()
    entries = {e["name"]: e for e in daemon.ledger()}
    assert len(packed) > 4 * 128 * 1024
    for by in (entries["orders.csv.gz"]["id"], token_in(database, "orders.csv.gz")):
        answer = original(daemon, by)
        assert answer.status == 200 and answer.body == packed
        assert answer.headers["Content-Type"] == "application/octet-stream" and answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="orders.csv.gz"'
    assert original(daemon, entries["empty.csv"]).body == b""
    odd, = [e for name, e in entries.items() if name.startswith("bad")]
    answer = original(daemon, odd)
    assert answer.body == b"id\n1\n2,3\n" and "UTF-8''bad%20%C3%A9_n.csv" in answer.headers["Content-Disposition"]
    head = daemon.request("HEAD", "/v1/files/%d/original" % entries["orders.csv.gz"]["id"], unix=True)
    assert (head.status, head.body) == (200, b"") and "orders.csv.gz" in head.headers["Content-Disposition"]


def test_who_asks_for_what_is_not_there_is_told_why(cetld, database, folder):
    daemon = cetld("[dataset first]\ncolumns = a int\n[dataset waits]\ncolumns = a int\nrequires = first\n")
    receipt = daemon.request("POST", "/ingest/?name=waits.csv", b"a\n1\n", {"Content-Type": "application/octet-stream"}, unix=True).json
    token = receipt["files"][0]["token"]
    until(lambda: daemon.get("/v1/files/" + token, unix=True).json["state"] == "waiting", daemon.log)
    for asked, status, words in ((token, 404, "not loaded yet"), ("999", 404, "no file"), ("0123456789abcdef-01234567", 404, "no file"),
                                 ("x" * 300, 400, "token"), ("1%27", 404, "no file")):
        answer = original(daemon, asked)
        assert answer.status == status and words in answer.json["message"], answer
    assert original(daemon, "1", "?link=perhaps").status == 400
    daemon.drop("first.csv", "a\n1\n")
    entry = daemon.wait_state("first.csv")
    answer = original(daemon, entry, "?link=yes")
    assert answer.status == 404 and "no link" in answer.json["message"]
    linked = run("original", str(entry["id"]), "--link", daemon=daemon)
    assert linked.status == 1 and linked.out == "" and "no link" in linked.err
    # The command: to a file, to a pipe; nothing is left of what fails.
    to = os.path.join(folder, "fetched")
    assert run("original", str(entry["id"]), "-o", to, daemon=daemon).status == 0
    with open(to) as f:
        assert f.read() == "a\n1\n"
    assert run("original", token_in(database, "first.csv"), daemon=daemon).out == "a\n1\n"
    there = os.listdir(folder)
    forget(daemon, "done")
    assert original(daemon, entry).status == 410
    gone = run("original", str(entry["id"]), "-o", os.path.join(folder, "no"), daemon=daemon)
    assert gone.status == 1 and "not kept any more" in gone.err and os.listdir(folder) == there


def token_in(database, name):
    return database.rows("SELECT token FROM cetl.file WHERE name = '%s'" % name)[0][0]


def test_it_takes_manage(make_cetld, database, tokens):  # noqa: F811
    (reader, first), (manager, second) = new_token(), new_token()
    config = tokens.section("r", first, allow="read") + tokens.section("m", second, allow="manage")
    daemon = start(make_cetld, database.url(), tokens, config)
    daemon.drop("orders.csv", ORDERS)
    entry = daemon.wait_state("orders.csv")
    path = "/v1/files/%d/original" % entry["id"]
    assert daemon.get(path).status == 401
    assert daemon.get(path, headers=ELSEWHERE).status == 401
    assert daemon.get(path, headers=bearer(reader)).status == 403
    assert daemon.get(path, headers=bearer(manager)).body.decode() == ORDERS


def test_a_folder_that_is_an_archive_gives_it_back_and_nothing_else(cetld, database, folder):
    place = os.path.join(folder, "kept")
    daemon = cetld(archive("file://%s/{dataset}/{id}/{name}" % place))
    daemon.drop("orders.csv", ORDERS)
    entry = daemon.wait_state("orders.csv")
    (_, _, _, url, _), = wait_stored(daemon, database, 1)
    forget(daemon, "done")
    assert original(daemon, entry).body.decode() == ORDERS
    kept = url[len("file://"):]
    with open(kept, "r+") as f:
        f.write("X")
    assert original(daemon, entry).status == 410  # not the bytes that the ledger knows
    os.remove(kept)
    os.symlink("/etc/passwd", kept)
    assert original(daemon, entry).status == 410
    database.rows("UPDATE cetl.original SET url = 'file:///etc/passwd'")
    assert original(daemon, entry).status == 410
    os.mkfifo(os.path.join(folder, "pipe"))
    database.rows("UPDATE cetl.original SET url = 'file://%s'" % os.path.join(folder, "pipe"))
    assert original(daemon, entry).status == 410
    os.mkdir(os.path.join(folder, "d"))
    database.rows("UPDATE cetl.original SET url = 'file://%s'" % os.path.join(folder, "d"))
    assert original(daemon, entry).status == 410


def test_a_slow_reader_holds_up_nobody(cetld):
    daemon = cetld()
    text = "id,text\n" + "".join("%d,%s\n" % (i, "t" * 500) for i in range(60000))
    daemon.drop("large.csv", text)
    entry = daemon.wait_state("large.csv")
    slow = [daemon.connection(unix=True, timeout=60) for _ in range(4)]
    for c in slow:
        c.request("GET", "/v1/files/%d/original" % entry["id"])
    answers = [c.getresponse() for c in slow]
    assert daemon.get("/healthz").status == 200 and daemon.get("/v1/files").status == 200
    slow[0].close()  # one leaves
    assert [hashlib.sha256(a.read()).hexdigest() for a in answers[1:]] == [entry["sha256"]] * 3
    assert daemon.get("/healthz").status == 200


class Shop(ThreadingHTTPServer):
    """An S3 that has `data` at `key`, for HEAD, and for who comes with a presigned URL, which is checked here by another hand, or signs his
    request. `says`: a status that it answers instead, or "hang". `sum`: "" for an object that somebody else put there."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.key, self.data, self.says = "/bucket/a b/é.csv", ORDERS.encode(), None
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.sum = hashlib.sha256(self.data).hexdigest()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def is_signed(self, host, target):
        path, _, query = target.partition("?")
        pairs = [pair.partition("=")[::2] for pair in query.split("&")]
        values = dict(pairs)
        canonical = "\n".join(["GET", path, "&".join("%s=%s" % p for p in sorted(pairs) if p[0] != "X-Amz-Signature"), "host:" + host, "", "host", "UNSIGNED-PAYLOAD"])
        day, scope = values["X-Amz-Date"][:8], urllib.parse.unquote(values["X-Amz-Credential"]).split("/", 1)[1]
        text = "\n".join(["AWS4-HMAC-SHA256", values["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return values["X-Amz-Expires"] == "300" and hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), values["X-Amz-Signature"])


class ShopHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        shop, body = self.server, b""
        if shop.says == "hang":
            shop.asked.set()
            return shop.go_on.wait(60)
        status = shop.says or (200 if urllib.parse.unquote(self.path.split("?")[0]) == shop.key else 404)
        if status == 200 and self.command == "GET":
            status = 200 if "Authorization" in self.headers or shop.is_signed(self.headers["Host"], self.path) else 403
            body = shop.data if status == 200 else b"<Error><Message>it is not signed</Message></Error>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if self.command == "GET" else len(shop.data)))
        if shop.sum:
            self.send_header("x-amz-meta-sha256", shop.sum)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_GET = do_HEAD


@pytest.fixture
def shop(folder):
    made = Shop()
    made.secret = os.path.join(folder, "shop-secret")
    with open(made.secret, "w") as f:
        f.write(SECRET)
    made.section = "[store shop]\nurl = s3:\nendpoint = http://127.0.0.1:%d\nkey_id = AKIA\nsecret_file = %s\n" % (made.server_address[1], made.secret)
    yield made
    made.go_on.set()
    made.shutdown()
    made.server_close()


def test_what_an_object_store_has_comes_by_a_link(cetld, database, shop, folder):
    daemon = cetld(shop.section, api={"request_log": "yes"})
    daemon.drop("orders.csv", ORDERS)
    entry = daemon.wait_state("orders.csv")
    stored(database, entry, "s3:/%s" % shop.key)
    answer = original(daemon, entry)
    assert answer.status == 307 and answer.headers["Cache-Control"] == "no-store", answer
    link = answer.headers["Location"]
    assert link == answer.json["url"] and link.startswith("http://127.0.0.1:%d/bucket/a%%20b/%%C3%%A9.csv?" % shop.server_address[1])
    assert urllib.parse.parse_qs(link)["response-content-disposition"] == ['attachment; filename="orders.csv"']
    with urllib.request.urlopen(link) as fetched:
        assert fetched.read().decode() == ORDERS
    for wrong in (link.replace("X-Amz-Expires=300", "X-Amz-Expires=301"), link.replace("orders.csv", "evil.html")):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(wrong)
    assert original(daemon, entry, "?link=yes").status == 200
    linked = run("original", str(entry["id"]), "--link", daemon=daemon)
    with urllib.request.urlopen(linked.out.strip()) as fetched:
        assert fetched.read().decode() == ORDERS
    to = os.path.join(folder, "fetched.csv")
    fetched = run("original", str(entry["id"]), "-o", to, daemon=daemon)
    assert fetched.status == 0 and open(to).read() == ORDERS, fetched
    assert "X-Amz-Signature" not in daemon.log() and SECRET not in daemon.log()
    # Something else lies there: neither a link nor its bytes.
    shop.sum = shop.sum[::-1]
    assert original(daemon, entry).body.decode() == ORDERS  # done/
    refused = original(daemon, entry, "?link=yes")
    assert refused.status == 404 and "something else lies there" in refused.json["details"], refused


def test_what_a_store_does_not_say_the_sum_of_is_compared_here(cetld, database, shop):
    daemon = cetld(shop.section)
    daemon.drop("orders.csv", ORDERS)
    entry = daemon.wait_state("orders.csv")
    stored(database, entry, "s3:/%s" % shop.key)
    forget(daemon, "done")
    shop.sum = ""
    refused = original(daemon, entry, "?link=yes")
    assert refused.status == 404 and "does not say the SHA-256" in refused.json["details"], refused
    answer = original(daemon, entry)
    assert answer.status == 200 and answer.body.decode() == ORDERS
    shop.data = b"x" * len(ORDERS)
    assert original(daemon, entry).status == 410 and daemon.files_in("work") == []


def test_a_store_that_does_not_give_it_is_no_end_while_it_lies_elsewhere(cetld, database, shop, folder):
    daemon = cetld(shop.section)
    daemon.drop("orders.csv", ORDERS)
    entry = daemon.wait_state("orders.csv")
    stored(database, entry, "s3:/%s" % shop.key, "first")
    shop.says = 403
    assert original(daemon, entry).body.decode() == ORDERS
    link = original(daemon, entry, "?link=yes")
    assert link.status == 503 and "HTTP 403" in link.json["details"], link
    shop.says = 404
    assert original(daemon, entry).body.decode() == ORDERS
    forget(daemon, "done")
    assert original(daemon, entry).status == 410
    shop.says = 403
    away = original(daemon, entry)
    assert away.status == 503 and away.headers["Retry-After"] and "HTTP 403" in away.json["details"] and SECRET not in str(away.json)
    stored(database, entry, "s3://bucket/a b/é.csv", "second")
    stored(database, entry, "file://%s/none" % folder, "third")
    shop.says = None
    assert original(daemon, entry).status == 307
    # The bytes of a link are compared with the ledger, too.
    shop.data = b"x" * len(ORDERS)
    wrong = run("original", str(entry["id"]), "-o", os.path.join(folder, "wrong"), daemon=daemon)
    assert wrong.status == 1 and "SHA-256" in wrong.err and not os.path.exists(os.path.join(folder, "wrong"))


@pytest.mark.long
def test_who_leaves_and_a_daemon_that_ends_leave_nothing_behind(cetld, database, shop):
    daemon = cetld(shop.section)
    text = "id,text\n" + "".join("%d,%s\n" % (i, "t" * 500) for i in range(60000))
    daemon.drop("orders.csv", ORDERS)
    daemon.drop("large.csv", text)
    entry, large = daemon.wait_state("orders.csv"), daemon.wait_state("large.csv")
    stored(database, entry, "s3:/%s" % shop.key)
    shop.says = "hang"
    leaves, stays, reads = [daemon.connection(unix=True, timeout=60) for _ in range(3)]
    leaves.request("GET", "/v1/files/%d/original" % entry["id"])
    assert shop.asked.wait(30)
    leaves.close()
    shop.asked.clear()
    stays.request("GET", "/v1/files/%d/original" % entry["id"])
    assert shop.asked.wait(30)
    reads.request("GET", "/v1/files/%d/original" % large["id"])
    assert reads.getresponse().status == 200  # and is not read any further
    assert daemon.get("/healthz").status == 200
    daemon.stop()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_real_stores_take_the_link(kind, swift, azurite, cetld, database, folder):
    server = swift if kind == "s3" else azurite
    (server.make_bucket if kind == "s3" else server.make_container)("links")
    url, section = store(folder, server, "links")
    daemon = cetld(section + archive(url + "/a b/{dataset}/{sha256}-{name}"))
    text = "id,text\n" + "".join("%d,%s\n" % (i, "t" * 90) for i in range(100000))
    daemon.drop("größe & co.csv", text)
    entry = daemon.wait_state("größe & co.csv")
    wait_stored(daemon, database, 1, deadline=120)
    forget(daemon, "done")
    link = original(daemon, entry).headers["Location"]
    with urllib.request.urlopen(link) as answer:
        assert answer.read().decode() == text
        assert answer.headers["Content-Disposition"].endswith("filename*=UTF-8''gr%C3%B6%C3%9Fe%20&%20co.csv"), answer.headers.items()
        assert answer.headers["Content-Type"] == "application/octet-stream"
    to = os.path.join(folder, "fetched")
    fetched = run("original", str(entry["id"]), "-o", to, daemon=daemon)
    assert fetched.status == 0, fetched
    with open(to) as f:
        assert f.read() == text
    signature = re.search(r"(X-Amz-Signature|sig)=([^&]+)", link).group(2)
    assert signature not in daemon.log()
    broken = link.replace(signature, ("A" if signature[0] != "A" else "B") + signature[1:])
    for wrong in (broken, link.split("?")[0], link.replace("rscd=", "rscd=x") if kind == "azure" else link.replace("X-Amz-Expires=300", "X-Amz-Expires=3000")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(wrong)
        assert 400 <= refused.value.code < 500, (wrong, refused.value.code)
    writes = urllib.request.Request(link, method="PUT", data=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(writes)
    assert isinstance(server, Swift) or "spr=" not in link  # http here


@pytest.mark.long
def test_a_shared_access_signature_is_not_given_away(azurite, cetld, database, folder):
    azurite.make_container("shared")
    sas = azurite.sas("shared")
    url, section = store(folder, azurite, "shared", secret=sas)
    daemon = cetld(section + archive(url + "/{sha256}"))
    text = "id,text\n" + "".join("%d,%s\n" % (i, "t" * 90) for i in range(20000))
    daemon.drop("orders.csv", text)
    entry = daemon.wait_state("orders.csv")
    wait_stored(daemon, database, 1, deadline=120)
    forget(daemon, "done")
    refused = original(daemon, entry, "?link=yes")
    assert refused.status == 404 and "given away" in refused.json["details"] and sas[-20:] not in refused.body.decode()
    for _ in range(3):
        answer = original(daemon, entry)
        assert answer.status == 200 and answer.body.decode() == text  # by the daemon
    assert daemon.files_in("work") == []
    azurite.request("DELETE", "/shared/" + entry["sha256"])
    assert original(daemon, entry).status == 410
