# SPDX-License-Identifier: MIT
"""Memory is bounded and the API prompt, however large the file."""

import os
import re

import pytest

from prober import Prober
from source import PARTS, large_part

MIB = 1024 * 1024


def peak_rss(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) * 1024


def load(cetld, folder, megabytes, memory_max):
    path = os.path.join(folder, "part_large.csv")
    rows = large_part(path, 0, megabytes)
    daemon = cetld(PARTS, daemon={"memory_max": "%dM" % memory_max})
    with Prober(daemon, "/status") as status:
        daemon.drop_file(path)
        entry = daemon.wait_state("part_large.csv", deadline=60 + megabytes)
    assert entry["rows_loaded"] == rows
    return peak_rss(daemon.process.pid), status


def test_file_larger_than_memory_max_stays_within_it(cetld, folder):
    peak, status = load(cetld, folder, 100, 32)
    assert peak <= (32 + 64) * MIB, "%d MiB" % (peak // MIB)
    assert status.error is None


@pytest.mark.long
def test_one_gigabyte_within_memory_max_and_status_prompt(cetld, folder):
    peak, status = load(cetld, folder, 1000, 128)
    print("peak RSS %d MiB, /status p99 %.2f ms over %d requests" % (peak // MIB, 1000 * status.percentile(99), len(status.seconds)))
    assert peak <= (128 + 64) * MIB, "%d MiB" % (peak // MIB)
    assert status.error is None and status.percentile(99) < 0.020, "%.1f ms" % (1000 * status.percentile(99))
