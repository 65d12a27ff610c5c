# SPDX-License-Identifier: MIT
"""What the benches stand on: a private PostgreSQL and a daemon, the CPU they take, and the moment at which a file has arrived."""

import contextlib
import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
BUILD = os.environ.get("BUILD") or os.path.join(ROOT, "build")
os.environ.setdefault("CETLD", os.path.join(BUILD, "cetld"))

import cluster  # noqa: E402
from daemon import Cetld  # noqa: E402

SCALE = float(os.environ.get("SCALE", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
DEADLINE = 900  # seconds that one load may take
FEW = 100  # files

# The same server for both sides. Room for WAL, so that no checkpoint falls into a round; no vacuum beside it.
SETTINGS = """
fsync = %s
synchronous_commit = on
full_page_writes = on
shared_buffers = 512MB
max_wal_size = 16GB
checkpoint_timeout = 1h
autovacuum = off
max_connections = 100
max_prepared_transactions = 16
"""
SERVER_WORDS = ("`shared_buffers = 512MB`, `max_wal_size = 16GB`, `autovacuum = off`, `synchronous_commit = on`, `full_page_writes = on`,"
                " else as PostgreSQL comes; both sides reach it over its unix socket")


def scaled(n, least=1):
    return max(least, int(n * SCALE))


def seconds_of_stat(pid, children=False):
    """utime + stime of a process, and of the children it has reaped; 0 when it has gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15 if children else 13])) / os.sysconf("SC_CLK_TCK")


def generate(*arguments):
    return subprocess.run([os.path.join(BUILD, "bench/generate"), *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


class Arrivals:
    """A watch of done/ and failed/: a file is there right after its commit. It costs neither side anything while nothing comes."""

    def __init__(self, daemon):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        assert self.fd >= 0, os.strerror(ctypes.get_errno())
        moved_to = 0x80
        self.folder = {self.libc.inotify_add_watch(self.fd, os.fsencode(daemon.path(place)), moved_to): place for place in ("done", "failed")}
        assert -1 not in self.folder, os.strerror(ctypes.get_errno())
        self.daemon = daemon

    def wait(self, count=1):
        """Until so many files have come to done/."""
        import select
        end = time.monotonic() + DEADLINE
        while count > 0:
            left = end - time.monotonic()
            assert left > 0, "no end within %d s\n%s" % (DEADLINE, self.daemon.log())
            if not select.select([self.fd], [], [], min(left, 1))[0]:
                assert self.daemon.process.poll() is None, "the daemon ended\n%s" % self.daemon.log()
                continue
            if count > FEW:
                time.sleep(0.002)  # to be woken for each of many would take the machine from what is measured
            events, at = os.read(self.fd, 1 << 20), 0
            while at < len(events):
                watch, mask, _, length = struct.unpack_from("iIII", events, at)
                assert not mask & 0x4000, "inotify's queue overflowed"
                assert self.folder[watch] == "done", "a file failed\n%s" % self.daemon.log()
                at += 16 + length
                count -= 1
        assert count == 0, "more files came than were dropped"

    def close(self):
        os.close(self.fd)


class Bed:
    """A database of a private server and a folder beside it; a daemon when there is a configuration."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.database = cluster.Database(server, server.create_database())
        with open(os.path.join(server.data, "postmaster.pid")) as f:
            self.postmaster = int(f.readline())
        self.daemon = None
        self.psql_program = os.path.join(cluster.programs(), "psql")

    def start(self, config, **options):
        url = "postgresql:///%s?host=%s&port=%d&user=cetl" % (self.database.name, self.server.folder, self.server.port)
        options["daemon"] = {"workers": "0", "rescan": "30s", **options.get("daemon", {})}
        self.daemon = Cetld(os.path.join(self.folder, "d"), url, config, **options).start()
        self.arrivals = Arrivals(self.daemon)
        return self.daemon

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def server_cpu(self):
        """Seconds of all processes of the server, those that ended among them."""
        total = seconds_of_stat(self.postmaster, children=True)
        with open("/proc/%d/task/%d/children" % (self.postmaster, self.postmaster)) as f:
            return total + sum(seconds_of_stat(int(pid), children=True) for pid in f.read().split())

    def settle(self):
        """Between two rounds: what the last one left is on disk, and does not fall into the next."""
        self.database.rows("CHECKPOINT")

    def load(self, source, name):
        """Drop a file under a name: what it took until it was in done/."""
        def drop():
            self.daemon.drop_file(source, name)
            self.arrivals.wait()
        result = self.measure(drop, lambda: seconds_of_stat(self.daemon.process.pid))
        os.unlink(self.daemon.path("done", name))
        return result

    def psql(self, *commands, file=None):
        """One session that runs them, each by itself, and ends at the first that fails."""
        call = [self.psql_program, "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.server.folder, "-p", str(self.server.port), "-U", "cetl",
                "-d", self.database.name]
        for command in commands:
            call += ["-c", command]
        if file:
            call += ["-f", file]
        # Without it a role's own schema would come first, and cetl's is cetld's.
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("PG")}, "PGOPTIONS": "-c search_path=public"}
        reaped = lambda: sum(os.times()[2:4])  # noqa: E731: a child's CPU counts once it is waited for
        return self.measure(lambda: subprocess.run(call, check=True, timeout=DEADLINE, stdin=subprocess.DEVNULL, env=environment), reaped)

    def measure(self, act, client_cpu):
        client, server, began = client_cpu(), self.server_cpu(), time.monotonic()
        act()
        wall = time.monotonic() - began
        return {"wall": wall, "client": client_cpu() - client, "server": self.server_cpu() - server}

    def same(self, left, right):
        """Have two tables the same rows? By the sum of their hashes, since sorting ten million rows takes longer than all else."""
        digest = "SELECT count(*), sum(hash_record_extended(t, 0)) FROM %s t"
        return self.database.rows(digest % left) == self.database.rows(digest % right)

    def count(self, table):
        return self.database.value("SELECT count(*) FROM " + table)


@contextlib.contextmanager
def bed(fsync):
    """Everything of it is gone at the end, also after a failure or a signal."""
    old = cluster.SETTINGS
    cluster.SETTINGS = old + SETTINGS % ("on" if fsync else "off")
    folder = tempfile.mkdtemp(prefix="cetld-bench-", dir=place())
    os.chmod(folder, 0o755)
    server = it = None
    try:
        server = cluster.Cluster()
        it = Bed(server, folder)
        yield it
    finally:
        cluster.SETTINGS = old
        if it and it.daemon and it.daemon.process:
            try:
                it.daemon.stop(deadline=20)
            except AssertionError as e:
                print("bench: %s" % e, file=sys.stderr)
                if it.daemon.process:
                    it.daemon.kill9()
        if it and it.daemon:
            it.arrivals.close()
        if server:
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)


def place():
    """Where all of it lies: a real disk, which /tmp often is not."""
    return os.environ.get("BENCH_DIR", "/var/tmp")


def end_on_signals():
    tempfile.tempdir = place()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, lambda n, _: sys.exit("bench: ended by signal %d" % n))


def understood(config):
    """Does this build take the configuration? An option that does not exist yet is a part that is left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cetl.conf")
        with open(path, "w") as f:
            f.write("[daemon]\nspool = %s\nstate = %s\n[database]\nurl = host=/nowhere\n%s" % (folder, folder, config))
        done = subprocess.run([os.environ["CETLD"], "-c", path, "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode == 0, done.stdout
