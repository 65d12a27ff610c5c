# SPDX-License-Identifier: MIT
"""A table's way out and back: `cetl backup` against psql's `\\copy (select *) to`, `cetl restore` against `\\copy … from` of that."""

import os
import shutil
import subprocess
import time

from append import SALES
from bed import BUILD, ROUNDS, SERVER_WORDS, bed, generate, scaled
from report import Section, median, sides_table

ROWS = 4500000
PSQL, OURS, BARE = "`psql \\copy (select *) to`", "`cetl backup`", "`cetl backup --codec null`"
PSQL_BACK, OURS_BACK = "`psql \\copy … from`, truncated before", "`cetl restore`, into a table that is truncated"
RSS_MOST = 64  # MiB


def cetl(b, *arguments):
    """(what it took, its peak RSS in MiB)"""
    url = "postgresql:///%s?host=%s&port=%d&user=cetl" % (b.database.name, b.server.folder, b.server.port)
    server, began = b.server_cpu(), time.monotonic()
    process = subprocess.Popen([os.path.join(BUILD, "cetl"), *arguments[:1], "--database", url, *arguments[1:]], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, "cetl %s: status %d" % (arguments, process.returncode)
    wall = time.monotonic() - began
    return {"wall": wall, "client": usage.ru_utime + usage.ru_stime, "server": b.server_cpu() - server}, usage.ru_maxrss / 1024


def size(path):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names) / 1e6


def measure():
    rows = scaled(ROWS)
    section = Section("backup", "Backup and restore")
    out, back = {OURS: [], BARE: [], PSQL: []}, {OURS_BACK: [], PSQL_BACK: []}
    peak = 0
    with bed(fsync=False) as b:
        source, csv, folder, bare = (b.path(name) for name in ("sales.csv", "out.csv", "backup", "bare"))
        generate("sales", rows, 1, source)
        b.psql("CREATE TABLE sales (%s)" % SALES, "CREATE TABLE back (%s)" % SALES, "\\copy sales FROM '%s' WITH (FORMAT csv, HEADER)" % source, "VACUUM ANALYZE sales")
        os.unlink(source)

        def run(side):
            nonlocal peak
            if side in (PSQL, PSQL_BACK):
                shutil.rmtree(csv, ignore_errors=True)
                if side == PSQL:
                    return b.psql("\\copy (select * from sales) to '%s' with (format csv)" % csv)
                b.psql("TRUNCATE back")
                return b.psql("\\copy back from '%s' with (format csv)" % csv)
            if side == OURS_BACK:
                b.psql("TRUNCATE sales")
                result, rss = cetl(b, "restore", folder)
            else:
                place = folder if side == OURS else bare
                shutil.rmtree(place, ignore_errors=True)
                result, rss = cetl(b, "backup", "--to", place, *([] if side == OURS else ["--codec", "null"]), "sales")
            peak = max(peak, rss)
            return result

        for n in range(ROUNDS + 1):  # the first warms up
            turn = [OURS, BARE, PSQL] if n % 2 else [PSQL, BARE, OURS]
            for side in turn + ([OURS_BACK, PSQL_BACK] if n % 2 else [PSQL_BACK, OURS_BACK]):
                result = run(side)
                if n > 0:
                    (out if side in out else back)[side].append(result)
                b.settle()
        assert b.count("sales") == rows and b.same("sales", "back"), "the tables differ"
        sizes = "%.0f MB of Avro (%.0f with `--codec null`), %.0f MB of CSV" % (size(folder), size(bare), os.path.getsize(csv) / 1e6)
    section.say("%d rows of sales: %s. `fsync = off`; cetl syncs its files, psql does not. A restore reads all files twice, once before it begins. %s. Medians of %d."
                % (rows, sizes, SERVER_WORDS, ROUNDS))
    sides_table(section, out, rows)
    sides_table(section, back, rows)
    section.goal("backup of %d rows against `psql \\copy (select *) to`, wall" % rows, median(out[OURS], "wall") / median(out[PSQL], "wall"), "x", most=1.5)
    section.goal("peak RSS of backup and restore", peak, " MiB", most=RSS_MOST)
    return section
