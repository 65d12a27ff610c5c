#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo: a daemon with a PostgreSQL of its own in a temporary folder, the examples dropped into it, and what came of them.
# Stays until Ctrl-C; ONCE=1 ends by itself, with status 0 when all examples loaded. Leaves nothing running and nothing behind.
set -eu
cd "$(dirname "$0")/.."
cetld=${BUILD:-build}/cetld
pid=''

work=$(mktemp -d /tmp/cetld-demo.XXXXXX)
chmod 755 "$work" # as root the embedded PostgreSQL runs as another user, who must get through

stop_daemon() {
    [ -n "$pid" ] || return 0
    kill -TERM "$pid" 2>/dev/null || true
    ended=0
    wait "$pid" || ended=$?
    pid=''
    return $ended
}
leave() {
    status=$?
    trap - EXIT
    trap '' INT TERM HUP
    stop_daemon || status=1
    [ "$status" = 0 ] || { echo "the demo failed; the daemon's last words:"; tail -n 20 "$work/log" 2>/dev/null; } >&2
    rm -rf "$work"
    exit "$status"
}
trap leave EXIT
trap 'echo; exit 0' INT TERM HUP

# until_true SECONDS WHAT COMMAND…: poll, and give up when the daemon has.
until_true() {
    tries=$(($1 * 10)) what=$2
    shift 2
    until "$@"; do
        kill -0 "$pid" 2>/dev/null || { echo "the daemon ended" >&2; exit 1; }
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "gave up waiting: $what" >&2; exit 1; }
        sleep 0.1
    done
}
heading() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || heading() { printf '\n%s\n' "$*"; }

mkdir "$work/conf.d"
cp conf/examples/examples.conf "$work/conf.d/"
cat >"$work/cetl.conf" <<CONF
[daemon]
spool = $work/spool
state = $work/state
[api]
listen = 127.0.0.1:${PORT:-0}
CONF

heading "Starting cetld with a PostgreSQL of its own in $work"
setsid "$cetld" -c "$work/cetl.conf" >"$work/log" 2>&1 &
pid=$!
address() { url=$(sed -n 's|.*listening on \(127\.0\.0\.1:[0-9]*\).*|http://\1|p' "$work/log" | tail -n 1); [ -n "$url" ]; }
ready() { [ "$(curl -s -o "$work/answer" -w '%{http_code}' "$url/readyz")" = 200 ]; }
until_true 30 "the daemon listens" address
until_true 90 "PostgreSQL is ready" ready
echo "ready: $url"

heading "Dropping the examples into $work/spool/incoming"
files=0
for file in conf/examples/*.csv; do
    name=${file##*/}
    cp "$file" "$work/spool/incoming/.$name"
    mv "$work/spool/incoming/.$name" "$work/spool/incoming/$name"
    files=$((files + 1))
done
finished() {
    curl -s "$url/v1/files?limit=100" >"$work/files" || return 1
    [ "$(jq '[.[] | select(.state == "loaded" or .state == "failed" or .state == "duplicate")] | length' "$work/files")" -ge $files ]
}
until_true 120 "$files files are loaded" finished
jq -r 'def cells: map(tostring) | @tsv;
       (["file", "dataset", "state", "read", "loaded", "rejected"] | cells),
       (reverse[] | [.name, .dataset, .state, .rows_read, .rows_loaded, .rows_rejected] | cells)' "$work/files" |
    awk -F '\t' '{ printf "  %-22s %-18s %-10s %6s %7s %9s\n", $1, $2, $3, $4, $5, $6 }'
jq -e --argjson files $files '[.[] | select(.state == "loaded")] | length == $files' "$work/files" >/dev/null || exit 1

# show TARGET: the rows that a GET of it answers, one a line.
show() {
    status=$(curl -s -o "$work/answer" -w '%{http_code}' "$url$1")
    [ "$status" = 200 ] && jq -e 'length > 0' "$work/answer" >/dev/null || { echo "GET $1 answered $status $(cat "$work/answer")" >&2; exit 1; }
    jq -c '.[]' "$work/answer"
}
heading "GET /read/first-chunk?limit=3"
show "/read/first-chunk?limit=3"
heading "GET /v1/sales_daily?limit=5: the daily revenue, kept by every load"
show "/v1/sales_daily?limit=5"
[ -z "${ONCE:-}" ] || { heading "ONCE=1: ending"; exit 0; }

heading "Yours now"
cat <<TEXT
  drop more    cp YOUR.csv $work/spool/incoming/
  read it      curl '$url/read/first-chunk?dataset=YOUR'
  all rows     curl '$url/v1/YOUR?limit=100&offset=0'
  datasets     curl $url/v1
  ledger       curl $url/v1/files
  status       curl $url/status
  log          tail -f $work/log
Ctrl-C ends it and removes $work.
TEXT
wait "$pid"
pid=''
echo "the daemon ended by itself" >&2
exit 1
