#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh FOLDER: every bench writes FOLDER/NAME.md; all of them together, under the machine's description, are FOLDER/BENCHMARKS.md.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
for bench in memory load; do
    echo "bench: $bench"
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $bench.py "$out/$bench.md"
done
{
    echo "# Benchmarks"
    echo
    echo "By \`make bench\`. $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(. /etc/os-release && echo "$PRETTY_NAME"), $("$CETLD" --version)."
    echo "Ratios are of medians of one run, interleaved, on the same data; absolute numbers are this machine's alone."
    for bench in memory load; do
        echo
        cat "$out/$bench.md"
    done
} >"$out/BENCHMARKS.md"
cat "$out/BENCHMARKS.md"
