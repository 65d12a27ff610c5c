# SPDX-License-Identifier: MIT
"""What is packed to do harm, fetched and dropped: refused with a reason within the limits, and nothing is written outside the spool."""

import gzip
import io
import os
import stat
import zipfile

import pytest

from test_sources import Feed, pull
from waiting import until

ROWS = b"id,name\n1,one\n2,two\n"
ABSOLUTE = "/tmp/cetld-escaped-%d.csv" % os.getpid()
LIMITS = {"unpack_max": "24M", "unpack_ratio": "50", "unpack_entries": "20"}


def zipped(*members, link=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            info = zipfile.ZipInfo(name, (2024, 1, 31, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            if name in link:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            z.writestr(info, data)
    return out.getvalue()


def encrypted(packed):
    """Marked as such in the member's own header and in the directory."""
    packed = bytearray(packed)
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = packed.find(magic)
        while at >= 0:
            packed[at + flags] |= 1
            at = packed.find(magic, at + 4)
    return bytes(packed)


def noise(megabytes):
    """Rows that pack to about half."""
    block = b"".join(b"%d,%s\n" % (i, os.urandom(40).hex().encode()) for i in range(10000))
    return b"id,name\n" + block * (megabytes * 1000000 // len(block) + 1)


ZEROS = b"id,name\n" + b"1,0\n" * (6 << 20)
CASES = {
    "ratio.zip": (lambda: zipped(("a.csv", ZEROS[:20 << 20])), "unpack_ratio"),
    "ratio.csv.gz": (lambda: gzip.compress(ZEROS[:20 << 20]), "unpack_ratio"),
    "many_small.zip": (lambda: zipped(*[("%02d.csv" % i, b"id,name\n" + b"1,0\n" * (500 << 10)) for i in range(12)]), "unpack_"),
    "size.zip": (lambda: zipped(("a.csv", noise(26))), "unpack_max"),
    "size.csv.gz": (lambda: gzip.compress(noise(26), 1), "unpack_max"),
    "entries.zip": (lambda: zipped(*[("%d.csv" % i, ROWS) for i in range(21)]), "unpack_entries"),
    "up.zip": (lambda: zipped(("../../../escaped.csv", ROWS)), "leads out of its folder"),
    "down_and_up.zip": (lambda: zipped(("fine.csv", ROWS), ("a/../../escaped.csv", ROWS)), "leads out of its folder"),
    "absolute.zip": (lambda: zipped((ABSOLUTE, ROWS)), "leads out of its folder"),
    "dos.zip": (lambda: zipped(("..\\..\\escaped.csv", ROWS)), "leads out of its folder"),
    "link.zip": (lambda: zipped(("a.csv", b"/etc/passwd"), link=("a.csv",)), "no regular file"),
    "nested.zip": (lambda: zipped(("inner.zip", zipped(("a.csv", ROWS)))), "packed"),
    "nested_gzip.zip": (lambda: zipped(("a.csv.gz", gzip.compress(ROWS))), "packed"),
    "nested.csv.gz": (lambda: gzip.compress(gzip.compress(ROWS)), "packed"),
    "encrypted.zip": (lambda: encrypted(zipped(("a.csv", ROWS))), "encrypted"),
    "one_encrypted.zip": (lambda: encrypted(zipped(("a.csv", ROWS), ("b.csv", ROWS))), "encrypted"),
    "cut.csv.gz": (lambda: gzip.compress(noise(1))[:-1000], "in the middle"),
    "cut_in_trailer.csv.gz": (lambda: gzip.compress(ROWS)[:-3], "in the middle"),
    "wrong_sum.csv.gz": (lambda: gzip.compress(ROWS)[:-8] + b"\0\0\0\0" + gzip.compress(ROWS)[-4:], "damaged"),
    "goes_on.csv.gz": (lambda: gzip.compress(ROWS) + b"more", "goes on"),
    "cut.zip": (lambda: zipped(("a.csv", noise(1)))[:-1000], "cut off"),
}


@pytest.fixture
def feed():
    made = Feed()
    yield made
    made.shutdown()
    made.server_close()


def everything(folder, but):
    found = set()
    for at, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if os.path.join(at, f) not in but]
        found |= {os.path.join(at, name) for name in folders + names}
    return found


def test_what_is_packed_to_do_harm_is_refused_however_it_comes(make_cetld, database, feed, folder):
    for name, (make, _) in CASES.items():
        feed.files["/" + name] = make()
    sources = "".join("[source s%d]\nurl = %s\nevery = 0\ndataset = d%d\n" % (i, feed.url("/" + name), i) for i, name in enumerate(CASES))
    d = make_cetld(database.url(), config=sources, daemon=LIMITS).start()
    before = everything(folder, {d.spool, d.state})
    answer = pull(d)
    assert answer.returncode == 1, answer  # they came, and none was loaded
    for name, (_, words) in CASES.items():
        entry = d.wait_state(name, "failed")
        assert words in entry["error"], (name, entry["error"])
    assert len(d.ledger()) == len(CASES)
    # Dropped under other names: the same answers. (They are not duplicates: nothing of them was loaded.)
    for name in CASES:
        d.drop("dropped_" + name, feed.files["/" + name])
    for name, (_, words) in CASES.items():
        entry = d.wait_state("dropped_" + name, "failed")
        assert words in entry["error"], (name, entry["error"])
    # Nothing of them anywhere: no table, no file but the originals where refused files are kept.
    tables = database.rows("SELECT relname, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'public'")
    for table, _ in tables:
        assert database.value("SELECT count(*) FROM public.\"%s\"" % table) == 0, table
    assert everything(folder, {d.spool, d.state}) == before and not os.path.exists(ABSOLUTE)
    left = {os.path.basename(os.fsdecode(f)).split("=", 1)[-1] for f in d.files_in()}
    assert not [f for f in left if "escaped" in f], left
    assert d.files_in("work") == []
    # What is within the limits still comes, from the same daemon.
    feed.files["/up.zip"] = zipped(("a/b.csv", ROWS))
    assert "pulled" in pull(d, "s%d" % list(CASES).index("up.zip")).stdout
    until(lambda: [e for e in d.ledger("up.zip") if e["state"] == "loaded"], d.log)
