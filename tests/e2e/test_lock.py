# SPDX-License-Identifier: MIT
"""One daemon a spool, and a clean end."""

import signal
import subprocess

from source import PARTS, assert_parts, large_part, part
from waiting import until


def test_second_daemon_refuses_and_says_who_is_there(cetld, database):
    first = cetld(PARTS)
    second = subprocess.run([first.binary, "-c", first.conf], capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert str(first.process.pid) in second.stderr and first.spool in second.stderr
    first.drop("part_1.csv", part(1, 0, 10))
    first.wait_state("part_1.csv")


def test_lock_is_free_again_after_kill9(make_cetld, database):
    daemon = make_cetld(database.url(), PARTS).start()
    daemon.kill9()
    daemon.start()


def test_sigterm_during_a_load_ends_soon_and_loses_nothing(cetld, database, folder):
    daemon = cetld(PARTS)
    big = folder + "/part_big.csv"
    large_part(big, 0, 30)
    daemon.drop_file(big)
    until(lambda: [e for e in daemon.ledger() if e["state"] == "loading"], "it loads")
    daemon.stop(deadline=20)
    daemon.start()
    daemon.wait_state("part_big.csv", deadline=120)
    assert_parts(database, daemon, [big])


def test_second_sigterm_is_no_harm(cetld, database):
    daemon = cetld(PARTS)
    daemon.signal(signal.SIGTERM)
    daemon.stop()


def test_sigint_ends_it_as_sigterm_does(cetld):
    daemon = cetld(PARTS)
    daemon.signal(signal.SIGINT)
    assert daemon.process.wait(20) == 0
    daemon.process = None
