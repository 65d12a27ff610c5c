# SPDX-License-Identifier: MIT
"""Who may do what: tokens from their making to their end, from this machine and as if from another."""

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from daemon import BINARY, UnixConnection
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
ELSEWHERE = {"Host": "data.example", "X-Forwarded-For": "192.0.2.7"}


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
    assert [status("/readyz?dataset=" + d) for d in ("items", "orders", "nothing")] == [200, 403, 403]
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


def test_why_the_database_is_down_is_not_for_everybody(make_cetld):
    daemon = make_cetld("postgresql://somebody@127.0.0.1:1/x", ITEMS).start(ready=False)

    def reason(headers=None):
        return daemon.get("/status", headers=headers).json["database"]["reason"]

    until(lambda: "127.0.0.1" in (reason() or ""), lambda: "the reason is told here: %s" % reason())
    elsewhere = daemon.get("/status", headers=ELSEWHERE)
    assert elsewhere.json["database"] == {"up": False, "reason": None, "parallel_needs": None} and b"127.0.0.1" not in elsewhere.body
    assert daemon.get("/readyz", headers=ELSEWHERE).status == 401 and "127.0.0.1" in daemon.get("/readyz").json["details"]


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


def test_pages_of_listed_origins_change_what_anybody_may(make_cetld, database, tokens):
    app, other = "http://localhost:3000", "https://evil.example"
    daemon = start(make_cetld, database.url(), tokens, ITEMS, api={"anonymous": "write", "cors_origins": app})
    daemon.drop("items.csv", "id,name,owner\n1,a,x\n")
    daemon.wait_state("items.csv")

    def insert(key, **headers):
        return daemon.request("POST", "/v1/items", b'{"id": %d}' % key, {"Content-Type": "application/json", **headers}).status

    assert insert(2) == 201 and insert(3, Origin=app) == 201
    assert insert(4, Origin=other) == 403 and insert(4, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert daemon.request("POST", "/v1/items", b"id=4", {"Content-Type": "application/x-www-form-urlencoded"}).status == 415
    assert daemon.get("/start-etl-job", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 403
    assert database.value("SELECT array_agg(id ORDER BY id) FROM items") == [1, 2, 3]


# -- JSON Web Tokens

SECRET = "a secret of more than thirty-two bytes, as text"


def part(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hs256(claims, header=None, secret=SECRET):
    text = part(header or {"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
    return text + "." + part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


class Issuer:
    """An RSA key, by the openssl program."""

    def __init__(self, folder):
        self.key = os.path.join(folder, "issuer.key")
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        self.pem = subprocess.run(["openssl", "rsa", "-in", self.key, "-pubout"], check=True, capture_output=True, text=True).stdout

    def rs256(self, claims):
        text = part({"alg": "RS256"}) + "." + part(claims)
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True, capture_output=True)
        return text + "." + part(signed.stdout)


def test_json_web_tokens(make_cetld, database, tokens, folder):
    issuer = Issuer(folder)
    with open(os.path.join(tokens.folder, "jwt.secret"), "w") as f:
        f.write(SECRET + "\n")
    with open(os.path.join(tokens.folder, "issuer.pem"), "w") as f:
        f.write(issuer.pem)
    config = ITEMS + """
[jwt]
secret_file = %d/jwt.secret
key_file = %d/issuer.pem
audience = cetld
issuer = https://id.example/
role_claim = https://id.example/role
allow_claim = cetl
[role analyst]
allow = items: read
"""
    daemon = start(make_cetld, database.url(), tokens, config)
    daemon.drop("items.csv", "id,name,owner\n1,a,x\n")
    daemon.wait_state("items.csv")
    now = int(time.time())
    good = {"exp": now + 600, "aud": ["other", "cetld"], "iss": "https://id.example/", "sub": "ann", "https://id.example/role": "analyst"}

    def status(token, path="/v1/items"):
        answer = daemon.get(path, headers=bearer(token))
        if answer.status in (400, 401):
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="cetld", error="invalid_') and answer.json["message"]
        return answer.status

    assert [status(hs256(good)), status(issuer.rs256(good))] == [200, 200]
    assert status(hs256(good), "/v1/orders") == 403
    assert status(hs256({**good, "cetl": "orders: read"}), "/v1/orders") == 200
    assert status(hs256({**good, "cetl": ["orders: read", "report *: read"]}), "/v1/orders") == 200
    assert status(hs256({**good, "cetl": "orders: everything"}), "/v1/items") == 403
    assert status(hs256({**good, "https://id.example/role": "chief"})) == 403
    assert status(hs256({**good, "https://id.example/role": ["analyst"]})) == 403

    text = part(good)
    forged = {
        "alg none": part({"alg": "none"}) + "." + text + ".",
        "alg None": part({"alg": "None"}) + "." + text + ".",
        "none, but signed": hs256(good, {"alg": "none"}),
        "public key as a secret": hs256(good, secret=issuer.pem),
        "public key as a secret, trimmed": hs256(good, secret=issuer.pem.strip()),
        "RS256 by the secret": hs256(good, {"alg": "RS256"}),
        "another secret": hs256(good, secret=SECRET + "!"),
        "expired": hs256({**good, "exp": now - 60}),
        "no exp": hs256({k: v for k, v in good.items() if k != "exp"}),
        "exp as text": hs256({**good, "exp": str(now + 600)}),
        "not yet": hs256({**good, "nbf": now + 600}),
        "another audience": hs256({**good, "aud": "else"}),
        "no audience": hs256({k: v for k, v in good.items() if k != "aud"}),
        "another issuer": hs256({**good, "iss": "https://evil.example/"}),
        "a claim twice": hs256(json.dumps(good)[:-1].encode() + b', "exp": 9999999999}'),
        "a critical extension": hs256(good, {"alg": "HS256", "crit": ["b64"], "b64": False}),
        "no object": hs256([good]),
        "no UTF-8": hs256(b'{"exp": 9999999999, "x": "\xff"}'),
        "a key of its own": hs256(good, {"alg": "HS256", "jwk": {"kty": "oct", "k": part(b"x")}}, secret="x"),
        "cut short": hs256(good)[:-1],
        "a bit more": hs256(good) + "A",
        "padding": hs256(good) + "=",
        "four parts": hs256(good) + ".x",
        "too long": hs256({**good, "x": "y" * 7000}),
        "claims exchanged": ".".join([hs256(good).split(".")[0], part({**good, "sub": "bob"}), hs256(good).split(".")[2]]),
    }
    assert {what: status(token) for what, token in forged.items()} == {what: 401 for what in forged}
    assert status(hs256(good)) == 200


@pytest.fixture
def role(postgres, database):
    """A role of the server's, which other tests' databases do not have anything for."""
    name = "reader_%s" % database.name
    database.rows('CREATE ROLE "%s" NOLOGIN' % name)
    database.rows('GRANT "%s" TO cetl' % name)
    yield name
    database.rows('DROP OWNED BY "%s"; DROP ROLE "%s"' % (name, name))


def test_row_level_security_holds_for_roles(make_cetld, database, tokens, role):
    (plain, plain_hash), (tied, tied_hash) = new_token(), new_token()
    with open(os.path.join(tokens.folder, "jwt.secret"), "w") as f:
        f.write(SECRET)
    config = ITEMS + """
[report mine]
sql = select id from items order by id
[jwt]
secret_file = %%d/jwt.secret
[role member]
allow = read write
role = %s
[role lost]
allow = read
role = nobody_of_this_name
""" % role + tokens.section("plain", plain_hash, allow="read") + tokens.section("tied", tied_hash, allow="read", role=role)
    daemon = start(make_cetld, database.url(), tokens, config)
    daemon.drop("items.csv", "id,name,owner\n1,a,ann\n2,b,bob\n3,c,ann\n4,d,tied\n")
    file = daemon.wait_state("items.csv")["id"]
    daemon.drop("orders.csv", "id\n1\n")
    daemon.wait_state("orders.csv")
    database.rows("ALTER TABLE items ENABLE ROW LEVEL SECURITY")
    database.rows("CREATE POLICY own ON items USING (owner = coalesce(current_setting('request.jwt.claims')::json->>'sub',"
                  " current_setting('request.jwt.claims')::json->>'token'))")
    database.rows('GRANT SELECT, INSERT, UPDATE, DELETE ON items TO "%s"' % role)

    def ids(path, token):
        answer = daemon.get(path, headers=bearer(token))
        assert answer.status == 200, answer
        return [row["id"] for row in answer.json]

    def member(name):
        return hs256({"exp": int(time.time()) + 600, "role": "member", "sub": name})

    for path in ("/v1/items", "/v1/items?select=id&order=id", "/read/first-chunk", "/latest-event-data?dataset=items", "/v1/report/mine?format=json"):
        if path.startswith("/v1/report"):
            path = path.split("?")[0]
        for _ in range(3):
            got = {}
            for who, token in (("ann", member("ann")), ("plain", plain), ("bob", member("bob")), ("quote", member("o'hara\\'; --")), ("tied", tied)):
                answer = daemon.get(path, headers=bearer(token, Accept="application/json"))
                assert answer.status == 200, (path, who, answer)
                got[who] = [row["id"] for row in answer.json]
            assert got == {"ann": [1, 3], "plain": [1, 2, 3, 4], "bob": [2], "quote": [], "tied": [4]}, path
    check = subprocess.run([BINARY, "--check", "-c", daemon.conf], capture_output=True, text=True, timeout=30,
                           env={**os.environ, "CREDENTIALS_DIRECTORY": tokens.folder})
    assert check.returncode == 1 and check.stderr.count("\n") == 1, check.stderr
    assert "role lost: role: the database has no such role; CREATE ROLE \"nobody_of_this_name\"" in check.stderr
    # What the role has no grant for; a role that is not there; one that the daemon may not become.
    assert daemon.get("/v1/orders", headers=bearer(tied)).status == 403
    lost = daemon.get("/v1/items", headers=bearer(hs256({"exp": int(time.time()) + 600, "role": "lost"})))
    assert lost.status == 403 and 'CREATE ROLE "nobody_of_this_name"' in lost.json["hint"], lost
    database.rows('REVOKE "%s" FROM cetl' % role)
    check = subprocess.run([BINARY, "--check", "-c", daemon.conf], capture_output=True, text=True, timeout=30,
                           env={**os.environ, "CREDENTIALS_DIRECTORY": tokens.folder})
    assert 'token tied: role: the daemon may not take it; GRANT "%s" TO "cetl"' % role in check.stderr, check.stderr
    for path in ("/v1/items", "/v1/report/mine", "/latest-event-data?dataset=items"):
        denied = daemon.get(path, headers=bearer(tied))
        assert denied.status == 403 and 'GRANT "%s" TO' % role in denied.json["hint"], denied
    database.rows('GRANT "%s" TO cetl' % role)
    # No table's policy filters the rows that were refused.
    assert daemon.get("/v1/files/%d/rejects" % file, headers=bearer(tied)).status == 403
    assert daemon.get("/v1/files/%d/rejects" % file, headers=bearer(plain)).status == 200
    daemon.drop("items2.csv", "id,name,owner\nhush,a,bob\n")
    failed = daemon.wait_state("items2.csv", "failed")
    assert "hush" in failed["error"]
    for path in ("/v1/files?dataset=items", "/v1/files?state=failed", "/v1/files/%d" % failed["id"]):
        seen, hidden = daemon.get(path, headers=bearer(plain)), daemon.get(path, headers=bearer(tied))
        assert b"hush" in seen.body and b"items2.csv" in hidden.body and b"hush" not in hidden.body, hidden
    from test_api_events import Stream  # which takes from here, too
    with Stream(daemon, headers=bearer(plain)) as seen, Stream(daemon, headers=bearer(tied)) as hidden:
        daemon.drop("items3.csv", "id,name,owner\nhush,a,ann\n")
        assert "hush" in seen.state("items3.csv", "failed")[2]["error"]
        assert "error" not in hidden.state("items3.csv", "failed")[2] and "hush" not in json.dumps(hidden.events)
    # An ETag of one is not good for another.
    etag = daemon.get("/v1/items", headers=bearer(plain)).headers.get("ETag")
    if etag:
        answer = daemon.get("/v1/items", headers=bearer(member("bob"), **{"If-None-Match": etag}))
        assert answer.status == 200 and [row["id"] for row in answer.json] == [2]

    # Writes, too: in the role's rows alone, and what cetld keeps beside them (rollups, versions) is as true as ever.
    def write(method, path, who, body=None):
        fields = bearer(member(who), Prefer="return=minimal", **{"Content-Type": "application/json"})
        return daemon.request(method, path, None if body is None else json.dumps(body), fields).status

    assert write("POST", "/v1/items", "ann", {"id": 10, "name": "z", "owner": "ann"}) == 201
    assert write("POST", "/v1/items", "ann", {"id": 11, "name": "z", "owner": "bob"}) == 403
    assert write("PATCH", "/v1/items?id=gt.0", "ann", {"name": "y"}) == 204
    assert write("PATCH", "/v1/items?id=eq.10", "ann", {"owner": "bob"}) == 403
    assert write("DELETE", "/v1/items?id=gt.0", "bob") == 204
    assert database.rows("SELECT id, name, owner FROM items ORDER BY id") == [(1, "y", "ann"), (3, "y", "ann"), (4, "d", "tied"), (10, "y", "ann")]
    assert database.same("SELECT name, n FROM items_names", "SELECT name, count(*) FROM items GROUP BY name")
    assert ids("/v1/items", plain) == [1, 3, 4, 10]


# What is said by a path's {name} here, and a body that suits the method.
FILLED = {"table": "orders", "key": "1", "name": "mine", "id": "1", "file": "none.js"}
BODIES = {"POST": b"{}", "PUT": b"{}", "PATCH": b"{}"}


def test_no_route_is_forgotten(make_cetld, database, tokens):
    """Every route of the description, as somebody who may nothing of that, and as nobody from elsewhere."""
    (little, little_hash), (writer, writer_hash) = new_token(), new_token()
    config = ITEMS + "[report mine]\nsql = select id from items order by id\n"
    config += tokens.section("little", little_hash, allow="items_names: read") + tokens.section("writer", writer_hash, allow="items: write")
    daemon = start(make_cetld, database.url(), tokens, config)
    daemon.drop("orders.csv", "id\n1\n")
    daemon.wait_state("orders.csv")
    described = daemon.get("/openapi.json").json["paths"]
    public = {"/status", "/healthz", "/docs", "/docs/{file}"}
    common = {"/", "/v1", "/v1/report", "/readyz", "/metrics", "/openapi.json", "/events", "/etl-jobs", "/etl-jobs/{id}"}
    wrong = []
    for path, item in described.items():
        filled = path
        for name, value in FILLED.items():
            filled = filled.replace("{%s}" % name, value)
        for method in (m.upper() for m in item if m in ("get", "post", "put", "patch", "delete")):
            if path in public:
                continue
            nobody = daemon.request(method, filled, BODIES.get(method), ELSEWHERE)
            if nobody.status != 401:
                wrong.append(("nobody", method, filled, nobody))
            if path in common or path.startswith("/v1/items_names"):
                continue
            answer = daemon.request(method, filled, BODIES.get(method), bearer(little, **{"Content-Type": "application/json"}))
            if answer.status != 403:
                wrong.append(("little", method, filled, answer))
    assert not wrong, "\n".join(map(str, wrong))
    # Who may write does not read by writing.
    for method, path in (("POST", "/v1/items"), ("PATCH", "/v1/items?id=gt.0"), ("DELETE", "/v1/items?id=gt.0")):
        answer = daemon.request(method, path, b'{"id": 5, "name": "x"}' if method == "POST" else BODIES.get(method),
                                bearer(writer, Prefer="return=representation", **{"Content-Type": "application/json"}))
        assert answer.status == 403, answer
    assert daemon.get("/v1/items", headers=bearer(writer)).status == 403
    assert daemon.request("POST", "/v1/items", b'{"id": 6, "name": "x"}', bearer(writer, Prefer="return=minimal", **{"Content-Type": "application/json"})).status == 201


def test_jobs_show_sources_of_readable_datasets_only(make_cetld, database, tokens):
    (little, little_hash), (puller, puller_hash) = new_token(), new_token()
    config = ITEMS + "".join("[source %s]\nurl = http://127.0.0.1:1/x.csv\ndataset = %s\n" % s for s in (("mine", "items"), ("theirs", "orders")))
    config += tokens.section("little", little_hash, allow="items: read") + tokens.section("puller", puller_hash, allow="ingest")
    daemon = start(make_cetld, database.url(), tokens, config)
    url = daemon.request("POST", "/start-etl-job", headers=bearer(puller)).json["url"]

    def sources(path, token):
        job = daemon.get(path, headers=bearer(token)).json
        return [s["name"] for s in (job[0] if isinstance(job, list) else job)["sources"]]

    for path in (url, "/etl-jobs"):
        assert (sources(path, little), sources(path, puller)) == (["mine"], ["mine", "theirs"])
    assert len(daemon.json("/status")["sources"]) == 2


def test_too_many_requests_are_429(make_cetld, database, tokens):
    (slow, slow_hash), (fast, fast_hash) = new_token(), new_token()
    config = ITEMS + tokens.section("slow", slow_hash, allow="read", rate="3/h") + tokens.section("fast", fast_hash, allow="read")
    daemon = start(make_cetld, database.url(), tokens, config, api={"rate": "200/h"})
    assert [daemon.get("/v1", headers=bearer(slow)).status for _ in range(5)] == [200, 200, 200, 429, 429]
    held = daemon.get("/v1", headers=bearer(slow))
    assert 0 < int(held.headers["Retry-After"]) <= 1201
    # Guessing counts against the address, which others use with their tokens as before.
    statuses = [daemon.get("/v1", headers=bearer("guess%d" % n)).status for n in range(210)]
    assert statuses[0] == 401 and statuses[-1] == 429 and set(statuses) == {401, 429}
    assert daemon.get("/v1").status == 429 and daemon.get("/v1", unix=True).status == 200
    assert daemon.get("/v1", headers=bearer(fast)).status == 200 and daemon.get("/status").status == 200


NGINX = """
daemon off; worker_processes 1; pid {0}/nginx.pid; error_log {0}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
    server {{ listen unix:{0}/plain.sock; location / {{ proxy_pass http://127.0.0.1:{1}; }} }}
    server {{ listen unix:{0}/told.sock; location / {{ {2} }} }}
}}
"""


@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="there is no nginx")
def test_who_comes_through_nginx_needs_a_token(make_cetld, database, tokens, folder):
    token, digest = new_token()
    daemon = start(make_cetld, database.url(), tokens, ITEMS + tokens.section("ci", digest, allow="read"))
    with open(os.path.join(os.path.dirname(__file__), "../../docs/access.md")) as f:
        told = re.search(r"location / \{(.*?)\}", f.read(), re.S).group(1).replace("127.0.0.1:8080", "127.0.0.1:%d" % daemon.port)
    place = os.path.join(folder, "nginx")
    os.mkdir(place)
    with open(os.path.join(place, "nginx.conf"), "w") as f:
        f.write(NGINX.format(place, daemon.port, told))
    nginx = subprocess.Popen(["nginx", "-p", place, "-c", os.path.join(place, "nginx.conf")], env={"PATH": "/usr/sbin:/usr/bin"}, stderr=subprocess.DEVNULL)
    try:
        for name in ("plain.sock", "told.sock"):
            path = os.path.join(place, name)
            until(lambda: os.path.exists(path), lambda: "nginx listens", deadline=10)
            os.chmod(path, 0o666)

            def status(target, headers):
                connection = UnixConnection(path, 10)
                connection.request("GET", target, headers=headers)
                answer = connection.getresponse()
                answer.read()
                connection.close()
                return answer.status

            assert [status("/v1/items", {}), status("/v1/items", {"Host": "localhost"}), status("/status", {})] == [401, 401, 200], name
            assert status("/v1/items", {"Authorization": "Bearer " + token}) == 200, name
    finally:
        nginx.terminate()
        nginx.wait(10)


def test_configurations_of_the_guide_check(folder, tokens):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/access.md")) as f:
        blocks = re.findall(r"```ini\n(.*?)```", f.read(), re.S)
    assert len(blocks) == 3
    tokens.put("ci", new_token()[1])
    tokens.put("dashboard", new_token()[1])
    with open(os.path.join(tokens.folder, "issuer.pem"), "w") as f:
        f.write(Issuer(folder).pem)
    path = os.path.join(folder, "cetl.conf")
    with open(path, "w") as f:
        f.write("[database]\nurl = host=127.0.0.1 port=1\n[dataset orders]\ncolumns = id int, day date\n"
                "[rollup orders.daily]\ngroup = day\nmeasure = count(*) as n\n" + "".join(blocks).replace("/etc/cetl/", "%d/"))
    answer = subprocess.run([BINARY, "--check", "-c", path], capture_output=True, text=True, timeout=30,
                            env={**os.environ, "CREDENTIALS_DIRECTORY": tokens.folder})
    assert answer.returncode == 0, answer.stderr


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
    assert "no dataset, rollup, derive or exposed table 'itmes' (did you mean 'items'?)" in words
    tokens.put("short", "secret")
    status, words = check("[jwt]\nsecret_file = %d/short.sha256\n[role a]\nallow = itms: read\n")
    assert status == 1 and "cetl.conf:14: secret_file: " in words and "32 at least" in words and "did you mean 'items'" in words
    status, words = check("[jwt]\nkey_file = %d/short.sha256\n")
    assert status == 1 and "cetl.conf:14: key_file: " in words and "no public key in PEM" in words
    status, words = check("[token x]\nhash_file = %d/none\nallow = read\n")
    assert status == 1 and "cetl.conf:14: hash_file: " in words and "cannot be read" in words
