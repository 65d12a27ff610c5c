# SPDX-License-Identifier: MIT
"""What systemd is to a service: it hears what the service tells (sd_notify), and hands it the sockets that it keeps (socket activation)."""

import os
import socket
import threading
import time

from waiting import until

# Becomes the program of the arguments behind "--", with the descriptors before it as 3, 4, …; LISTEN_PID is only known here.
PASS = """
import os, sys
cut = sys.argv.index("--")
high = [os.dup2(int(fd), 200 + n) for n, fd in enumerate(sys.argv[1:cut])]
for n, fd in enumerate(high):
    os.dup2(fd, 3 + n)
os.closerange(3 + len(high), 256)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
os.execv(sys.argv[cut + 1], sys.argv[cut + 1:])
"""


class Manager:
    """`environment` goes to the daemon; heard() is what it told, each with its time."""

    def __init__(self, folder, watchdog=None):
        self.path = os.path.join(str(folder), "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.environment = {"NOTIFY_SOCKET": self.path}
        if watchdog:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self._heard = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        while True:
            text = self.socket.recv(8192).decode()
            if not text:
                return
            self._heard.append((time.monotonic(), text))

    def heard(self, beginning, since=0.0):
        return [(at, text) for at, text in list(self._heard) if text.startswith(beginning) and at >= since]

    def count(self, beginning):
        return len(self.heard(beginning))

    def wait(self, beginning, nth=1, deadline=30, contains=""):
        def there():
            found = [told for told in self.heard(beginning) if contains in told[1]]
            return found[nth - 1] if len(found) >= nth else None

        return until(there, lambda: "%s%s is told; it told %s" % (beginning, " … " + contains if contains else "", self._heard[-20:]), deadline, step=0.005)

    def longest_gap(self, beginning, since, to):
        """The longest time between two of them, from `since` on."""
        at = [since] + [when for when, _ in self.heard(beginning, since) if when <= to] + [to]
        return max(b - a for a, b in zip(at, at[1:]))

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"", self.path)
        self._thread.join(5)
        self.socket.close()
