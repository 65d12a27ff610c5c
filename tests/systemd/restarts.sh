#!/bin/bash
# SPDX-License-Identifier: MIT
# Killed, hung, restarted behind its sockets: nothing is lost, nothing is doubled, nobody is refused.
. /test/steps.sh

install_postgresql
install_cetld
make_dropper
until_true "/readyz" answers /readyz 200

step "killed again and again while files come: systemd starts it again, every row is there once"
cat >/etc/cetl/conf.d/50-series.conf <<'CONF'
[dataset series]
files   = series-*.csv
columns = n bigint primary key
CONF
systemctl reload cetld
until_true "the dataset" answers /v1/series 200
drop_series series 0 199 50 &
dropping=$!
for _ in 1 2 3; do
    old=$(main_pid)
    kill -9 "$old"
    until_true "it is back" restarted "$old"
done
wait $dropping
all_there() { [ "$(sql 'SELECT count(*) FROM series')" = 10000 ]; }
until_true -t 60 "all rows" all_there
[ "$(sql 'SELECT count(DISTINCT n) FROM series')" = 10000 ] || fail "rows doubled"
everything_done() { [ -z "$(find /var/spool/cetl/incoming /var/spool/cetl/work -name '*.csv')" ] && [ "$(find /var/spool/cetl/done -name 'series-*.csv' | wc -l)" = 200 ]; }
until_true "all files are in done/" everything_done

step "hung: the watchdog starts it again"
mkdir -p /etc/systemd/system/cetld.service.d
printf '[Service]\nWatchdogSec=3\n' >/etc/systemd/system/cetld.service.d/test.conf
systemctl daemon-reload
systemctl restart cetld
until_true "/readyz" answers /readyz 200
old=$(main_pid)
kill -STOP "$old"
drop series-200.csv 'n\n10000\n'
until_true "it is back" restarted "$old"
said 'Watchdog timeout' || fail "not by the watchdog"
until_true "what was dropped meanwhile is loaded" loaded series-200.csv

step "busy: the watchdog waits"
restarts=$(systemctl show -p NRestarts --value cetld)
drop_series series 1000 1009 200000
busy_done() { [ "$(sql 'SELECT count(*) FROM series')" = 2010001 ]; }
until_true -t 120 "two million rows" busy_done
[ "$(systemctl show -p NRestarts --value cetld)" = "$restarts" ] || fail "restarted under load"
rm -r /etc/systemd/system/cetld.service.d
systemctl daemon-reload

step "PostgreSQL is away: no unit fails for that; it is back, and what came meanwhile is loaded"
systemctl start cetld
until_true "/readyz" answers /readyz 200
waited() { [ "$(systemctl show -p InvocationID --value cetld-database)" != "$old" ] && [ "$(systemctl show -p SubState --value cetld-database)" != start ]; }
old=$(systemctl show -p InvocationID --value cetld-database)
systemctl stop postgresql
until_true -t 90 "cetld-database waited for it" waited
[ "$(systemctl show -p Result --value cetld-database)" = success ] || fail "cetld-database: $(systemctl status --no-pager cetld-database)"
systemctl start postgresql
until_true "/readyz" answers /readyz 200

step "behind its sockets nobody is refused while it restarts"
systemctl enable cetld.socket 2>/dev/null
systemctl stop cetld
systemctl start cetld.socket cetld
until_true "/readyz" answers /readyz 200
# 0 and the status, or what curl says, a line a request
ask() {
    while [ ! -e /tmp/enough ]; do
        local code rc=0
        code=$(curl -s -m 30 -o /dev/null -w '%{http_code}' "$@") || rc=$?
        echo "$rc $code"
    done
}
ask http://127.0.0.1:8080/healthz >/tmp/tcp &
tcp=$!
ask --unix-socket /run/cetl/cetld.sock http://localhost/healthz >/tmp/unix &
unix=$!
asked_more() { [ "$(wc -l </tmp/tcp)" -ge $((tcp_asked + 3)) ] && [ "$(wc -l </tmp/unix)" -ge $((unix_asked + 3)) ]; }
for _ in 1 2 3 4 5; do
    systemctl restart cetld
    tcp_asked=$(wc -l </tmp/tcp) unix_asked=$(wc -l </tmp/unix)
    until_true "some more requests" asked_more
done
touch /tmp/enough
wait $tcp $unix
for way in tcp unix; do
    others=$(grep -vcx '0 200' /tmp/$way || true)
    [ "$others" = 0 ] || fail "$others of $(wc -l </tmp/$way) requests over $way: $(sort /tmp/$way | uniq -c)"
done
echo "   $(cat /tmp/tcp /tmp/unix | wc -l) requests during five restarts"

step "stopped, somebody who connects starts it; an address of its own needs no socket unit"
systemctl stop cetld 2>/dev/null
answers /healthz 200 || fail "not started by a connection"
systemctl disable --now cetld.socket 2>/dev/null
systemctl restart cetld
until_true "/readyz" answers /readyz 200
runuser -u dropper -- curl -sf --unix-socket /run/cetl/cetld.sock http://localhost/status >/dev/null || fail "the socket of its own, for the group"
echo "all steps passed"
