# SPDX-License-Identifier: MIT
"""A private PostgreSQL in a temporary folder: unix socket and a random loopback port, trust inside."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile

import psycopg2

SETTINGS = """
listen_addresses = '127.0.0.1'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 40
max_prepared_transactions = 8
shared_buffers = 64MB
max_wal_size = 512MB
autovacuum_naptime = 60
log_min_messages = warning
timezone = 'UTC'
"""


def programs():
    """The folder of the newest PostgreSQL's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda p: float(p.split("/")[4]))
    assert found, "PostgreSQL's server programs are missing: make deps"
    return os.path.dirname(found[-1])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """start/stop as often as wanted; remove() at the end. PostgreSQL refuses to run as root: then it runs as `postgres`."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="cetld-pg-")
        self.data = os.path.join(self.folder, "data")
        self.user = []
        if os.geteuid() == 0:
            who = pwd.getpwnam("postgres")
            os.chown(self.folder, who.pw_uid, who.pw_gid)
            os.chmod(self.folder, 0o755)
            self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self.port = free_port()
        self.databases = 0
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            conf.write(SETTINGS + "unix_socket_directories = '%s'\nport = %d\n" % (self.folder, self.port))
        self.start()
        with self.connect() as db, db.cursor() as sql:
            sql.execute("CREATE ROLE cetl LOGIN")

    def _run(self, program, *arguments):
        done = subprocess.run(self.user + [os.path.join(programs(), program), *arguments], cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, "%s: %s" % (program, done.stdout)

    def start(self):
        log = os.path.join(self.folder, "log")
        # Its output goes to the log: a pipe would stay open as long as the server runs.
        self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-t", "60", "start")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop")

    def running(self):
        return os.path.exists(os.path.join(self.data, "postmaster.pid"))

    def remove(self):
        if self.running():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database="postgres", user="postgres"):
        """A psycopg2 connection that commits each statement."""
        db = psycopg2.connect(host=self.folder, port=self.port, dbname=database, user=user)
        db.autocommit = True
        return db

    def create_database(self):
        """A fresh database owned by role cetl; its name."""
        self.databases += 1
        name = "t%d" % self.databases
        db = self.connect()
        with db.cursor() as sql:
            sql.execute("CREATE DATABASE %s OWNER cetl TEMPLATE template0" % name)
        db.close()
        return name

    def drop_database(self, name):
        db = self.connect()
        with db.cursor() as sql:
            sql.execute("DROP DATABASE IF EXISTS %s WITH (FORCE)" % name)
        db.close()


class Database:
    """One database of a cluster, as a test uses it."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name

    def url(self, port=None):
        """What cetld is told, over TCP; `port` is a proxy's."""
        return "postgresql://cetl@127.0.0.1:%d/%s" % (port or self.cluster.port, self.name)

    def connect(self):
        return self.cluster.connect(self.name)

    def rows(self, query, *parameters):
        db = self.connect()
        try:
            with db.cursor() as sql:
                sql.execute(query, parameters or None)
                return sql.fetchall() if sql.description else []
        finally:
            db.close()

    def value(self, query, *parameters):
        return self.rows(query, *parameters)[0][0]

    def same(self, left, right):
        """Do two queries give the same rows, as bags? PostgreSQL compares."""
        return self.value("SELECT count(*) FROM ((SELECT * FROM ({0}) a EXCEPT ALL SELECT * FROM ({1}) b) UNION ALL"
                          " (SELECT * FROM ({1}) b EXCEPT ALL SELECT * FROM ({0}) a)) difference".format(left, right)) == 0

    def insert(self, table, rows):
        """Rows of texts and None."""
        db = self.connect()
        try:
            with db.cursor() as sql:
                for row in rows:
                    sql.execute("INSERT INTO %s VALUES (%s)" % (table, ", ".join(["%s"] * len(row))), row)
        finally:
            db.close()

    def copy_csv(self, table, paths, options="FORMAT csv, HEADER"):
        """Load files by PostgreSQL's own CSV reader: the oracle."""
        db = self.connect()
        try:
            with db.cursor() as sql:
                for path in paths:
                    with open(path, "rb") as source:
                        sql.copy_expert("COPY %s FROM STDIN WITH (%s)" % (table, options), source)
        finally:
            db.close()
