# SPDX-License-Identifier: MIT
"""Asks an address over and over, on one kept connection, and keeps the time of each answer."""

import http.client
import threading
import time


class Prober(threading.Thread):
    def __init__(self, daemon, path, interval=0.005):
        super().__init__(daemon=True)
        self.host, self.path, self.interval = ("127.0.0.1", daemon.port), path, interval
        self.seconds, self.statuses, self.error = [], set(), None
        self.ended = threading.Event()

    def run(self):
        connection = http.client.HTTPConnection(*self.host, timeout=10)
        try:
            while not self.ended.wait(self.interval):
                began = time.perf_counter()
                connection.request("GET", self.path)
                answer = connection.getresponse()
                answer.read()
                self.seconds.append(time.perf_counter() - began)
                self.statuses.add(answer.status)
        except OSError as e:
            self.error = e
        finally:
            connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def percentile(self, p):
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]
