# SPDX-License-Identifier: MIT
"""Without a database: typed parse and GROUP BY on one core against DuckDB on one thread, and splitting."""

import os
import re
import shutil
import subprocess
import tempfile

from bed import BUILD, DEADLINE, ROOT, ROUNDS, generate, scaled
from report import Section, median, number

ROWS = 4500000
# of fold.c: (what it does, the goal, what it is to reach)
QUERIES = {
    "sum": ("GROUP BY", "typed parse + GROUP BY, one core, against DuckDB on one thread", 3),
    "transform": ("filter, 3 expressions, GROUP BY", "typed parse + filter + 3 expressions + GROUP BY, one core, against DuckDB on one thread", 2.5),
}


def node_modules():
    """DuckDB from npm, pinned by bench/package.json, in the build folder. The folder, or None and why not."""
    if not shutil.which("npm"):
        return None, "npm is missing"
    folder = os.path.join(BUILD, "bench/node")
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(ROOT, "bench/package.json"), folder)
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"], cwd=folder, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return (os.path.join(folder, "node_modules"), None) if done.returncode == 0 else (None, "npm could not install it: " + done.stdout[-200:])


def on_one_core(*call):
    """(what it printed, {word: value} of its stderr)"""
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    assert done.returncode == 0, "%s: %s" % (call[0], done.stderr)
    return done.stdout, dict(line.split(" ", 1) for line in done.stderr.splitlines() if re.match(r"\w+ \S+$", line))


def measure():
    rows = scaled(ROWS)
    section = Section("fold", "Typed parse, expressions and GROUP BY; splitting")
    program = os.path.join(BUILD, "bench/fold")
    modules, why = node_modules()
    with tempfile.TemporaryDirectory(prefix="cetld-bench-") as folder:
        path = os.path.join(folder, "sales.csv")
        generate("sales", rows, 1, path)
        megabytes = os.path.getsize(path) / 1e6
        sides = {}
        for query in QUERIES:
            calls = {"cetld's layers": [program, query, path]}
            if modules:
                calls["DuckDB"] = ["node", os.path.join(ROOT, "bench/duckdb.mjs"), modules, query, path]
            answers = {}
            for n in range(ROUNDS + 1):  # the first warms up
                for name in calls if n % 2 else reversed(calls):
                    answers[name], said = on_one_core(*calls[name])
                    if name == "DuckDB":
                        version = said["version"]
                    if n > 0:
                        sides.setdefault((query, name), []).append({"wall": float(said["seconds"])})
            assert len(set(answers.values())) == 1, "the answers differ"
        splits = {"sales": [], "numeric": []}
        generate("numeric", rows, 1, os.path.join(folder, "numeric.csv"))
        for n in range(ROUNDS):
            for kind, found in splits.items():
                _, said = on_one_core(program, "split", os.path.join(folder, kind + ".csv"))
                found.append({"speed": float(said["bytes"]) / float(said["seconds"]) / 1e9})
    section.say("%d rows of sales (%.0f MB) from the page cache, every column declared and used by the query; both pinned to one core, timed inside "
                "the process. The answers are compared. Ours has no database, no digest and no COPY in it: csv, data and expr only. Medians of %d."
                % (rows, megabytes, ROUNDS))
    section.table(["", "seconds", "rows/s", "MB/s"],
                  [["%s, %s" % (QUERIES[query][0], name if name != "DuckDB" else "DuckDB %s, `threads = 1`" % version), number(median(r, "wall")),
                    "%.0f" % (rows / median(r, "wall")), "%.0f" % (megabytes / median(r, "wall"))] for (query, name), r in sides.items()])
    section.say("Splitting (the structural scan that finds record ends, in memory, one core): sales %s GB/s, numeric %s GB/s."
                % tuple(number(median(found, "speed")) for found in splits.values()))
    for query, (_, goal, least) in QUERIES.items():
        if modules:
            section.goal(goal, median(sides[query, "DuckDB"], "wall") / median(sides[query, "cetld's layers"], "wall"), "x", least=least)
        else:
            section.missing(goal, why)
    section.goal("splitting, the slower file", min(median(found, "speed") for found in splits.values()), " GB/s", least=4)
    return section
