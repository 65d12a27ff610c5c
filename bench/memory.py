# SPDX-License-Identifier: MIT
"""Peak RSS, and /status meanwhile, of a large file against one of 100 MB."""

import os
import re
import time

from append import SALES
from bed import SCALE, bed, generate, seconds_of_stat
from prober import Prober
from report import Section, percentile

CONFIG = "[dataset big]\nfiles = big.csv\ncolumns = %s\n" % SALES
MEMORY_MAX, SPARE = 128, 64  # MiB
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def size_of(text):
    number, unit = re.fullmatch(r"([0-9.]+)([KMG]?)B?", text.upper()).groups()
    return int(float(number) * UNITS[unit])


def peak_mib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) / 1024


def one(size):
    """(words of the table's row, peak, rows)"""
    with bed(fsync=False) as b:
        daemon = b.start(CONFIG, daemon={"memory_max": "%dM" % MEMORY_MAX})
        with Prober(daemon, "/status") as idle:
            time.sleep(2)
        start = peak_mib(daemon.process.pid)
        with Prober(daemon, "/status") as status:
            # Under its final name: the file grows in incoming/ and is complete when it is closed.
            rows = int(generate("bytes", size, 1, daemon.path("incoming", "big.csv")))
            began, cpu = time.monotonic(), seconds_of_stat(daemon.process.pid)
            b.arrivals.wait()
            seconds = time.monotonic() - began
        peak, cpu = peak_mib(daemon.process.pid), seconds_of_stat(daemon.process.pid) - cpu
        assert status.error is None and status.statuses == {200}, "/status: %s %s" % (status.error, status.statuses)
        assert b.count("big") == rows
        row = ["%.0f MB, %d rows" % (size / 1e6, rows), "%.0f MiB (%.0f at start)" % (peak, start), "%.1f s, %.0f MB/s" % (seconds, size / 1e6 / seconds),
               "%.2f / %.2f ms" % (1000 * percentile(idle.seconds, 50), 1000 * percentile(idle.seconds, 99)),
               "%.2f / %.2f ms" % (1000 * percentile(status.seconds, 50), 1000 * percentile(status.seconds, 99)), "%d" % len(status.seconds)]
        return row, peak


def measure():
    section = Section("memory", "Memory, and the API meanwhile")
    big = size_of(os.environ["BENCH_BIG"]) if os.environ.get("BENCH_BIG") else int(1e9 * SCALE)
    small = min(10**8, big // 10)
    (small_row, small_peak), (big_row, big_peak) = one(small), one(big)
    section.say("A file of sales that is written into `incoming/` under its own name, and is on disk once. `memory_max = %dM`, `fsync = off`. Peak RSS is "
                "the daemon's `VmHWM`. `/status` is asked 200 times a second by a client on the same cores." % MEMORY_MAX)
    section.table(["file", "peak RSS", "from its close to `done/`", "/status idle, p50 / p99", "while it loads", "requests"], [small_row, big_row])
    section.goal("peak RSS, %.0f MB file" % (big / 1e6), big_peak, " MiB", most=MEMORY_MAX + SPARE)
    what = "peak RSS against that for 100 MB"
    if small == 10**8:
        section.goal(what, big_peak / small_peak, "x", most=1.1)
    else:
        section.missing(what, "the large file is below 1 GB")
    return section
