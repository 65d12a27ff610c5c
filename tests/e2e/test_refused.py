# SPDX-License-Identifier: MIT
"""What may not load: refused with a clear message and kept, or left alone and told once; and the daemon goes on."""

import os
import re
import socket
import time

import pytest

from source import PARTS
from waiting import until

ITEMS = """
[dataset items]
files = items*.csv
columns = id bigint, name text, price numeric(10,2)
"""
GOOD = b"id,name,price\n1,one,1.00\n2,two,2.00\n"

BAD = {
    "unclosed_quote": (b'id,name,price\n1,"one,1.00\n2,two,2.00\n', r"quote"),
    "too_few_cells": (b"id,name,price\n1,one,1.00\n2,two\n", r"2.*(cells|columns|fields)|(cells|columns|fields).*2"),
    "too_many_cells": (b"id,name,price\n1,one,1.00\n2,two,2.00,extra\n", r"4.*(cells|columns|fields)|(cells|columns|fields).*4"),
    "nul_bytes": (b"id,name,price\n1,o\0ne,1.00\n", r"NUL"),
    "invalid_utf8": (b"id,name,price\n1,caf\xe9,1.00\n", r"UTF-8"),
    "bad_number": (b"id,name,price\n1,one,1.00\n2,two,twelve\n", r"twelve"),
    "text_after_quote": (b'id,name,price\n1,"one"x,1.00\n', r"quote"),
    "missing_column": (b"id,name\n1,one\n", None),
    "empty": (b"", r"empty"),
}


def still_works(daemon, database):
    daemon.drop("items_good.csv", GOOD)
    daemon.wait_state("items_good.csv", "loaded")
    assert database.rows("SELECT id FROM items ORDER BY id") == [(1,), (2,)]


@pytest.mark.parametrize("what", sorted(set(BAD) - {"missing_column"}))
def test_bad_file_is_refused_and_kept(cetld, database, what):
    data, words = BAD[what]
    daemon = cetld(ITEMS)
    name = "items_%s.csv" % what
    daemon.drop(name, data)
    entry = daemon.wait_state(name, "failed")
    assert entry["rows_loaded"] == 0
    told = entry["error"] + (daemon.errors_csv(name) if os.path.exists(daemon.path("failed", name + ".errors.csv")) else "")
    assert re.search(words, told, re.IGNORECASE), told
    with open(daemon.path("failed", name), "rb") as kept:
        assert kept.read() == data
    assert not os.path.exists(daemon.path("incoming", name)) and daemon.files_in("work", "done") == []
    if database.value("SELECT to_regclass('public.items') IS NOT NULL"):
        assert database.value("SELECT count(*) FROM items") == 0
    still_works(daemon, database)


def test_a_row_that_the_ledger_refuses_again_and_again_fails_the_file_loudly(cetld, database):
    """A breach of the ledger's own check is no file's fault, and no waiting mends it: the others load, beside it and behind it."""
    daemon = cetld(ITEMS)
    database.rows("ALTER TABLE cetl.file ADD CONSTRAINT no_threes CHECK (state <> 'loaded' OR rows_read <> 3)")
    daemon.drop("items_three.csv", GOOD + b"3,three,3.00\n")
    daemon.drop("items_good.csv", GOOD)
    entry = daemon.wait_state("items_three.csv", "failed")
    assert "the ledger refused its row 3 times" in entry["error"] and "no_threes" in entry["error"], entry
    daemon.wait_state("items_good.csv", "loaded")
    assert database.rows("SELECT id FROM items ORDER BY id") == [(1,), (2,)]
    assert len(daemon.log_lines("the ledger refuses the row of items_three.csv.*please report it.*no_threes")) == 1, daemon.log()
    assert os.path.exists(daemon.path("failed", "items_three.csv"))


def test_errors_csv_names_line_column_value_and_what_was_expected(cetld):
    daemon = cetld(ITEMS)
    daemon.drop("items_bad.csv", b'id,name,price\n1,"two\nlines",1.00\n2,two,twelve\n')
    entry = daemon.wait_state("items_bad.csv", "failed")
    head, row = daemon.errors_csv("items_bad.csv").splitlines()
    assert head == "line,byte_offset,column,code,message,value,raw"
    assert row.startswith("4,33,price,22P02,") and "twelve" in row and "expected a number" in row
    assert entry["rows_read"] == 2 and entry["rows_rejected"] == 1
    assert "4" in entry["error"] and "price" in entry["error"]


def test_bad_rows_within_the_budget_are_rejected_and_the_rest_loads(cetld, database):
    daemon = cetld(ITEMS + "max_errors = 1\n")
    daemon.drop("items_one.csv", b"id,name,price\n1,one,1.00\n2,two,twelve\n3,three,3.00\n")
    entry = daemon.wait_state("items_one.csv", "loaded")
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_rejected"]) == (3, 2, 1)
    assert database.rows("SELECT id FROM items ORDER BY id") == [(1,), (3,)]
    (reject,) = daemon.json("/v1/files/%s/rejects" % entry["id"])
    assert (reject["line"], reject["column"], reject["value"], reject["raw"]) == (3, "price", "twelve", "2,two,twelve")


def test_header_only_loads_no_rows(cetld, database):
    daemon = cetld(ITEMS)
    daemon.drop("items_none.csv", b"id,name,price\n")
    entry = daemon.wait_state("items_none.csv", "loaded")
    assert entry["rows_read"] == entry["rows_loaded"] == 0
    assert database.value("SELECT count(*) FROM items") == 0


def test_undeclared_empty_file_is_refused(cetld, database):
    daemon = cetld(ITEMS)
    daemon.drop("void.csv", b"")
    assert "empty" in daemon.wait_state("void.csv", "failed")["error"]
    still_works(daemon, database)


def test_file_truncated_while_it_is_read_is_refused(cetld, database):
    daemon = cetld(PARTS, daemon={"memory_max": "32M"})
    daemon.drop("part_0.csv", b"id,day,word,amount\n0,2024-01-01,first,0\n")
    daemon.wait_state("part_0.csv", "loaded")
    line = b"%d,2024-05-05,abcdefghijklmnopqrstuvwxyz0123456789,12.50\n"
    data = b"id,day,word,amount\n" + b"".join(line % i for i in range(1, 3000001))
    holder = database.connect()
    with holder.cursor() as sql:
        # The load cannot get on beyond what its buffers hold as long as the table is locked.
        holder.autocommit = False
        sql.execute("LOCK TABLE parts IN ACCESS EXCLUSIVE MODE")
        daemon.drop("part_1.csv", data)
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0,
              "the load waits for the table", deadline=60)
        (inside,) = [p for p in daemon.files_in("work") if p.endswith(b"part_1.csv")] or [None]
        path = daemon.in_work("part_1.csv")
        os.truncate(path, len(data) // 2)
        holder.rollback()
    holder.close()
    entry = daemon.wait_state("part_1.csv", "failed")
    assert re.search(r"truncated|changed|shorter|shrank", entry["error"], re.IGNORECASE), entry
    assert inside and database.rows("SELECT id FROM parts") == [(0,)]
    assert os.path.getsize(daemon.path("failed", "part_1.csv")) == len(data) // 2


def odd_entries(incoming):
    os.mkdir(os.path.join(incoming, "folder.csv"))
    os.mkfifo(os.path.join(incoming, "pipe.csv"))
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.join(incoming, "socket.csv"))
    s.close()
    os.symlink("/etc/shadow", os.path.join(incoming, "shadow.csv"))
    return {"folder.csv", "pipe.csv", "socket.csv", "shadow.csv"}


def test_what_is_no_regular_file_is_left_alone_and_told_once(cetld, database):
    daemon = cetld(ITEMS, daemon={"rescan": "1s"})
    incoming = daemon.path("incoming")
    names = odd_entries(incoming)
    told = {name for name in names if name != "folder.csv"}  # a folder is looked into, not complained about
    for name in told:
        until(lambda: daemon.log_lines(re.escape(name)), lambda: "a word about %s\n%s" % (name, daemon.log()))
    still_works(daemon, database)
    pid, began = daemon.process.pid, time.monotonic()
    until(lambda: time.monotonic() > began + 2.5, "two more scans")
    assert daemon.process.pid == pid and set(os.listdir(incoming)) == names
    for name in told:
        assert len(daemon.log_lines(re.escape(name))) == 1, daemon.log_lines(re.escape(name))
    assert not daemon.log_lines("root:")
    assert {e["name"] for e in daemon.ledger() if e["state"] == "loaded"} == {"items_good.csv"}


def test_file_that_may_not_be_read_stays_and_loads_after_chmod(cetld, database):
    user = "nobody" if os.geteuid() == 0 else None
    daemon = cetld(ITEMS, user=user)
    path = daemon.path("incoming", "items_secret.csv")
    with open(os.path.join(daemon.folder, "staged"), "wb") as f:
        f.write(GOOD)
    os.chmod(os.path.join(daemon.folder, "staged"), 0)
    os.rename(os.path.join(daemon.folder, "staged"), path)
    entry = daemon.wait_state("items_secret.csv", "unreadable")
    assert "chmod" in entry["error"] and os.path.exists(path)
    os.chmod(path, 0o644)
    daemon.wait_state("items_secret.csv", "loaded")
    assert database.value("SELECT count(*) FROM items") == 2


@pytest.mark.parametrize("name, shown", [(b"items_new\nline.csv", "items_new\\nline.csv"), (b"items_\xff\xfe.csv", "items_\\xff\\xfe.csv"),
                                         (b"items_%2f\"'; --.csv", "items_%2f\"'; --.csv"), (b"items_" + b"x" * 245 + b".csv", "items_" + "x" * 245 + ".csv")])
def test_odd_name_loads_and_is_shown_escaped(cetld, database, name, shown):
    daemon = cetld(ITEMS)
    daemon.drop(name, GOOD)
    daemon.wait_state(shown, "loaded")
    daemon.wait_moved()
    assert os.path.exists(os.path.join(os.fsencode(daemon.path("done")), name))
    assert database.value("SELECT count(*) FROM items") == 2
    assert all(c.isprintable() for line in daemon.log_lines("items_") for c in line)


def test_hidden_and_partial_names_wait(cetld, database):
    daemon = cetld(ITEMS)
    for name in (".items_a.csv", "items_b.csv.part", "items_c.csv.tmp", "items_d.csv~"):
        with open(daemon.path("incoming", name), "wb") as f:
            f.write(GOOD)
    still_works(daemon, database)
    assert len(daemon.ledger()) == 1
    os.rename(daemon.path("incoming", "items_b.csv.part"), daemon.path("incoming", "items_b.csv"))
    daemon.wait_state("items_b.csv", "duplicate")


def test_file_still_being_written_waits_for_its_close(cetld, database):
    daemon = cetld(ITEMS)
    with open(daemon.path("incoming", "items_slow.csv"), "wb") as f:
        f.write(b"id,name,price\n1,one,1.00\n")
        f.flush()
        still_works_while_open(daemon)
        assert daemon.ledger("items_slow.csv") == []
        f.write(b"2,two,2.00\n")
    daemon.wait_state("items_slow.csv", "loaded")
    assert database.value("SELECT count(*) FROM items") == 3


def still_works_while_open(daemon):
    daemon.drop("items_other.csv", b"id,name,price\n9,nine,9\n")
    daemon.wait_state("items_other.csv", "loaded")


def test_file_in_a_subfolder_loads(cetld, database):
    daemon = cetld(ITEMS)
    os.makedirs(daemon.path("incoming", "sub"))
    daemon.drop("sub/items_x.csv", GOOD)
    until(lambda: [e for e in daemon.ledger() if e["state"] == "loaded"], lambda: "it loads\n" + daemon.log())
    assert database.value("SELECT count(*) FROM items") == 2
