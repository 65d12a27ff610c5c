# SPDX-License-Identifier: MIT
"""Rollups equal SELECT … GROUP BY, whatever is done to their datasets: every mode, unload, kill -9, several writers at once."""

import os
import random
import re
import subprocess
import time
from contextlib import closing

import psycopg2
import psycopg2.errors
import pytest

from test_lineage import act
from waiting import until

COLUMNS = "id bigint%s, day date, zip text, amount numeric(12,2), n int, f float8, ok boolean, note text"
HEADER = "id,day,zip,amount,n,f,ok,note\n"
SERVER = "[column %s.zip]\nexpr = regexp_replace(zip, 'q', 'Q')\n"
KEYED = ("mode = upsert\nlineage = yes", " primary key")

# name: what its section says besides, its key, further sections. The names that end in m have measures, and those in k keys, that
# only the server computes.
DATASETS = {
    "app": ("lineage = yes", "", ""),
    "apm": ("lineage = yes", "", ""),
    "apk": ("lineage = yes", "", ""),
    "upm": KEYED + ("",),
    "upk": KEYED + ("",),
    "rem": ("mode = replace", "", ""),
    "rek": ("mode = replace", "", ""),
    "srv": ("", "", SERVER % "srv"),
    "ups": KEYED + ("",),
    "sup": KEYED + (SERVER % "sup",),
    "nby": ("mode = upsert\nnewest_by = n", " primary key", ""),
    "ign": ("mode = ignore", " primary key", ""),
    "rep": ("mode = replace", "", ""),
    "srp": ("mode = replace", "", SERVER % "srp"),
    "swp": ("mode = replace\nreplace_swap_min = 1K", "", ""),
}
ROLLUPS = {
    "days": ("day", "count(*) as rows, count(n) as ns, sum(amount) as amount, avg(amount) as mean, min(n) as least, max(n) as most,"
             " avg(f) as f, bool_and(ok) as every, bool_or(ok) as some, avg(n) as n"),
    "months": ("zip, date_trunc('month', day) as month", "count(*) as rows, sum(n) as total, max(amount) as most"),
}
FIRST = "first(amount order by n desc nulls last, f), last(zip order by n, id)"
MEASURES = {"all": ("zip, day", "count(distinct n) as n, stddev(amount) as deviation, stddev_pop(n) as pop, variance(n), var_pop(amount) as var,"
                    " sum(amount * n) as product, count(*) filter (where n > 0) as positive, avg(n), " + FIRST)}
KEYS = {"parts": ("extract(month from day) as month, upper(zip) || '-' as place, n % 3 = 0 as third",
                  "count(*) as rows, sum(amount) as amount, " + FIRST)}


def rollups(name):
    return {**ROLLUPS, **(MEASURES if name.endswith("m") else KEYS if name.endswith("k") else {})}


def section(name):
    options, key, more = DATASETS[name]
    text = "[dataset %s]\nfiles = %s_*.csv\ncolumns = %s\n%s\n%s" % (name, name, COLUMNS % key, options, more)
    return text + "".join("[rollup %s.%s]\ngroup = %s\nmeasure = %s\n" % ((name, rollup) + what) for rollup, what in rollups(name).items())


def in_sql(measure):
    """first and last as PostgreSQL has them: by hand, and in another way than the daemon's."""
    return measure.replace("first(amount order by n desc nulls last, f)", "(array_agg(amount ORDER BY n DESC NULLS LAST, f, amount))[1] AS first").replace(
        "last(zip order by n, id)", "(array_agg(zip ORDER BY n DESC, id DESC, zip DESC))[1] AS last")


def assert_rollups(database, name, words=""):
    for rollup, (group, measure) in rollups(name).items():
        keys = len(re.findall(r",(?![^(]*\))", group)) + 1
        query = "SELECT %s, %s FROM %s GROUP BY %s" % (group, in_sql(measure), name, ", ".join(str(n + 1) for n in range(keys)))
        names = [row[0] for row in database.rows("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '%s_%s'::regclass AND attnum > 0"
                                                 " AND attname !~ '^_' ORDER BY attnum" % (name, rollup))]
        table = "SELECT %s FROM %s_%s" % (", ".join(names), name, rollup)
        assert database.same(exact(table), exact(query)), "%s: %s differs\n%s\n%s" % (
            words, table, sorted(map(str, database.rows(table)))[:20], sorted(map(str, database.rows(query)))[:20])


def exact(query):
    """The rows as text: 1.0 is not 1.00."""
    return "SELECT q::text FROM (%s) q" % query


def rows(r, count, ids, note=""):
    """Few groups, so that everybody touches the same ones."""
    def value(text):
        return "" if r.random() < 0.15 else text

    return "".join("%d,%s,%s,%s,%s,%s,%s,%s\n" % (
        id, value("2024-%02d-%02d" % (r.randrange(1, 4), r.randrange(1, 4))), value(r.choice(["q1", "b", "Ä", "q"])),
        value("%d.%02d" % (r.randrange(-99, 100), r.randrange(100))), value(str(r.randrange(-9, 10))),
        value(str(r.randrange(100) / 4)), value(r.choice("tf")), note) for id in ids(count))


def settled(daemon):
    """No rollup is older than what others wrote."""
    return not [d["name"] for d in daemon.json("/v1") if d["stale"]]


def quiet(daemon):
    until(lambda: not daemon.files_in("incoming", "work"), daemon.log, deadline=120)
    until(lambda: settled(daemon), daemon.log, deadline=60)


def write_from_outside(r, database, name):
    """What may clash with a load, and then comes to nothing, as any client of the database may find."""
    conflict = " ON CONFLICT DO NOTHING" if DATASETS[name][1] else ""
    statement = r.choice([
        "INSERT INTO %s (id, day, zip, amount, n) SELECT %d + i, '2024-01-02', 'b', i, i FROM generate_series(1, 20) i%s" % (name, r.randrange(100), conflict),
        "UPDATE %s SET zip = 'Ä', amount = amount + 1 WHERE n > %d" % (name, r.randrange(9)),
        "DELETE FROM %s WHERE n = %d" % (name, r.randrange(9)),
        "UPDATE %s SET day = day + 1 WHERE id = %d" % (name, r.randrange(60))])
    try:
        with closing(database.connect()) as db, db.cursor() as sql:
            sql.execute(statement)
    except psycopg2.errors.DeadlockDetected:
        pass
    return statement


# ---- what is refused

MISTAKES = {
    "column": ("group = upper(zap) as z\nmeasure = count(*)", "zap"),
    "key": ("group = zip + 1 as z\nmeasure = count(*)", "operator does not exist"),
    "measure": ("group = zip\nmeasure = stddev(zip)", "stddev(text) does not exist"),
    "aggregate": ("group = sum(n) as z\nmeasure = count(*)", "aggregate"),
    "order": ("group = zip\nmeasure = first(n order by zap)", "zap"),
    "type": ("group = day - interval '1 day' as z\nmeasure = max(age(day))", "cast it, to text perhaps"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_mistakes_are_refused_with_their_place(make_cetld, database, what):
    rollup, words = MISTAKES[what]
    daemon = make_cetld(database.url(), "[dataset d]\ncolumns = %s\n[rollup d.r]\n%s\n" % (COLUMNS % "", rollup))
    answer = subprocess.run([daemon.binary, "--check", "-c", daemon.conf], capture_output=True, text=True, timeout=30)
    with open(daemon.conf, encoding="utf-8") as conf:
        line = conf.read().splitlines().index("[rollup d.r]") + 1
    assert answer.returncode == 1, answer
    assert ":%d: " % line in answer.stderr and words in answer.stderr, answer.stderr


def test_what_merging_needs_is_not_shown(cetld, database):
    daemon = cetld("[dataset d]\ncolumns = zip text, n int\n[rollup d.means]\ngroup = zip\nmeasure = avg(n)\n")
    daemon.drop("d.csv", "zip,n\na,1\na,2\nb,\n")
    daemon.wait_state("d.csv")
    assert [dict(row, avg=row["avg"] and str(row["avg"])) for row in daemon.get_rows("d_means")] == [
        {"zip": "a", "avg": "1.5000000000000000"}, {"zip": "b", "avg": None}]


# ---- more groups than the memory holds

@pytest.mark.parametrize("mode", ["append", "upsert", "replace"])
def test_more_groups_than_fit_into_the_memory(cetld, database, mode):
    key = " primary key" if mode == "upsert" else ""
    daemon = cetld("[dataset d]\nfiles = d_*.csv\nmode = %s\ncolumns = id bigint%s, day date, n int\n" % (mode, key)
                   + "[rollup d.ids]\ngroup = id, day\nmeasure = count(*) as rows, sum(n) as n, avg(n) as mean\n", daemon={"memory_max": "32M"})
    for n in range(2):
        daemon.drop("d_%d.csv" % n, "id,day,n\n" + "".join("%d,,%d\n" % (i, i % 7 + n) for i in range(n * 20000, 40000 + n * 20000)))
        assert daemon.wait_state("d_%d.csv" % n)["rows_read"] == 40000
    query = "SELECT id, day, count(*), sum(n), avg(n) FROM d GROUP BY 1, 2"
    assert database.same("SELECT id, day, rows, n, mean FROM d_ids", query)
    assert database.value("SELECT count(*) FROM d_ids") == (40000 if mode == "replace" else 60000)
    assert daemon.log_lines("is loaded without adding up its rollups here")


# ---- writes from outside

def test_writes_from_outside_are_noticed(cetld, database):
    daemon = cetld(section("app") + section("ups") + section("rep"))
    for name in ("app", "ups", "rep"):
        daemon.drop(name + "_1.csv", HEADER + rows(random.Random(1), 30, lambda n: range(n)))
        daemon.wait_state(name + "_1.csv")
    quiet(daemon)
    version = {d["name"]: d["version"] for d in daemon.json("/v1")}
    for statement in ("INSERT INTO %s (id, day, n) VALUES (1000, '2024-07-01', 3)", "UPDATE %s SET zip = 'new' WHERE id < 10",
                      "DELETE FROM %s WHERE id > 20", "TRUNCATE %s"):
        for name in version:
            database.rows(statement % name)
        quiet(daemon)
        for name in version:
            assert_rollups(database, name, statement)
    assert all(d["version"] >= version[d["name"]] + 4 for d in daemon.json("/v1"))
    assert len(daemon.log_lines("the rollups of app are stale: somebody else wrote to public.app")) == 4


def test_loads_are_not_from_outside(cetld, database):
    daemon = cetld(section("ups") + section("rep"))
    for n in range(3):
        for name in ("ups", "rep"):
            daemon.drop("%s_%d.csv" % (name, n), HEADER + rows(random.Random(n), 30, lambda n: range(n)))
            daemon.wait_state("%s_%d.csv" % (name, n))
    act(daemon, daemon.ledger("ups_2.csv")[0]["id"], "unload", 200, force="yes")
    assert database.value("SELECT count(*) FROM cetl.change WHERE outside") == 0
    assert not daemon.log_lines("stale")


def test_a_rebuild_waits_for_a_writer_and_not_in_front_of_others(cetld, database):
    daemon = cetld(section("app"))
    daemon.drop("app_1.csv", HEADER + rows(random.Random(1), 30, lambda n: range(n)))
    daemon.wait_state("app_1.csv")
    with closing(database.connect()) as db, db.cursor() as sql:
        db.autocommit = False
        sql.execute("DELETE FROM app WHERE id = 3")
        database.rows("DELETE FROM app WHERE id = 4")
        until(lambda: daemon.log_lines("the rollups of app are stale"), daemon.log)
        assert not settled(daemon)
        daemon.drop("app_2.csv", HEADER + rows(random.Random(2), 30, lambda n: range(n)))
        daemon.wait_state("app_2.csv")
        db.commit()
    quiet(daemon)
    assert_rollups(database, "app")


# ---- random sequences

class Sequence:
    """What happens to one dataset."""

    def __init__(self, name, seed):
        self.name, self.r, self.dropped = name, random.Random("%s %s" % (name, seed)), 0
        self.seed, self.said = seed, []

    def file(self):
        r, count = self.r, self.r.choice([0, 1, 5, 40])
        big = r.random() < 0.2  # too large to travel with others: it has a transaction of its own
        if big:
            count = 70
        if DATASETS[self.name][1]:  # few keys, so that they clash; now and then none does
            first = r.choice([1, 1, 1, r.randrange(10**12)])
            ids = lambda n: [first + r.randrange(60) for _ in range(n)] if first == 1 else range(first, first + n)
        else:
            ids = lambda n: range(1, n + 1)
        return HEADER + rows(r, count, ids, "x" * 5000 if big else str(self.dropped))

    def drop(self, daemon):
        for _ in range(self.r.choice([1, 1, 2, 4])):
            self.dropped += 1
            name = "%s_%s_%d.csv" % (self.name, self.seed, self.dropped)
            daemon.drop(name, self.file())
            self.said.append("drop %s" % name)

    def step(self, daemon, database):
        if "lineage" in DATASETS[self.name][0] and self.r.random() < 0.3:
            found = database.rows("SELECT f.id FROM cetl.file f JOIN cetl.dataset d ON d.id = f.dataset_id WHERE d.name = '%s'"
                                  " AND f.state = 'loaded' ORDER BY f.id" % self.name)
            if found:
                file = self.r.choice(found)[0]
                act(daemon, file, "unload", 200, force="yes")
                self.said.append("unload %d" % file)
                return
        if self.r.random() < 0.15:
            self.drop(daemon)
            self.said.append(write_from_outside(self.r, database, self.name))
            return
        self.drop(daemon)


def run(make_cetld, database, seed, wanted, seconds):
    """As many sequences, of all datasets at once; at each quiet point everything is compared."""
    print("seed %s" % seed)
    config = "".join(section(name) for name in DATASETS)
    daemon = make_cetld(database.url(), config, daemon={"settle": "0"}).start()
    r, done, end = random.Random(seed), 0, time.monotonic() + seconds
    while done < wanted:
        assert time.monotonic() < end, "only %d of %d sequences within %d s" % (done, wanted, seconds)
        sequences = [Sequence(name, "%s_%d" % (seed, done)) for name in DATASETS]
        steps = r.randrange(3, 6)
        kill = r.randrange(steps)
        for n in range(steps):
            for s in sequences:
                s.drop(daemon) if n == kill else s.step(daemon, database)
            if n == kill:
                if r.random() < 0.5:
                    until(lambda: daemon.files_in("work") or not daemon.files_in("incoming"), "a file is claimed", step=0.001)
                time.sleep(0.1 * r.random() ** 2)  # a random moment: there is nothing to wait for
                daemon.kill9()
                daemon.start()
            quiet(daemon)
            for s in sequences:
                assert_rollups(database, s.name, "seed %s, %s" % (seed, s.said))
        done += len(sequences)
    failed = database.rows("SELECT name, error FROM cetl.file WHERE state <> 'loaded' AND state <> 'unloaded' AND state <> 'duplicate'")
    assert failed == []
    assert database.value("SELECT count(*) FROM app_days") > 0
    return done


def a_seed():
    return os.environ.get("SEED") or "%d" % random.SystemRandom().randrange(10**6)


def test_a_few_random_sequences_leave_what_group_by_says(make_cetld, database):
    assert run(make_cetld, database, a_seed(), 2 * len(DATASETS), seconds=120) >= 10


@pytest.mark.long
def test_five_hundred_random_sequences_leave_what_group_by_says(make_cetld, database):
    assert run(make_cetld, database, a_seed(), 500, seconds=1800) >= 500
