#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs unit test programs one after the other: run.sh FOLDER PROGRAM...
# One line for each that passes, its whole output when it fails or when a filter (F=) was given; the count at the end.
folder=$1; shift
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
tests=0 programs=0 failed=''
for program; do
    name=${program#"$folder"/}
    programs=$((programs + 1))
    CMOCKA_TEST_FILTER=$F "$program" >"$output" 2>&1
    status=$?
    n=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$output" | awk '{ n += $1 } END { print n + 0 }')
    tests=$((tests + n))
    if [ $status != 0 ]; then failed="$failed $name"; fi
    if [ $status != 0 ] || [ -n "$F" ]; then cat "$output"; fi
    if [ $status = 0 ]; then printf '  ok     %-28s %d\n' "$name" "$n"; else printf '  FAILED %s (status %d)\n' "$name" "$status"; fi
done
echo "$tests unit tests passed in $programs programs"
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
