# SPDX-License-Identifier: MIT
"""Partial aggregates, cut and merged at random, are PostgreSQL's GROUP BY: every kind of key with every measure."""

import subprocess

import pytest


@pytest.mark.parametrize("seed", [1, 2])
def test_aggregates_are_the_servers_group_by(postgres, program, seed):
    done = subprocess.run([program("aggregate_diff"), postgres.conninfo(), "3000", str(seed)], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
