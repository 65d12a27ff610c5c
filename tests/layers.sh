#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.sh LAYER... (from the bottom up): a file in daemon/LAYER/, or a unit test of that layer, includes only its own layer and those before it.
set -eu
layers="$*"
find daemon tests/unit -mindepth 2 -name '*.[ch]' | sort | xargs awk -v order="$layers" '
    BEGIN { n = split(order, name, " "); for (i = 1; i <= n; i++) rank[name[i]] = i }
    FNR == 1 {
        m = split(FILENAME, part, "/")
        own = part[m - 1]
        if (!(own in rank) && !(own in told)) { print FILENAME ": the folder is no layer of the Makefile'"'"'s LAYERS"; told[own] = bad = 1 }
    }
    match($0, /^[ \t]*#[ \t]*include[ \t]+"[^"]+"/) {
        split($0, quoted, "\"")
        if (split(quoted[2], part, "/") < 2 || part[1] == "..") next
        if (part[1] in rank && rank[part[1]] > rank[own]) { print FILENAME ":" FNR ": " own "/ looks up to " quoted[2]; bad = 1 }
        if (!(part[1] in rank)) { print FILENAME ":" FNR ": " quoted[2] " is in no layer"; bad = 1 }
    }
    END { exit bad }'
