# SPDX-License-Identifier: MIT
"""A daemon and a PostgreSQL for a bench: those of the end-to-end tests, with fsync on."""

import contextlib
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))

import cluster  # noqa: E402
from daemon import Cetld  # noqa: E402


@contextlib.contextmanager
def bed(config, **options):
    """(daemon, database, folder), started; everything is gone at the end."""
    folder = tempfile.mkdtemp(prefix="cetld-bench-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    cluster.SETTINGS = cluster.SETTINGS.replace("fsync = off", "fsync = on").replace("synchronous_commit = off", "synchronous_commit = on")
    server = cluster.Cluster()
    daemon = None
    try:
        database = cluster.Database(server, server.create_database())
        daemon = Cetld(os.path.join(folder, "d"), database.url(), config, **options).start()
        yield daemon, database, folder
        daemon.stop()
    finally:
        if daemon and daemon.process:
            daemon.kill9()
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
