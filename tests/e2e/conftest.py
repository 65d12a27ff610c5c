# SPDX-License-Identifier: MIT
"""
Fixtures: a private PostgreSQL for the session, a fresh database for each test, and daemons that are stopped, and checked, at its end.
They drive the built program (CETLD=build/cetld) and need nothing that runs already. They run as root and as any user.
"""

import os
import shutil
import subprocess
import tempfile

import pytest

from cluster import Cluster, Database
from daemon import BINARY, Cetld
from stores import Azurite, Swift

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


@pytest.fixture(scope="session")
def postgres():
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def own_postgres():
    """A cluster that a test may stop."""
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def database(postgres):
    name = postgres.create_database()
    yield Database(postgres, name)
    postgres.drop_database(name)


@pytest.fixture
def own_database(own_postgres):
    return Database(own_postgres, own_postgres.create_database())


@pytest.fixture
def folder():
    """Short, for the sake of socket names, and open to PostgreSQL's user."""
    path = tempfile.mkdtemp(prefix="cetld-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def faultio(tmp_path_factory):
    """The library of tests/fault/faultio.c, to be preloaded (faults.py)."""
    with open(BINARY, "rb") as f:
        program = f.read()
    if b"__asan_init" in program or b"__tsan_init" in program:
        pytest.skip("the preloaded library and a sanitizer do not go together")
    path = str(tmp_path_factory.mktemp("fault") / "faultio.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", path, os.path.join(TOP, "tests/fault/faultio.c"), "-ldl"], check=True)
    os.chmod(os.path.dirname(path), 0o755)
    return path


@pytest.fixture
def small_disk(folder):
    """2 MB, as root."""
    path = os.path.join(folder, "disk")
    os.mkdir(path)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path], capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture
def make_cetld(folder):
    """make_cetld(url, config=…): a daemon, not started. What still runs at the end is stopped as by systemd, and must end cleanly."""
    made = []

    def make(url, config="", **options):
        place = os.path.join(folder, "d%d" % len(made))
        os.makedirs(place, mode=0o755)
        made.append(Cetld(place, url, config, **options))
        return made[-1]

    yield make
    trouble = []
    for daemon in made:
        try:
            if daemon.process is not None:
                daemon.stop()
        except AssertionError as e:
            trouble.append(str(e))
        for pid in daemon.processes():
            os.kill(pid, 9)
    assert not trouble, "\n".join(trouble)


@pytest.fixture(scope="module")
def module_cetld(postgres):
    """module_cetld(config=…, before=SQL): like cetld, for daemons that the tests of a file share; `before` is run by a superuser."""
    made, folders = [], []

    def start(config="", before="", **options):
        database = Database(postgres, postgres.create_database())
        if before:
            database.rows(before)
        place = tempfile.mkdtemp(prefix="cetld-")
        folders.append((place, database))
        os.chmod(place, 0o755)
        made.append(Cetld(place, database.url(), config, **options))
        return made[-1].start()

    try:
        yield start
        for daemon in made:
            daemon.stop()
    finally:
        for daemon in made:
            for pid in daemon.processes():
                os.kill(pid, 9)
        for place, database in folders:
            shutil.rmtree(place, ignore_errors=True)
            postgres.drop_database(database.name)


@pytest.fixture
def cetld(make_cetld, database):
    """cetld(config=…): a running daemon on the test's database."""
    def start(config="", ready=True, **options):
        return make_cetld(database.url(), config, **options).start(ready)

    return start


@pytest.fixture(scope="session")
def examples():
    return os.path.join(TOP, "conf/examples")


@pytest.fixture(scope="module")
def swift():
    server = Swift()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def azurite():
    server = Azurite()
    yield server
    server.remove()
