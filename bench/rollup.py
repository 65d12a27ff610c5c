# SPDX-License-Identifier: MIT
"""What a rollup adds to the load of a large file, against the same load without one."""

from append import SALES
from bed import ROUNDS, SERVER_WORDS, bed, generate, scaled
from report import Section, median, sides_table

ROWS = 1500000
DATASET = "[dataset %s]\nfiles = %s.csv\nduplicates = load\ncolumns = %s\n"
ROLLUP = "[rollup rolled.daily]\ngroup = date_trunc('month', ordered) as month, channel\nmeasure = sum(amount) as revenue, count(*) as orders, max(price) as largest\n"
SIDES = {"rolled": "with a rollup by month and channel", "plain": "without"}


def measure():
    rows = scaled(ROWS)
    section = Section("rollup", "A rollup beside the load")
    sides = {name: [] for name in SIDES.values()}
    with bed(fsync=False) as b:
        path = b.path("sales.csv")
        generate("sales", rows, 1, path)
        b.start("".join(DATASET % (table, table, SALES.replace("channel text", 'channel text collate "C"')) for table in SIDES) + ROLLUP)
        for n in range(ROUNDS + 1):  # the first warms up
            for table in SIDES if n % 2 else reversed(SIDES):
                result = b.load(path, table + ".csv")
                if n > 0:
                    sides[SIDES[table]].append(result)
                b.settle()
        loads = ROUNDS + 1
        assert b.count("plain") == b.count("rolled") == loads * rows
        assert b.database.same("SELECT month, channel, revenue, orders, largest FROM rolled_daily",
                               "SELECT date_trunc('month', ordered), channel, sum(amount), count(*), max(price) FROM plain GROUP BY 1, 2"), "the rollup is not right"
        groups = b.count("rolled_daily")
    section.say("%d rows of sales a load, one connection; the rollup has %d groups and is compared with `SELECT … GROUP BY` at the end. %s. Medians of %d."
                % (rows, groups, SERVER_WORDS, ROUNDS))
    sides_table(section, sides, rows)
    section.goal("a rollup beside the sales load, wall time", median(sides[SIDES["rolled"]], "wall") / median(sides[SIDES["plain"]], "wall"), "x", most=1.15)
    return section
