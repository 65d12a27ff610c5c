#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""load.py OUT: a file's way into a table, against `psql \\copy` of the same file (psql itself, not a wrapper), interleaved."""

import os
import statistics
import subprocess
import sys
import time
from datetime import datetime

from bed import bed
from cluster import programs
from source import COLUMNS, large_part

PLAIN = "[dataset parts]\nfiles = part_*.csv\nduplicates = load\ncolumns = %s\n" % COLUMNS


def seconds_of(entry):
    started, finished = (datetime.fromisoformat(entry[k].replace("Z", "+00:00")) for k in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def main(out):
    megabytes, rounds = int(os.environ.get("MEGABYTES", "200")), int(os.environ.get("ROUNDS", "5"))
    ours, theirs = [], []
    with bed(PLAIN, daemon={"workers": "0"}) as (daemon, database, folder):
        path = os.path.join(folder, "part_large.csv")
        rows = large_part(path, 0, megabytes)
        database.rows("CREATE TABLE copied (%s)" % COLUMNS)
        for n in range(rounds + 1):  # the first round warms up
            daemon.drop_file(path, "part_%d.csv" % n)
            ours.append(seconds_of(daemon.wait_state("part_%d.csv" % n, deadline=600)))
            began = time.monotonic()
            subprocess.run([os.path.join(programs(), "psql"), "-XAtq", "-h", database.cluster.folder, "-p", str(database.cluster.port), "-U", "postgres",
                            "-d", database.name, "-c", "\\copy copied FROM '%s' WITH (FORMAT csv, HEADER)" % path], check=True)
            theirs.append(time.monotonic() - began)
            database.rows("TRUNCATE copied")
            database.rows("TRUNCATE parts")
    ratio = statistics.median(theirs[1:]) / statistics.median(ours[1:])
    with open(out, "w") as f:
        f.write("## Append, one connection\n\n%d rows of bigint, date, quoted text, numeric (%d MB), medians of %d.\n\n| | seconds | rows/s |\n|---|---|---|\n"
                % (rows, megabytes, rounds))
        for name, times in (("cetld", ours[1:]), ("`psql \\copy`", theirs[1:])):
            f.write("| %s | %.2f | %.0f |\n" % (name, statistics.median(times), rows / statistics.median(times)))
        f.write("| ratio | %.2fx | |\n" % ratio)


if __name__ == "__main__":
    main(sys.argv[1])
