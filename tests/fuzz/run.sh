#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh PROGRAM SECONDS: fuzz from tests/fuzz/corpus/NAME (read only) into a folder beside the program; a crash is left there and fails.
set -eu
name=$(basename "$1")
found=$1.corpus
mkdir -p "$found"
seeds=tests/fuzz/corpus/$name
[ -d "$seeds" ] || seeds=
"$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/" -print_final_stats=1 "$found" $seeds >"$1.log" 2>&1 || {
    tail -n 60 "$1.log"
    echo "FAILED $name: again with $1 $found/crash-…"
    exit 1
}
echo "  ok     $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$1.log") inputs in $2 s"
