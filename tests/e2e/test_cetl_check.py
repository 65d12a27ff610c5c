# SPDX-License-Identifier: MIT
"""cetl check: what it says of a file is what the daemon makes of it."""

import gzip
import json
import os
import subprocess

import pytest

from daemon import BINARY
from waiting import until

CETL = os.path.join(os.path.dirname(BINARY), "cetl")

CONFIG = """
[dataset orders]
files = orders*.csv, orders*.csv.gz
columns =
    id bigint primary key,
    placed date,
    amount numeric(8,2) not null,
    name text,
    shout text,
    kind varchar(5) default 'plain'
filter = id <> 7
max_errors = 50%

[column orders.placed]
format = DD/MM/YYYY

[column orders.shout]
expr = upper(name) || '!'

[column orders.amount]
check = amount >= 0

[dataset parts]
files = in/{region}/*.csv
columns = region text, id int, extra text
new_columns = rescue

[dataset loose]
files = loose*.csv
columns = id int
new_columns = add
encoding = cp1252
delimiter = ;

[dataset free]
files = free*.csv
max_errors = 1

[token t]
hash_file = /nowhere
allow = read
"""

FILES = {
    "orders_1.csv": b"ID,Placed,Amount,Name\n1,31/01/2024,12.5,Ann\n7,01/01/2024,1,x\n3,31/02/2024,1,x\n4,01/02/2024,,y\n5,,-1,z\n"
                    b"6,,3,\"tab\tline\nend\"\n8,,4,\xc3\xa9\n9,,1,a,b\n10,,1,q\n",
    "orders_2.csv.gz": gzip.compress("Amount,id,kind\n1,1,long one\n2,2,\n".encode("utf-16")),
    "orders_3.csv": b"id,amount\n1,x\n2,y\n3,1\n",
    "in/eu/a.csv": b"id,color\n1,red\n2,\n",
    "loose.csv": b"id;price\n1;2,5\n2;caf\xe9\n",
    "free.csv": b"a,b\n1,2024-01-31\n2,\n",
}


def cetl(conf, *arguments):
    return subprocess.run([CETL, "-c", conf, *arguments], capture_output=True, text=True, timeout=60)


def put(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def check(conf, path, *arguments):
    answer = cetl(conf, "--json", "check", path, *arguments)
    return answer.returncode, json.loads(answer.stdout)


def wait_final(daemon, name):
    return until(lambda: next((f for f in daemon.ledger(name) if f["state"] in ("loaded", "failed")), None), daemon.log)


@pytest.mark.parametrize("name", sorted(FILES))
def test_it_is_what_the_daemon_does(make_cetld, database, folder, name):
    daemon = make_cetld(database.url(), config=CONFIG.split("[token t]")[0]).start()
    os.makedirs(os.path.dirname(daemon.path("incoming", name)), exist_ok=True)
    daemon.drop(name, FILES[name])
    entry = wait_final(daemon, os.path.basename(name))
    status, told = check(daemon.conf, put(folder, "files/" + name, FILES[name]), "--path", name)
    assert told["dataset"] == entry["dataset"]
    assert (status == 0) == (entry["state"] == "loaded") == (not told["fails"])
    assert told["rows_read"] == entry["rows_read"] and told["rows_filtered"] == entry["rows_filtered"]
    kept = daemon.json("/v1/files/%d/rejects?format=json" % entry["id"])
    assert [(r["line"], r["column"], r["code"], r["message"]) for r in told["rejects"]] == \
        [(r["line"], r["column"], r["code"], r["message"]) for r in kept]
    if entry["state"] == "loaded":
        names = [c["name"] for c in told["columns"]]
        assert told["rows"] == daemon.json("/v1/%s?select=%s" % (entry["dataset"], ",".join(names)))


def test_it_needs_no_secret_and_says_where_the_dataset_is(folder):
    conf = put(folder, "c.conf", CONFIG.encode())
    answer = cetl(conf, "check", put(folder, "orders_1.csv", FILES["orders_1.csv"]))
    assert answer.returncode == 0, answer.stderr
    assert "dataset orders (%s:2)" % conf in answer.stdout and "cell 1 (ID)" in answer.stdout
    assert "line 4: column placed: \"31/02/2024\"" in answer.stdout and "PRIMARY KEY" in answer.stdout
    assert "9 rows read: 4 to load, 1 filtered, 4 rejected\n" in answer.stdout
    assert "it would be loaded\n" in answer.stdout


def test_a_file_that_would_fail_says_so(folder):
    conf = put(folder, "c.conf", CONFIG.encode())
    answer = cetl(conf, "check", put(folder, "orders_3.csv", FILES["orders_3.csv"]))
    assert answer.returncode == 1
    assert "it would fail: 2 of 3 rows would be rejected, and max_errors is 50%\n" in answer.stdout
    answer = cetl(conf, "check", put(folder, "orders_4.csv", b"id,nonsense\n1,2\n"))
    assert answer.returncode == 1 and 'cell 2 ("nonsense") is no column of public.orders' in answer.stdout
    answer = cetl(conf, "check", put(folder, "orders_5.csv", b""))
    assert answer.returncode == 1 and "is empty" in answer.stdout
    assert check(conf, put(folder, "orders_5.csv", b""))[1]["fails"]


def test_names_that_nobody_claims(folder):
    path = put(folder, "other.csv", b"a\n1\n")
    assert cetl("/dev/null", "check", path).returncode == 0
    conf = put(folder, "c.conf", b"[daemon]\nunmatched = fail\n")
    answer = cetl(conf, "check", path)
    assert answer.returncode == 1 and "unmatched is fail" in answer.stdout


def test_what_is_asked_wrongly(folder):
    conf = put(folder, "c.conf", CONFIG.encode())
    path = put(folder, "a.csv", b"a\n1\n")
    answer = cetl(conf, "check", path, "--dataset", "order")
    assert answer.returncode == 2 and "did you mean orders?" in answer.stderr
    answer = cetl(put(folder, "wrong.conf", b"[daemon]\nworkers = many\n"), "check", path)
    assert answer.returncode == 2 and "wrong.conf:2: " in answer.stderr and "; -c /dev/null does without one" in answer.stderr
    assert cetl(conf, "check", path, "--rows", "-1").returncode == 2
    assert cetl(conf, "check", path, "--path", "/a.csv").returncode == 2
    assert cetl(conf, "check").returncode == 2
    answer = cetl(conf, "check", folder + "/none.csv")
    assert answer.returncode == 1 and "No such file" in answer.stderr and answer.stdout == ""
    answer = cetl(conf, "check", folder)
    assert answer.returncode == 1 and "no regular file" in answer.stdout and "read as" not in answer.stdout


def test_nothing_of_a_file_reaches_the_terminal_as_it_is(folder):
    path = put(folder, "a\x1b[2J.csv", b'"h\x1b]0;x\x07",b\n"\x1b[31mred",1\n\x1b[5m,2,3\n')
    for arguments in [(), ("--json",)]:
        answer = cetl("/dev/null", *arguments, "check", path)
        assert "\x1b" not in answer.stdout + answer.stderr and "\x07" not in answer.stdout


def test_a_long_file_of_nothing_but_rejects(folder):
    conf = put(folder, "c.conf", CONFIG.encode())
    n = 200000
    path = put(folder, "orders_9.csv", b"id,amount\n" + b"x,1\n" * n)
    status, told = check(conf, path)
    assert status == 1 and len(told["rejects"]) == told["rows_rejected"] == n
    assert told["rejects"][-1]["line"] == n + 1
