# SPDX-License-Identifier: MIT
"""The Makefile: what is compiled when."""

import os
import subprocess

from conftest import TOP


def test_objects_are_compiled_anew_when_their_flags_change(folder):
    """Among them those with flags of their own."""
    objects = [os.path.join(folder, "daemon", name) for name in ("base/error.o", "csv/simd_avx2.o")]
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CI", "SAN", "CC")}

    def compiled(*arguments, targets=objects):
        run = subprocess.run(["make", "-C", TOP, "BUILD=" + folder, *arguments, *targets], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout.count("  CC ")

    assert compiled("OPT=-O0") == 2
    assert compiled("OPT=-O0") == 0
    assert compiled("OPT=-O0", targets=objects[::-1]) == 0
    assert compiled("OPT=-O0", "CI=1") == 2
    assert compiled("OPT=-O0", "CI=1") == 0
    quoted = "OPT=-O0 -DX='\"it is one\"'"
    assert compiled(quoted, "CI=1") == 2
    assert compiled(quoted, "CI=1") == 0
