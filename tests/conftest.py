# SPDX-License-Identifier: MIT
"""
The length of the tests: what is marked `long`, and what asks for the fixture of that name, is for --long (make check-long).

Several processes may share the tests (tests/run.py): then each runs the files that no other one has taken. TESTS_TAKEN names a folder
in which each notes what it takes, at the first test of a file.
"""

import os

import pytest

TAKEN = os.environ.get("TESTS_TAKEN")
ours = {}


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the full length: more kills, more expressions, larger files")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with --long (make check-long)")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="make check-long"))


@pytest.fixture(scope="session")
def long(request):
    return request.config.getoption("--long")


def is_ours(path):
    try:
        os.close(os.open(os.path.join(TAKEN, path.replace("/", "=")), os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    path = item.nodeid.split("::")[0]
    if TAKEN and path not in ours:
        ours[path] = is_ours(path)
    return None if ours.get(path, True) else True  # True: there is nothing left to be done
