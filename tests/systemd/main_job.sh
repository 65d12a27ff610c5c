#!/bin/bash
# SPDX-License-Identifier: MIT
# PostgreSQL is there when the package is installed: drop, query; reload, credentials, journal, sandbox; stop; embedded cluster; purge.
. /test/steps.sh

install_postgresql
install_cetld

step "the package started it, and systemctl start is content"
systemctl start cetld
[ "$(systemctl is-active cetld)" = active ] || fail "not active"
[ "$(systemctl is-enabled cetld)" = enabled ] || fail "not enabled"
[ "$(systemctl is-enabled cetld.socket || true)" = disabled ] || fail "the socket is not left to the administrator"
until_true "/readyz" answers /readyz 200
has_status() { systemctl show -p StatusText --value cetld | grep queued >/dev/null; }
until_true "STATUS= says what is queued" has_status
[ "$(ps -o user= -p "$(main_pid)")" = cetl ] || fail "does not run as user cetl"

step "a member of group cetl drops a file: its rows are in PostgreSQL and over HTTP"
make_dropper
drop fruit.csv 'Fruit Name,Count,Picked\napple,3,2024-05-01\n"pear, green",4,2024-05-02\n'
until_true "fruit.csv is loaded" loaded fruit.csv
get '/read/first-chunk?dataset=fruit' | jq -e 'length == 2 and (map(.fruit_name) | sort) == ["apple", "pear, green"]' >/dev/null ||
    fail "rows over HTTP: $(get '/read/first-chunk?dataset=fruit')"
[ "$(sql 'SELECT sum(count) FROM fruit')" = 7 ] || fail "rows in PostgreSQL"
runuser -u dropper -- curl -sf --unix-socket /run/cetl/cetld.sock http://localhost/status | jq -e .success >/dev/null || fail "the socket, for the group"

step "a declared dataset by reload"
cat >/etc/cetl/conf.d/50-items.conf <<'CONF'
[dataset items]
files   = items*.csv
columns = id bigint primary key, price numeric(10,2)
CONF
before=$(main_pid)
systemctl reload cetld
until_true "the new dataset" answers /v1/items 200
[ "$(main_pid)" = "$before" ] || fail "reload started another one"
drop items.csv 'id,price\n2,2.50\n1,1.25\n'
until_true "items.csv is loaded" loaded items.csv
[ "$(get /v1/items | jq -c '[.[].id]')" = '[1,2]' ] || fail "rows in the order of the key"

step "a bad reload keeps the old configuration and says why"
printf '[dataset items2]\ncolums = a int\n' >/etc/cetl/conf.d/60-bad.conf
systemctl reload cetld || true
complained() { said '/etc/cetl/conf.d/60-bad.conf:2: .*colums'; }
until_true "file and line in the journal" complained
[ "$(main_pid)" = "$before" ] && answers /v1/items 200 || fail "the old configuration is not kept"
rm /etc/cetl/conf.d/60-bad.conf

step "PostgreSQL's programs are upgraded: a daemon beside a server of its own goes on"
echo http://127.0.0.1:9/ >/etc/cetl/hook-url
printf '[notify hook]\nurl_file = /etc/cetl/hook-url\n' >/etc/cetl/conf.d/60-hook.conf
upgrade_programs() { dpkg-trigger --by-package=postgresql-15 --no-await /usr/lib/postgresql && dpkg --triggers-only cetld >/tmp/apt.log 2>&1; }
upgrade_programs || fail "the trigger: $(cat /tmp/apt.log)"
[ "$(main_pid)" = "$before" ] || fail "it was restarted"
rm /etc/cetl/conf.d/60-hook.conf /etc/cetl/hook-url

step "a backup is made inside of the sandbox; where the sandbox has no room for it that is told, and mended as the page says"
printf '[backup nightly]\nto = /srv/backups\nat = 02:30\n' >/etc/cetl/conf.d/60-backup.conf
systemctl reload cetld
backup() { curl -sf --unix-socket /run/cetl/cetld.sock http://localhost/status | jq -e ".backups[0] | $1" >/dev/null; }
until_true "it fails" backup '.state == "failed" and (.error | test("Read-only file system"))'
printf '[backup nightly]\nto = /var/lib/cetl/backups\nat = 02:30\n' >/etc/cetl/conf.d/60-backup.conf
systemctl reload cetld
until_true "it is made" backup '.state == "made" and .error == null'
runuser -u cetl -- cetl restore --dry-run /var/lib/cetl/backups/nightly-*Z | grep -q 'public.items would have the 2 rows' || fail "the backup is none"
said 'backup nightly is made' || fail "the journal does not say so"
rm -r /etc/cetl/conf.d/60-backup.conf /var/lib/cetl/backups/nightly-*Z

step "a credential: root's file, which the daemon reads by %d"
token=cetl_0123456789abcdefghijklmnopqrstuvwxyzABCDEF
printf %s "$token" | sha256sum | cut -d' ' -f1 >/etc/cetl/credentials/ci.sha256
chmod 600 /etc/cetl/credentials/ci.sha256
printf '[api]\nanonymous = none\n[token ci]\nhash_file = %%d/ci.sha256\nallow = items: read\n' >/etc/cetl/conf.d/70-token.conf
checked=$(cetld --check 2>&1) || fail "cetld --check: $checked"
case $checked in
*'not asked'* | *'does not exist'*) fail "cetld --check as root: $checked" ;;
*'as user cetl'*) ;;
*) fail "cetld --check as root: $checked" ;;
esac
systemctl restart cetld
until_true "a token is asked for" answers /v1/items 401
with_token() { curl -sf -H "Authorization: Bearer $token" http://127.0.0.1:8080/v1/items | jq -e 'length == 2' >/dev/null; }
until_true "the token is taken" with_token
runuser -u cetl -- test -r /etc/cetl/credentials/ci.sha256 && fail "the credential is readable for user cetl by its file"
rm /etc/cetl/conf.d/70-token.conf
systemctl reload cetld
until_true "anonymous again" answers /v1/items 200

step "the journal has the fields"
journal -e 'any(.[]; .CETL_FILE == "items.csv" and .CETL_DATASET == "items" and .CETL_ROWS == "2")' >/dev/null ||
    fail "no CETL_FILE, CETL_DATASET, CETL_ROWS: $(journal -c 'map(select(.CETL_FILE)) | .[-1]')"

step "the sandbox, and the units"
exposure=$(systemd-analyze security --no-pager cetld | sed -n 's/.*exposure level for cetld.service: \([0-9.]*\).*/\1/p')
awk -v e="$exposure" 'BEGIN { exit !(e != "" && e <= 1.2) }' || fail "exposure $exposure, more than 1.2"
said=$(systemd-analyze verify /lib/systemd/system/cetld.service /lib/systemd/system/cetld.socket 2>&1) && [ -z "$said" ] || fail "systemd-analyze verify: $said"
grep -q '^Seccomp:.2' "/proc/$(main_pid)/status" && grep -q '^CapBnd:.0000000000000000' "/proc/$(main_pid)/status" || fail "no sandbox"
workers=$(ps -L -o ni= -p "$(main_pid)" | awk '$1 == 5' | wc -l)
[ "$workers" -gt 0 ] || fail "the workers are not niced"

step "stopped: in order"
systemctl stop cetld
stopped_in_order

step "a bad configuration: it does not start, says file and line, and is not tried again and again"
printf '[daemon]\nworkers = many\n' >/etc/cetl/conf.d/80-bad.conf
systemctl start cetld 2>/dev/null && fail "started with a bad configuration"
[ "$(systemctl is-failed cetld)" = failed ] || fail "$(systemctl is-failed cetld), not failed"
(systemctl status cetld --no-pager || true) | grep '/etc/cetl/conf.d/80-bad.conf:2: .*many' >/dev/null || fail "systemctl status does not say why: $(systemctl status cetld --no-pager)"
rm /etc/cetl/conf.d/80-bad.conf

step "an embedded PostgreSQL inside the sandbox"
printf '[database]\nurl =\n' >/etc/cetl/conf.d/90-embedded.conf
systemctl start cetld
until_true -t 60 "/readyz with the embedded cluster" answers /readyz 200
drop embedded.csv 'a,b\n1,x\n'
until_true "embedded.csv is loaded" loaded embedded.csv
before=$(main_pid)
upgrade_programs || fail "the trigger: $(cat /tmp/apt.log)"
until_true -t 60 "the embedded cluster runs PostgreSQL's new programs" restarted "$before"
systemctl stop cetld
stopped_in_order
pgrep -u cetl >/dev/null && fail "left running: $(pgrep -u cetl -a)"

step "removed: the data and the configuration stay"
apt-get remove -y cetld >/tmp/apt.log 2>&1 || fail "remove: $(cat /tmp/apt.log)"
[ -e /var/spool/cetl/done/fruit.csv ] && [ -e /var/lib/cetl/instance ] && [ -e /etc/cetl/cetl.conf ] || fail "remove took data"
[ ! -e /run/cetl ] && ! systemctl cat cetld >/dev/null 2>&1 || fail "remove left what was running"

step "purged: what people dropped and what was loaded is left alone"
apt-get purge -y cetld >/tmp/apt.log 2>&1 || fail "purge: $(cat /tmp/apt.log)"
[ -e /var/spool/cetl/done/fruit.csv ] && [ -e /var/lib/cetl/postgresql ] || fail "purge took what was loaded"
grep -q '/var/spool/cetl has files of yours' /tmp/apt.log || fail "purge does not say what it left"
[ ! -e /etc/cetl/cetl.conf ] || fail "purge left the configuration"
[ "$(runuser -u postgres -- psql -XAtq cetl -c 'SELECT sum(count) FROM fruit')" = 7 ] || fail "purge touched the database"
echo "all steps passed (exposure $exposure)"
