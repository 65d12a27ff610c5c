#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
run.py JOBS ARGUMENT...: pytest in so many processes, which share the test files among them (tests/conftest.py). The first one is heard
while it runs, the others when it has ended.
"""

import os
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def main(jobs, arguments):
    with tempfile.TemporaryDirectory(prefix="cetld-tests-") as folder:
        taken = os.path.join(folder, "taken")
        os.mkdir(taken)
        environment = {**os.environ, "TESTS_TAKEN": taken}
        outputs = [None] + [open(os.path.join(folder, "output%d" % i), "w+") for i in range(1, jobs)]
        processes = [subprocess.Popen(PYTEST + arguments, env=environment, stdout=o, stderr=o and subprocess.STDOUT) for o in outputs]
        statuses = []
        for process, output in zip(processes, outputs):
            while True:
                try:
                    statuses.append(process.wait())
                    break
                except KeyboardInterrupt:
                    pass  # they have it, too, and clean up
            if output:
                output.seek(0)
                sys.stdout.write(output.read())
                sys.stdout.flush()
        return max(statuses, key=abs)


if __name__ == "__main__":
    jobs = int(sys.argv[1])
    if jobs == 1:
        os.execv(sys.executable, PYTEST + sys.argv[2:])
    sys.exit(main(jobs, sys.argv[2:]))
