# SPDX-License-Identifier: MIT
"""kill -9 at random moments in the modes whose files load in order: no file lost, none loaded twice, none stale, none overtaken, nothing left."""

import random
import subprocess

import pytest

from test_modes import NEWEST, STOCK, Model, counts, csv, random_rows, table
from waiting import until


def kill_after(daemon, seconds):
    try:
        status = daemon.process.wait(seconds)
    except subprocess.TimeoutExpired:
        daemon.kill9()
        return
    raise AssertionError("the daemon ended by itself with status %d\n%s" % (status, daemon.log()))


def expected(model, dropped):
    """What the ledger must say of the files, in their order."""
    said = []
    for name, rows in dropped:
        if model.doubles(csv(rows)):
            said.append((name, "duplicate", (0, 0, 0)))
        else:
            said.append((name, "loaded", model.load(rows)))
    return said


def run(make_cetld, database, config, model, seed, kills, files):
    """How many of the kills left claimed files behind."""
    r = random.Random(seed)
    daemon = make_cetld(database.url(), config)
    dropped, caught, n = [], 0, -1
    # A quick daemon may have been through with all of them every time: then it is tried some more.
    while (n := n + 1) < kills or (not caught and n < 4 * kills):
        daemon.launch()
        for _ in range(files):
            # A, B, A again: now and then a file that was there before.
            rows = r.choice(dropped)[1] if dropped and r.random() < 0.3 else random_rows(r, r.choice([1, 20, 300, 3000]), r.choice([5, 1000]))
            if model.mode == "replace":  # a key twice would fail it
                rows = list({row[:2]: row for row in rows}.values())
            dropped.append(("stock_%03d.csv" % len(dropped), rows))
            daemon.drop(*(dropped[-1][0], csv(rows)))
        if n % 2:
            until(lambda: daemon.process.poll() is not None or daemon.files_in("work"), "a file is claimed", step=0.001)
        kill_after(daemon, 0.3 * r.random() ** 2)
        caught += daemon.files_in("work") != []
    daemon.start()
    until(lambda: not daemon.files_in("incoming", "work"), daemon.log, deadline=120)
    said = [(e["name"], e["state"], counts(e)) for e in reversed(daemon.ledger(limit=1000))]
    wanted = expected(model, dropped)
    assert [s[:2] for s in said] == [w[:2] for w in wanted]
    assert said == wanted
    assert table(database) == model.table()
    assert len(daemon.files_in("done")) == len(dropped)
    assert database.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'cetl_stage%%'") == 0
    return caught


KINDS = [("upsert", False), ("upsert", True), ("ignore", False), ("replace", False)]


@pytest.mark.parametrize("mode, newest_by", KINDS)
def test_few_kills_leave_what_the_model_says(make_cetld, database, mode, newest_by):
    assert run(make_cetld, database, NEWEST if newest_by else STOCK % mode, Model(mode, newest_by), seed=3, kills=6, files=8) > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize("mode, newest_by", KINDS)
def test_forty_kills_leave_what_the_model_says(make_cetld, database, mode, newest_by, seed):
    assert run(make_cetld, database, NEWEST if newest_by else STOCK % mode, Model(mode, newest_by), seed=seed, kills=40, files=12) > 10
