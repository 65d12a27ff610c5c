# SPDX-License-Identifier: MIT
"""Killed before or after a chosen call, or a call that fails: the next start finishes what was begun, once."""

import os

import pytest

from faults import arm, fired, killed_and_started
from source import PARTS, assert_parts, large_part, part

KILLS = [
    "open~incoming/part_#1",
    "rename~work#1",
    "rename~work#2",
    "read~.csv#1",
    "read~.csv#3",
    "PQputCopyData#1",
    "PQputCopyData#5",
    "PQputCopyEnd#1",
    "PQsendQuery~COMMIT#1",
    "PQsendQuery~COMMIT#2",
    "rename~done#1",
    "rename~done#2",
]
FAILURES = ["read~.csv#2=EINTR", "read~.csv#1=short", "rename~done#1=EXDEV", "rename~work#1=EXDEV", "rename~done#1=EIO",
            "open~incoming/part_#1=EMFILE", "write~.errors#1=ENOSPC"]


@pytest.fixture
def prepared(make_cetld, database, folder, faultio):
    """(daemon, sources): a dataset that exists already, and three files that wait to be dropped."""
    daemon = make_cetld(database.url(), PARTS)
    sources = []
    for n in range(2):
        sources.append(os.path.join(folder, "part_%d.csv" % n))
        with open(sources[-1], "wb") as f:
            f.write(part(n, n * 1000, 500))
    sources.append(os.path.join(folder, "part_large.csv"))
    large_part(sources[-1], 100000, 3)
    daemon.start()
    daemon.stop()
    arm(daemon, faultio, folder)
    return daemon, sources


@pytest.mark.parametrize("action", ["kill", "killafter"])
@pytest.mark.parametrize("point", KILLS)
def test_killed_at(prepared, database, point, action):
    daemon, sources = prepared
    for path in sources:
        daemon.drop_file(path)
    killed_and_started(daemon, "%s=%s" % (point, action))
    daemon.wait_count("loaded", 3)
    assert_parts(database, daemon, sources)


@pytest.mark.parametrize("fault", FAILURES)
def test_failing_call(prepared, database, fault):
    daemon, sources = prepared
    daemon.environment["FAULT"] = fault
    daemon.start()
    for path in sources:
        daemon.drop_file(path)
    if "errors" in fault:
        daemon.drop("part_bad.csv", "id,day,word,amount\n1,never,,\n")
        daemon.wait_state("part_bad.csv", "failed")
        assert daemon.errors_csv("part_bad.csv").count("never") >= 1
        os.unlink(daemon.path("failed", "part_bad.csv"))
        os.unlink(daemon.path("failed", "part_bad.csv.errors.csv"))
    daemon.wait_count("loaded", 3)
    assert fired(daemon)
    assert_parts(database, daemon, sources)
