# SPDX-License-Identifier: MIT
"""What storing originals costs: peak RSS of the daemon, and the time that a file takes while the one before it is being stored."""

import os
import re
import shutil
import time

from append import SALES
from bed import ROUNDS, SCALE, SERVER_WORDS, bed, generate, seconds_of_stat
from memory import peak_mib
from report import Section, median, number
from stores import Swift

BYTES = 10**9
RSS_MOST = 64  # MiB
NONE, FOLDER, S3 = "no [archive]", "a folder", "S3 (Swift, on the same cores)"
DATASET = "[dataset big]\nfiles = big*.csv\nduplicates = load\ncolumns = %s\n" % SALES
BUCKET = "archive"


def sections(b, swift):
    """{side: its configuration}. Each file has a key of its own, so that none is there already."""
    secret = b.path("secret")
    with open(secret, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(swift.secret)
    store = "[store s3]\nurl = s3:\nendpoint = %s\nkey_id = %s\nsecret_file = %s\n" % (swift.endpoint(), swift.id, secret)
    return {NONE: DATASET, FOLDER: DATASET + "[archive a]\nurl = file://%s/{id}\n" % b.path("kept"),
            S3: DATASET + store + "[archive a]\nurl = s3://%s/{id}\n" % BUCKET}


def load(b, source, name):
    began = time.monotonic()
    b.daemon.drop_file(source, name)
    b.arrivals.wait()
    return time.monotonic() - began


def wait_stored(b):
    end = time.monotonic() + 900
    while b.database.value("SELECT count(*) FROM cetl.original WHERE state = 'waiting'"):
        assert time.monotonic() < end, "not stored within 900 s\n%s" % b.daemon.log()
        time.sleep(0.05)
    assert not b.database.value("SELECT count(*) FROM cetl.original WHERE state <> 'stored'"), b.daemon.log()


def proven(b, side, swift, size):
    """Each original lies there whole; then it is removed."""
    if side == FOLDER:
        assert [os.path.getsize(b.path("kept", name)) for name in sorted(os.listdir(b.path("kept"))) if "." not in name] == [size] * 2
        shutil.rmtree(b.path("kept"))
    if side == S3:
        listed = swift.request("GET", "/" + BUCKET, "list-type=2").decode()
        assert listed.count("<Size>%d</Size>" % size) == 2, listed
        for key in re.findall("<Key>([^<]*)</Key>", listed):
            swift.request("DELETE", "/%s/%s" % (BUCKET, key))


def one(b, side, config, source, swift):
    """Two files, the second while the first is being stored, by a daemon that has done nothing else."""
    b.daemon.write_config(config)
    b.daemon.restart()
    first = load(b, source, "big1.csv")
    second = load(b, source, "big2.csv")
    began = time.monotonic()
    wait_stored(b)
    pid = b.daemon.process.pid
    result = {"first": first, "second": second, "behind": time.monotonic() - began, "peak": peak_mib(pid), "cpu": seconds_of_stat(pid)}
    proven(b, side, swift, os.path.getsize(source))
    for name in ("big1.csv", "big2.csv"):
        os.unlink(b.daemon.path("done", name))
    b.database.rows("TRUNCATE big; DELETE FROM cetl.original")
    b.settle()
    return result


def measure():
    section = Section("archive", "Archiving")
    size = int(BYTES * SCALE)
    goal = "archive upload of 2 files of %.0f MB: peak RSS above that without" % (size / 1e6)
    if not shutil.which("swift-proxy-server"):
        section.missing(goal, "there is no Swift")
        return section
    swift = Swift()
    try:
        swift.make_bucket(BUCKET)
        with bed(fsync=False) as b:
            source = b.path("big.csv")
            rows = int(generate("bytes", size, 1, source))
            configs = sections(b, swift)
            found = {side: [] for side in configs}
            b.start(DATASET)
            for n in range(ROUNDS + 1):  # the first warms up
                for side in list(configs) if n % 2 else list(configs)[::-1]:
                    result = one(b, side, configs[side], source, swift)
                    if n > 0:
                        found[side].append(result)
    finally:
        swift.remove()
    section.say("Two files of sales of %.0f MB, %d rows each, one after the other, into a daemon that has just begun: the second is loaded while the first is being stored. Seconds are from "
                "the rename into `incoming/` to `done/`; \"behind\" is what storing both takes beyond the second one's load, CPU the daemon's for all of it. The folder's files are "
                "synced and read back, the server's are hashed and sent in parts. Peak RSS is the daemon's `VmHWM`. `fsync = off`, %s. Medians of %d." % (size / 1e6, rows, SERVER_WORDS, ROUNDS))
    lines = []
    for side, results in found.items():
        lines.append([side, *(number(median(results, what)) for what in ("first", "second")),
                      number(median(results, "second") / median(found[NONE], "second")) + "x",
                      number(median(results, "behind")) if side != NONE else "", number(median(results, "cpu")), "%.0f MiB" % max(r["peak"] for r in results)])
    section.table(["originals go to", "first file, s", "second file, s", "against no [archive]", "behind, s", "CPU, s", "peak RSS, the most"], lines)
    worst = {side: max(r["peak"] for r in results) for side, results in found.items()}
    section.goal(goal, max(0.0, worst[S3] - worst[NONE]), " MiB", most=RSS_MOST)
    return section
