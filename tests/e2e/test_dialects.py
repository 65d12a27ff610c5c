# SPDX-License-Identifier: MIT
"""What a file may be before it is rows: its dialect, its encoding, and how it is packed."""

import gzip
import hashlib
import io
import random
import struct
import zipfile

import pytest

from waiting import until

PEOPLE = "[dataset people]\nfiles = people*\ncolumns = id bigint, name text\n"
ROWS = [(1, "Zoë"), (2, "a,b"), (3, None)]
TEXT = 'id,name\r\n1,Zoë\r\n2,"a,b"\r\n3,\r\n'


def dataset(name, options):
    return "[dataset %s]\nfiles = %s.csv\ncolumns = id bigint, name text\n%s\n" % (name, name, options)


def people(database, table="people"):
    return database.rows("SELECT id, name FROM %s ORDER BY id" % table)


def zipped(members, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", options.pop("method", zipfile.ZIP_DEFLATED)) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()


def fails(daemon, name, data):
    """Drop it, and hand back why it failed; the file must be in failed/ byte for byte."""
    daemon.drop(name, data)
    entry = daemon.wait_state(name, "failed")
    with open(daemon.path("failed", name), "rb") as f:
        assert f.read() == (data if isinstance(data, bytes) else data.encode())
    return entry["error"]


# -- dialect


DIALECTS = {
    "escape": ("escape = \\", 'id,name\n1,Zoë\n2,"a,b"\n4,"say \\"hi\\" \\\\ c:\\d"\n', [(1, "Zoë"), (2, "a,b"), (4, 'say "hi" \\ c:\\d')]),
    "comment": ("comment = #", '# made by "us\nid,name\n1,Zoë\n#2,gone\n2,"a\n#b"\n3,#c\n', [(1, "Zoë"), (2, "a\n#b"), (3, "#c")]),
    "skip_lines": ("skip_lines = 2", 'Report "of\n;;;\nid,name\n1,Zoë\n', [(1, "Zoë")]),
    "trim": ("trim = yes", 'id , name\n 1 , Zoë \n2\t, "a,b " \n3,  \n', [(1, "Zoë"), (2, "a,b "), (3, None)]),
    "bare CR": ("", 'id,name\r1,Zoë\r2,"a\rb\n"\r3,', [(1, "Zoë"), (2, "a\rb\n"), (3, None)]),
    "line_end": ("line_end = cr", "id,name\r1,Zoë", [(1, "Zoë")]),
    "quote": ("quote = '", "id,name\n1,'Zoë'\n2,'a,''b'\n", [(1, "Zoë"), (2, "a,'b")]),
    "no quote": ("quote = none", 'id,name\n1,"Zoë"\n2,5" a\n3,"\n', [(1, '"Zoë"'), (2, '5" a'), (3, '"')]),
    "blank_lines": ("blank_lines = skip", "\nid,name\n\n1,Zoë\r\n\r\n\n", [(1, "Zoë")]),
}


def test_declared_dialects_are_read(cetld, database):
    daemon = cetld("".join(dataset("d%d" % i, options) for i, (options, _, _) in enumerate(DIALECTS.values())))
    for i, (_, text, _) in enumerate(DIALECTS.values()):
        daemon.drop("d%d.csv" % i, text)
    for i, (what, (_, _, rows)) in enumerate(DIALECTS.items()):
        entry = daemon.wait_state("d%d.csv" % i)
        assert daemon.settled(entry) and entry["rows_loaded"] == len(rows), what
        assert people(database, "d%d" % i) == rows, what


REFUSED = {
    "an LF among CR": ("line_end = cr", "id,name\r1,Zoë\n2,x\r3,y\r", 2, "line feed"),
    "a CR among LF": ("", "id,name\n1,Zoë\r2,x\n3,y\n", 2, "carriage return"),
    "a row in a comment": ("comment = #", "id,name\n#x\r1,Zoë\n2,y\n", 2, "comment"),
    "a blank line": ("", "id,name\n1,Zoë\n\n2,x\n", 3, "blank_lines = skip"),
    "text behind a quote": ("trim = yes", 'id,name\n1, "Zoë" x\n', 2, "closing quote"),
}


def test_what_the_dialect_does_not_allow_is_rejected_with_its_line(cetld, database):
    daemon = cetld("".join(dataset("d%d" % i, options) for i, (options, _, _, _) in enumerate(REFUSED.values())))
    for i, (what, (_, text, line, words)) in enumerate(REFUSED.items()):
        error = fails(daemon, "d%d.csv" % i, text)
        assert error.startswith("line %d: " % line) and words in error, (what, error)
        assert people(database, "d%d" % i) == [], what


def test_lines_are_those_of_the_file_behind_skipped_lines_and_comments(cetld, database):
    daemon = cetld(PEOPLE + "skip_lines = 1\ncomment = #\n")
    assert fails(daemon, "people.csv", 'skipped\n# x\nid,name\n1,"a\nb"\n#\nbad,x\n').startswith("line 7: column id: ")


def test_blank_lines_are_rows_of_one_column(cetld, database):
    daemon = cetld("[dataset words]\ncolumns = word text\nheader = yes\n[column words.word]\nposition = 1\n")
    daemon.drop("words.csv", "word\na\n\nb\n")
    assert daemon.wait_state("words.csv")["rows_loaded"] == 3
    assert database.rows("SELECT word FROM words WHERE word IS NULL") == [(None,)]
    daemon.drop("words2.csv", "\n\n\n")
    assert daemon.wait_state("words2.csv")["rows_loaded"] == 2


# Of what is not declared: quote, escape and lines before the header, where the file proves them.
DETECTED = {
    "quote": ("id,name\n1,'Zoë'\n2,'a, ''b'\n", "quote '", [(1, "Zoë"), (2, "a, 'b")]),
    "every text in quotes": ("'id';'name'\n1;'Zoë'\n2;'x'\n", "quote '", [(1, "Zoë"), (2, "x")]),
    "escape": ('id,name\n1,"Zoë \\"x\\", y"\n2,b\n', "escape \\", [(1, 'Zoë "x", y'), (2, "b")]),
    "both": ("id|name\n1|'it\\'s | so'\n2|b\n", "quote ', escape \\", [(1, "it's | so"), (2, "b")]),
    "comments": ("# by us, for, you\n#\n\n#id,name\n1,Zoë\n2,#b\n", "3 lines before the header", [(1, "Zoë"), (2, "#b")]),
    "a title": ("\ufeffReport of 2024\r\n\r\nid\tname\r\n1\tZoë\r\n2\tb\r\n", "2 lines before the header", [(1, "Zoë"), (2, "b")]),
}
AS_IT_STANDS = {
    "quotes that are text": ("id,name\n1,'Zoë'\n2,b\n", [(1, "'Zoë'"), (2, "b")]),
    "a backslash": ('id,name\n1,"c:\\"\n2,"\\\\"\n', [(1, "c:\\"), (2, "\\\\")]),
    "a comment that is a row": ("id,name\n1,#\n2,# b\n", [(1, "#"), (2, "# b")]),
}


def test_what_is_not_declared_is_detected_where_it_is_proved(cetld, database):
    """In a file that no dataset claims, and in one that a dataset without these options does."""
    cases = [(what, text, found, rows) for what, (text, found, rows) in DETECTED.items()]
    cases += [(what, text, None, rows) for what, (text, rows) in AS_IT_STANDS.items()]
    daemon = cetld("".join(dataset("d%s" % chr(97 + i), "") for i in range(len(cases))))
    for i, (_, text, _, _) in enumerate(cases):
        daemon.drop("d%s.csv" % chr(97 + i), text)
        daemon.drop("u%s.csv" % chr(97 + i), text)
    for i, (what, _, found, rows) in enumerate(cases):
        for name in "du":
            file = "%s%s.csv" % (name, chr(97 + i))
            entry = daemon.wait_state(file)
            assert daemon.settled(entry) and entry["rows_loaded"] == len(rows), what
            assert people(database, file[:-4]) == rows, what
            told = daemon.log_lines("%s is read with " % file)
            assert bool(told) == bool(found) and (not found or "with %s (detected)" % found in told[0]), (what, told)
    assert database.rows("SELECT line FROM cetl.reject") == []
    assert database.rows("SELECT _line FROM ue ORDER BY 1") == [(5,), (6,)]  # those of the file


def test_a_header_that_a_dataset_names_is_found_behind_lines(cetld, database):
    text = "Report,,\nof,2024\n,,\nFull Name,ID,x\nZoë,1,\nb,z,\n"
    daemon = cetld(dataset("d0", "new_columns = ignore\nmax_errors = 1\n[column d0.name]\nfrom = full name") + dataset("d1", "skip_lines = 0"))
    daemon.drop("d0.csv", text)
    entry = daemon.wait_state("d0.csv")
    assert daemon.settled(entry) and (entry["rows_loaded"], entry["rows_rejected"]) == (1, 1)
    assert people(database, "d0") == [(1, "Zoë")]
    assert database.rows("SELECT line FROM cetl.reject") == [(6,)]
    rejects = daemon.get("/v1/files/%d/rejects?format=csv" % entry["id"]).body.decode()
    assert rejects == "Full Name,ID,x\nb,z,\n"
    daemon.drop("d0.csv", rejects.replace("z", "2"))
    until(lambda: people(database, "d0") == [(1, "Zoë"), (2, "b")], daemon.log)
    assert fails(daemon, "d1.csv", text).startswith("line 1: cell 1")


def test_what_proves_nothing_is_refused_as_it_stands(cetld, database):
    """A declared delimiter, quote or escape leaves nothing open; and a header of another width is no title."""
    daemon = cetld(dataset("d0", "delimiter = ,") + dataset("d1", 'quote = "') + dataset("d2", "escape = none"))
    quoted, escaped = "id,name\n1,'a, b'\n2,c\n", 'id,name\n1,"a \\"b\\""\n2,c\n'
    assert fails(daemon, "d0.csv", quoted).startswith("line 2: ")
    assert fails(daemon, "d1.csv", quoted).startswith("line 2: ")
    assert fails(daemon, "d2.csv", escaped).startswith("line 2: ")
    assert fails(daemon, "ua.csv", "id,name,city\nx,y\n1,Zoë\n2,b\n").startswith("line 2: ")
    assert fails(daemon, "ub.csv", "2,10,bad,good\n1,2,3\n4,5,6\n7,8,9\n").startswith("line 2: ")
    assert fails(daemon, "uc.csv", "Report\nid,name\n1,Zoë\n2,b,c\n").startswith("line 2: ")


def test_max_record_is_exact(cetld, database):
    daemon = cetld(PEOPLE, daemon={"max_record": "4K"})
    text = "id,name\n1,a\n2,%s\n3,b\n"
    daemon.drop("people1.csv", text % ("x" * (4096 - 3)))
    assert daemon.wait_state("people1.csv")["rows_loaded"] == 3
    assert fails(daemon, "people2.csv", text % ("x" * (4096 - 2))).startswith("line 3: the record that begins here is longer than max_record (4096 bytes)")


# -- encodings


ENCODINGS = [("auto", "utf-8"), ("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("auto", "utf-16"), ("auto", "utf-32"), ("latin-1", "latin-1"), ("cp1252", "cp1252"),
             ("ISO-8859-15", "iso-8859-15"), ("utf-16", "utf-16"), ("utf-16", "utf-16-le"), ("utf-16", "utf-16-be"), ("utf-16le", "utf-16-le"),
             ("utf-16be", "utf-16-be"), ("utf-32", "utf-32-be"), ("macintosh", "mac-roman")]


def test_every_encoding_becomes_utf8(cetld, database):
    daemon = cetld("".join(dataset("d%d" % i, "encoding = " + declared) for i, (declared, _) in enumerate(ENCODINGS)))
    for i, (_, written) in enumerate(ENCODINGS):
        daemon.drop("d%d.csv" % i, TEXT.encode(written))
    for i, names in enumerate(ENCODINGS):
        daemon.wait_state("d%d.csv" % i)
        assert people(database, "d%d" % i) == ROWS, names


def test_utf16_with_a_mark_needs_no_declaration(cetld, database):
    daemon = cetld()
    daemon.drop("people.csv", ("id\tname\n" + "".join("%d\tnaïve 日本 %d\n" % (i, i) for i in range(100000))).encode("utf-16"))
    assert daemon.wait_state("people.csv")["rows_loaded"] == 100000
    assert database.value("SELECT count(*) FROM people WHERE name = 'naïve 日本 ' || id") == 100000


def test_a_stateful_encoding_is_carried_over_every_cut(cetld, database):
    daemon = cetld(PEOPLE + "encoding = iso-2022-jp\n")
    daemon.drop("people.csv", ("id,name\n" + "".join('%d,"日本%s"\n' % (i, "語" * (i % 7)) for i in range(150000))).encode("iso-2022-jp"))
    assert daemon.wait_state("people.csv")["rows_loaded"] == 150000
    assert database.value("SELECT count(*) FROM people WHERE name = '日本' || repeat('語', (id % 7)::int)") == 150000


WRONG = {
    "a byte that gb18030 does not have": ("gb18030", b"id,name\n1,a\xffb\n", "line 2, byte 11 "),
    "a byte that cp1252 does not have": ("cp1252", b"id,name\n1,a\x81b\n", "line 2: column name: bytes that mean nothing in cp1252; "),
    "one in the header": ("cp1252", b"id,na\x81me\n1,a\n", "line 1: bytes that mean nothing in cp1252; "),
    "bytes that would be UTF-8": ("ascii", "id,name\n1,ä\n".encode(), "line 2: column name: bytes that mean nothing in ascii; "),
    "half a character": ("utf-16le", "id,name\n1,a\n".encode("utf-16-le") + b"x", "byte 24 "),
    "a lone surrogate": ("utf-16le", "id,name\n1,".encode("utf-16-le") + b"\x00\xdc\n\0", "line 2: column name: bytes that mean nothing in UTF-16LE; "),
    "a mark that contradicts": ("cp1252", TEXT.encode("utf-16"), "byte order mark of UTF-16LE"),
    "UTF-16 where UTF-8 is declared": ("utf-8", TEXT.encode("utf-16"), "byte order mark of UTF-16LE"),
    "the other order": ("utf-16le", "\ufeffid,name\n".encode("utf-16-be"), "byte order mark of UTF-16BE"),
    "no order": ("utf-16", "漢字漢字".encode("utf-16-le"), "encoding = UTF-16LE or UTF-16BE"),
}


def test_text_that_is_not_in_its_encoding_fails_with_the_place(cetld, database):
    daemon = cetld("".join(dataset("d%d" % i, "encoding = " + encoding) for i, (encoding, _, _) in enumerate(WRONG.values())))
    for i, (what, (_, data, words)) in enumerate(WRONG.items()):
        error = fails(daemon, "d%d.csv" % i, data)
        assert words in error, (what, error)
        assert people(database, "d%d" % i) == [], what


def test_a_byte_that_means_nothing_rejects_its_row_only(cetld, database):
    """With line, column, offset and bytes; within max_errors the rest is loaded."""
    texts = {"utf-8": b"id,name\n1,Zo\xc3\xab\n2,a\xe9b\n3,\n", "cp1252": b"id,name\n1,Zo\xeb\n2,a\x81b\n3,\n",
             "utf-16": "id,name\n1,Zoë\n2,a".encode("utf-16") + b"\x00\xdc" + "b\n3,\n".encode("utf-16-le")}
    raws = {"utf-8": b"2,a\xe9b", "cp1252": b"2,a\x81b", "utf-16": b"2,a\xed\xb0\x80b"}
    daemon = cetld("".join(dataset("d%d" % i, "max_errors = 1\nencoding = " + encoding) for i, encoding in enumerate(texts)))
    for i, (encoding, text) in enumerate(texts.items()):
        daemon.drop("d%d.csv" % i, text)
        entry = daemon.wait_state("d%d.csv" % i)
        assert daemon.settled(entry) and (entry["rows_loaded"], entry["rows_rejected"]) == (2, 1), encoding
        assert people(database, "d%d" % i) == [(1, "Zoë"), (3, None)], encoding
        (line, offset, column, code, message, raw), = database.rows(
            "SELECT line, byte_offset, column_name, code, message, raw FROM cetl.reject WHERE file_id = %s", entry["id"])
        offsets = {"utf-8": 15, "cp1252": 15, "utf-16": 18}  # of the row in the text, which begins with the mark
        assert (line, offset, column, code, bytes(raw)) == (3, offsets[encoding], "name", "22021", raws[encoding])
        assert message.startswith("column name: bytes that ") and (encoding == "utf-8" or "mean nothing in " in message)


def test_rejects_of_any_file_can_be_mended_and_dropped_again(cetld, database):
    """They are told in UTF-8, with its mark, and with the lines that the dataset skips."""
    header = "encoding = cp1252\nskip_lines = 1\nmax_errors = 10\n"
    daemon = cetld(dataset("d0", header) + dataset("d1", header + "header = no\n") + dataset("d2", "encoding = cp1252\nheader = no\nmax_errors = 10\n"))
    texts = ["Schöner Bericht\r\nid,name\r\nx,Zoë\r\n2,b\r\n", "Schöner Bericht\r\nx,Zoë\r\n2,b\r\n", "x,Zoë\r\n2,b\r\n"]
    for i, text in enumerate(texts):
        daemon.drop("d%d.csv" % i, text.encode("cp1252"))
        entry = daemon.wait_state("d%d.csv" % i)
        mended = daemon.get("/v1/files/%s/rejects?format=csv" % entry["id"]).body.decode("utf-8-sig").replace("x,", "1,")
        assert mended.split("\n")[-2] == "1,Zoë"
        daemon.drop("d%d.csv" % i, mended.encode("utf-8-sig"))
        daemon.wait_state("d%d.csv" % i, nth=2)
        assert people(database, "d%d" % i) == [(1, "Zoë"), (2, "b")]


@pytest.mark.parametrize("header,options,encoding", [
    ("id,name\r", "", "utf-8"), ("id,name\r", "line_end = cr", "cp1252"), ("", "line_end = cr\nheader = no", "utf-8"),
    ("", "line_end = cr\nheader = no", "cp1252"), ("A report\rid,name\r", "skip_lines = 1", "utf-8")])
def test_rejects_of_a_file_whose_records_end_in_cr_too(cetld, database, header, options, encoding):
    daemon = cetld(dataset("d0", "max_errors = 10\nencoding = %s\n%s\n" % (encoding, options)))
    daemon.drop("d0.csv", (header + "x,Zoë\r2,b\ry,c\r").encode(encoding))
    entry = daemon.wait_state("d0.csv")
    rows = daemon.get("/v1/files/%s/rejects?format=csv" % entry["id"]).body.decode("utf-8-sig")
    assert rows == header + "x,Zoë\ry,c\r"
    mended = rows.replace("x,", "1,").replace("y,", "3,")
    daemon.drop("d0.csv", mended.encode("utf-8-sig" if encoding != "utf-8" else "utf-8"))
    daemon.wait_state("d0.csv", nth=2)
    assert people(database, "d0") == [(1, "Zoë"), (2, "b"), (3, "c")]


# -- packed


def test_gzip_is_unpacked_and_its_own_bytes_are_its_identity(cetld, database):
    daemon = cetld(PEOPLE)
    data = gzip.compress(TEXT.encode("utf-16")) + gzip.compress(b"")
    daemon.drop("people.csv.gz", data)
    entry = daemon.wait_state("people.csv.gz")
    assert people(database) == ROWS
    assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["bytes"] == len(data)
    daemon.drop("people_again.csv.gz", data)
    daemon.wait_state("people_again.csv.gz", "duplicate")


def test_gzip_members_join_anywhere(cetld, database):
    daemon = cetld(PEOPLE)
    data = TEXT.encode()
    daemon.drop("people.csv.gz", b"".join(gzip.compress(data[i:i + 1]) for i in range(len(data))))
    daemon.wait_state("people.csv.gz")
    assert people(database) == ROWS


def test_packed_files_need_no_declaration(cetld, database):
    daemon = cetld()
    daemon.drop("people_2024-01.csv.gz", gzip.compress(b"id,name\n1,a\n"))
    daemon.wait_state("people_2024-01.csv.gz")
    daemon.drop("people_2024-02.csv.zip", zipped([("x/people.csv", "id,name\n2,b\n")]))
    daemon.wait_state("people_2024-02.csv.zip")
    daemon.drop("people_2024-03.tsv", b"id\tname\n3\tc\n")
    daemon.wait_state("people_2024-03.tsv")
    assert people(database) == [(1, "a"), (2, "b"), (3, "c")]


def test_a_large_gzip_is_more_than_one_chunk(cetld, database):
    daemon = cetld(PEOPLE)
    daemon.drop("people.csv.gz", gzip.compress(("id,name\n" + "".join('%d,"row\n%d"\n' % (i, i) for i in range(300000))).encode()))
    assert daemon.wait_state("people.csv.gz")["rows_loaded"] == 300000
    assert database.value("SELECT count(*) FROM people WHERE name = E'row\\n' || id") == 300000


def test_the_members_of_a_zip_are_one_load_in_the_order_of_their_names(cetld, database):
    daemon = cetld(PEOPLE.replace("text", "text, n bigserial"))
    data = zipped([("b.csv", "id,name\n3,c"), ("é/a.csv", b"\xef\xbb\xbfid,name\r\n4,d\r\n".replace(b"\r\n", b"\n")), ("a.csv", "\nid,name\n1,a\n2,b"),
                   ("dir/", ""), ("__MACOSX/._a.csv", "junk"), (".DS_Store", "junk")])
    daemon.drop("people.zip", data)
    assert daemon.wait_state("people.zip")["rows_loaded"] == 4
    assert database.rows("SELECT id, name FROM people ORDER BY n") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_lines_of_a_zip_go_on_from_member_to_member(cetld, database):
    daemon = cetld(PEOPLE)
    error = fails(daemon, "people.zip", zipped([("a.csv", "id,name\n1,a\n2,b"), ("b.csv", "id,name\n3,c\nbad,d\n")]))
    assert error.startswith("line 6: column id: ")


def test_a_small_zip_joins_no_records_and_keeps_its_lines(cetld, database):
    daemon = cetld("[dataset one]\nfiles = one*\ncolumns = id bigint\nmax_errors = 90%\n")
    daemon.drop("one1.zip", zipped([("a.csv", "id\n1\n2"), ("b.csv", "id\n3\nbad\n4"), ("c.csv", "id\n5\n")]))
    daemon.wait_state("one1.zip")
    assert database.rows("SELECT id FROM one ORDER BY id") == [(1,), (2,), (3,), (4,), (5,)]
    assert database.rows("SELECT line, byte_offset FROM cetl.reject") == [(6, 11)]


def many(count):
    return zipped([("%d.csv" % i, "id,name\n%d,x\n" % i) for i in range(count)], method=zipfile.ZIP_STORED)


def encrypted():
    data = bytearray(zipped([("a.csv", TEXT)]))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        p = data.find(signature) + at
        struct.pack_into("<H", data, p, struct.unpack_from("<H", data, p)[0] | 1)
    return bytes(data)


def wrong_crc():
    data = bytearray(zipped([("a.csv", TEXT)], method=zipfile.ZIP_STORED))
    data[data.find(b"Zo")] ^= 1
    return bytes(data)


def packed(text=TEXT):
    return gzip.compress(text.encode(), mtime=0)


BROKEN = {
    "gzip cut off": (lambda: packed()[:-10], "in the middle"),
    "gzip without its trailer": (lambda: packed()[:-1], "in the middle"),
    "gzip of one byte more": (lambda: packed() + b"\0", "goes on with something else"),
    "gzip with a wrong CRC": (lambda: packed()[:-8] + b"\0\0\0\0" + packed()[-4:], "damaged"),
    "gzip with a wrong length": (lambda: packed()[:-4] + b"\1\0\0\0", "damaged"),
    "gzip with damaged data": (lambda: packed()[:20] + b"\xff\xff\xff" + packed()[23:], "damaged"),
    "gzip in gzip": (lambda: gzip.compress(packed()), "packed itself"),
    "zip cut off": (lambda: zipped([("a.csv", TEXT)])[:-5], "cut off"),
    "zip with bytes behind it": (lambda: zipped([("a.csv", TEXT)]) + b"x", "cut off, or other bytes"),
    "zip with a wrong CRC": (wrong_crc, "CRC"),
    "zip that is encrypted": (encrypted, "is encrypted"),
    "zip in zip": (lambda: zipped([("a.zip", zipped([("a.csv", TEXT)]))]), "packed itself"),
    "gzip in zip": (lambda: zipped([("a.csv.gz", packed())]), "packed itself"),
    "a name that leads out": (lambda: zipped([("../a.csv", TEXT)]), "leads out of its folder"),
    "an absolute name": (lambda: zipped([("/etc/a.csv", TEXT)]), "leads out of its folder"),
    "no member": (lambda: zipped([]), "holds no file"),
    "folders only": (lambda: zipped([("a/", "")]), "holds no file"),
    "another header": (lambda: zipped([("a.csv", TEXT), ("b.csv", "name,id\nx,1\n")]), "member b.csv of the zip file does not begin with the header"),
    "an empty first member": (lambda: zipped([("a.csv", ""), ("b.csv", TEXT)]), "member a.csv of the zip file is empty"),
    "a member without a header": (lambda: zipped([("a.csv", TEXT), ("b.csv", "")]), "member b.csv"),
    "too many entries": (lambda: many(11), "unpack_entries allows 10"),
    "a gzip bomb": (lambda: gzip.compress(b"id,name\n" + b"1,aaaaaaaaaaaaaaaa\n" * 1500000), "unpack_ratio"),
    "a zip bomb": (lambda: zipped([("a.csv", b"id,name\n" + b"1,aaaaaaaaaaaaaaaa\n" * 1500000)]), "unpack_ratio"),
}


def test_what_is_packed_wrong_fails_with_the_reason(cetld, database):
    daemon = cetld(PEOPLE, daemon={"unpack_entries": "10", "unpack_ratio": "100"})
    for i, (what, (make, words)) in enumerate(BROKEN.items()):
        error = fails(daemon, "people%d.bin" % i, make())
        assert words in error, (what, error)
    assert people(database) == []
    daemon.drop("people_good.csv", TEXT)
    daemon.wait_state("people_good.csv")


def test_unpack_max_bounds_what_a_file_unpacks_to(cetld, database):
    daemon = cetld(PEOPLE, daemon={"unpack_max": "1M"})
    text = "id,name\n" + "".join("%d,%s\n" % (i, hashlib.md5(b"%d" % i).hexdigest()) for i in range(40000))
    assert "unpack_max (1048576 bytes)" in fails(daemon, "people.csv.gz", packed(text))
    daemon.drop("people.csv", text)
    assert daemon.wait_state("people.csv")["rows_loaded"] == 40000


def test_compression_can_be_declared(cetld, database):
    daemon = cetld(PEOPLE + "compression = gzip\n")
    assert "no gzip file" in fails(daemon, "people.csv", TEXT)
    daemon.drop("people.gz", packed())
    daemon.wait_state("people.gz")
    assert people(database) == ROWS


# -- sound records go many at once; a dialect with comments is read one by one

TWICE = """
[dataset %s]
files = %s_*.csv
max_errors = 100%%
header = yes
delimiter = ,
quote = "
line_end = lf
null = NA, \\N
%s
lineage = yes
columns = a text, b int, c numeric(6,2), d date, e text
"""
ODD = ["", "NA", "\\N", '""', '"NA"', '"a""b"', '"x\ny"', '"x\r\ny"', '"', 'a"b', '"a"b', '"a" ', "\r", "a\rb", "\0", '"""', '""""', '""x']


def hostile(r):
    """Rows of five cells, most of them sound, with odd ones in between."""
    odd = r.choice([0, 0, 0.002, 0.02])

    def cell(column):
        if r.random() < odd:
            return r.choice(ODD + ["z" * r.choice([63, 64, 65, 20000]), '"' + "q,\n" * r.choice([1, 21, 9000]) + '"'])
        text = ["".join(r.choice("ab \u00e9\\NA") for _ in range(r.randint(0, 8))), str(r.randint(0, 999)), "%d.%02d" % (r.randint(-9999, 9999), r.randint(0, 99)),
                "2024-%02d-%02d" % (r.randint(1, 12), r.randint(1, 28))][column % 4]
        return '"%s"' % text if r.random() < 0.2 else text

    def record():
        cells = [cell(c) for c in range(5)]
        cells = cells[:r.randint(1, 4)] if r.random() < odd else cells
        return ",".join(cells) + r.choice(["\n"] * 20 + ["\r\n"] * 4 + (["\n\n", "\r\r\n"] if r.random() < odd else []))

    text = "a,b,c,d,e\n" + "".join(record() for _ in range(r.choice([3, 200, 3000])))
    return text.encode("latin-1" if r.random() < 0.1 else "utf-8")


def test_rows_and_rejects_do_not_hang_on_how_many_records_are_read_at_once(cetld, database):
    daemon = cetld(TWICE % ("fast", "fast", "") + TWICE % ("slow", "slow", "comment = ~"))
    r = random.Random(7)
    for n in range(30):
        data = hostile(r)
        for name in ("fast", "slow"):
            daemon.drop("%s_%d.csv" % (name, n), data)
    until(lambda: database.value("SELECT count(*) FROM cetl.file") == 60, daemon.log)
    ledger = "SELECT substr(name, 6), state, rows_read, rows_loaded, rows_rejected, error FROM cetl.file WHERE name ~ '^%s'"
    rows = "SELECT substr(f.name, 6), _line, a, b, c, d, e FROM %s t JOIN cetl.file f ON f.id = t._file"
    rejects = ("SELECT substr(f.name, 6), line, byte_offset, column_name, code, message, value, raw FROM cetl.reject r JOIN cetl.file f ON f.id = r.file_id"
               " WHERE f.name ~ '^%s'")
    assert database.value("SELECT count(*) FROM fast") > 1000 and database.value("SELECT count(*) FROM cetl.reject") > 100
    for same in (ledger, rows, rejects):
        assert database.same(same % "fast", same % "slow"), same
