#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
All benches, one after the other; their numbers become BUILD/bench/BENCHMARKS.md, with the explanations of notes.md.

SCALE=0.1 makes the files smaller, ROUNDS=5 are measured after one that warms up, ONLY=append_sales,fold names some, BENCH_BIG=10G is
the large file of `memory`, BENCH_DIR=/var/tmp has the data meanwhile, BENCH_MINUTES=60 ends what hangs.
"""

import os
import platform
import re
import signal
import subprocess
import sys
import traceback

import bed

bed.end_on_signals()

import append  # noqa: E402
import archive  # noqa: E402
import backup  # noqa: E402
import fold  # noqa: E402
import keyed  # noqa: E402
import memory  # noqa: E402
import read  # noqa: E402
import rollup  # noqa: E402
import small  # noqa: E402
from cluster import programs  # noqa: E402
from report import Section  # noqa: E402

SECTIONS = {"append_sales": append.sales, "append_numeric": append.numeric, "keyed": keyed.measure, "rollup": rollup.measure, "small": small.measure,
            "latency": small.latency, "fold": fold.measure, "memory": memory.measure, "backup": backup.measure, "archive": archive.measure,
            "read": read.kept, "read_stream": read.stream, "read_latency": read.latency}


def said(*call):
    return subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def processor():
    with open("/proc/cpuinfo") as f:
        found = re.search(r"^model name\s*: (.*)$", f.read(), re.M)
    return found.group(1) if found else platform.machine()


def memory_gib():
    with open("/proc/meminfo") as f:
        return int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1)) / 1024**2


def notes():
    """{section: text} of notes.md: a heading `## key`, then what is said below that section's numbers."""
    with open(os.path.join(bed.ROOT, "bench/notes.md"), encoding="utf-8") as f:
        parts = re.split(r"^## (\w+)\n", f.read(), flags=re.M)
    return {key: text.strip() for key, text in zip(parts[1::2], parts[2::2])}


def command():
    given = [name for name in ("SCALE", "ROUNDS", "ONLY", "BENCH_BIG") if os.environ.get(name)]
    return " ".join(["make bench", *("%s=%s" % (name, os.environ[name]) for name in given)])


def page(sections):
    yield "# Benchmarks\n"
    yield "Written by `%s`; what explains a number is in `bench/notes.md`.\n" % command()
    yield "%d cores of %s, %.0f GiB, Linux %s; %s, %s.\n" % (len(os.sched_getaffinity(0)), processor(), memory_gib(), platform.release().split("-")[0],
                                                        said(os.environ["CETLD"], "--version"), said(os.path.join(programs(), "postgres"), "--version"))
    yield ("Ratios are of medians of one run: the sides take turns on the same data, after a round that warms up. Absolute numbers are this machine's"
           " alone; client, server and what measures them share its cores.\n")
    yield "## Goals\n\n| what | reached | goal | met |\n|---|---|---|---|"
    for section in sections:
        for what, reached, bound, met, _ in section.goals:
            yield "| %s | %s | %s | %s |" % (what, reached, bound, met)
    explained = notes()
    for section in sections:
        yield "\n## %s\n\n%s" % (section.title, "\n\n".join(section.lines or ["Not measured: see above."]))
        if explained.get(section.key):
            yield "\n" + explained[section.key]


def main():
    wanted = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(SECTIONS)
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        sys.exit("bench: no such bench: %s; there are %s" % (", ".join(sorted(unknown)), ", ".join(SECTIONS)))
    signal.alarm(60 * int(os.environ.get("BENCH_MINUTES", "60")))
    done, failed = [], []
    for name in wanted:
        print("bench: " + name, flush=True)
        try:
            done.append(SECTIONS[name]())
        except Exception:
            traceback.print_exc()
            failed.append(name)
            done.append(Section(name, name, "This part failed; see the run's output."))
    out = os.path.join(bed.BUILD, "bench/BENCHMARKS.md")
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n".join(page(done)) + "\n")
    with open(out, encoding="utf-8") as f:
        print(f.read())
    sys.exit("bench: failed: " + ", ".join(failed) if failed else 0)


if __name__ == "__main__":
    main()
