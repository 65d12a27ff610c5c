# SPDX-License-Identifier: MIT
"""Many small files at once, against one psql session with a `\\copy` each; and how long a single one takes when nothing else is to do."""

import os
import shutil
import time

from append import PSQL, SALES
from bed import ROUNDS, SERVER_WORDS, bed, generate, scaled, seconds_of_stat
from report import Section, median, number, percentile, sides_table

CONFIG = "[dataset small]\nfiles = *.csv\ncolumns = %s\n" % SALES
FILES, ROWS = 10000, 100


def measure():
    files = scaled(FILES, 100)
    section = Section("small", "Many small files")
    section.say("%d files of %d rows, renamed into `incoming/` one after the other; each has its row in the ledger. psql: one session, a `\\copy` "
                "(a transaction) each, and no ledger. `fsync = on` for both sides, since every commit waits for the disk. %s. Medians of %d."
                % (files, ROWS, SERVER_WORDS, ROUNDS))
    sides = {"cetld": [], PSQL: []}
    with bed(fsync=True) as b:
        daemon = b.start(CONFIG)
        b.psql("CREATE TABLE copied (%s)" % SALES)
        source = b.path("small")
        os.mkdir(source)
        generate("small", ROWS, 1, source, files)
        names = sorted(os.listdir(source))
        with open(b.path("session"), "w") as f:
            f.writelines("\\copy copied FROM '%s' WITH (FORMAT csv, HEADER)\n" % os.path.join(source, name) for name in names)
        incoming, waiting = daemon.path("incoming"), daemon.path("waiting")

        def ours():
            shutil.rmtree(waiting, ignore_errors=True)
            os.mkdir(waiting)
            for name in names:
                os.link(os.path.join(source, name), os.path.join(waiting, name))

            moves = [(os.path.join(waiting, name), os.path.join(incoming, name)) for name in names]

            def drop():
                for move in moves:
                    os.rename(*move)
                b.arrivals.wait(len(names))
            result = b.measure(drop, lambda: seconds_of_stat(daemon.process.pid))
            assert b.database.value("SELECT count(*) FROM cetl.file WHERE state = 'loaded'") == files, "not every file is in the ledger"
            for name in os.listdir(daemon.path("done")):
                os.unlink(daemon.path("done", name))
            return result

        for n in range(ROUNDS + 1):  # the first warms up
            for table in ("small", "copied") if n % 2 else ("copied", "small"):
                b.settle()
                result = ours() if table == "small" else b.psql(file=b.path("session"))
                assert b.count(table) == files * ROWS, "%s has %d rows" % (table, b.count(table))
                if n > 0:
                    sides["cetld" if table == "small" else PSQL].append(result)
                b.database.rows("TRUNCATE " + table)
                b.database.rows("DELETE FROM cetl.file")
    sides_table(section, sides, files * ROWS)
    section.say("A file: cetld %s ms, psql %s ms." % tuple(number(1000 * median(r, "wall") / files) for r in sides.values()))
    section.goal("%d files of %d rows, against a `\\copy` each" % (files, ROWS), median(sides[PSQL], "wall") / median(sides["cetld"], "wall"), "x",
                 least=5)
    return section


def disk_write(fd, n):
    """8 KiB into a file that has its blocks already, as WAL is written, until the disk has it. Seconds."""
    block = os.urandom(8192)
    began = time.perf_counter()
    os.pwrite(fd, block, n * len(block))
    os.fdatasync(fd)
    return time.perf_counter() - began


def latency():
    singles = 1000
    section = Section("latency", "One small file, idle")
    section.say("%d files of 10 rows, each renamed into `incoming/` when the last is through, and timed until it is in `done/`, which is after its "
                "commit. Between two of them one `fdatasync` of 8 KiB into a file that has its blocks already. `fsync = on`. %s."
                % (singles, SERVER_WORDS))
    files, disk = [], []
    with bed(fsync=True) as b:
        daemon = b.start(CONFIG)
        waiting, incoming = b.path("d/spool/waiting"), daemon.path("incoming")
        os.mkdir(waiting)
        generate("small", 10, 1, waiting, singles + 20)
        fd = os.open(b.path("blocks"), os.O_RDWR | os.O_CREAT, 0o600)
        os.write(fd, bytes(8192 * (singles + 20)))
        os.fsync(fd)
        for n, name in enumerate(sorted(os.listdir(waiting))):
            disk.append(disk_write(fd, n))
            began = time.perf_counter()
            os.rename(os.path.join(waiting, name), os.path.join(incoming, name))
            b.arrivals.wait()
            files.append(time.perf_counter() - began)
        os.close(fd)
        assert b.count("small") == 10 * (singles + 20)
    files, disk = files[20:], disk[20:]  # the first ones warm up
    section.table(["", "p50", "p99"], [["rename → `done/`", *("%.2f ms" % (1000 * percentile(files, p)) for p in (50, 99))],
                                       ["`fdatasync`", *("%.2f ms" % (1000 * percentile(disk, p)) for p in (50, 99))]])
    one = percentile(disk, 50)
    section.say("Both goals are multiples of the median `fdatasync`.")
    section.goal("rename → committed, idle, p50, in `fdatasync`s", percentile(files, 50) / one, "x", most=8)
    section.goal("rename → committed, idle, p99, in `fdatasync`s", percentile(files, 99) / one, "x", most=20)
    return section
