#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs unit test programs: run.sh JOBS FOLDER PROGRAM..., so many at a time.
# One line for each that passes, its whole output when it fails or when a filter (F=) was given; the count at the end.
if [ "$1" = one ]; then
    folder=$2 results=$3 program=$4
    name=${program#"$folder"/}
    output=$(mktemp "$results/XXXXXX") || exit 1
    CMOCKA_TEST_FILTER=$F "$program" >"$output" 2>&1
    status=$?
    n=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$output" | awk '{ n += $1 } END { print n + 0 }')
    if [ $status = 0 ]; then printf '  ok     %-28s %d\n' "$name" "$n"; else printf '  FAILED %s (status %d)\n' "$name" "$status"; fi >>"$output"
    if [ $status != 0 ] || [ -n "$F" ]; then cat "$output"; else tail -n 1 "$output"; fi
    echo "$n $status $name" >"$output"
    exit 0
fi
jobs=$1 folder=$2; shift 2
results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" "$0" one "$folder" "$results"
cat "$results"/* | awk '{ n += $1; if ($2 != 0) failed = failed " " $3 } END {
    print n " unit tests passed in " NR " programs"
    if (failed) { print "failed:" failed; exit 1 }
}'
