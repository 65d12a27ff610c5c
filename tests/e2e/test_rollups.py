# SPDX-License-Identifier: MIT
"""Rollups equal SELECT … GROUP BY, whatever is done to their datasets: every mode, unload, kill -9, several writers at once."""

import os
import random
import time

import pytest

from test_lineage import act
from waiting import until

COLUMNS = "id bigint%s, day date, zip text, amount numeric(12,2), n int, note text"
HEADER = "id,day,zip,amount,n,note\n"
SERVER = "[column %s.zip]\nexpr = regexp_replace(zip, 'q', 'Q')\n"
KEYED = ("mode = upsert\nlineage = yes", " primary key")

# name: what its section says besides, its key, further sections
DATASETS = {
    "app": ("lineage = yes", "", ""),
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
    "days": ("day", "count(*) as rows, count(n) as ns, sum(amount) as amount, min(n) as least, max(n) as most"),
    "months": ("zip, date_trunc('month', day) as month", "count(*) as rows, sum(n) as total, max(amount) as most"),
}


def section(name):
    options, key, more = DATASETS[name]
    text = "[dataset %s]\nfiles = %s_*.csv\ncolumns = %s\n%s\n%s" % (name, name, COLUMNS % key, options, more)
    return text + "".join("[rollup %s.%s]\ngroup = %s\nmeasure = %s\n" % ((name, rollup) + what) for rollup, what in ROLLUPS.items())


def assert_rollups(database, name, words=""):
    for rollup, (group, measure) in ROLLUPS.items():
        keys = ", ".join(str(n + 1) for n in range(group.replace("', ", "").count(",") + 1))
        query = "SELECT %s, %s FROM %s GROUP BY %s" % (group, measure, name, keys)
        table = "SELECT * FROM %s_%s" % (name, rollup)
        assert database.same(table, query), "%s: %s differs\n%s\n%s" % (
            words, table, sorted(map(str, database.rows(table)))[:20], sorted(map(str, database.rows(query)))[:20])


def rows(r, count, ids, note=""):
    """Few groups, so that everybody touches the same ones."""
    def value(text):
        return "" if r.random() < 0.15 else text

    return "".join("%d,%s,%s,%s,%s,%s\n" % (
        id, value("2024-%02d-%02d" % (r.randrange(1, 4), r.randrange(1, 4))), value(r.choice(["q1", "b", "Ä", "q"])),
        value("%d.%02d" % (r.randrange(-99, 100), r.randrange(100))), value(str(r.randrange(-9, 10))), note) for id in ids(count))


def quiet(daemon):
    until(lambda: not daemon.files_in("incoming", "work"), daemon.log, deadline=120)


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
