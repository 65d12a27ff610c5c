# SPDX-License-Identifier: MIT
"""
Differential tests: small C programs that link a layer of the daemon and compare it with a private PostgreSQL.
BUILD names the folder that `make` builds in (default: build).
"""

import os
import subprocess
import sys

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(TOP, "tests/e2e"))

from cluster import Cluster  # noqa: E402


class Server(Cluster):
    def conninfo(self):
        return "host=%s port=%d user=postgres dbname=postgres" % (self.folder, self.port)


@pytest.fixture(scope="session")
def postgres():
    cluster = Server()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def program():
    """program(name): tests/differential/NAME.c, built; its path."""

    def build(name):
        path = os.path.abspath(os.path.join(TOP, os.environ.get("BUILD", "build"), "differential", name))
        make = ["make", "-s", "-C", TOP, "-f", "Makefile", "-f", "tests/differential/rules.mk"]
        subprocess.run(make + ["BUILD=" + os.environ.get("BUILD", "build"), "differential/" + name], check=True)
        return path

    return build
