# SPDX-License-Identifier: MIT
"""
What a reload of each option changes. A case is a generator: what it does before its `yield` happens under the configuration `before`, what it
does behind it under `after`, in the same daemon, with one reload in between. CASES has one for each option that is not fixed.
"""

import gzip
import io
import os
import random
import re
import zipfile

from waiting import until

CASES = []  # in the order in which they are run


class Case:
    """`before` and `after` are text of the configuration; where `option` is of [daemon], [database] or [api], its value there."""

    def __init__(self, option, before, after, run):
        self.option, self.before, self.after, self.run = option, before, after, run
        self.section, self.key = option.split(".")
        self.plain = self.section in ("daemon", "database", "api")


def case(option, before, after, beside=""):
    """A case by itself; `beside` is text of the configuration that stays. Functions of the world are asked for theirs."""
    def add(run):
        CASES.append(Case(option, (before, beside), (after, beside), run))
        return run

    return add


def table(option, columns, before, after, first, second, dataset="", same="", query=None):
    """
    A case of a dataset of its own, NAME. `dataset` is more text of its section (other sections may follow), `same` of the option's, where that
    is another. `first` and `second` are (content of the file that is dropped, then the table's rows, or a pattern of the file's error).
    """
    name = "c_" + option.replace(".", "_")
    section, key = option.split(".")

    def config(value):
        text = "[dataset %s]\nfiles = %s_*.csv\n" % (name, name)
        if "duplicates" not in (key, value):
            text += "duplicates = load\n"
        text += "columns = %s\n" % columns
        if section == "dataset":
            text += "%s = %s\n" % (key, value)
        text += dataset.replace("NAME", name)
        if section != "dataset":
            text += "[%s %s.%s]\n%s = %s\n%s" % (section, name, "a" if section == "column" else "r", key, value, same)
        return text

    def run(world):
        rows = (query or "SELECT * FROM NAME ORDER BY 1").replace("NAME", name)
        for n, (content, expected) in enumerate((first, second), 1):
            if isinstance(expected, str):
                entry = world.load("%s_%d.csv" % (name, n), content, "failed")
                assert re.search(expected, entry["error"]), entry["error"]
            else:
                world.load("%s_%d.csv" % (name, n), content)
                assert world.database.rows(rows) == expected, world.database.rows(rows)
            if n == 1:
                yield

    CASES.append(Case(option, ("", config(before)), ("", config(after)), run))


# ---- [daemon] ----

def packed(text):
    return gzip.compress(text.encode() if isinstance(text, str) else text, 1)


@case("daemon.lookup_max", "0", "1", "[dataset c_lookup_max]\ncolumns = a bigint, b text, d text\n"
      "[column c_lookup_max.d]\nlookup = c_dim.x on c_dim.id = a\n")
def lookup_max(world):
    world.load("c_lookup_max_1.csv", "a,b\n1,u\n")
    said = "dataset c_lookup_max: its lookups are joined by the server"
    assert not world.daemon.log_lines(said)
    yield
    world.load("c_lookup_max_2.csv", "a,b\n2,v\n")
    assert world.daemon.log_lines(said) and world.database.rows("SELECT * FROM c_lookup_max ORDER BY 1") == [(1, "u", "x1"), (2, "v", "x2")]


@case("daemon.max_record", "16M", "4K", "[dataset c_max_record]\ncolumns = a text\n")
def max_record(world):
    world.load("c_max_record_1.csv", "a\n%s\n" % ("x" * 5000))
    yield
    assert "max_record" in world.load("c_max_record_2.csv", "a\n%s\n" % ("y" * 5000), "failed")["error"]


@case("daemon.unpack_max", "64G", "20M", "[dataset c_unpack_max]\nfiles = c_unpack_max_*\ncolumns = a text\n")
def unpack_max(world):
    r = random.Random(1)
    content = packed("a\n" + "".join("%0128x\n" % r.getrandbits(512) for _ in range(180000)))
    world.load("c_unpack_max_1.csv.gz", content)
    yield
    assert "unpack_max" in world.load("c_unpack_max_2.csv.gz", content[:-8] + content[-8:] + packed("z\n"), "failed")["error"]


@case("daemon.unpack_ratio", "100000", "10", "[dataset c_unpack_ratio]\nfiles = c_unpack_ratio_*\ncolumns = a text\n")
def unpack_ratio(world):
    world.load("c_unpack_ratio_1.csv.gz", packed("a\n" + ("x" * 1000 + "\n") * 17500))
    yield
    assert "unpack_ratio" in world.load("c_unpack_ratio_2.csv.gz", packed("a\n" + ("y" * 1000 + "\n") * 17500), "failed")["error"]


@case("daemon.unpack_entries", "1000", "2", "[dataset c_unpack_entries]\nfiles = c_unpack_entries_*\ncolumns = a bigint\n")
def unpack_entries(world):
    def zipped(first):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z:
            for n in range(3):
                z.writestr("part%d.csv" % n, "a\n%d\n" % (first + n))
        return out.getvalue()

    world.load("c_unpack_entries_1.zip", zipped(1))
    yield
    assert "unpack_entries" in world.load("c_unpack_entries_2.zip", zipped(4), "failed")["error"]


@case("daemon.unmatched", "fail", "infer")
def unmatched(world):
    world.load("stray_1.csv", "n\n1\n", "failed")
    yield
    world.load("stray_2.csv", "n\n2\n")
    assert world.database.rows("SELECT n FROM stray") == [(2,)]


@case("daemon.settle", "1h", "100ms", "[dataset c_settle]\ncolumns = a bigint\n")
def settle(world):
    with open(world.daemon.path("incoming", "c_settle_1.csv"), "w") as f:
        f.write("a\n1\n")
    yield
    world.wait("c_settle_1.csv")


@case("daemon.rescan", "1h", "1s")
def rescan(world):
    """What is gone from incoming/ by itself is noticed by the next round only."""
    path, waiting = world.daemon.path("incoming", "c_rescan.csv"), world.daemon.path("incoming", ".c_rescan")
    os.mkfifo(waiting)
    os.rename(waiting, path)
    until(lambda: world.daemon.get("/status", unix=True).json["files"]["unreadable"] == 1, "the FIFO is unreadable")
    yield
    os.unlink(path)
    until(lambda: world.daemon.get("/status", unix=True).json["files"]["unreadable"] == 0, "it is forgotten", deadline=10)


@case("daemon.spool_min_free", "0", "1T", "[dataset c_sent]\ncolumns = a bigint\n")
def spool_min_free(world):
    assert world.send("PUT", "/ingest/c_sent_1.csv", "a\n1\n").status == 202
    yield
    assert world.send("PUT", "/ingest/c_sent_2.csv", "a\n2\n").status == 507


@case("daemon.keep_done", "0", "1s", "[dataset c_keep]\nmax_errors = 1\ncolumns = a bigint\n")
def keep_done(world):
    world.load("c_keep_1.csv", "a\n1\n")
    yield
    until(lambda: b"done/c_keep_1.csv" not in world.daemon.files_in("done"), "it is removed")


@case("daemon.keep_failed", "0", "1s")
def keep_failed(world):
    world.load("c_keep_2.csv", "b\n1\n", "failed")
    yield
    until(lambda: b"failed/c_keep_2.csv" not in world.daemon.files_in("failed"), "it is removed")


@case("daemon.keep_rejects", "0", "1s")
def keep_rejects(world):
    entry = world.load("c_keep_3.csv", "a\n1\nx\n")
    count = "SELECT count(*) FROM cetl.reject WHERE file_id = %d" % entry["id"]
    assert world.database.value(count) == 1
    yield
    until(lambda: world.database.value(count) == 0, "they are removed")


@case("daemon.log_level", "info", "debug")
def log_level(world):
    assert not world.daemon.log_lines(r"^\S+ debug ")
    yield
    world.load("c_keep_4.csv", "a\n4\n")
    assert world.daemon.log_lines(r"^\S+ debug ")


# ---- [database] ----

@case("database.migrations", lambda w: w.folder("m1", {"001_a.sql": "CREATE TABLE public.c_m1 (a int)"}),
      lambda w: w.folder("m2", {"001_a.sql": "CREATE TABLE public.c_m1 (a int)", "002_b.sql": "CREATE TABLE public.c_m2 (a int)"}))
def migrations(world):
    there = "SELECT to_regclass('c_m1') IS NOT NULL, to_regclass('c_m2') IS NOT NULL"
    assert world.database.rows(there) == [(True, False)]
    yield
    assert world.database.rows(there) == [(True, True)]


@case("database.stream_timeout", "1h", "1s", "[report c_slow]\nsql = select pg_sleep(1.3)::text as slept\n")
def stream_timeout(world):
    assert world.get("/v1/report/c_slow").status == 200
    yield
    assert world.get("/v1/report/c_slow").status >= 500


# ---- [api] ----

@case("api.first_chunk", "c_dim", "c_keep")
def first_chunk(world):
    assert world.get("/read/first-chunk").headers["Content-Location"].startswith("/v1/c_dim")
    yield
    assert world.get("/read/first-chunk").headers["Content-Location"].startswith("/v1/c_keep")


@case("api.expose", "", "c_view")
def expose(world):
    assert world.get("/v1/c_view").status == 404
    yield
    assert world.get("/v1/c_view").json == [{"one": 1}]


@case("api.cors_origins", "https://a.example", "https://b.example")
def cors_origins(world):
    def allowed(origin):
        return world.get("/v1/c_dim", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")

    assert allowed("https://a.example") and not allowed("https://b.example")
    yield
    assert allowed("https://b.example") and not allowed("https://a.example")


@case("api.max_upload", "2G", "1K")
def max_upload(world):
    body = "a\n" + "1\n" * 1000
    assert world.send("PUT", "/ingest/c_sent_3.csv", body).status == 202
    yield
    assert world.send("PUT", "/ingest/c_sent_4.csv", body).status == 413


@case("api.anonymous", "read", "none")
def anonymous(world):
    assert world.daemon.get("/v1/c_dim").status == 200
    yield
    assert world.daemon.get("/v1/c_dim").status == 401


# ---- [dataset NAME] ----

AB = "a bigint, b text"
table("dataset.filter", "a bigint", "a > 1", "a > 5", ("a\n1\n3\n", [(3,)]), ("a\n4\n6\n", [(3,), (6,)]))
table("dataset.mode", "a bigint primary key, b text", "append", "upsert", ("a,b\n1,x\n", [(1, "x")]), ("a,b\n1,y\n", [(1, "y")]))
table("dataset.newest_by", "a bigint primary key, b text", "", "b", ("a,b\n1,y\n1,x\n", [(1, "x")]), ("a,b\n1,z\n1,v\n", [(1, "z")]), "mode = upsert\n")
table("dataset.header", "a text, b text", "yes", "no", ("a,b\n1,x\n", [("1", "x")]), ("a,b\n", [("1", "x"), ("a", "b")]),
      "[column NAME.a]\nposition = 1\n[column NAME.b]\nposition = 2\n")
table("dataset.delimiter", AB, ";", ",", ("a;b\n1;x,y\n", [(1, "x,y")]), ("a,b\n2,x;y\n", [(1, "x,y"), (2, "x;y")]))
table("dataset.quote", AB, '"', "none", ('a,b\n1,"x"\n', [(1, "x")]), ('a,b\n2,"x"\n', [(1, "x"), (2, '"x"')]))
table("dataset.escape", AB, "none", "\\", ('a,b\n1,"x\\\\y"\n', [(1, "x\\\\y")]), ('a,b\n2,"x\\\\y"\n', [(1, "x\\\\y"), (2, "x\\y")]))
table("dataset.comment", "a text", "none", "#", ("a\n#1\n2\n", [("#1",), ("2",)]), ("a\n#3\n4\n", [("#1",), ("2",), ("4",)]))
table("dataset.skip_lines", AB, "0", "1", ("a,b\n1,x\n", [(1, "x")]), ("junk,more\na,b\n2,y\n", [(1, "x"), (2, "y")]))
table("dataset.line_end", AB, "lf", "cr", ("a,b\n1,x\n", [(1, "x")]), ("a,b\r2,y\r", [(1, "x"), (2, "y")]))
table("dataset.blank_lines", "a text", "rows", "skip", ("a\nx\n\n", [("x",), (None,)]), ("a\ny\n\n", [("x",), ("y",), (None,)]))
table("dataset.trim", AB, "no", "yes", ("a,b\n1, x \n", [(1, " x ")]), ("a,b\n2, x \n", [(1, " x "), (2, "x")]))
table("dataset.compression", AB, "none", "gzip", ("a,b\n1,x\n", [(1, "x")]), (packed("a,b\n2,y\n"), [(1, "x"), (2, "y")]))
table("dataset.null", AB, "", "NA", ("a,b\n1,NA\n", [(1, "NA")]), ("a,b\n2,NA\n", [(1, "NA"), (2, None)]))
table("dataset.decimal_mark", "a numeric(6,2)", ".", ",", ("a\n1.5\n", [(1.5,)]), ('a\n"2,5"\n', [(1.5,), (2.5,)]))
table("dataset.thousands_mark", "a bigint", "none", "'", ("a\n1000\n", [(1000,)]), ("a\n2'000\n", [(1000,), (2000,)]))
table("dataset.timezone", "a timestamptz", "UTC", "Asia/Tokyo", ("a\n2024-01-01 12:00\n", [("12",)]), ("a\n2024-01-01 12:00\n", [("03",), ("12",)]),
      query="SELECT to_char(a AT TIME ZONE 'UTC', 'HH24') FROM NAME ORDER BY 1")
table("dataset.encoding", "a text", "latin1", "utf-8", ("a\né\n".encode("latin1"), [("é",)]), ("a\nô\n".encode(), [("é",), ("ô",)]),
      query='SELECT a FROM NAME ORDER BY a COLLATE "C"')
table("dataset.max_errors", "a bigint", "0", "50%", ("a\n1\nx\n", "x"), ("a\n2\ny\n", [(2,)]))
table("dataset.lineage", "a bigint", "no", "yes", ("a\n1\n", [(1, None)]), ("a\n2\n", [(1, None), (2, 2)]),
      query="SELECT a, (to_jsonb(t) ->> '_line')::int FROM NAME t ORDER BY 1")
table("dataset.new_columns", "a bigint", "reject", "ignore", ("a,z\n1,x\n", "z"), ("a,z\n2,x\n", [(2,)]))
table("dataset.missing_columns", AB, "null", "reject", ("a\n1\n", [(1, None)]), ("a\n2\n", "b"))
table("dataset.timestamps", "a bigint", "no", "yes", ("a\n1\n", [(1, False)]), ("a\n2\n", [(2, True)]),
      query="SELECT a, to_jsonb(t) ->> 'created_at' IS NOT NULL FROM NAME t ORDER BY a DESC LIMIT 1")
table("dataset.inputs", "b text", "x bigint", "x text", ("x\n007\n", [("7z",)]), ("x\n007\n", [("007z",), ("7z",)]),
      "[column NAME.b]\nexpr = x || 'z'\n")


@case("dataset.widen", *["[dataset c_widen]\nwiden = %s\n" % v for v in ("no", "yes")])
def widen(world):
    world.load("c_widen_1.csv", "a\n1\n")
    world.load("c_widen_2.csv", "a\nx\n", "failed")
    yield
    world.load("c_widen_3.csv", "a\ny\n")
    assert world.database.rows("SELECT a FROM c_widen ORDER BY 1") == [("1",), ("y",)]


@case("dataset.files", "[dataset c_files]\nfiles = c_files_a*\ncolumns = a bigint\n", "[dataset c_files]\nfiles = c_other_name*\ncolumns = a bigint\n")
def files(world):
    world.load("c_files_a.csv", "a\n1\n")
    yield
    assert world.load("c_other_name.csv", "a\n2\n")["dataset"] == "c_files"


@case("dataset.table", "[dataset c_table]\ntable = public.c_t1\ncolumns = a bigint\n", "[dataset c_table]\ntable = public.c_t2\ncolumns = a bigint\n")
def table_(world):
    world.load("c_table_1.csv", "a\n1\n")
    yield
    world.load("c_table_2.csv", "a\n2\n")
    assert world.database.rows("SELECT 't1', a FROM c_t1 UNION ALL SELECT 't2', a FROM c_t2 ORDER BY 1") == [("t1", 1), ("t2", 2)]


@case("dataset.columns", "[dataset c_columns]\n", "[dataset c_columns]\ncolumns = a bigint, b text\n")
def columns_(world):
    assert world.database.value("SELECT to_regclass('c_columns') IS NULL")
    yield
    assert world.database.rows("SELECT * FROM c_columns") == []


@case("dataset.replace_swap_min", *["[dataset c_swap]\nmode = replace\ncolumns = a bigint\nreplace_swap_min = %s\n" % v for v in ("64M", "0")])
def replace_swap_min(world):
    def loaded_into(n):
        world.load("c_swap_%d.csv" % n, "a\n%d\n" % n)
        return world.database.value("SELECT min(tableoid) FROM c_swap WHERE a = %d" % n)

    assert loaded_into(1) == loaded_into(2)
    yield
    assert loaded_into(3) != loaded_into(4)


@case("dataset.order", *["[dataset c_order]\ncolumns = a bigint\norder = %s\n" % v for v in ("lenient", "strict")])
def order(world):
    world.load("c_order_1.csv", "a\nx\n", "failed")
    world.load("c_order_2.csv", "a\n2\n")
    yield
    world.load("c_order_3.csv", "a\ny\n", "failed")
    world.daemon.drop("c_order_4.csv", "a\n4\n")
    until(lambda: world.daemon.log_lines("c_order stands still"), "it stands still")
    assert world.database.rows("SELECT a FROM c_order") == [(2,)]


table("dataset.duplicates", "a bigint", "skip", "load", ("a\n1\n", [(1,)]), ("a\n1\n", [(1,), (1,)]))


@case("dataset.requires", *["[dataset c_never]\ncolumns = a bigint\n[dataset c_requires]\ncolumns = a bigint\nrequires = %s\n" % v for v in ("", "c_never")])
def requires(world):
    world.load("c_requires_1.csv", "a\n1\n")
    yield
    world.load("c_requires_2.csv", "a\n2\n", "waiting")


@case("dataset.wait", *["[dataset c_wait]\ncolumns = a bigint\nrequires = c_never\nwait = %s\n" % v for v in ("1h", "1s")])
def wait(world):
    world.load("c_wait_1.csv", "a\n1\n", "waiting")
    yield
    assert "c_never" in world.wait("c_wait_1.csv", "failed")["error"]


def large(first):
    return "a,b\n" + "".join("%d,%s\n" % (n, "x" * 60) for n in range(first, first + 45000))


def shares(world, name):
    world.load(name + ".csv", large(int(name[-1]) * 10**6))
    return world.database.value("SELECT coalesce(shares, 0) FROM cetl.file WHERE name = '%s.csv'" % name)


@case("dataset.parallel", *["[dataset c_parallel]\ncolumns = a bigint, b text\nparallel_min = 1K\nparallel = %s\n" % v for v in ("1", "2")])
def parallel(world):
    assert shares(world, "c_parallel_1") < 2
    yield
    assert shares(world, "c_parallel_2") == 2


@case("dataset.parallel_min", *["[dataset c_pmin]\ncolumns = a bigint, b text\nparallel = 2\nparallel_min = %s\n" % v for v in ("64M", "1K")])
def parallel_min(world):
    assert shares(world, "c_pmin_1") < 2
    yield
    assert shares(world, "c_pmin_2") == 2


@case("dataset.soft_delete", *["[dataset c_soft]\ncolumns = a bigint primary key\nsoft_delete = %s\n" % v for v in ("no", "yes")])
def soft_delete(world):
    world.load("c_soft.csv", "a\n1\n2\n")
    assert world.send("DELETE", "/v1/c_soft/1").status == 204
    yield
    assert world.send("DELETE", "/v1/c_soft/2").status == 204
    assert world.database.rows("SELECT a FROM c_soft") == [(2,)] and world.get("/v1/c_soft").json == []


@case("dataset.api_select", *["[dataset c_select]\ncolumns = a bigint, b text\napi_select = %s\n" % v for v in ("", "a")])
def api_select(world):
    world.load("c_select.csv", "a,b\n1,x\n")
    assert world.get("/v1/c_select").json == [{"a": 1, "b": "x"}]
    yield
    assert world.get("/v1/c_select").json == [{"a": 1}]


@case("dataset.bulk_max", *["[dataset c_bulk]\ncolumns = a bigint primary key\nbulk_max = %s\n" % v for v in ("1000", "1")])
def bulk_max(world):
    json = {"Content-Type": "application/json"}
    assert world.send("POST", "/v1/c_bulk/bulk", '[{"a":1},{"a":2}]', json).status < 300
    yield
    assert world.send("POST", "/v1/c_bulk/bulk", '[{"a":3},{"a":4}]', json).status >= 400
    assert world.send("POST", "/v1/c_bulk/bulk", '[{"a":5}]', json).status < 300


# ---- [column NAME], [rollup NAME] ----

table("column.from", "a bigint", "X", "Y", ("X\n1\n", [(1,)]), ("Y\n2\n", [(1,), (2,)]))
table("column.position", "a bigint", "1", "2", ("1,5\n", [(1,)]), ("5,2\n", [(1,), (2,)]), "header = no\nnew_columns = ignore\n")
table("column.format", "a date", "DD/MM/YYYY", "MM/DD/YYYY", ("a\n01/02/2024\n", [("02-01",)]), ("a\n01/02/2024\n", [("01-02",), ("02-01",)]),
      query="SELECT to_char(a, 'MM-DD') FROM NAME ORDER BY 1")
table("column.decimal_mark", "a numeric(6,2)", ".", ",", ("a\n1.5\n", [(1.5,)]), ('a\n"2,5"\n', [(1.5,), (2.5,)]))
table("column.thousands_mark", "a bigint", "none", "'", ("a\n1000\n", [(1000,)]), ("a\n2'000\n", [(1000,), (2000,)]))
table("column.timezone", "a timestamptz", "UTC", "Asia/Tokyo", ("a\n2024-01-01 12:00\n", [("12",)]), ("a\n2024-01-01 12:00\n", [("03",), ("12",)]),
      query="SELECT to_char(a AT TIME ZONE 'UTC', 'HH24') FROM NAME ORDER BY 1")
table("column.expr", AB, "length(b)", "length(b) * 10", ("b\nxx\n", [(2, "xx")]), ("b\nxx\n", [(2, "xx"), (20, "xx")]))
table("column.check", AB, "a > 0", "a > 10", ("a,b\n5,x\n", [(5, "x")]), ("a,b\n5,y\n", "check|a > 10"))
table("column.lookup", "a text, b bigint", "c_dim.x on c_dim.id = b", "c_dim.y on c_dim.id = b", ("b\n1\n", [("x1", 1)]), ("b\n1\n", [("x1", 1), ("y1", 1)]))
table("column.on_miss", "a text, b bigint", "null", "reject", ("b\n9\n", [(None, 9)]), ("b\n9\n", "c_dim"),
      same="lookup = c_dim.x on c_dim.id = b\n")
table("rollup.group", AB, "b", "a % 2 as even", ("a,b\n1,x\n3,x\n", [("x", 2)]), ("a,b\n2,y\n", [("0", 1), ("1", 2)]),
      same="measure = count(*) as n\n", query="SELECT coalesce(to_jsonb(t) ->> 'b', to_jsonb(t) ->> 'even'), n FROM NAME_r t ORDER BY 1")
table("rollup.measure", AB, "count(*) as n", "sum(a) as n", ("a,b\n5,x\n", [("x", 1)]), ("a,b\n6,x\n", [("x", 11)]), same="group = b\n", query="SELECT b, n FROM NAME_r ORDER BY 1")
