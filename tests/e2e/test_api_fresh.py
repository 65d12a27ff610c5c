# SPDX-License-Identifier: MIT
"""Answers are fresh: ETags and kept answers follow the versions of what they were made of, whoever writes; small reads share a connection."""

import json
import os
import random
import shutil
import socket
import struct
import threading
import time

import pytest

from waiting import until

ITEMS = """
[dataset items]
columns = id bigint primary key, name text, price numeric
mode = upsert
[rollup items.names]
group = name
measure = count(*) as n
"""


def ask(d, path, etag=None, method="GET", **headers):
    if etag:
        headers["If-None-Match"] = etag
    return d.request(method, path, headers=headers)


def fill(d, n=20, name="items.csv", dataset="id,name,price"):
    d.drop(name, dataset + "\n" + "".join("%d,n%d,%d.5\n" % (i, i % 3, i) for i in range(n)))
    d.wait_state(name)


def counter(d, name):
    text = d.get("/metrics").body.decode()
    return next(int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def test_an_answer_that_is_the_same_is_304_until_somebody_writes(cetld, database):
    d = cetld(ITEMS)
    fill(d)
    path = "/v1/items?limit=5"
    first = ask(d, path)
    etag = first.headers["ETag"]
    assert first.status == 200 and etag and first.headers["Cache-Control"] == "no-cache"
    again = ask(d, path)
    assert (again.body, again.headers["ETag"], again.headers["Content-Range"], again.headers["Link"], again.headers["Vary"]) == (
        first.body, etag, first.headers["Content-Range"], first.headers["Link"], first.headers["Vary"])
    same = ask(d, path, etag)
    assert same.status == 304 and same.body == b"" and same.headers["ETag"] == etag
    for answer in (first, again, same):
        assert "Accept, Prefer, Range, Range-Unit" in answer.headers.get_all("Vary"), answer.headers
    assert ask(d, path, '"x", ' + etag).status == 304 and ask(d, path, etag.replace("W/", "")).status == 304
    assert ask(d, path, '"x"').status == 200
    for other in (path, "/v1/items", "/v1/items?select=id&order=price.desc", "/v1/items?limit=2&select=name", "/read/first-chunk"):
        for accept in ("application/json", "text/csv", "application/vnd.pgrst.object+json"):
            tag = ask(d, other, Accept=accept).headers["ETag"]
            assert ask(d, other, method="HEAD", Accept=accept).headers["ETag"] == tag, (other, accept)
            assert tag is None or ask(d, other, tag, "HEAD", Accept=accept).status == 304
    for write in ("UPDATE items SET name = 'psql' WHERE id = 1", "DELETE FROM items WHERE id = 2", "INSERT INTO items VALUES (2, 'new', 1)",
                  "SET session_replication_role = replica; UPDATE items SET name = 'replica' WHERE id = 3",
                  "ALTER TABLE items ALTER price TYPE numeric USING price * 2", "TRUNCATE items"):
        database.rows(write)
        answer = ask(d, path, etag)
        assert answer.status == 200 and answer.json == json.loads(ask(d, path + "&offset=0").body), write
        assert answer.headers["ETag"] != etag
        etag = answer.headers["ETag"]
        assert ask(d, path, etag).status == 304
    fill(d, 30, "items2.csv")
    answer = ask(d, path, etag)
    assert answer.status == 200 and len(answer.json) == 5
    with open(d.log_path) as log:
        assert "could not be read" not in log.read()


def test_a_server_that_lost_commits_is_not_taken_for_the_one_that_had_them(make_cetld, own_postgres, own_database):
    """A standby that was behind takes over: it counts the same versions once more, of other rows."""
    daemon = make_cetld(own_database.url(), ITEMS).start()
    daemon.stop()
    own_postgres.stop()
    behind = own_postgres.data + ".behind"
    shutil.copytree(own_postgres.data, behind)
    if own_postgres.user:
        for path, folders, files in os.walk(behind):
            for name in [".", *folders, *files]:
                shutil.chown(os.path.join(path, name), "postgres", "postgres")
    own_postgres.start()
    daemon.start()
    insert = "INSERT INTO items (id, name) VALUES (1, '%s')"
    own_database.rows(insert % "lost")
    etag = daemon.get("/v1/items").headers["ETag"]
    own_postgres.stop("immediate")
    shutil.rmtree(own_postgres.data)
    os.rename(behind, own_postgres.data)
    own_postgres.start()
    until(lambda: daemon.get("/readyz").status == 200, lambda: daemon.log())
    own_database.rows(insert % "kept")
    answer = daemon.get("/v1/items", headers={"If-None-Match": etag})
    assert answer.status == 200 and answer.json[0]["name"] == "kept", answer


def test_each_form_has_its_own_answer(cetld):
    d = cetld(ITEMS)
    fill(d)
    seen = {}
    for accept in ("application/json", "text/csv", "application/x-ndjson"):
        for _ in range(2):
            answer = ask(d, "/v1/items?limit=3", Accept=accept)
            assert answer.headers["Content-Type"].startswith(accept)
            seen.setdefault(accept, set()).add((answer.headers["ETag"], answer.body))
    assert [len(s) for s in seen.values()] == [1, 1, 1]
    assert len({etag for s in seen.values() for etag, _ in s}) == 3
    ranged = ask(d, "/v1/items", Range="0-1", **{"Range-Unit": "items"})
    assert len(ranged.json) == 2 and len(ask(d, "/v1/items", Range="0-2", **{"Range-Unit": "items"}).json) == 3
    counted = ask(d, "/v1/items?limit=2", Prefer="count=exact")
    assert counted.headers["Content-Range"] == "0-1/20" and ask(d, "/v1/items?limit=2").headers["Content-Range"] == "0-1/*"
    assert ask(d, "/v1/items?limit=2", Prefer="count=exact").headers["Content-Range"] == "0-1/20"


def test_a_streamed_answer_is_conditional_too(cetld, database):
    d = cetld(ITEMS)
    fill(d, 3000)
    whole = ask(d, "/v1/items")
    etag = whole.headers["ETag"]
    assert len(whole.json) == 3000 and ask(d, "/v1/items", etag).status == 304
    database.rows("DELETE FROM items WHERE id = 0")
    assert len(ask(d, "/v1/items", etag).json) == 2999


def test_rollups_and_derived_tables_have_versions_and_views_have_none(cetld, database):
    d = cetld(ITEMS + "[derive cheap]\nafter = items\nsql = select * from items where price < 5\n"
              "[derive seen]\nafter = items\nas = view\nsql = select * from items\n")
    fill(d)
    until(lambda: d.get("/v1/cheap").status == 200 and len(d.get("/v1/cheap").json) == 5, lambda: "the derive is made")
    rollup, derive = ask(d, "/v1/items_names"), ask(d, "/v1/cheap")
    assert ask(d, "/v1/items_names", rollup.headers["ETag"]).status == 304
    assert ask(d, "/v1/cheap", derive.headers["ETag"]).status == 304
    until(lambda: d.get("/v1/seen").status == 200, lambda: "the view is made")
    assert ask(d, "/v1/seen").headers["ETag"] is None
    database.rows("UPDATE items SET name = 'other', price = 0 WHERE id = 19")

    def follows(path, etag, wanted):
        until(lambda: ask(d, path, etag).status == 200 and wanted(ask(d, path, etag).json), lambda: "%s: %s" % (path, ask(d, path).body))
    follows("/v1/items_names", rollup.headers["ETag"], lambda rows: {"name": "other", "n": 1} in rows)
    follows("/v1/cheap", derive.headers["ETag"], lambda rows: len(rows) == 6)


def test_without_its_trigger_a_table_has_no_version(cetld, database):
    d = cetld(ITEMS)
    fill(d)
    etag = ask(d, "/v1/items?limit=5").headers["ETag"]
    database.rows("ALTER TABLE items DISABLE TRIGGER cetl_outside; UPDATE items SET name = 'unseen'")
    answer = ask(d, "/v1/items?limit=5", etag)
    assert answer.status == 200 and answer.headers["ETag"] is None and {r["name"] for r in answer.json} == {"unseen"}
    database.rows("ALTER TABLE items ENABLE ALWAYS TRIGGER cetl_outside; UPDATE items SET name = 'seen'")
    assert {r["name"] for r in ask(d, "/v1/items?limit=5", etag).json} == {"seen"}


JOBS = """
[dataset jobs]
columns = id bigint primary key, title text
mode = %s
[dataset people]
columns = id bigint primary key, job_id bigint references jobs on delete cascade
"""


def test_what_a_foreign_key_takes_along_is_seen(cetld, database):
    d = cetld(JOBS % "replace")
    d.drop("jobs.csv", "id,title\n1,a\n2,b\n3,c\n4,d\n")
    d.wait_state("jobs.csv")
    d.drop("people.csv", "id,job_id\n1,1\n2,2\n3,3\n4,4\n")
    d.wait_state("people.csv")

    def people(etag=None):
        answer = ask(d, "/v1/people?limit=9", etag)
        return answer.headers["ETag"], [r["id"] for r in answer.json] if answer.status == 200 else None
    etag, ids = people()
    assert ids == [1, 2, 3, 4] and people(etag)[1] is None
    database.rows("DELETE FROM jobs WHERE id = 1")
    etag, ids = people(etag)
    assert ids == [2, 3, 4]
    assert [t["stale"] for t in d.json("/v1")] == [False, False], "there are no rollups to be stale"
    gone = d.request("DELETE", "/v1/jobs/2", unix=True)
    assert gone.status in (200, 204), gone
    etag, ids = people(etag)
    assert ids == [3, 4]
    embedded = ask(d, "/v1/people?select=id,jobs(title)&limit=9")
    assert embedded.json == [{"id": 3, "jobs": {"title": "c"}}, {"id": 4, "jobs": {"title": "d"}}]
    database.rows("UPDATE jobs SET title = 'e' WHERE id = 4")
    answer = ask(d, "/v1/people?select=id,jobs(title)&limit=9", embedded.headers["ETag"])
    assert answer.status == 200 and answer.json[1]["jobs"]["title"] == "e"
    d.drop("jobs2.csv", "id,title\n9,z\n")
    d.wait_state("jobs2.csv")
    assert people(etag)[1] == []


def test_values_that_mean_the_time_of_day_are_not_kept(cetld):
    d = cetld("[dataset moments]\ncolumns = at timestamptz\n")
    d.drop("moments.csv", "at\n2001-01-01 00:00:00Z\n")
    d.wait_state("moments.csv")
    assert ask(d, "/v1/moments?at=lt.now&limit=1").headers["ETag"] is None
    assert ask(d, "/v1/moments?at=lt.2020-01-01&limit=1").headers["ETag"]


def test_a_heavy_query_is_answered_and_keeps_others_waiting_once(cetld, database):
    database.rows("CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(0.6)::text AS slept; GRANT SELECT ON slow TO cetl;"
                  "CREATE VIEW wide AS SELECT n AS id, repeat('x', 100000) AS text FROM generate_series(1, 50) n; GRANT SELECT ON wide TO cetl")
    d = cetld(ITEMS, api={"expose": "public.slow, public.wide"})
    fill(d)
    for _ in range(2):
        assert ask(d, "/v1/wide?limit=50").status == 200 and len(ask(d, "/v1/wide?limit=50").json) == 50
        assert len(ask(d, "/v1/slow?limit=1").json) == 1
    began = time.monotonic()
    slow = threading.Thread(target=ask, args=(d, "/v1/slow?limit=1"))
    slow.start()
    for _ in range(10):
        assert ask(d, "/v1/items?limit=1&id=eq.3").json[0]["id"] == 3
    quick = time.monotonic() - began
    slow.join()
    assert quick < time.monotonic() - began, "ten small reads waited for the slow one"


def test_notify_answers_from_memory_and_is_told_of_changes(cetld, database):
    d = cetld(ITEMS, api={"freshness": "notify"})
    fill(d)
    path = "/v1/items?limit=5"
    until(lambda: database.value("SELECT count(*) FROM pg_trigger WHERE tgname = 'cetl_notify'") == 1, lambda: "the trigger that notifies")
    etag = ask(d, path).headers["ETag"]
    assert ask(d, path, etag).status == 304
    for n in range(20):
        database.rows("UPDATE items SET name = %s WHERE id = 1", "psql %d" % n)
        until(lambda: ask(d, path, etag).status == 200, lambda: "the change is told")
        answer = ask(d, path, etag)
        assert answer.json[1]["name"] == "psql %d" % n
        etag = answer.headers["ETag"]
    pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'cetld notify'"
    old = database.value(pid)
    database.rows("SELECT pg_terminate_backend(%s)", old)
    database.rows("UPDATE items SET name = 'while nobody listened' WHERE id = 1")
    until(lambda: ask(d, path).status == 200, lambda: "it answers again")
    assert ask(d, path).json[1]["name"] == "while nobody listened"
    d.stop()
    d.sections["api"]["freshness"] = "exact"
    d.write_config(ITEMS)
    d.start()
    until(lambda: database.value("SELECT count(*) FROM pg_trigger WHERE tgname = 'cetl_notify'") == 0, lambda: "the trigger is gone")


# ---- never older than the last commit that a client saw


class Counters:
    """
    Each writer has rows of its own, whose `n` it raises; a raise counts once its commit was acknowledged. Readers ask conditionally, and
    whatever they get, by 304 or with a body, must have at least what counted before they asked.
    """

    ROWS = 4
    CONFIG = "[dataset counters]\ncolumns = id bigint primary key, n bigint\nmode = upsert\n"
    PATHS = ("/v1/counters?limit=50", "/v1/counters?limit=50&order=n.desc", "/v1/counters?select=n,id&limit=100", "/v1/counters",
             "/v1/counters?limit=50&id=gte.0", "/v1/counters?id=in.(0,1,2,3)&limit=9", "/v1/counters?id=eq.5&limit=1", "/v1/counters?limit=50&offset=0")

    def __init__(self, daemon, database, seed, operations, writers):
        self.d, self.database, self.seed, self.operations = daemon, database, seed, operations
        self.acknowledged = {}
        self.wrong, self.done, self.same = [], 0, 0
        self.writes = {}  # by writer
        self.lock = threading.Lock()
        self.writers = [getattr(self, name) for name in writers]
        self.over = False

    def count(self, key, n):
        with self.lock:
            self.acknowledged[key] = n
            self.done += 1
            self.writes[key // self.ROWS] = self.writes.get(key // self.ROWS, 0) + 1

    def enough(self):
        """Asked, and written by everybody."""
        return self.done >= self.operations and all(self.writes.get(i, 0) >= self.operations / 200 for i in range(len(self.writers)))

    def psql(self, number, rng):
        db = self.database.connect()
        n = 0
        with db.cursor() as sql:
            while not self.over:
                n += 1
                key = number * self.ROWS + rng.randrange(self.ROWS)
                sql.execute(rng.choice((
                    "INSERT INTO counters VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
                    "WITH gone AS (DELETE FROM counters WHERE id = %s RETURNING id) SELECT count(*) + %s FROM gone",
                    "UPDATE counters SET n = %s + %s WHERE false")), (key, n))
                if sql.query.startswith(b"INSERT"):
                    self.count(key, n)
                elif sql.query.startswith(b"WITH"):
                    sql.execute("INSERT INTO counters VALUES (%s, %s)", (key, n))
                    self.count(key, n)
                time.sleep(rng.random() * 0.01)
        db.close()

    def api(self, number, rng):
        connection = self.d.connection(unix=True, timeout=30)
        n = 0
        while not self.over:
            n += 1
            key = number * self.ROWS + rng.randrange(self.ROWS)
            connection.request("POST", "/v1/counters", json.dumps({"id": key, "n": n}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status in (200, 201), body
            self.count(key, n)
            time.sleep(rng.random() * 0.01)
        connection.close()

    def load(self, number, rng):
        n = 0
        while not self.over:
            n += 1
            key = number * self.ROWS + rng.randrange(self.ROWS)
            name = "counters-%d-%d.csv" % (number, n)
            self.d.drop(name, "id,n\n%d,%d\n" % (key, n))
            done = self.d.path("done", name)
            until(lambda: self.over or os.path.exists(done), lambda: name + " is loaded\n" + self.d.log(), step=0.002)
            if os.path.exists(done):
                self.count(key, n)

    def read(self, number, rng):
        connection = self.d.connection(timeout=30)
        known = {}
        while not self.enough() and not self.wrong:
            path = rng.choice(self.PATHS)
            with self.lock:
                before = dict(self.acknowledged)
            etag, rows = known.get(path, (None, None))
            connection.request("GET", path, headers={"If-None-Match": etag} if etag and rng.random() < 0.8 else {})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                rows = {r["id"]: r["n"] for r in json.loads(body)}
                known[path] = (answer.headers["ETag"], rows)
            elif answer.status != 304:
                self.wrong.append("%s: %d %r" % (path, answer.status, body))
                break
            for key, n in before.items():
                if "id=eq.5" in path and key != 5 or "id=in" in path and key > 3:
                    continue
                if rows.get(key, n if key // self.ROWS == self.psql_number else 0) < n:  # psql's rows are away now and then
                    self.wrong.append("%s (%d): row %d has %s, and %d was acknowledged before" % (path, answer.status, key, rows.get(key), n))
            with self.lock:
                self.done += 1
                self.same += answer.status == 304
        connection.close()

    def run(self):
        self.psql_number = next((i for i, w in enumerate(self.writers) if w == self.psql), None)
        threads = [threading.Thread(target=self.guard, args=(w, i), daemon=True) for i, w in enumerate(self.writers)]
        readers = [threading.Thread(target=self.guard, args=(self.read, 10 + i), daemon=True) for i in range(4)]
        for t in threads + readers:
            t.start()
        for t in readers:
            t.join(900)
        self.over = True
        for t in threads:
            t.join(60)
        print("seed %s: %d operations, %d of them writes, %d answers 304" % (self.seed, self.done, sum(self.writes.values()), self.same))
        assert not self.wrong, "seed %s\n%s" % (self.seed, "\n".join(self.wrong[:5]))
        assert self.enough() and self.same > 0

    def guard(self, act, number):
        try:
            act(number, random.Random("%s %d" % (self.seed, number)))
        except Exception as e:  # noqa: BLE001: told by the test
            if not self.over:
                self.wrong.append("%s: %r" % (act.__name__, e))


@pytest.mark.parametrize("freshness, writers", [("exact", ("psql", "api", "load")), ("notify", ("api", "load"))])
def test_nothing_is_older_than_the_last_commit_that_was_acknowledged(cetld, database, long, freshness, writers):
    seed = os.environ.get("SEED") or "%x" % random.getrandbits(32)
    d = cetld(Counters.CONFIG, api={"freshness": freshness}, daemon={"settle": "0"})
    d.drop("counters.csv", "id,n\n999,0\n")
    d.wait_state("counters.csv")
    Counters(d, database, seed, 20000 if long else 1200, writers).run()
    assert counter(d, 'cetl_cache_answers_total{outcome="not_modified"}') > 0


def test_a_reader_that_leaves_frees_its_query(cetld, database):
    database.rows("CREATE VIEW endless AS SELECT 1 AS id, pg_sleep(60)::text AS slept; GRANT SELECT ON endless TO cetl")
    d = cetld(ITEMS, api={"expose": "public.endless"})
    with socket.create_connection(("127.0.0.1", d.port)) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: one that only shuts its side may wait for the answer
        s.sendall(b"GET /v1/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%endless%' AND state = 'active' AND pid <> pg_backend_pid()"
        until(lambda: database.value(running) == 1, lambda: "the query runs")
    began = time.monotonic()
    until(lambda: database.value(running) == 0, lambda: "the query is gone")
    assert time.monotonic() - began < 1.5, "it was noticed by the server only"
