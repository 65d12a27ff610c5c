# SPDX-License-Identifier: MIT
"""
Wall clocks of every zone that the server knows, at random instants of all its time and around transitions: the instants that we read
are those of the server's `timestamp AT TIME ZONE`.
"""

import random
import subprocess
from contextlib import closing

DAY = 86400
FIRST, LAST = -210866803200, 9224000000000  # from 4714 BC, to 294000, seconds since 1970
SPANS = [(-5000000000, 5000000000), (-2000000000, 2200000000), (0, 2200000000), (2000000000, 20000000000),
         (FIRST + 2 * DAY, LAST)]


def moments(dice, edges):
    picked = [dice.randint(*dice.choice(SPANS)) for _ in range(60)]
    for edge in dice.sample(edges, min(len(edges), 25)):
        picked += [edge + dice.choice([0, 1, -1, 59, -59, 1800, 3600, 3599, -3600, 7200, dice.randint(-90000, 90000)]) for _ in range(4)]
    return picked


def test_wall_clocks_are_the_servers(postgres, program):
    dice = random.Random(5)
    with closing(postgres.connect()) as db, db.cursor() as sql:
        # AT TIME ZONE takes a name that is an abbreviation, too, for the abbreviation: see below.
        sql.execute("SELECT name FROM pg_timezone_names WHERE name !~ '^(posix|right)/' AND name NOT IN ('posixrules', 'localtime')"
                    " AND upper(name) NOT IN (SELECT upper(abbrev) FROM pg_timezone_abbrevs) ORDER BY name")
        names = [row[0] for row in sql.fetchall()]
        assert len(names) > 300
        cases = []
        for name in names:
            # Where the offset changes, to the day, in every fifth year and in the far future
            sql.execute("""
                SELECT d, d + o FROM (
                    SELECT d, extract(epoch FROM to_timestamp(d) AT TIME ZONE %(z)s)::int8 - d AS o,
                           lag(extract(epoch FROM to_timestamp(d) AT TIME ZONE %(z)s)::int8 - d) OVER (ORDER BY d) AS p
                      FROM generate_series(%(a)s::int8, %(b)s::int8, 86400) AS d) x WHERE o <> p""",
                        {"z": name, "a": dice.randint(0, 50) * 365 * DAY, "b": dice.randint(51, 60) * 365 * DAY})
            edges = [at for at, _ in sql.fetchall()]
            cases += [(name, local) for local in moments(dice, edges)]
        sql.execute("SELECT extract(epoch FROM (timestamp '1970-01-01' + make_interval(secs => 1) * l) AT TIME ZONE z)::int8"
                    " FROM unnest(%s::text[], %s::int8[]) WITH ORDINALITY AS c(z, l, n) ORDER BY n",
                    ([z for z, _ in cases], [l for _, l in cases]))
        theirs = [row[0] for row in sql.fetchall()]
    compare(program, cases, theirs)


def compare(program, cases, theirs):
    lines = "".join("%s %d\n" % case for case in cases)
    ours = subprocess.run([program("zone_diff")], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert len(ours) == len(theirs) == len(cases)
    found = ["%s %d: we say %s, the server %d" % (*case, us, them) for case, us, them in zip(cases, ours, theirs) if us != str(them)]
    assert not found, "%d of %d:\n" % (len(found), len(cases)) + "\n".join(found[:40])


def test_names_that_are_abbreviations_too_are_zones(postgres, program):
    dice = random.Random(6)
    cases, theirs = [], []
    with closing(postgres.connect()) as db, db.cursor() as sql:
        for name in ("CET", "EET", "MET", "WET", "UTC"):
            here = [(name, local) for local in moments(dice, [])]
            sql.execute("SELECT set_config('timezone', %s, false)", (name,))
            sql.execute("SELECT extract(epoch FROM (timestamp '1970-01-01' + make_interval(secs => 1) * l)::timestamptz)::int8"
                        " FROM unnest(%s::int8[]) WITH ORDINALITY AS c(l, n) ORDER BY n", ([local for _, local in here],))
            cases += here
            theirs += [row[0] for row in sql.fetchall()]
    compare(program, cases, theirs)
