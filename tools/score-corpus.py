#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
score-corpus.py FOLDER [RESULTS.csv]: how does the daemon read a corpus of CSV files?

FOLDER has MANIFEST.csv with the columns file, delimiter (a character or TAB), header (1 or 0) and cols, and the files. Each is loaded by
the real daemon (CETLD=build/cetld) into a table of its own, text columns c0, c1, … by position, on one private PostgreSQL. RESULTS.csv
(default: build/corpus.csv) gets a line a file: accept or reject, the rows, and a digest of them that does not depend on their order
(for FOLDER/score.py, which is run when it is there): the sum modulo 2^128 of blake2b-16 over each row's length-prefixed cells.
"""

import csv
import hashlib
import os
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(TOP, "tests/e2e"))
os.environ.setdefault("CETLD", os.path.join(TOP, "build/cetld"))

from cluster import Cluster, Database  # noqa: E402
from daemon import Cetld, FINAL  # noqa: E402
from waiting import until  # noqa: E402

NULL = b"\xff\xff\xff\xff"
UNDECLARABLE = ("\n", "\r", '"')  # no delimiters, as cetld --check says


def dataset(number, row):
    delimiter = {"TAB": "tab"}.get(row["delimiter"], row["delimiter"])
    columns = ["c%d" % i for i in range(max(int(row["cols"] or 1), 1))]
    text = "[dataset f%d]\nfiles = f%d.csv\ncolumns = %s\nheader = %s\ndelimiter = %s\n" % (
        number, number, ", ".join(c + " text" for c in columns), "yes" if row["header"] == "1" else "no", delimiter) + "encoding = utf-8\n"
    return text + "".join("[column f%d.%s]\nposition = %d\n" % (number, c, i + 1) for i, c in enumerate(columns))


def digest(rows):
    total = 0
    for row in rows:
        h = hashlib.blake2b(digest_size=16)
        for cell in row:
            h.update(NULL if cell is None else len(cell.encode()).to_bytes(4, "little") + cell.encode())
        total += int.from_bytes(h.digest(), "little")
    return "%032x" % (total % (1 << 128))


def load(folder, files, work):
    cluster = Cluster()
    try:
        database = Database(cluster, cluster.create_database())
        daemon = Cetld(work, database.url(), "".join(dataset(i, row) for i, row in enumerate(files))).start()
        try:
            for i, row in enumerate(files):
                with open(os.path.join(folder, row["file"]), "rb") as f:
                    daemon.drop("f%d.csv" % i, f.read())
            seen = {}

            def finished():
                for n, state, error in database.rows("SELECT name, state, error FROM cetl.file"):
                    seen[n] = (state, error)
                return sum(state in FINAL for state, _ in seen.values()) >= len(files)

            until(finished, lambda: "%d files; %d are done\n%s" % (len(files), len(seen), daemon.log()), deadline=600)
            for i, row in enumerate(files):
                state, error = seen["f%d.csv" % i]
                rows = database.rows("SELECT * FROM f%d" % i) if state == "loaded" else []
                yield [row["file"], "accept" if state == "loaded" else "reject", len(rows) if state == "loaded" else "",
                       digest(rows) if state == "loaded" else "", error or ""]
        finally:
            daemon.stop()
    finally:
        cluster.remove()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder = os.path.abspath(sys.argv[1])
    out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(TOP, "build/corpus.csv")
    with open(os.path.join(folder, "MANIFEST.csv"), newline="") as f:
        manifest = list(csv.DictReader(f))
    files = [row for row in manifest if row["delimiter"] not in UNDECLARABLE]
    with tempfile.TemporaryDirectory(prefix="cetld-corpus-") as work:
        os.chmod(work, 0o755)
        results = list(load(folder, files, work))
    results += [[row["file"], "reject", "", "", "no delimiter"] for row in manifest if row["delimiter"] in UNDECLARABLE]
    with open(out, "w", newline="") as f:
        csv.writer(f).writerows([["file", "outcome", "rows", "digest", "error"]] + results)
    print("%s: %d accepted, %d rejected" % (out, sum(r[1] == "accept" for r in results), sum(r[1] == "reject" for r in results)))
    score = os.path.join(folder, "score.py")
    if os.path.exists(score):
        subprocess.run([sys.executable, score, out], check=True)


if __name__ == "__main__":
    main()
