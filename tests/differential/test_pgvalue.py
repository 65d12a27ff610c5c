# SPDX-License-Identifier: MIT
"""JSON and CSV made from binary values are PostgreSQL's own, value by value."""

import subprocess

import pytest


@pytest.mark.parametrize("seed", [1, 2])
def test_values_are_written_as_the_server_writes_them(postgres, program, seed):
    done = subprocess.run([program("pgvalue_diff"), postgres.conninfo(), "5000", str(seed)], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
