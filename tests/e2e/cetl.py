# SPDX-License-Identifier: MIT
"""The command, as somebody types it."""

import json
import os
import subprocess
from decimal import Decimal

from daemon import BINARY

CETL = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "cetl")
OK, FAILED, USAGE, DOWN = 0, 1, 2, 3


def environment():
    return {**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}, "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def start(*arguments, daemon=None, before=(), **options):
    """A process with pipes. `daemon`: it is asked; `before` stands before the command, as `setpriv`."""
    where = ["-c", daemon.conf] if daemon else []
    return subprocess.Popen([*before, CETL, *where, *arguments], stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment(), **options)


class Run:
    """What came of it."""

    def __init__(self, process, data=None, timeout=60):
        out, err = process.communicate(data, timeout)
        self.raw, self.status = out, process.returncode
        self.out, self.err = out.decode(), err.decode()

    @property
    def json(self):
        return json.loads(self.raw, parse_float=Decimal)

    def __repr__(self):
        return "status %d\n%s%s" % (self.status, self.out, self.err)


def cetl(*arguments, daemon=None, data=None, **options):
    """Run it to its end. `data`: its standard input."""
    if data is not None:
        options["stdin"] = subprocess.PIPE
    return Run(start(*arguments, daemon=daemon, **options), data)
