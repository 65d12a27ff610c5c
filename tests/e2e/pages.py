# SPDX-License-Identifier: MIT
"""
Pages of documentation, as somebody reads them who types what is shown: their blocks, and a Reader who runs these.

    ```sh          is run, in the order of the page; what it prints must be as the ```output behind it, where `…` stands for anything
    ```ini         whose first line is `# /etc/cetl/conf.d/NAME.conf` is put there, and the daemon reloads it
    ```sql         is run by psql, as PostgreSQL's superuser
    ```python      is run; behind a word (```python before) it only has to compile
    ```sh WORD     is run elsewhere (test_docs.py, tests/systemd, tests/e2e/test_backup*.py); nginx, systemd, yaml, json and text, too

On the page everything has the names that the package gives it (/var/spool/cetl, 127.0.0.1:8080, psql cetl, sudo, systemctl); here they
mean a daemon in a private folder. tests/systemd runs the README on a machine where they are real.
"""

import ast
import importlib.util
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile

from daemon import BINARY
from waiting import until

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]*))?\n(.*?)^```$", re.M | re.S)
FENCE = re.compile(r"^ *```", re.M)


class Block:
    def __init__(self, page, match):
        self.page = page
        self.kind, self.word, self.code = match.groups()
        self.line = page.text.count("\n", 0, match.start()) + 2
        self.end = match.end()
        self.output = None

    @property
    def where(self):
        return "%s:%d" % (self.page.name, self.line)


class Page:
    """A page's blocks, each with the output that stands behind it."""

    def __init__(self, name):
        self.name = name
        with open(os.path.join(TOP, name), encoding="utf-8") as f:
            self.text = f.read()
        self.blocks = []
        for match in BLOCK.finditer(self.text):
            block = Block(self, match)
            if block.kind != "output":
                self.blocks.append(block)
                continue
            before = self.blocks[-1]
            assert before.output is None and not self.text[before.end:match.start()].strip(), "%s: of which command is this?" % block.where
            before.output = block.code
        assert len(FENCE.findall(self.text)) == 2 * len(BLOCK.findall(self.text)), "%s has blocks of no kind" % name


def is_like(shown, printed):
    """Line by line; `…` is anything, at a line's end or alone."""
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", shown.rstrip("\n")))
    return re.fullmatch(pattern, printed.rstrip("\n"), re.S) is not None


READ_ONLY = ("nginx", "systemd", "yaml", "json", "text")

# What the reader's commands are here. %(name)s are paths and numbers of the private daemon.
COMMANDS = {
    "sudo": """
[ "$1" != -u ] || { export PGUSER=$2; shift 2; }
exec "$@"
""",
    # A reload is over when the log says so; what else there is to do is asked of the reader, who started the daemon.
    "systemctl": """
[ "$2" = cetld ] || exit 1
lines=$(wc -l < %(log)s)
case $1 in
reload)
    kill -HUP "$(cat %(pid)s)"
    for i in $(seq 3000); do
        tail -n +$((lines + 1)) %(log)s | grep -q -e 'configuration reloaded' -e 'the old one stays' && exit 0
        sleep 0.01
    done ;;
start | stop)
    echo $1 > %(wish)s.new && mv %(wish)s.new %(wish)s
    while [ -e %(wish)s ]; do sleep 0.01; done
    exit 0 ;;
esac
exit 1
""",
    "journalctl": """
[ "$1 $2" = "-u cetld" ] || exit 1
cat %(log)s
""",
    "cetld": """
case " $* " in *" -c "* | *" --new-token "* | *" --version "*) exec %(cetld)s "$@" ;; esac
exec %(cetld)s -c %(conf)s "$@"
""",
    "cetl": """
exec %(cetl)s -c %(conf)s "$@"
""",
}


# PostgreSQL's programs work on the test's cluster and database.
for _program in ("psql", "pg_dump", "pg_restore", "createdb", "dropdb"):
    COMMANDS[_program] = """
before=
for word; do
    shift
    [ "$before" = -O ] || case $word in cetl | cetl_restored) word=%%(database)s${word#cetl} ;; esac
    before=$word
    set -- "$@" "$word"
done
exec /usr/bin/%s -h %%(pg_host)s -p %%(pg_port)s "$@"
""" % _program


class Reader:
    """follow(page) runs all of its blocks against `daemon`, which works on `database` and listens at a port that stays."""

    def __init__(self, daemon, database, folder):
        self.daemon = daemon
        self.home = os.path.join(folder, "home")
        self.bin = os.path.join(folder, "bin")
        self.conf_d = os.path.join(daemon.folder, "conf.d")
        for path in (self.home, self.bin, self.conf_d):
            os.makedirs(path, exist_ok=True)
        self.pid = os.path.join(folder, "pid")
        self.wish = os.path.join(folder, "wish")  # what systemctl is asked for
        cluster = database.cluster
        here = {"log": daemon.log_path, "pid": self.pid, "wish": self.wish, "conf": daemon.conf, "database": database.name, "pg_host": cluster.folder, "pg_port": cluster.port,
                "cetld": os.path.abspath(BINARY), "cetl": os.path.join(os.path.dirname(os.path.abspath(BINARY)), "cetl")}
        for name, script in COMMANDS.items():
            path = os.path.join(self.bin, name)
            with open(path, "w") as f:
                f.write("#!/bin/bash\nset -eu" + script % here)
            os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        self.environment = {"PATH": self.bin + ":" + os.environ["PATH"] + ":/usr/sbin", "HOME": self.home, "USER": "reader", "LC_ALL": "C.UTF-8", "PGUSER": "cetl",
                            "PGTZ": "UTC", "PAGER": "cat"}

    @property
    def names(self):
        """(on the page, here)"""
        return [("127.0.0.1:8080", "127.0.0.1:%d" % self.daemon.port), ("/run/cetl/cetld.sock", self.daemon.socket), ("/var/spool/cetl", self.daemon.spool),
                ("/var/lib/cetl", self.daemon.state), ("/etc/cetl", self.daemon.folder), ("/srv/backups", os.path.join(self.home, "backups"))]

    def here(self, text):
        for shown, real in self.names:
            text = text.replace(shown, real)
        return text

    def shown(self, text):
        for shown, real in self.names:
            text = text.replace(real, shown)
        return text

    def grant(self):
        """What systemctl waits for is done."""
        if os.path.exists(self.wish):
            with open(self.wish) as f:
                getattr(self.daemon, f.read().strip())()
            os.remove(self.wish)

    def execute(self, command, block, timeout=60):
        with open(self.pid, "w") as f:
            f.write("%d\n" % (self.daemon.process.pid if self.daemon.process else 0))
        with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
            with subprocess.Popen(command, cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True) as process:
                try:
                    until(lambda: self.grant() or process.poll() is not None, lambda: "%s ends:\n%s\n%s" % (block.where, block.code, self.daemon.log()), timeout, step=0.005)
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
            out.seek(0)
            err.seek(0)
            stdout, stderr = out.read(), err.read()
        printed = self.shown(stdout)
        what = "%s:\n%s\nprinted:\n%s%s\n%s" % (block.where, block.code, printed, stderr, self.daemon.log())
        assert process.returncode == 0, "status %d: %s" % (process.returncode, what)
        if block.output is not None:
            assert is_like(block.output, printed), what + "\ninstead of:\n" + block.output

    def checks(self):
        """What a reload makes of the tables takes a moment."""
        check = subprocess.run([os.path.join(self.bin, "cetld"), "--check"], env=self.environment, capture_output=True, text=True, timeout=30)
        self.complaint = check.stderr
        return check.returncode == 0

    def configure(self, block):
        """The block becomes the file that its first line names."""
        named = re.match(r"# (/etc/cetl/conf\.d/[\w-]+\.conf)\n", block.code)
        assert named, "%s: the first line must say which file it is: # /etc/cetl/conf.d/NAME.conf" % block.where
        with open(self.here(named.group(1)), "w") as f:
            f.write(self.here(block.code))
        self.execute(["cetl", "reload"], block)
        until(lambda: self.checks(), lambda: "cetld --check is content with %s:\n%s" % (block.where, self.complaint), deadline=10)

    def run(self, block):
        if block.kind in READ_ONLY or (block.kind == "sh" and block.word):
            pass
        elif block.kind == "sh":
            self.execute(["bash", "-eu", "-o", "pipefail", "-c", self.here(block.code)], block)
        elif block.kind == "ini":
            self.configure(block)
        elif block.kind == "sql":
            self.execute(["sudo", "-u", "postgres", "psql", "cetl", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", block.code], block)
        elif block.kind == "python" and block.word:
            ast.parse(block.code, block.where)
        elif block.kind == "python" and "pandas" in block.code and not importlib.util.find_spec("pandas"):
            pass  # it is among what `make check-long` installs
        elif block.kind == "python":
            self.execute([sys.executable, "-c", self.here(block.code)], block)
        else:
            raise AssertionError("%s: what is a block of %s?" % (block.where, block.kind))

    def follow(self, page):
        for block in page.blocks:
            self.run(block)
        until(lambda: not self.daemon.files_in("work"), "nothing is left in work/")
