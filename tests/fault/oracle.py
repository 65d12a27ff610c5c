#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tells lost, doubled and changed rows and files. Python's standard library and the psql client; knows nothing of cetld.

  oracle.py gen --rows N [--cols 6] [--seed 1] [--start 0] --out F   make a CSV whose first column is a unique key
  oracle.py csv [--no-header] [--delim ,] FILE...                    rows, columns, digest of each file (strict RFC 4180)
  oracle.py table --dsn DSN --table T [--columns a,b] [--where W]    the same digest of a table, its values as text
  oracle.py compare --dsn DSN --table T [--columns ...] FILE...      is the table the union of the files? For text columns
  oracle.py pgcompare --dsn DSN --table T [--columns ...] FILE...    the same for typed tables: PostgreSQL reads the files
  oracle.py conserve --expect DIR --in D1 --in D2 ...                is every file of DIR, by content, in exactly one place?

Exit status 0 yes, 1 no, 2 it could not be found out. The digest is the sum modulo 2^128 of the BLAKE2b of each row: a lost,
doubled or changed row changes it, the order of the rows does not. An unquoted empty cell is NULL, a quoted one is '', as in
PostgreSQL's CSV.
"""

import argparse
import collections
import csv
import hashlib
import json
import os
import random
import re
import subprocess
import sys

MODULUS = 1 << 128
EXAMPLES_MAX = 2_000_000  # rows remembered to show what was lost
SHOWN_MAX = 5

# Values that are easy to get wrong.
WORDS = ["alpha", "naïve", "Ω", "日本", "O'Brien", "a,b", 'say "hi"', "two\nlines", "crlf\r\nin", " lead", "trail ", "\\N", "\\.", "NULL", "",
         None, "=1+1", "-0", "1e5", "00012", "🙂", "x'); DROP TABLE t;--", "tab\there"]


class Reject(Exception):
    """The file is no RFC 4180 CSV."""

    def __init__(self, reason, line):
        super().__init__("%s (line %d)" % (reason, line))


def records(data, delimiter=b","):
    """Strict RFC 4180 over bytes, lines ended by LF or CRLF: yields (line, [bytes or None])."""
    d = re.escape(delimiter)
    plain = rb'[^"\r\n' + d + rb"]*"
    cell = re.compile(rb'(?:"((?:[^"]|"")*)"|(' + plain + rb"))(" + d + rb"|\r\n|\n|\Z)")
    at, line, row = 0, 1, []
    while at < len(data) or row:
        match = cell.match(data, at)
        if not match:
            raise Reject(_reason(data, at, plain), line)
        quoted, bare, end = match.groups()
        row.append(quoted.replace(b'""', b'"') if quoted is not None else bare or None)
        line += match.group(0).count(b"\n")
        at = match.end()
        if end != delimiter:
            yield line, row
            row = []


def _reason(data, at, plain):
    if data[at:at + 1] != b'"':
        end = re.compile(plain).match(data, at).end()
        return "quote inside an unquoted cell" if data[end:end + 1] == b'"' else "bare CR"
    closed = re.compile(rb'"(?:[^"]|"")*"(?!")').match(data, at)
    return "text behind a closing quote" if closed else "unclosed quote"


class Rows:
    """A multiset of rows: number, digest, and, where `keep`, how often each occurs."""

    def __init__(self, keep=False):
        self.n = 0
        self.sum = 0
        self.count = collections.Counter() if keep else None
        self.example = {}

    def add(self, row):
        h = hashlib.blake2b(digest_size=16)
        for value in row:
            h.update(b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "little") + value)
        key = h.digest()
        self.n += 1
        self.sum = (self.sum + int.from_bytes(key, "little")) % MODULUS
        if self.count is not None:
            self.count[key] += 1
            if len(self.example) < EXAMPLES_MAX:
                self.example.setdefault(key, row)

    def digest(self):
        return "%032x" % self.sum

    def add_file(self, path, header, delimiter):
        """Its number of columns."""
        with open(path, "rb") as f:
            data = f.read()
        columns = None
        for line, row in records(data[3:] if data.startswith(b"\xef\xbb\xbf") else data, delimiter):
            if columns is not None and len(row) != columns:
                raise Reject("ragged row: %d cells, not %d" % (len(row), columns), line)
            if columns is not None or not header:
                self.add(row)
            columns = len(row)
        return columns or 0

    def add_table(self, dsn, table, columns, where):
        names = ",".join('"%s"::text' % c.replace('"', '""') for c in columns) or "*"
        query = "COPY (SELECT %s FROM %s%s) TO STDOUT" % (names, table, " WHERE " + where if where else "")
        with subprocess.Popen(psql(dsn) + ["-c", query], stdout=subprocess.PIPE) as p:
            for line in p.stdout:
                self.add([from_copy_text(value) for value in line.rstrip(b"\n").split(b"\t")])
        if p.returncode:
            sys.exit(2)


COPY_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\"}


def from_copy_text(value):
    """A cell of COPY's text format."""
    if value == b"\\N":
        return None
    return re.sub(rb"\\(.)", lambda m: COPY_ESCAPES.get(m.group(1), m.group(1)), value, flags=re.S)


def psql(dsn):
    return ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", dsn]


def generated_cell(value, r):
    if value is None:
        return ""
    text = str(value)
    if text in ("", "\\.") or re.search(r'[",\r\n]', text) or r.random() < 0.1:
        return '"%s"' % text.replace('"', '""')
    return text


def gen(a):
    r = random.Random(a.seed)
    with open(a.out + ".tmp", "w", newline="", encoding="utf-8") as f:
        f.write(",".join(["id"] + ["c%d" % i for i in range(1, a.cols)]) + "\n")
        for i in range(a.start, a.start + a.rows):
            values = [r.choice(WORDS) if column % 2 else r.randint(-10**9, 10**9) for column in range(1, a.cols)]
            f.write(",".join([str(i)] + [generated_cell(v, r) for v in values]) + "\n")
        f.flush()
        os.fsync(f.fileno())
    os.rename(a.out + ".tmp", a.out)
    print(a.out, a.rows)
    return 0


def show_csv(a):
    status = 0
    for path in a.files:
        rows = Rows()
        try:
            columns = rows.add_file(path, not a.no_header, a.delim)
            print(json.dumps({"file": path, "rows": rows.n, "cols": columns, "digest": rows.digest()}))
        except Reject as e:
            print(json.dumps({"file": path, "reject": str(e)}))
            status = 1
    return status


def show_table(a):
    rows = Rows()
    rows.add_table(a.dsn, a.table, a.columns, a.where)
    print(json.dumps({"table": a.table, "rows": rows.n, "digest": rows.digest()}))
    return 0


def compare(a):
    files, table = Rows(keep=True), Rows(keep=True)
    for path in a.files:
        files.add_file(path, not a.no_header, a.delim)
    table.add_table(a.dsn, a.table, a.columns, a.where)
    same = files.count == table.count
    print("files %d rows, table %d rows -> %s" % (files.n, table.n, "OK" if same else "FAIL"))
    if same:
        return 0
    lost, extra = files.count - table.count, table.count - files.count
    doubled = sum(n for key, n in extra.items() if key in files.count)
    print("lost %d, doubled %d, changed or foreign %d" % (sum(lost.values()), doubled, sum(extra.values()) - doubled))
    for what, some, rows in (("lost", lost, files), ("extra", extra, table)):
        for key, n in list(some.items())[:SHOWN_MAX]:
            print("  %s x%d: %r" % (what, n, rows.example.get(key)))
    return 1


def pgcompare(a):
    names = ",".join('"%s"' % c.replace('"', '""') for c in a.columns) or "*"
    rows = "SELECT %s FROM %s%s" % (names, a.table, " WHERE " + a.where if a.where else "")
    script = ["CREATE TEMP TABLE oracle_rows AS SELECT %s FROM %s LIMIT 0;" % (names, a.table)]
    options = "FORMAT csv, HEADER %s, DELIMITER E'%s'" % ("false" if a.no_header else "true", "\\t" if a.delim == b"\t" else a.delim.decode())
    for path in a.files:
        script.append("\\copy oracle_rows FROM '%s' WITH (%s)" % (os.path.abspath(path).replace("'", "''"), options))
    counted = ["TABLE oracle_rows", rows, "(TABLE oracle_rows) EXCEPT ALL (%s)" % rows, "(%s) EXCEPT ALL (TABLE oracle_rows)" % rows]
    script.append("SELECT %s;\n" % ", ".join("(SELECT count(*) FROM (%s) q)" % q for q in counted))
    p = subprocess.run(psql(a.dsn), input="\n".join(script).encode(), stdout=subprocess.PIPE, check=False)
    if p.returncode:
        return 2
    in_files, in_table, lost, extra = map(int, p.stdout.decode().strip().split("|"))
    ok = not lost and not extra
    print("files %d rows, table %d rows, lost %d, extra %d -> %s" % (in_files, in_table, lost, extra, "OK" if ok else "FAIL"))
    return 0 if ok else 1


def contents(folder):
    """How often each content lies in the regular files below a folder."""
    count = collections.Counter()
    for root, _, names in os.walk(os.fsencode(folder)):
        for path in (os.path.join(root, name) for name in names):
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    count[hashlib.sha256(f.read()).hexdigest()] += 1
    return count


def conserve(a):
    wanted = contents(a.expect)
    there = sum((contents(folder) for folder in a.folders), collections.Counter())
    lost = sum((wanted - there).values())
    doubled = sum(max(0, there[content] - n) for content, n in wanted.items())
    print("files expected %d, lost %d, in two places %d" % (sum(wanted.values()), lost, doubled))
    return 1 if lost or doubled else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("gen")
    p.set_defaults(run=gen)
    p.add_argument("--rows", type=int, required=True)
    p.add_argument("--cols", type=int, default=6)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--start", type=int, default=0)
    p.add_argument("--out", required=True)
    for name, run in (("csv", show_csv), ("table", show_table), ("compare", compare), ("pgcompare", pgcompare)):
        p = commands.add_parser(name)
        p.set_defaults(run=run)
        if name != "table":
            p.add_argument("--no-header", action="store_true")
            p.add_argument("--delim", default=b",", type=lambda d: {"\\t": b"\t"}.get(d, d.encode()))
            p.add_argument("files", nargs="+")
        if name != "csv":
            p.add_argument("--dsn", required=True)
            p.add_argument("--table", required=True)
            p.add_argument("--columns", default=[], type=lambda text: next(csv.reader([text])))
            p.add_argument("--where")
    p = commands.add_parser("conserve")
    p.set_defaults(run=conserve)
    p.add_argument("--expect", required=True)
    p.add_argument("--in", dest="folders", action="append", required=True)
    return parser.parse_args()


def main():
    a = arguments()
    try:
        return a.run(a)
    except Reject as e:
        print("oracle:", e, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
