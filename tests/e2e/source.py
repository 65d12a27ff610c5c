# SPDX-License-Identifier: MIT
"""Files of known content, and the proof that a table holds exactly their rows."""

import csv
import hashlib
import io
import os
import random

COLUMNS = "id bigint, day date, word text, amount numeric(12,2)"
WORDS = ["alpha", "naïve", "日本", "O'Brien", "a,b", 'say "hi"', "two\nlines", "crlf\r\nin", " lead", "\\N", "\\.", "NULL", "=1+1", "", None, "🙂",
         "x'); DROP TABLE parts;--", "tab\there"]

# One dataset whose files add up, with a rollup that must follow.
PARTS = """
[dataset parts]
files = part_*.csv
columns = id bigint not null, day date not null, word text, amount numeric(12,2)
[rollup parts.daily]
group = day
measure = count(*) as n, count(word) as words, sum(amount) as total, min(amount) as least, max(id) as last
"""
PARTS_DAILY = ("SELECT day, count(*) AS n, count(word) AS words, sum(amount) AS total, min(amount) AS least, max(id) AS last"
               " FROM parts GROUP BY day")


def _cell(value, r):
    if value is None:
        return ""
    if value == "" or any(c in value for c in ',"\r\n') or r.random() < 0.05:
        return '"%s"' % value.replace('"', '""')
    return value


def part(seed, first, rows):
    """A CSV with ids first … first+rows-1, and values that are easy to get wrong."""
    r = random.Random(seed)
    out = ["id,day,word,amount\n"]
    for i in range(first, first + rows):
        out.append("%d,2024-%02d-%02d,%s,%s\n" % (i, r.randint(1, 12), r.randint(1, 28), _cell(r.choice(WORDS), r),
                                                 "" if r.random() < 0.1 else "%d.%02d" % (r.randint(-10**6, 10**6), r.randint(0, 99))))
    return "".join(out).encode()


def large_part(path, first, megabytes):
    """The same for a file of many megabytes, in little time: one block of 10,000 rows over and over, with new ids. Rows written."""
    rest_of_records = [record.split(",", 1)[1] for record in _records(part(99, 0, 10000).decode().split("\n", 1)[1])]
    rows = 0
    with open(path, "wb") as f:
        f.write(b"id,day,word,amount\n")
        while f.tell() < megabytes * 1000000:
            f.write("".join(["%d,%s" % (n, rest) for n, rest in enumerate(rest_of_records, first + rows)]).encode())
            rows += len(rest_of_records)
    return rows


def _records(text):
    """Cut CSV text into records with their line ends: a line whose quotes are open goes on in the next."""
    pending = ""
    for line in io.StringIO(text, newline="\n"):
        pending += line
        if pending.count('"') % 2 == 0:
            yield pending
            pending = ""


def dictionaries(path, encoding="utf-8", delimiter=",", names=None):
    with open(path, newline="", encoding=encoding) as f:
        return list(csv.DictReader(f, fieldnames=names, delimiter=delimiter))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(f.read()).hexdigest()


def assert_parts(database, daemon, sources):
    """
    The table holds exactly the rows of the files, the rollup equals its GROUP BY, the ledger has one `loaded` entry for each content with the
    right counts and nothing unfinished, and each file is in done/ and nowhere else.
    """
    database.rows("CREATE TABLE expected (%s)" % COLUMNS)
    database.copy_csv("expected", sources)
    counts = database.rows("SELECT (SELECT count(*) FROM expected), (SELECT count(*) FROM parts), (SELECT count(DISTINCT id) FROM parts)")[0]
    assert counts[0] == counts[1] == counts[2], "rows expected %d, in the table %d, of them different ids %d" % counts
    assert database.same("SELECT id, day, word, amount FROM parts", "SELECT * FROM expected"), "values differ"
    assert database.same("SELECT * FROM parts_daily", PARTS_DAILY), "the rollup differs from its GROUP BY"
    wanted = sorted(digest(path) for path in sources)
    ledger = database.rows("SELECT encode(sha256, 'hex'), rows_read, rows_loaded FROM cetl.file WHERE state = 'loaded'")
    assert sorted(row[0] for row in ledger) == wanted, "the ledger's loaded files are not the sources, once each"
    assert sum(row[1] for row in ledger) == sum(row[2] for row in ledger) == counts[0]
    assert database.value("SELECT count(*) FROM cetl.file WHERE state NOT IN ('loaded', 'duplicate', 'failed', 'unreadable')") == 0
    places = daemon.files_in()
    assert all(path.startswith(b"done/") for path in places), "not in done/: %s" % [p for p in places if not p.startswith(b"done/")]
    kept = sorted(digest(os.path.join(os.fsencode(daemon.spool), path)) for path in places)
    assert kept == wanted, "%d files in done/, %d dropped" % (len(kept), len(wanted))
