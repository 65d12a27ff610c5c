# SPDX-License-Identifier: MIT
"""Who may do what: tokens from their making to their end, from this machine and as if from another."""

import os
import signal
import subprocess

import pytest

from daemon import BINARY
from waiting import until

ITEMS = """
[dataset items]
files = items*.csv
columns = id bigint primary key, name text, owner text
[rollup items.names]
group = name
measure = count(*) as n
[dataset orders]
files = orders*.csv
columns = id bigint primary key
"""
ELSEWHERE = {"Host": "data.example.org", "X-Forwarded-For": "192.0.2.7"}


def new_token():
    """(token, hash) as the command prints them."""
    made = subprocess.run([BINARY, "--new-token"], capture_output=True, text=True, timeout=10)
    assert made.returncode == 0
    lines = dict(line.split() for line in made.stdout.splitlines())
    return lines["token"], lines["sha256"]


class Tokens:
    """Hash files in a folder, and the sections that name them."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "credentials")
        os.mkdir(self.folder, 0o700)

    def put(self, name, digest):
        with open(os.path.join(self.folder, name + ".sha256"), "w") as f:
            f.write(digest + "\n")

    def section(self, name, digest, **options):
        self.put(name, digest)
        lines = ["[token %s]" % name, "hash_file = %%d/%s.sha256" % name] + ["%s = %s" % o for o in options.items()]
        return "\n".join(lines) + "\n"


@pytest.fixture
def tokens(folder):
    return Tokens(folder)


def bearer(token, **more):
    return {"Authorization": "Bearer " + token, **ELSEWHERE, **more}


def start(make_cetld, url, tokens, config, **options):
    daemon = make_cetld(url, config, **options)
    daemon.environment["CREDENTIALS_DIRECTORY"] = tokens.folder
    daemon.start()
    return daemon


def test_token_from_its_making_to_its_end(make_cetld, database, tokens):
    token, digest = new_token()
    other, _ = new_token()
    section = tokens.section("ci", digest, allow="items: read, ingest")
    daemon = start(make_cetld, database.url(), tokens, ITEMS + section)
    daemon.drop("items.csv", "id,name,owner\n1,a,x\n2,b,y\n")
    daemon.wait_state("items.csv")

    refused = daemon.get("/v1/items", headers=ELSEWHERE)
    assert refused.status == 401 and refused.headers["WWW-Authenticate"] == 'Bearer realm="cetld"'
    assert "cetld --new-token" in refused.json["hint"]

    def status(path, of=token, method="GET"):
        return daemon.request(method, path, headers=bearer(of)).status

    assert [r["id"] for r in daemon.get("/v1/items", headers=bearer(token)).json] == [1, 2]
    assert [status(p) for p in ("/v1/items_names", "/read/first-chunk", "/v1", "/v1/files?dataset=items", "/readyz")] == [200] * 5
    assert [status(p) for p in ("/v1/orders", "/v1/files", "/latest-event-data?dataset=orders", "/v1/nothing")] == [403] * 4
    assert [d["name"] for d in daemon.get("/v1", headers=bearer(token)).json] == ["items"]
    file = daemon.ledger("items.csv")[0]["id"]
    assert status("/v1/files/%d" % file) == 200 and status("/v1/files/%d/unload" % file, method="POST") == 403
    assert status("/v1/items", of=other) == 401 and status("/status", of=other) == 200
    assert daemon.get("/v1/items", headers={"Authorization": "Bearer " + other}).status == 401
    assert daemon.get("/v1/items", headers={"Authorization": "Bearer " + other}, unix=True).status == 401

    # The file of the hash is read anew: the old token is no longer one.
    fresh, digest = new_token()
    tokens.put("ci", digest)
    daemon.signal(signal.SIGHUP)
    until(lambda: status("/v1/items", of=fresh) == 200, lambda: "the new token is known")
    assert status("/v1/items") == 401

    # A bad reload keeps what was.
    tokens.put("ci", "not a hash")
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines("the old one stays"), lambda: "the reload is refused")
    assert "64 hexadecimal digits" in daemon.log() and status("/v1/items", of=fresh) == 200


def test_manage_and_expiry(make_cetld, database, tokens):
    (dba, dba_hash), (old, old_hash) = new_token(), new_token()
    config = ITEMS.replace("columns = id bigint primary key, name", "lineage = yes\ncolumns = id bigint primary key, name")
    config += tokens.section("dba", dba_hash, allow="manage, read") + tokens.section("old", old_hash, allow="read", expires="2001-09-09")
    daemon = start(make_cetld, database.url(), tokens, config)
    daemon.drop("items.csv", "id,name,owner\n1,a,x\n")
    file = daemon.wait_state("items.csv")["id"]
    answer = daemon.get("/v1/items", headers=bearer(old))
    assert answer.status == 401 and "expired" in answer.json["message"] and "invalid_token" in answer.headers["WWW-Authenticate"]
    assert daemon.request("POST", "/v1/files/%d/unload" % file, headers=bearer(dba)).status == 200


def test_check_says_what_to_write_instead(folder, tokens):
    _, digest = new_token()
    path = os.path.join(folder, "cetl.conf")

    def check(section):
        with open(path, "w") as f:
            f.write("[database]\nurl = host=127.0.0.1 port=1\n" + ITEMS + section)
        answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30,
                                env={**os.environ, "CREDENTIALS_DIRECTORY": tokens.folder})
        return answer.returncode, answer.stderr

    status, words = check(tokens.section("ci", digest, allow="itmes: read, orders: wriite, manage"))
    assert status == 1 and "cetl.conf:15: allow: 'orders: wriite': 'wriite' is none of" in words and "did you mean 'write'" in words
    assert "no dataset, rollup or derive 'itmes' (did you mean 'items'?)" in words
    status, words = check("[token x]\nhash_file = %d/none\nallow = read\n")
    assert status == 1 and "cetl.conf:14: hash_file: " in words and "cannot be read" in words
