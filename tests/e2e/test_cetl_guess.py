# SPDX-License-Identifier: MIT
"""cetl guess: what it prints is a configuration that --check accepts, and that loads what inference would have loaded."""

import gzip
import io
import json
import os
import subprocess
import zipfile

import pytest

from daemon import BINARY

CETL = os.path.join(os.path.dirname(BINARY), "cetl")


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in members.items():
            z.writestr(name + ".csv", text)
    return out.getvalue()


FILES = {
    "orders_2024-01.csv": b'Order ID,Placed,Amount,ZIP\n1,31/01/2024,12.50,01234\n2,05/02/2024,,"x, ""y"""\n',
    "Half Year 2.csv": "Größe;Order;Is OK\n1,5;7;true\n2,25;8;\n".encode(),
    "plain.csv": b"1,2024-01-31,a\n2,2024-02-29,b\n",
    "blank.csv": b"a,b\n1,x\n\n2,y\n",
    "one.csv": b"only\n1\n\n3\n",
    "utf16.csv": "name,at\nÉva,2024-01-31 12:00\n".encode("utf-16"),
    "packed.csv.gz": gzip.compress(b"a|b\n1|{}\n2|[1]\n"),
    "both.csv.zip": zipped(a="k,v\n1,x\n", b="k,v\n2,y\n"),
    "mac.csv": b"a,b\r1,2\r3,4\r",
    "lines.csv": b"Report of 2024\n\nid,total,city\n1,2.5,Rome\n2,3.5,Bonn\n3,4,Ulm\n",
    "single.csv": b"'id','name'\n'1','a, b'\n'2','it''s'\n",
    "2024.csv": b"select,primary,user\n1,2,3\n",
}


def cetl(*arguments, conf="/dev/null"):
    return subprocess.run([CETL, "-c", conf, *arguments], capture_output=True, text=True, timeout=60)


def put(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def contents(daemon, database):
    """Each dataset's table: its columns with their types, and its rows."""
    tables = {}
    for d in daemon.get("/v1").json:
        columns = [(c["name"], c["type"]) for c in d["columns"]]
        names = ", ".join('"%s"' % name for name, _ in columns)
        tables[d["name"]] = (columns, sorted(map(str, database.rows('SELECT %s FROM public."%s"' % (names, d["table"])))))
    return tables


def test_what_is_printed_loads_what_inference_loads(make_cetld, database, own_database, folder):
    inferring = make_cetld(database.url()).start()
    for name, data in FILES.items():
        inferring.drop(name, data)
    for name in FILES:
        inferring.wait_state(name, "loaded")
    paths = [put(folder, "files/" + name, data) for name, data in FILES.items()]
    guess = cetl("guess", *paths)
    assert guess.returncode == 0, guess.stderr
    checked = subprocess.run([BINARY, "--check", "-c", put(folder, "guess.conf", guess.stdout.encode())], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    declared = make_cetld(own_database.url(), config=guess.stdout).start()
    for name, data in FILES.items():
        declared.drop(name, data)
    for name in FILES:
        assert declared.wait_state(name, "loaded")["rows_rejected"] == 0
    assert contents(declared, own_database) == contents(inferring, database)


def test_types_have_their_reasons(folder):
    path = put(folder, "a.csv", b"zip,at,n,mixed\n01234,02/03/2024,1,1\n2,04/05/2024,2.5,x\n")
    text = cetl("guess", path).stdout
    assert "#   zip    text" in text and '01234' in text
    assert "could be either way round" in text
    assert 'not all are a whole number: line 3 has "2.5"' in text
    guess, = json.loads(cetl("--json", "guess", path).stdout)
    assert [c["type"] for c in guess["columns"]] == ["text", "text", "numeric", "text"]
    assert guess["read_as"]["delimiter"] == "," and guess["rows_read"] == 2
    assert guess["config"] == text[text.index("[dataset"):]


def test_files_of_one_dataset_are_one_block(folder):
    a = put(folder, "sales_1.csv", b"id,v\n1,2\n")
    b = put(folder, "sales_2.csv", b"ID;V\n2;2.5\n")
    c = put(folder, "sales_3.csv", b"id,other\n2,x\n")
    text = cetl("guess", a, c, b).stdout
    assert text.count("[dataset ") == 2
    assert text.index("[dataset sales_3]") < text.index("[dataset sales]")  # its glob would match the other's file
    assert "    v numeric\n" in text and "files = sales_3.csv\n" in text and "delimiter = ;" not in text


def test_bytes_that_are_no_utf8_are_said(folder):
    path = put(folder, "a.csv", b"name\nCaf\xe9\n")
    text = cetl("guess", path).stdout
    assert "encoding = cp1252\n" in text and "It is no UTF-8" in text


@pytest.mark.parametrize("name, data, words", [
    ("empty.csv", b"", "is empty"),
    ("header.csv", b"a,b\n", "no row"),
    ("open.csv", b'a,b\n1,"x\n', "line 2"),
    ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-4], "cut.csv.gz"),
    ("bad\x1b[31m.csv", b"", "bad\\x1b[31m.csv"),
], ids=["empty", "header", "quote", "gzip", "name"])
def test_what_cannot_be_guessed_is_refused(folder, name, data, words):
    good = put(folder, "good.csv", b"a\n1\n")
    answer = cetl("guess", put(folder, name, data), good)
    assert answer.returncode == 1 and words in answer.stderr and "\x1b" not in answer.stderr
    assert "[dataset good]" in answer.stdout and answer.stdout.count("[dataset") == 1


def test_what_is_no_file_is_refused(folder):
    os.mkfifo(os.path.join(folder, "pipe.csv"))
    for path, words in [(folder, "no regular file"), (folder + "/none.csv", "No such file"), (folder + "/pipe.csv", "no regular file")]:
        answer = cetl("guess", path)
        assert answer.returncode == 1 and words in answer.stderr
        assert answer.stdout == ""


def test_limits_of_the_configuration_hold(folder):
    conf = put(folder, "c.conf", b"[daemon]\nunpack_max = 1M\n[token t]\nhash_file = /nowhere\nallow = read\n")
    path = put(folder, "big.csv.gz", gzip.compress(b"a\n" + b"1\n" * 600000))
    answer = cetl("guess", path, conf=conf)
    assert answer.returncode == 1 and "unpack_max" in answer.stderr
    conf = put(folder, "bad.conf", b"[daemon]\nunpack_maxx = 1M\n")
    answer = cetl("guess", path, conf=conf)
    assert answer.returncode == 2 and "unpack_maxx" in answer.stderr
