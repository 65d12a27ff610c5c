# SPDX-License-Identifier: MIT
"""A large file's way into a table without a key, against `psql \\copy` of the same file."""

from bed import ROUNDS, SERVER_WORDS, bed, generate, scaled, understood
from report import Section, median, sides_table

PSQL = "`psql \\copy`"
SALES = ("order_id bigint, customer_id bigint, ordered timestamp, item text, channel text, quantity integer, price numeric(10,2),"
         " amount numeric(12,2), place text")
NUMERIC = "id bigint, station integer, level double precision, drift double precision, flow double precision"

# kind: columns, rows, what it is, least ratio, least with parallel, most server CPU against psql's side
KINDS = {
    "sales": (SALES, 4500000, "9 columns, of them 2 quoted with commas and doubled quotes", 1.6, 2.2, 0.6),
    "numeric": (NUMERIC, 10000000, "5 columns of numbers: 2 integers, 3 floats of 6 decimals", 2.3, 2.8, 0.45),
}


def datasets(kind):
    """{table: (its name for people, its section)}"""
    columns = KINDS[kind][0]
    found = {kind: ("cetld", "[dataset %s]\nfiles = %s.csv\nduplicates = load\ncolumns = %s\n" % (kind, kind, columns))}
    for n in (2, 3, 4):
        table = "%s_%d" % (kind, n)
        text = "[dataset %s]\nfiles = %s.csv\nduplicates = load\nparallel = %d\nparallel_min = 0\ncolumns = %s\n" % (table, table, n, columns)
        if understood(text)[0]:
            found[table] = ("cetld, `parallel = %d`" % n, text)
    return found


def measure(kind):
    columns, full, words, least, least_parallel, most_cpu = KINDS[kind]
    rows = scaled(full)
    section = Section("append_" + kind, "Append, %s" % kind)
    ours = datasets(kind)
    sides = {name: [] for name, _ in ours.values()}
    sides[PSQL] = []
    with bed(fsync=False) as b:
        path = b.path(kind + ".csv")
        generate(kind, rows, 1, path)
        with open(path, "rb") as f:
            megabytes = f.seek(0, 2) / 1e6
        b.start("".join(text for _, text in ours.values()), database={"load_connections": "4"})
        b.psql("CREATE TABLE copied (%s)" % columns)

        def run(table):
            result = b.load(path, table + ".csv") if table != "copied" else \
                b.psql("\\copy copied FROM '%s' WITH (FORMAT csv, HEADER)" % path)
            assert b.count(table) == rows, "%s has %d rows, not %d" % (table, b.count(table), rows)
            return result

        for n in range(ROUNDS + 1):  # the first warms up
            turn = [*ours, "copied"]
            for table in turn if n % 2 else turn[::-1]:
                result = run(table)
                if n > 0:
                    sides[ours[table][0] if table in ours else PSQL].append(result)
                    b.database.rows("TRUNCATE " + table)
                b.settle()
            if n == 0:
                assert all(b.same(table, "copied") for table in ours), "the tables differ"
                b.database.rows("TRUNCATE " + ", ".join(turn))
    section.say("%d rows of %s (%.0f MB). `fsync = off` for both sides: the work a row is compared, not the disk. %s. Medians of %d."
                % (rows, words, megabytes, SERVER_WORDS, ROUNDS))
    sides_table(section, sides, rows)
    theirs = sides[PSQL]

    def ratio(name, what="wall"):
        return median(theirs, what) / max(median(sides[name], what), 1e-9)

    section.goal("append %s, one connection, against `psql \\copy`" % kind, ratio("cetld"), "x", least=least)
    parallel = [name for name in sides if "parallel" in name]
    if parallel:
        best = max(parallel, key=ratio)
        section.goal("append %s, %s, against `psql \\copy`" % (kind, best.removeprefix("cetld, ")), ratio(best), "x", least=least_parallel)
    else:
        section.missing("append %s, parallel" % kind, "this build has no option `parallel`")
    section.goal("server CPU a row, %s, against `psql \\copy`" % kind, 1 / ratio("cetld", "server"), "x", most=most_cpu)
    section.goal("client CPU a row, %s, against psql" % kind, 1 / ratio("cetld", "client"), "x", most=1)
    return section


def sales():
    return measure("sales")


def numeric():
    return measure("numeric")
