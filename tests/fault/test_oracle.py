# SPDX-License-Identifier: MIT
"""oracle.py must see what it is there for: a lost, a doubled, a changed row; a file that is gone or in two places."""

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import oracle  # noqa: E402  pylint: disable=wrong-import-position


def run(*arguments):
    p = subprocess.run([sys.executable, os.path.join(HERE, "oracle.py"), *map(str, arguments)], capture_output=True, text=True, check=False)
    return p.returncode, p.stdout


def rows(data, delimiter=b","):
    return [row for _, row in oracle.records(data, delimiter)]


@pytest.mark.parametrize("data, want", [
    (b"", []),
    (b"a,b\n1,2", [[b"a", b"b"], [b"1", b"2"]]),
    (b"a\r\n\r\n", [[b"a"], [None]]),
    (b'"",\n', [[b"", None]]),
    (b"a,", [[b"a", None]]),
    (b'"x""y","1\n2"\n', [[b'x"y', b"1\n2"]]),
])
def test_cells_are_those_of_rfc_4180(data, want):
    assert rows(data) == want


@pytest.mark.parametrize("data, reason", [(b'"a', "unclosed"), (b'"a"b\n', "behind"), (b'a"b\n', "inside"), (b"a\rb\n", "bare CR"),
                                          (b'"a""\n', "unclosed")])
def test_what_is_no_csv_is_rejected_with_the_reason(data, reason):
    with pytest.raises(oracle.Reject, match=reason):
        rows(data)


def test_other_delimiters_are_taken_literally():
    assert rows(b"a\tb,c\n", b"\t") == [[b"a", b"b,c"]]
    assert rows(b"a|b\n", b"|") == [[b"a", b"b"]]


def test_generated_files_are_equal_for_equal_seeds_and_have_unique_keys(tmp_path):
    for name in "ab":
        assert run("gen", "--rows", 300, "--seed", 7, "--start", 5, "--out", tmp_path / name)[0] == 0
    data = (tmp_path / "a").read_bytes()
    assert data == (tmp_path / "b").read_bytes()
    assert [row[0] for row in rows(data)[1:]] == [str(i).encode() for i in range(5, 305)]
    assert not (tmp_path / "a.tmp").exists()


def test_the_digest_knows_rows_but_not_their_order(tmp_path):
    def digest(text):
        path = tmp_path / "x.csv"
        path.write_text(text)
        return json.loads(run("csv", path)[1])["digest"]
    same = digest("id,v\n1,a\n2,b\n")
    assert digest("id,v\n2,b\n1,a\n") == same
    for other in ("id,v\n1,a\n", "id,v\n1,a\n2,b\n2,b\n", "id,v\n1,b\n2,a\n", 'id,v\n1,a\n2,""\n', "id,v\n1,a\n2,\n"):
        assert digest(other) != same


def test_conserve_sees_a_lost_and_a_doubled_file(tmp_path):
    for name in ("source", "done", "failed"):
        (tmp_path / name).mkdir()
    for i in range(3):
        (tmp_path / "source" / str(i)).write_text(str(i))
    shutil.copytree(tmp_path / "source", tmp_path / "done", dirs_exist_ok=True)
    command = ["conserve", "--expect", tmp_path / "source", "--in", tmp_path / "done", "--in", tmp_path / "failed"]
    assert run(*command)[0] == 0
    shutil.copy(tmp_path / "done" / "1", tmp_path / "failed" / "other")
    assert run(*command) == (1, "files expected 3, lost 0, in two places 1\n")
    os.remove(tmp_path / "done" / "2")
    assert run(*command) == (1, "files expected 3, lost 1, in two places 1\n")


@pytest.fixture
def fake_psql(tmp_path, monkeypatch):
    """A psql that prints what is in the file `answer`, whatever it is asked."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "psql"
    program.write_text('#!/bin/sh\nexec cat "%s"\n' % (tmp_path / "answer"))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path / "bin", os.environ["PATH"]))
    return tmp_path / "answer"


@pytest.mark.parametrize("table, status, said", [
    ("1\tx,y\n2\t\\N\n3\ta\\nb\n", 0, "OK"),
    ("1\tx,y\n2\t\\N\n", 1, "lost 1, doubled 0, changed or foreign 0"),
    ("1\tx,y\n2\t\\N\n3\ta\\nb\n1\tx,y\n", 1, "lost 0, doubled 1, changed or foreign 0"),
    ("1\tx,y\n2\t\n3\ta\\nb\n", 1, "lost 1, doubled 0, changed or foreign 1"),
])
def test_compare_tells_lost_doubled_and_changed_rows(tmp_path, fake_psql, table, status, said):
    (tmp_path / "f.csv").write_text('id,v\n1,"x,y"\n2,\n3,"a\nb"\n')
    fake_psql.write_text(table)
    got = run("compare", "--dsn", "none", "--table", "t", tmp_path / "f.csv")
    assert got[0] == status and said in got[1]


@pytest.mark.parametrize("counts, status", [("3|3|0|0", 0), ("3|2|1|0", 1), ("3|4|0|1", 1)])
def test_pgcompare_believes_the_servers_counts(tmp_path, fake_psql, counts, status):
    fake_psql.write_text(counts + "\n")
    assert run("pgcompare", "--dsn", "none", "--table", "t", tmp_path / "f.csv")[0] == status
