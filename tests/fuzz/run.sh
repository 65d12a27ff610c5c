#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh PROGRAM SECONDS: fuzz from tests/fuzz/corpus/NAME (read only) into a folder beside the program; a crash is left there and fails.
set -eu
name=$(basename "$1")
found=$1.corpus
mkdir -p "$found"
seeds=tests/fuzz/corpus/$name
[ -d "$seeds" ] || seeds=
echo "fuzzing $name for $2 s"
"$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/" -print_final_stats=0 -verbosity=0 "$found" $seeds
