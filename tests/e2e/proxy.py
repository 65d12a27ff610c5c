# SPDX-License-Identifier: MIT
"""tests/fault/pgproxy.py between the daemon and PostgreSQL: cuts, stalls and slows by message."""

import json
import os
import socket
import subprocess
import sys

from cluster import free_port
from waiting import until

PROGRAM = os.path.join(os.path.dirname(__file__), "../fault/pgproxy.py")


class Proxy:
    def __init__(self, cluster):
        self.port, self.control = free_port(), free_port()
        address = "127.0.0.1:%d"
        self.process = subprocess.Popen([sys.executable, PROGRAM, "--listen", address % self.port, "--upstream", address % cluster.port,
                                         "--control", address % self.control], stdout=subprocess.PIPE)
        until(lambda: self._try("stats"), "the proxy answers")

    def _try(self, command):
        try:
            return self.tell(command)
        except OSError:
            return None

    def tell(self, command):
        """One command of its control port; its answer."""
        with socket.create_connection(("127.0.0.1", self.control), 5) as s:
            s.sendall(command.encode() + b"\n")
            answer = s.makefile().readline().strip()
        assert answer and not answer.startswith(("error", "what?")), "%s: %s" % (command, answer)
        return answer

    def stats(self):
        return json.loads(self.tell("stats"))

    def fired(self):
        return self.stats()["fired"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
