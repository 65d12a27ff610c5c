# SPDX-License-Identifier: MIT
"""The real daemon in a private folder: its spool, its state, its configuration, its API."""

import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from decimal import Decimal
from urllib.parse import quote

import manager
from waiting import until

TOKEN = re.compile(rb"^[0-9a-f]{16}-[0-9a-f]{8}=")
FINAL = {"loaded", "duplicate", "failed"}
BINARY = os.environ.get("CETLD") or os.path.join(os.path.dirname(__file__), "../../build/cetld")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body, parse_float=Decimal)

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:400])


class Cetld:
    """
    drop files, wait_state, get; stop() asks for a clean end and proves it; kill9() and restart() for the unkind ones.
    `config` is the text of the datasets; the other arguments override single options of the first three sections.
    """

    def __init__(self, folder, url, config="", daemon=None, database=None, api=None, user=None):
        self.folder = str(folder)
        self.spool = os.path.join(self.folder, "spool")
        self.state = os.path.join(self.folder, "state")
        self.conf = os.path.join(self.folder, "cetl.conf")
        self.socket = os.path.join(self.folder, "api.sock")
        self.log_path = os.path.join(self.folder, "log")
        self.user = user
        self.sections = {
            "daemon": {"spool": self.spool, "state": self.state, "workers": "2", "settle": "100ms", "rescan": "1s", **(daemon or {})},
            "database": {"url": url, **(database or {})},
            "api": {"listen": "127.0.0.1:0, unix:" + self.socket, **(api or {})},
        }
        self.process = None
        self.port = None
        self.environment = {}  # more variables for the next launch
        self.passed = []  # listening sockets that it gets as from systemd
        for path in (self.spool, self.state):
            os.makedirs(path, exist_ok=True)
        self.binary = BINARY
        if user:
            who = pwd.getpwnam(user)
            self.binary = shutil.copy(BINARY, os.path.join(self.folder, "cetld"))
            for path in (self.folder, self.spool, self.state):
                os.chown(path, who.pw_uid, who.pw_gid)
        self.write_config(config)

    # -- its life

    def write_config(self, text):
        """The three sections of ours, then `text`."""
        with open(self.conf, "w") as conf:
            for name, options in self.sections.items():
                conf.write("[%s]\n" % name + "".join("%s = %s\n" % o for o in options.items()) + "\n")
            conf.write(text)

    def launch(self):
        """Start it, and wait for nothing."""
        assert self.process is None, "it runs already"
        self.port = None
        self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        become = ["setpriv", "--reuid=" + self.user, "--regid=" + str(pwd.getpwnam(self.user).pw_gid), "--clear-groups"] if self.user else []
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NOTIFY_", "WATCHDOG_", "JOURNAL_", "LISTEN_", "PG"))}
        if self.passed:
            become += [sys.executable, "-c", manager.PASS, *[str(s.fileno()) for s in self.passed], "--"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(become + [self.binary, "-c", self.conf], cwd=self.folder, env={**environment, **self.environment},
                                            pass_fds=[s.fileno() for s in self.passed],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self, ready=True):
        """Start it and wait until it answers; `ready`: until the database does, too."""
        self.launch()
        until(self._listening, lambda: "the daemon listens\n" + self.log(), deadline=60)
        if ready:
            until(lambda: self.get("/readyz").status == 200, lambda: "/readyz is 200\n" + self.log(), deadline=90, step=0.01)
        return self

    def _listening(self):
        assert self.process.poll() is None, "the daemon ended with status %d:\n%s" % (self.process.returncode, self.log())
        found = re.findall(r"listening on 127\.0\.0\.1:(\d+)", self.log(since_start=True))
        if found and os.path.exists(self.socket):
            self.port = int(found[-1])
        return self.port

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, deadline=30):
        """SIGTERM; it must end by itself with status 0 and leave no process behind."""
        self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("SIGTERM did not end the daemon within %d s:\n%s" % (deadline, self.log()))
        finally:
            self.process = None
        assert status == 0, "exit status %d\n%s" % (status, self.log())
        until(lambda: not self.processes(), lambda: "left running: %s" % self.processes(), deadline=5)

    def kill9(self):
        """Dead at once. What it had started (the embedded cluster) is not touched."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self, ready=True):
        self.stop()
        return self.start(ready)

    def processes(self):
        """Processes that work in the folder or were started on its configuration: {pid: command line}."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    command = f.read().replace(b"\0", b" ").decode(errors="replace")
                at = os.readlink("/proc/%s/cwd" % pid)
            except OSError:
                continue
            if (at + "/").startswith(self.folder + "/") or self.conf in command:
                found[int(pid)] = command
        return found

    def log(self, since_start=False):
        try:
            with open(self.log_path, "rb") as f:
                f.seek(self.log_start if since_start else 0)
                text = f.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return text if since_start else text[-8000:]

    def log_lines(self, pattern):
        with open(self.log_path, "rb") as f:
            return [line for line in f.read().decode(errors="replace").splitlines() if re.search(pattern, line)]

    # -- its folders

    def path(self, *parts):
        return os.path.join(self.spool, *parts)

    def drop(self, name, data):
        """Put a file into incoming/ as a careful sender does: written under a name that waits, then renamed."""
        incoming = os.fsencode(self.path("incoming"))
        os.makedirs(incoming, exist_ok=True)
        if isinstance(data, str):
            data = data.encode()
        final = os.path.join(incoming, os.fsencode(name))
        # The name that waits is short, whatever the final one is, and another in each thread.
        waiting = os.path.join(incoming, b".%d.part" % threading.get_native_id())
        with open(waiting, "wb") as f:
            f.write(data)
        if self.user:
            who = pwd.getpwnam(self.user)
            os.chown(waiting, who.pw_uid, who.pw_gid)
        os.rename(waiting, final)

    def drop_file(self, source, name=None):
        """The same with a file that exists: linked, so that a large one costs nothing; `source` stays."""
        incoming = self.path("incoming")
        os.makedirs(incoming, exist_ok=True)
        waiting = os.path.join(incoming, ".%d.part" % threading.get_native_id())
        os.link(source, waiting)
        os.rename(waiting, os.path.join(incoming, name or os.path.basename(source)))

    def files_in(self, *places):
        """Relative paths of the regular files below the folders of the spool, as bytes, place first. work/ is told without its token."""
        found = []
        for place in places or ("incoming", "work", "done", "failed"):
            top = os.fsencode(self.path(place))
            for folder, _, names in os.walk(top):
                found += [os.path.join(os.fsencode(place), TOKEN.sub(b"", name) if place == "work" else name) for name in names if os.path.isfile(os.path.join(folder, name))]
        return sorted(found)

    def in_work(self, name):
        """The path of a claimed file."""
        for folder, _, names in os.walk(self.path("work")):
            for found in names:
                if TOKEN.sub(b"", os.fsencode(found)) == os.fsencode(name):
                    return os.path.join(folder, found)
        raise AssertionError("%s is not in work/" % name)

    def errors_csv(self, name):
        with open(self.path("failed", name + ".errors.csv"), encoding="utf-8", errors="surrogateescape") as f:
            return f.read()

    # -- its API

    def connection(self, unix=False, timeout=10):
        return UnixConnection(self.socket, timeout) if unix else http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, unix=False, timeout=10):
        c = self.connection(unix, timeout)
        try:
            c.request(method, path, body, headers or {})
            return Answer(c.getresponse())
        finally:
            c.close()

    def get(self, path, unix=False, timeout=10, headers=None):
        return self.request("GET", path, headers=headers, unix=unix, timeout=timeout)

    def json(self, path, status=200):
        answer = self.get(path)
        assert answer.status == status, "%s: %r" % (path, answer)
        return answer.json

    def ledger(self, name=None, limit=1000):
        """Entries of /v1/files, newest first; of one file name where it is given."""
        entries = self.json("/v1/files?limit=%d" % limit)
        return [e for e in entries if name is None or e["name"] == name]

    def _ledger_now(self, name=None):
        """For those who wait: nothing while the database is away."""
        answer = self.get("/v1/files?limit=1000")
        assert answer.status in (200, 503), answer
        return [e for e in answer.json if name is None or e["name"] == name] if answer.status == 200 else []

    def wait_moved(self, *names):
        """The ledger is first, then the file is moved: wait until work/ has none of these names any more (none at all without names)."""
        wanted = {os.fsencode(name) for name in names}
        until(lambda: not [p for p in self.files_in("work") if not names or os.path.basename(p) in wanted], lambda: "out of work/: %s" % (names,))

    def wait_state(self, name, state="loaded", deadline=60, nth=1):
        """
        Wait until the newest entry of `name` (when there are `nth` of them) is in `state`, and the file where it belongs. Another final state
        fails at once.
        """
        seen = []

        def there():
            assert self.process.poll() is None, "the daemon ended with status %s:\n%s" % (self.process.returncode, self.log())
            seen[:] = self._ledger_now(name)
            if len(seen) < nth:
                return None
            entry = seen[0]
            assert entry["state"] == state or entry["state"] not in FINAL, "%s, not %s: %s\n%s" % (entry["state"], state, entry, self.log())
            return entry if entry["state"] == state else None

        entry = until(there, lambda: "%s is %s; the ledger has %s\n%s" % (name, state, seen, self.log()), deadline)
        if state in FINAL:
            self.wait_moved(name)
        return entry

    def wait_count(self, state, count, deadline=60):
        """Wait until `count` files are in `state`, and return their entries."""
        def there():
            assert self.process.poll() is None, "the daemon ended with status %s:\n%s" % (self.process.returncode, self.log())
            entries = [e for e in self._ledger_now() if e["state"] == state]
            return entries if len(entries) >= count else None

        entries = until(there, lambda: "%d files %s; the ledger has %s\n%s" % (
            count, state, [(e["name"], e["state"], e["error"]) for e in self._ledger_now()][:20], self.log()), deadline)
        self.wait_moved()
        return entries

    def settled(self, entry):
        """Is every row of the entry accounted for?"""
        parts = ("rows_loaded", "rows_updated", "rows_ignored", "rows_rejected", "rows_filtered")
        return entry["rows_read"] == sum(entry[p] for p in parts)

    def get_rows(self, dataset, **parameters):
        query = "&".join("%s=%s" % (k, quote(str(v))) for k, v in parameters.items())
        return self.json("/v1/%s%s" % (dataset, "?" + query if query else ""))
