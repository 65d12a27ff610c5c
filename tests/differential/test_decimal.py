# SPDX-License-Identifier: MIT
"""Arithmetic of numerics is PostgreSQL's: every digit, the scale of the result, and the errors."""

import os
import random
import subprocess
from contextlib import closing

import pytest

TWO = ("add", "sub", "mul", "div", "mod")
SCALED = ("round", "trunc", "fit")
ONE = ("ceil", "floor", "neg", "abs", "sign")

ATTEMPT = """
CREATE FUNCTION pg_temp.attempt(op text, a numeric, b numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r numeric;
BEGIN
    CASE op
        WHEN 'add' THEN r := a + b;
        WHEN 'sub' THEN r := a - b;
        WHEN 'mul' THEN r := a * b;
        WHEN 'div' THEN r := a / b;
        WHEN 'mod' THEN r := a % b;
        WHEN 'round' THEN r := round(a, b::int);
        WHEN 'trunc' THEN r := trunc(a, b::int);
        WHEN 'ceil' THEN r := ceil(a);
        WHEN 'floor' THEN r := floor(a);
        WHEN 'neg' THEN r := -a;
        WHEN 'abs' THEN r := abs(a);
        WHEN 'sign' THEN r := sign(a);
        WHEN 'fit' THEN EXECUTE format('SELECT ($1)::numeric(9,%s)', b) INTO r USING a;
    END CASE;
    RETURN encode(numeric_send(r), 'hex');
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$"""


def digits(dice, n):
    """n digits that are often 0 or 9, where carries and borrows are."""
    kind = dice.random()
    if kind < 0.15:
        return "9" * n
    if kind < 0.3:
        return "".join(dice.choice("0000000009") for _ in range(n))
    if kind < 0.4:
        return "1" + "0" * (n - 1) if n else ""
    return "".join(dice.choice("0123456789") for _ in range(n))


def number(dice):
    kind = dice.random()
    if kind < 0.03:
        return dice.choice(["NaN", "Infinity", "-Infinity"])
    if kind < 0.06:
        return dice.choice(["0", "0.00", "1", "-1", "1.0", "0.5", "-0.5", "9999", "10000", "0.0001", "9999.9999", "5e-20", "1e-16383"])
    sign = dice.choice(["", "-"])
    if kind < 0.55:
        return "%s%s.%s" % (sign, digits(dice, dice.randint(1, 12)), digits(dice, dice.randint(0, 4)))
    if kind < 0.75:
        return "%s%s.%s" % (sign, digits(dice, dice.randint(1, 20)), digits(dice, dice.randint(0, 20)))
    if kind < 0.93:
        return "%s%s.%se%d" % (sign, digits(dice, dice.randint(1, 60)), digits(dice, dice.randint(0, 60)), dice.randint(-60, 60))
    if kind < 0.985:
        return "%s%se%d" % (sign, digits(dice, dice.randint(1, 300)), dice.randint(-600, 600))
    return "%s%s.%se%d" % (sign, dice.choice("0123456789"), digits(dice, dice.randint(0, 20)), dice.choice([-16300, -8200, 8000, 60000, 65530, 131000, 131050, 131071]))


def case(dice):
    op = dice.choice(TWO * 4 + SCALED * 3 + ONE)
    if op in SCALED:
        least, most = (0, 9) if op == "fit" else (-20, 40)
        far = op != "fit" and dice.random() < 0.05
        return op, number(dice), str(dice.choice([-5000, -2000, 1999, 2500, 20000, -131072, -131073, -2147483648, 2147483647]) if far else dice.randint(least, most))
    a = number(dice)
    return op, a, a if dice.random() < 0.03 else number(dice)


@pytest.mark.parametrize("seed", [int(s) for s in os.environ.get("SEED", "1,2").split(",")])
def test_arithmetic_is_the_servers(postgres, program, seed):
    dice = random.Random(seed)
    cases = [case(dice) for _ in range(int(os.environ.get("CASES", "40000")))]
    with closing(postgres.connect()) as db, db.cursor() as sql:
        sql.execute(ATTEMPT)
        sql.execute("SELECT pg_temp.attempt(op, a, b) FROM unnest(%s::text[], %s::numeric[], %s::numeric[]) WITH ORDINALITY AS c(op, a, b, n)"
                    " ORDER BY n", tuple(map(list, zip(*cases))))
        theirs = [row[0] for row in sql.fetchall()]
    lines = "".join("%s %s %s\n" % one for one in cases)
    ours = subprocess.run([program("decimal_diff")], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert len(ours) == len(theirs) == len(cases)
    found = ["seed %d: %s %s %s: we say %s, the server %s" % (seed, *one, us, them)
             for one, us, them in zip(cases, ours, theirs) if us != them]
    assert not found, "%d of %d:\n" % (len(found), len(cases)) + "\n".join(text[:400] for text in found[:20])
