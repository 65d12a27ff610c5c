# SPDX-License-Identifier: MIT
"""kill -9 at random moments while files load: nothing lost, nothing doubled, each file in one place, the rollup right."""

import os
import random
import subprocess

import pytest

from source import PARTS, assert_parts, large_part, part
from waiting import until


def kill_after(daemon, seconds, claimed):
    """Let it run so long, from its start or (`claimed`) from the moment when work/ has a file; then kill it. An end of its own is a failure."""
    if claimed:
        until(lambda: daemon.process.poll() is not None or daemon.files_in("work"), "a file is claimed", step=0.001)
    try:
        status = daemon.process.wait(seconds)
    except subprocess.TimeoutExpired:
        daemon.kill9()
        return
    raise AssertionError("the daemon ended by itself with status %d\n%s" % (status, daemon.log()))


def run(make_cetld, database, folder, seed, kills, files, megabytes):
    """How many of the kills left claimed files behind."""
    r = random.Random(seed)
    daemon = make_cetld(database.url(), PARTS)
    sources, first, caught = [], 1, 0
    for n in range(files):
        path = os.path.join(folder, "part_%03d.csv" % n)
        rows = r.choice([1, 10, 100, 1000, 5000])
        with open(path, "wb") as f:
            f.write(part(seed * 1000 + n, first, rows))
        first += rows
        sources.append(path)
    large = os.path.join(folder, "part_large.csv")
    large_part(large, first, megabytes)

    for n in range(kills):
        for path in sources[n * files // kills:(n + 1) * files // kills] + ([large] if n == 0 else []):
            daemon.drop_file(path)
        daemon.launch()
        claimed = n % 2 == 0  # then soon, before all is loaded
        kill_after(daemon, r.choice([0.01, 0.03] if claimed else [0.02, 0.1, 0.4, megabytes / 30]) * r.random(), claimed)
        caught += daemon.files_in("work") != []
        # Whatever is in the table now is whole files.
        if database.value("SELECT to_regclass('cetl.file') IS NOT NULL AND to_regclass('public.parts') IS NOT NULL"):
            rows, told = database.rows("SELECT (SELECT count(*) FROM parts), (SELECT coalesce(sum(rows_loaded), 0) FROM cetl.file WHERE state = 'loaded')")[0]
            assert rows == told, "kill %d: %d rows, the ledger says %d" % (n, rows, told)
    daemon.start()
    daemon.wait_count("loaded", files + 1, deadline=60 + megabytes)
    assert_parts(database, daemon, sources + [large])
    assert database.value("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' AND datname = current_database()") == 0
    return caught


def test_few_kills_lose_and_double_nothing(make_cetld, database, folder):
    assert run(make_cetld, database, folder, seed=1, kills=6, files=60, megabytes=20) > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3])
def test_thirty_kills_lose_and_double_nothing(make_cetld, database, folder, seed):
    assert run(make_cetld, database, folder, seed=seed, kills=30, files=200, megabytes=200) > 10


def test_embedded_cluster_survives_kill9(make_cetld, folder):
    """The cluster of a killed daemon is adopted, or recovered, by the next; both end with the last."""
    daemon = make_cetld("", PARTS)
    daemon.drop("part_1.csv", part(1, 0, 1000))
    daemon.start()
    daemon.wait_state("part_1.csv")
    daemon.kill9()
    daemon.drop("part_2.csv", part(2, 1000, 1000))
    daemon.start()
    daemon.wait_state("part_2.csv")
    assert len(daemon.get_rows("parts", limit=5000)) == 2000
    daemon.stop()
    assert daemon.processes() == {}
