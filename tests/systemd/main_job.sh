#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside a booted systemd with the package installed: start, drop, query; reload, crash, stop, remove.
set -euo pipefail

step() { echo "-- $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
until_true() {
    local what=$1 n
    shift
    for n in $(seq 300); do "$@" && return 0; sleep 0.1; done
    fail "not within 30 s: $what"
}
answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:8080$1")" = "$2" ]; }
loaded() { curl -s http://127.0.0.1:8080/v1/files | jq -e --arg name "$1" 'any(.name == $name and .state == "loaded")' >/dev/null; }
drop() {
    printf "$2" >"/tmp/$1"
    chown dropper: "/tmp/$1"
    chmod 640 "/tmp/$1"
    runuser -u dropper -- sh -c "cp /tmp/$1 /var/spool/cetl/incoming/.$1 && mv /var/spool/cetl/incoming/.$1 /var/spool/cetl/incoming/$1"
}

step "the package started it, and systemctl start is content"
systemctl start cetld
[ "$(systemctl is-active cetld)" = active ] || fail "not active"
[ "$(systemctl is-enabled cetld)" = enabled ] || fail "not enabled"
until_true "/readyz" answers /readyz 200
has_status() { systemctl show -p StatusText --value cetld | grep -q queued; }
until_true "STATUS= says what is queued" has_status
[ "$(ps -o user= -p "$(systemctl show -p MainPID --value cetld)")" = cetl ] || fail "does not run as user cetl"

step "a member of group cetl drops a file: its rows are in PostgreSQL and over HTTP"
useradd -m -G cetl dropper
drop fruit.csv 'Fruit Name,Count,Picked\napple,3,2024-05-01\n"pear, green",4,2024-05-02\n'
until_true "fruit.csv is loaded" loaded fruit.csv
curl -s 'http://127.0.0.1:8080/read/first-chunk?dataset=fruit' | jq -e 'length == 2 and (map(.fruit_name) | sort) == ["apple", "pear, green"]' >/dev/null ||
    fail "rows over HTTP: $(curl -s 'http://127.0.0.1:8080/read/first-chunk?dataset=fruit')"
[ "$(runuser -u cetl -- psql -XAtq cetl -c 'SELECT sum(count) FROM fruit')" = 7 ] || fail "rows in PostgreSQL"
runuser -u dropper -- curl -sf --unix-socket /run/cetl/cetld.sock http://localhost/status | jq -e .success >/dev/null || fail "the socket, for the group"

step "a declared dataset by reload"
cat >/etc/cetl/conf.d/50-items.conf <<'CONF'
[dataset items]
files   = items*.csv
columns = id bigint primary key, price numeric(10,2)
CONF
systemctl reload cetld
until_true "the new dataset" answers /v1/items 200
drop items.csv 'id,price\n2,2.50\n1,1.25\n'
until_true "items.csv is loaded" loaded items.csv
[ "$(curl -s http://127.0.0.1:8080/v1/items | jq -c '[.[].id]')" = '[1,2]' ] || fail "rows in the order of the key"

step "the journal has the fields"
journalctl -u cetld -o json --no-pager | jq -e -s 'any(.[]; .CETL_FILE == "items.csv" and .CETL_DATASET == "items")' >/dev/null || fail "no CETL_FILE"

step "the sandbox"
exposure=$(systemd-analyze security --no-pager cetld | sed -n 's/.*exposure level for cetld.service: \([0-9.]*\).*/\1/p')
awk -v e="$exposure" 'BEGIN { exit !(e != "" && e <= 1.2) }' || fail "exposure $exposure, more than 1.2"

step "killed: systemd starts it again, and nothing is loaded twice"
old=$(systemctl show -p MainPID --value cetld)
kill -9 "$old"
restarted() { local p; p=$(systemctl show -p MainPID --value cetld); [ "$p" != 0 ] && [ "$p" != "$old" ] && answers /readyz 200; }
until_true "it is back" restarted
[ "$(runuser -u cetl -- psql -XAtq cetl -c 'SELECT count(*) FROM items')" = 2 ] || fail "rows doubled"

step "stopped: in order"
systemctl stop cetld
[ "$(systemctl show -p Result --value cetld)" = success ] || fail "Result=$(systemctl show -p Result --value cetld)"

step "an embedded PostgreSQL inside the sandbox"
printf '[database]\nurl =\n' >/etc/cetl/conf.d/90-embedded.conf
systemctl start cetld
until_true "/readyz with the embedded cluster" answers /readyz 200
drop embedded.csv 'a,b\n1,x\n'
until_true "embedded.csv is loaded" loaded embedded.csv
systemctl stop cetld
[ "$(systemctl show -p Result --value cetld)" = success ] || fail "Result=$(systemctl show -p Result --value cetld)"
pgrep -u cetl >/dev/null && fail "left running: $(pgrep -u cetl -a)"

step "removed, with what people dropped left alone"
apt-get purge -y cetld >/dev/null 2>&1 || fail "purge"
[ -e /var/spool/cetl/done/fruit.csv ] || fail "purge took what was loaded"
[ ! -e /etc/cetl/cetl.conf ] || fail "purge left the configuration"
echo "all steps passed (exposure $exposure)"
