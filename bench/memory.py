#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""memory.py OUT: peak RSS and /status while a file of 1 GB (MEGABYTES=) loads, against one of a tenth."""

import os
import re
import sys

from bed import bed
from prober import Prober
from source import PARTS, large_part


def peak_mib(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) / 1024


def measure(megabytes):
    with bed(PARTS, daemon={"memory_max": "128M", "workers": "0"}) as (daemon, _, folder):
        path = os.path.join(folder, "part_large.csv")
        rows = large_part(path, 0, megabytes)
        with Prober(daemon, "/status") as status:
            daemon.drop_file(path)
            entry = daemon.wait_state("part_large.csv", deadline=120 + megabytes)
        assert entry["rows_loaded"] == rows and status.error is None
        return "| %d MB, %d rows | %.0f MiB | %.2f ms | %.2f ms | %d |\n" % (
            megabytes, rows, peak_mib(daemon.process.pid), 1000 * status.percentile(50), 1000 * status.percentile(99), len(status.seconds))


def main(out):
    megabytes = int(os.environ.get("MEGABYTES", "1000"))
    lines = [measure(megabytes // 10), measure(megabytes)]
    with open(out, "w") as f:
        f.write("## Memory, and the API meanwhile\n\n`memory_max = 128M`; the bound is 192 MiB, and 20 ms at the 99th percentile.\n\n"
                "| file | peak RSS | /status p50 | p99 | requests |\n|---|---|---|---|---|\n" + "".join(lines))


if __name__ == "__main__":
    main(sys.argv[1])
