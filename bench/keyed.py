# SPDX-License-Identifier: MIT
"""Rows with a key into a table that has some already, against a stage and INSERT … ON CONFLICT by psql."""

from bed import ROUNDS, SERVER_WORDS, bed, generate, scaled, understood
from report import Section, median, sides_table

COLUMNS = "id bigint primary key, name text, changed timestamp, level integer, amount numeric(12,2)"
CONFIG = "[dataset keyed]\nfiles = keyed*.csv\nmode = upsert\nduplicates = load\ncolumns = %s\n" % COLUMNS
STAGE = "stage + `ON CONFLICT`"
ROWS = 1000000


def upsert(path):
    """psql's commands; the stage is a temporary table, which writes no WAL."""
    return ["BEGIN", "CREATE TEMPORARY TABLE stage (LIKE merged) ON COMMIT DROP", "\\copy stage FROM '%s' WITH (FORMAT csv, HEADER)" % path,
            "INSERT INTO merged SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET name = excluded.name, changed = excluded.changed,"
            " level = excluded.level, amount = excluded.amount", "COMMIT"]


def measure():
    section = Section("keyed", "Keyed, `mode = upsert`")
    goals = [("keyed load %s clashes, keys %s, against stage + `ON CONFLICT`" % (clashes, order), least, kind, first)
             for order, kind in (("scattered", "keyed"), ("ascending", "ascending")) for clashes, least, first in (("without", 3, 1), ("with", 1, 0.5))]
    if not understood(CONFIG)[0]:
        for what, *_ in goals:
            section.missing(what, "this build has no `mode = upsert`")
        return section
    rows = scaled(ROWS)
    section.say("%d rows of 5 columns with a bigint key, in scattered or ascending order, into a table of as many in the same order. "
                "With clashes: half of the keys are there. The other side's stage is a temporary table. `fsync = off` for both sides: the work a row is compared, not the disk. %s. "
                "Medians of %d." % (rows, SERVER_WORDS, ROUNDS))
    with bed(fsync=False) as b:
        b.start(CONFIG)
        b.psql("CREATE TABLE merged (%s)" % COLUMNS)
        for kind in ("keyed", "ascending"):
            generate(kind, rows, 1, b.path("base.csv"), 0)
            b.psql("CREATE TABLE base_%s (LIKE merged)" % kind, "\\copy base_%s FROM '%s' WITH (FORMAT csv, HEADER)" % (kind, b.path("base.csv")))
        for seed, (what, least, kind, first) in enumerate(goals, 2):
            sides = {"cetld": [], STAGE: []}
            path, first = b.path("rows.csv"), int(rows * first)
            generate(kind, rows, seed, path, first)
            after = rows + first
            for n in range(ROUNDS + 1):  # the first warms up
                turn = (("cetld", "keyed"), (STAGE, "merged"))
                for side, table in turn if n % 2 else turn[::-1]:
                    b.database.rows("TRUNCATE %s" % table)
                    b.database.rows("INSERT INTO %s SELECT * FROM base_%s" % (table, kind))
                    b.settle()
                    result = b.load(path, "keyed_rows.csv") if table == "keyed" else b.psql(*upsert(path))
                    assert b.count(table) == after, "%s has %d rows, not %d" % (table, b.count(table), after)
                    if n > 0:
                        sides[side].append(result)
                if n == 0:
                    assert b.same("keyed", "merged"), "the tables differ"
            section.say(what.rpartition(", against")[0].replace("keyed load ", "").capitalize() + ":")
            sides_table(section, sides, rows)
            section.goal(what, median(sides[STAGE], "wall") / median(sides["cetld"], "wall"), "x", least=least)
    return section
