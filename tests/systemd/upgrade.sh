#!/bin/bash
# SPDX-License-Identifier: MIT
# An older version is upgraded with files in flight, by itself and behind its sockets; then purged with prepared transactions left.
. /test/steps.sh

step "an older version is upgraded while files come"
install_postgresql
install_packages --no-install-recommends /test/old/cetld_*.deb
old=$(dpkg-query -W -f '${Version}' cetld)
make_dropper
until_true "/readyz" answers /readyz 200
printf '[dataset series]\nfiles = series-*.csv\ncolumns = n bigint primary key\n' >/etc/cetl/conf.d/50-series.conf
echo '# mine' >>/etc/cetl/cetl.conf
systemctl reload cetld
until_true "the dataset" answers /v1/series 200
drop_series series 0 299 50 &
dropping=$!
some_there() { [ "$(sql 'SELECT count(*) FROM series')" -gt 0 ]; }
until_true "some are there" some_there
apt-get install -y -o Dpkg::Options::=--force-confold --no-install-recommends /test/cetld_*.deb >/tmp/apt.log 2>&1 || fail "upgrade: $(cat /tmp/apt.log)"
new=$(dpkg-query -W -f '${Version}' cetld)
[ "$old" != "$new" ] || fail "$new is no upgrade of $old"
until_true "/readyz" answers /readyz 200
[ "$(get /status | jq -r .version)" = "$new" ] || fail "the old one still runs: $(get /status)"
wait $dropping
all_there() { [ "$(sql 'SELECT count(*) || $$ $$ || count(DISTINCT n) FROM series')" = "15000 15000" ]; }
until_true -t 60 "all rows, once" all_there
everything_done() { [ -z "$(find /var/spool/cetl/incoming /var/spool/cetl/work -name '*.csv')" ] && [ "$(find /var/spool/cetl/done -name 'series-*.csv' | wc -l)" = 300 ]; }
until_true "all files are in done/" everything_done
[ -z "$(ls /var/spool/cetl/failed)" ] || fail "in failed/: $(ls /var/spool/cetl/failed)"
tail -n 1 /etc/cetl/cetl.conf | grep -qx '# mine' || fail "the configuration was not kept"
stopped_in_order

step "upgraded behind its sockets: nobody is refused"
systemctl enable cetld.socket 2>/dev/null
systemctl stop cetld
systemctl start cetld.socket cetld
: >/tmp/codes
(while [ ! -e /tmp/enough ]; do curl -s -m 30 -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/healthz || echo "curl $?"; done >/tmp/codes) &
asking=$!
# The same version anew goes the same way; back to an older one there is none, since that refuses the newer schema.
for _ in 1 2; do
    before=$(main_pid)
    dpkg -i --force-confold /test/cetld_*.deb >/tmp/apt.log 2>&1 || fail "upgrade: $(cat /tmp/apt.log)"
    [ "$(main_pid)" != "$before" ] || fail "not restarted"
done
touch /tmp/enough
wait $asking
[ "$(sort -u /tmp/codes)" = 200 ] || fail "answers: $(sort /tmp/codes | uniq -c)"
[ "$(systemctl is-active cetld.socket)" = active ] || fail "the upgrade stopped the socket"

step "purge ends the prepared transactions of this installation: as the ledger says, and nobody else's"
runuser -u postgres -- psql -qc 'ALTER SYSTEM SET max_prepared_transactions = 10'
systemctl restart postgresql
until_true "/readyz" answers /readyz 200
systemctl stop cetld.socket cetld
instance=$(cat /var/lib/cetl/instance)
decided=$(sql "UPDATE cetl.file SET state = 'committing', shares = 2, instance = '$instance' WHERE id = (SELECT min(id) FROM cetl.file) RETURNING id")
undecided=$(sql "UPDATE cetl.file SET state = 'loading', shares = 2, instance = '$instance' WHERE id = (SELECT max(id) FROM cetl.file) RETURNING id")
sql "BEGIN; INSERT INTO series VALUES (-1); PREPARE TRANSACTION 'cetl:$instance:$decided:1'"
sql "BEGIN; INSERT INTO series VALUES (-2); PREPARE TRANSACTION 'cetl:$instance:$undecided:1'"
sql "BEGIN; INSERT INTO series VALUES (-3); PREPARE TRANSACTION 'cetl:$instance:999999999:1'"
sql "BEGIN; INSERT INTO series VALUES (-4); PREPARE TRANSACTION 'cetl:0000000000000000:1:1'"
sql 'CREATE TABLE public.run_as (name text)'
sql "CREATE FUNCTION public.note_who() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.run_as VALUES (current_user); RETURN NEW; END'"
sql 'CREATE TRIGGER note_who BEFORE UPDATE ON cetl.file FOR EACH ROW EXECUTE FUNCTION public.note_who()'
find /var/spool/cetl -name 'series-*.csv' -delete # whose they were has them
apt-get purge -y cetld >/tmp/apt.log 2>&1 || fail "purge: $(cat /tmp/apt.log)"
as_postgres() { runuser -u postgres -- psql -XAtq cetl -c "$1"; }
[ "$(as_postgres 'SELECT gid FROM pg_prepared_xacts')" = cetl:0000000000000000:1:1 ] || fail "left: $(as_postgres 'SELECT gid FROM pg_prepared_xacts')"
[ "$(as_postgres 'SELECT n FROM series WHERE n < 0')" = -1 ] || fail "what was decided: $(as_postgres 'SELECT n FROM series WHERE n < 0')"
[ "$(as_postgres "SELECT shares FROM cetl.file WHERE id = $undecided")" = 0 ] || fail "what was not decided can still be"
[ "$(as_postgres 'SELECT DISTINCT name FROM run_as')" = cetl ] || fail "triggers of the database were run as $(as_postgres 'SELECT DISTINCT name FROM run_as')"
[ ! -e /var/spool/cetl ] || fail "left: $(find /var/spool/cetl)"
[ ! -e /var/lib/cetl ] || fail "left: $(find /var/lib/cetl)"
echo "all steps passed"
