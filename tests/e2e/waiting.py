# SPDX-License-Identifier: MIT
"""Wait for a condition, never for a time."""

import threading
import time

_pause = threading.Event()


def until(condition, what, deadline=30.0, step=0.02):
    """Poll until condition() is true, and return what it returned. `what` (text, or a function that makes it) goes into the failure."""
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (deadline, what() if callable(what) else what))
        _pause.wait(step)
