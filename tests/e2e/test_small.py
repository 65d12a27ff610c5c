# SPDX-License-Identifier: MIT
"""Many small files: they travel in groups, and each has the counts, the errors and the place that it would have had by itself."""

import csv
import os
import random
import signal
import subprocess

import pytest

from faults import arm, killed_and_started
from proxy import Proxy
from source import PARTS, PARTS_DAILY, assert_parts, large_part, part
from waiting import until

HEADER = "id,day,word,amount\n"


def finished(database):
    """How many files have their final row in the ledger."""
    if not database.value("SELECT to_regclass('cetl.file') IS NOT NULL"):
        return 0
    return database.value("SELECT count(*) FROM cetl.file")


def wait_finished(daemon, database, n, deadline=120):
    until(lambda: finished(database) >= n, lambda: "%d of %d files are final\n%s" % (finished(database), n, daemon.log()), deadline, step=0.05)
    daemon.wait_moved()
    assert finished(database) == n


def transactions(database):
    return database.value("SELECT count(DISTINCT xmin::text) FROM cetl.file")


def write_parts(folder, files, rows=10, first=1, number=0):
    """Small files of known rows, numbered from `number` on; their paths."""
    paths = []
    for n in range(number, number + files):
        paths.append(os.path.join(folder, "part_%04d.csv" % n))
        with open(paths[-1], "wb") as f:
            f.write(part(n, first + (n - number) * rows, rows))
    return paths


def row(n):
    return "%d,2024-03-%02d,word %d,%d.50\n" % (n, 1 + n % 28, n % 7, n)


class Mixed:
    """Two thousand files of every kind, and what must become of each: name → (state, read, loaded, rejected, rejected lines)."""

    def __init__(self, daemon, files):
        self.expected, self.rows, self.n, self.equal = {}, set(), 0, {}
        kinds = {97: self.some_bad, 131: self.too_bad, 61: self.duplicate, 151: self.turned, 199: self.unknown_column, 211: self.unclosed,
                 307: self.only_header, 401: self.empty, 53: self.no_last_line_end, 173: self.crlf}
        self.first = None
        for n in range(files):
            kind = next((k for every, k in kinds.items() if n % every == every - 1), self.good)
            name = "part_%04d.csv" % n
            text, outcome = kind(name)
            daemon.drop(name, text)
            self.expected[name] = outcome
            self.equal.setdefault(text, []).append(name)

    def settle(self, loaded):
        """Of equal files any may be the one that loads, the first as well as a duplicate of it: here are the names of those that did."""
        for names in self.equal.values():
            outcomes = sorted((self.expected[n] for n in names), key=lambda e: e[0] != "loaded")
            self.expected.update(zip(sorted(names, key=lambda n: n not in loaded), outcomes))

    def take(self, n):
        """Lines of n new rows, which will be in the table."""
        ids = range(self.n, self.n + n)
        self.n += n
        self.rows.update(ids)
        return [row(i) for i in ids]

    def good(self, name):
        lines = self.take(1 + self.n % 9)
        text = HEADER + "".join(lines)
        if self.first is None:
            self.first = text
        return text, ("loaded", len(lines), len(lines), 0, [])

    def some_bad(self, name):
        lines = self.take(5)
        lines.insert(2, "x%d,2024-01-01,,\n" % self.n)
        lines.append("%d,2024-13-01,,\n" % self.n)
        return HEADER + "".join(lines), ("loaded", 7, 5, 2, [4, 8])

    def too_bad(self, name):
        text = HEADER + row(self.n) + "".join("no%d,,,\n" % (self.n + i) for i in range(4))
        return text, ("failed", 5, 0, 4, [3, 4, 5, 6])

    def duplicate(self, name):
        return self.first, ("duplicate", 0, 0, 0, [])

    def turned(self, name):
        lines = [",".join(reversed(line.strip().split(","))) + "\n" for line in self.take(3)]
        return "amount,word,day,id\n" + "".join(lines), ("loaded", 3, 3, 0, [])

    def unknown_column(self, name):
        return "id,day,word,price\n" + row(self.n), ("failed", 0, 0, 0, None)

    def unclosed(self, name):
        return HEADER + '%d,2024-01-01,"open,1\n' % self.n, ("failed", 0, 0, 0, None)

    def only_header(self, name):
        # Its bytes are the same each time: the first is loaded, with no rows.
        state = "duplicate" if any(e == ("loaded", 0, 0, 0, []) for e in self.expected.values()) else "loaded"
        return HEADER, (state, 0, 0, 0, [])

    def empty(self, name):
        return "", ("failed", 0, 0, 0, None)

    def no_last_line_end(self, name):
        lines = self.take(2)
        return (HEADER + "".join(lines))[:-1], ("loaded", 2, 2, 0, [])

    def crlf(self, name):
        lines = self.take(2)
        return (HEADER + "".join(lines)).replace("\n", "\r\n"), ("loaded", 2, 2, 0, [])


def test_two_thousand_files_of_every_kind(make_cetld, database):
    daemon = make_cetld(database.url(), PARTS.replace("files =", "max_errors = 2\nfiles ="))
    mixed = Mixed(daemon, 2000)
    daemon.start()
    wait_finished(daemon, database, 2000)
    told = {r[0]: r[1:] for r in database.rows("SELECT name, state, rows_read, rows_loaded, rows_rejected FROM cetl.file")}
    mixed.settle({n for n, e in told.items() if e[0] == "loaded"})
    assert {n: e[:4] for n, e in mixed.expected.items() if told[n][0] != e[0]} == {}
    wrong = {n: (told[n], e) for n, e in mixed.expected.items() if e[0] == "loaded" and told[n] != e[:4]}
    assert wrong == {}
    # A duplicate may have been read to its last row before it was known.
    assert [n for n, e in mixed.expected.items() if e[0] == "duplicate" and told[n][2:] != (0, 0)] == []
    rejects = {}
    for name, line, raw in database.rows("SELECT f.name, line, convert_from(raw, 'UTF8') FROM cetl.reject r JOIN cetl.file f ON f.id = r.file_id"
                                         " ORDER BY f.id, line"):
        rejects.setdefault(name, []).append(line)
        assert raw.startswith(("x", "no")) or "2024-13" in raw
    for name, (state, _, _, _, lines) in mixed.expected.items():
        if lines is not None:
            assert rejects.get(name, []) == lines, name
        where = "failed" if state == "failed" else "done"
        assert os.path.exists(daemon.path(where, name)), name
        assert os.path.exists(daemon.path("failed", name + ".errors.csv")) == (state == "failed"), name
        if state == "failed" and lines:
            assert told[name] == ("failed", 5, 0, 4)
            assert [int(r["line"]) for r in csv.DictReader(daemon.errors_csv(name).splitlines())] == lines
    assert {r[0] for r in database.rows("SELECT id FROM parts")} == mixed.rows
    assert database.value("SELECT count(*) FROM parts") == len(mixed.rows)
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)
    assert database.value("SELECT count(*) FROM cetl.file WHERE state = 'duplicate' AND duplicate_of IN (SELECT id FROM cetl.file"
                          " WHERE state = 'loaded' AND sha256 = cetl.file.sha256)") >= 30
    assert database.value("SELECT base_rows + coalesce((SELECT sum(rows) FROM cetl.change c WHERE c.dataset_id = d.id), 0)"
                          " FROM cetl.dataset d WHERE name = 'parts'") == len(mixed.rows)
    assert transactions(database) < 500, "the files travelled by themselves"


def test_filtered_rows_are_counted_in_a_group(make_cetld, database):
    daemon = make_cetld(database.url(), PARTS.replace("files =", "filter = id % 2 = 0\nfiles ="))
    for n in range(50):
        daemon.drop("part_%d.csv" % n, HEADER + row(3 * n) + row(3 * n + 1) + row(3 * n + 2))
    daemon.start()
    wait_finished(daemon, database, 50)
    assert database.rows("SELECT state, sum(rows_read), sum(rows_loaded), sum(rows_filtered) FROM cetl.file GROUP BY 1") == [("loaded", 150, 75, 75)]
    assert database.value("SELECT count(*) FROM parts WHERE id % 2 = 0") == 75
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)
    assert transactions(database) < 25, "the files travelled by themselves"
    assert not daemon.log_lines("tried again")


def test_equal_files_dropped_together_load_once(make_cetld, database):
    daemon = make_cetld(database.url(), PARTS)
    for n in range(100):
        daemon.drop("part_%d.csv" % n, HEADER + row(n % 5))
    daemon.start()
    wait_finished(daemon, database, 100)
    assert sorted(database.rows("SELECT state, count(*) FROM cetl.file GROUP BY 1")) == [("duplicate", 95), ("loaded", 5)]
    assert database.value("SELECT count(*) FROM parts") == 5


def test_equal_file_that_comes_by_itself_is_a_duplicate(make_cetld, database):
    """A single file is converted before it is known to be one: nothing of it may reach the table or the rollup."""
    daemon = make_cetld(database.url(), PARTS).start()
    for n, state in ((1, "loaded"), (2, "duplicate"), (3, "duplicate")):
        daemon.drop("part_%d.csv" % n, HEADER + row(1) + row(2))
        daemon.wait_state("part_%d.csv" % n, state)
    assert database.value("SELECT count(*) FROM parts") == 2
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)


def test_equal_files_load_each_where_duplicates_load(make_cetld, database):
    daemon = make_cetld(database.url(), PARTS.replace("files =", "duplicates = load\nfiles ="))
    for n in range(60):
        daemon.drop("part_%d.csv" % n, HEADER + row(1))
    daemon.start()
    wait_finished(daemon, database, 60)
    assert database.value("SELECT count(*) FROM parts") == 60
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)


@pytest.mark.parametrize("constraint, clash", [("PRIMARY KEY (id)", 23505), ("UNIQUE (id) DEFERRABLE INITIALLY DEFERRED", 23505),
                                               ("CHECK (id <> 150)", 23514)])
def test_file_that_postgresql_refuses_fails_alone(make_cetld, database, constraint, clash):
    """One file of three hundred breaks a constraint; whether PostgreSQL names its line or not, only that one fails, with PostgreSQL's words."""
    daemon = make_cetld(database.url(), PARTS)
    daemon.start()
    database.rows("ALTER TABLE parts ADD " + constraint)
    daemon.stop()
    for n in range(300):
        daemon.drop("part_%03d.csv" % n, HEADER + row(n))
    bad = "part_150.csv"
    if clash == 23505:
        bad = "part_300.csv"
        daemon.drop(bad, HEADER + row(500) + row(7))
    daemon.start()
    wait_finished(daemon, database, 300 + (clash == 23505))
    failed = database.rows("SELECT name, error FROM cetl.file WHERE state = 'failed'")
    # Of two files with one key the later one fails; which one that is, nobody promised.
    assert len(failed) == 1 and failed[0][0] in (bad, "part_007.csv"), failed
    assert "constraint" in failed[0][1]
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY)
    assert database.value("SELECT count(*) FROM parts") == database.value("SELECT sum(rows_loaded) FROM cetl.file")


def test_undeclared_files_go_together_once_their_table_exists(make_cetld, database):
    daemon = make_cetld(database.url())
    for n in range(300):
        daemon.drop("things_%03d.csv" % n, "a,b\n%d,x%d\n" % (n, n))
    daemon.drop("things_900.csv", "a,b,c\n1,2,3\n")
    daemon.start()
    wait_finished(daemon, database, 301)
    assert database.value("SELECT count(*), sum(a) FROM things") == 300
    assert database.value("SELECT sum(a) FROM things") == sum(range(300))
    assert transactions(database) < 150


def test_table_altered_while_small_files_load(make_cetld, database, folder):
    daemon = make_cetld(database.url(), PARTS)
    sources = write_parts(folder, 600)
    daemon.start()
    for n, path in enumerate(sources):
        daemon.drop_file(path)
        if n == 300:
            database.rows("SET lock_timeout = '20s'; ALTER TABLE parts ADD COLUMN note text")
    wait_finished(daemon, database, 600)
    assert_parts(database, daemon, sources)


@pytest.mark.parametrize("seed, kills, files", [(1, 8, 800), pytest.param(2, 40, 4000, marks=pytest.mark.long)])
def test_killed_at_random_while_groups_load(make_cetld, database, folder, seed, kills, files):
    r = random.Random(seed)
    daemon = make_cetld(database.url(), PARTS)
    sources = write_parts(folder, files, rows=20)
    daemon.start()
    daemon.stop()
    share = files // kills
    for n in range(kills):
        for path in sources[n * share:(n + 1) * share]:
            daemon.drop_file(path)
        daemon.launch()
        before = finished(database)
        if n % 2:
            until(lambda: finished(database) > before, lambda: "the first is loaded\n" + daemon.log(), step=0.001)
        else:
            until(lambda: daemon.files_in("work"), lambda: "a file is claimed\n" + daemon.log(), step=0.001)
        try:
            daemon.process.wait(0.06 * r.random())
        except subprocess.TimeoutExpired:
            pass
        daemon.kill9()
        assert database.value("SELECT count(*) FROM parts") == database.value("SELECT coalesce(sum(rows_loaded), 0) FROM cetl.file")
    daemon.start()
    wait_finished(daemon, database, files)
    assert_parts(database, daemon, sources)


POINTS = ["PQsendQuery~COMMIT#2", "PQsendQuery~COMMIT#3", "PQputCopyData#4", "PQputCopyEnd#2", "PQputCopyEnd#3", "PQsendQuery~advisory#2", "rename~work#90",
          "rename~done#40", "read~.csv#100"]


@pytest.mark.parametrize("action", ["kill", "killafter"])
@pytest.mark.parametrize("point", POINTS)
def test_killed_at(make_cetld, database, folder, faultio, point, action):
    daemon = make_cetld(database.url(), PARTS)
    sources = write_parts(folder, 600)
    daemon.start()
    daemon.stop()
    for path in sources:
        daemon.drop_file(path)
    arm(daemon, faultio, folder, "%s=%s" % (point, action))
    killed_and_started(daemon)
    daemon.wait_count("loaded", 600, deadline=90)
    assert_parts(database, daemon, sources)


@pytest.mark.parametrize("rule", ["c2s:Query~COMMIT#2=rst,once", "s2c:CommandComplete~COMMIT#2=rst,once", "s2c:CommandComplete~COMMIT#2=fincli,once",
                                  "c2s:CopyDone#2=rst,once", "s2c:CommandComplete~COPY#2=rst,once", "c2s:Query~advisory#2=rst,once"])
def test_connection_cut_while_a_group_loads(make_cetld, postgres, database, folder, rule):
    proxy = Proxy(postgres)
    try:
        daemon = make_cetld(database.url(proxy.port), PARTS)
        sources = write_parts(folder, 600)
        daemon.start()
        daemon.stop()
        for path in sources:
            daemon.drop_file(path)
        proxy.tell("rule " + rule)
        daemon.start(ready=False)
        daemon.wait_count("loaded", 600, deadline=90)
        while not proxy.fired():  # a rule counts by connection, and each may have got one group
            assert len(sources) < 6000
            more = write_parts(folder, 200, first=1 + 10 * len(sources), number=len(sources))
            for path in more:
                daemon.drop_file(path)
            sources += more
            daemon.wait_count("loaded", len(sources), deadline=90)
        assert proxy.fired() == [rule]
        assert_parts(database, daemon, sources)
        daemon.stop()
    finally:
        proxy.close()


def test_dropped_queue_of_events_loses_no_file(make_cetld, database, folder):
    """The daemon is stopped until inotify has thrown events away: those of the 5,000 files are among them."""
    daemon = make_cetld(database.url(), PARTS)
    sources = write_parts(folder, 5000, rows=2)
    daemon.start()
    with open("/proc/sys/fs/inotify/max_queued_events") as f:
        most = int(f.read())
    daemon.signal(signal.SIGSTOP)
    noise = daemon.path("incoming", ".noise")
    for n in range(most // 2 + 1000):  # two names by turns: equal events behind each other count once
        with open(noise + str(n % 2), "w"):
            pass
    for path in sources:
        daemon.drop_file(path)
    daemon.signal(signal.SIGCONT)
    wait_finished(daemon, database, 5000)
    overflows = [line for line in daemon.get("/metrics").body.decode().splitlines() if line.startswith("cetl_inotify_overflows_total ")]
    assert float(overflows[0].split()[1]) >= 1
    for n in range(2):
        os.unlink(noise + str(n))
    assert_parts(database, daemon, sources)


OTHER = """
[dataset other]
files = other_*.csv
columns = n bigint
"""


def test_small_file_does_not_wait_behind_large_ones_of_another_dataset(make_cetld, database, folder):
    """The large ones are held for as long as we like, by a lock on their table, and fill the memory: the small one loads meanwhile."""
    daemon = make_cetld(database.url(), PARTS + OTHER, daemon={"memory_max": "32M"})
    daemon.start()
    sources = []
    for n in range(4):
        sources.append(os.path.join(folder, "part_%d.csv" % n))
        large_part(sources[-1], 1 + n * 10000000, 8)
    db = database.connect()
    db.autocommit = False
    with db.cursor() as sql:
        sql.execute("LOCK TABLE parts IN ACCESS EXCLUSIVE MODE")
        for path in sources:
            daemon.drop_file(path)
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'COPY' AND usename = 'cetl'") == 2,
              lambda: "both connections wait for the lock\n" + daemon.log())
        for n in range(40):
            daemon.drop("other_%d.csv" % n, "n\n%d\n" % n)
        until(lambda: finished(database) == 40, lambda: "the small ones are loaded\n" + daemon.log(), deadline=10)
        assert database.value("SELECT sum(n) FROM other") == sum(range(40))
    db.rollback()
    db.close()
    daemon.wait_count("loaded", 44)
    assert sum(1 for e in daemon.ledger() if e["name"].startswith("part_")) == 4
