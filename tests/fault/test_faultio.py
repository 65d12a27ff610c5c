# SPDX-License-Identifier: MIT
"""faultio.c preloaded into a small Python program: each action does what its header says, at the call it names."""

import os
import signal
import subprocess
import sys

import pytest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faultio.c")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("faultio") / "faultio.so"
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", path, SOURCE,
                    "-ldl"], check=True)
    return path


@pytest.fixture
def run(library, tmp_path):
    """Run a program in tmp_path under a fault."""
    def do(fault, program):
        environment = dict(os.environ, LD_PRELOAD=str(library), FAULT=fault, FAULT_LOG=str(tmp_path / "log"), PYTHONDONTWRITEBYTECODE="1")
        return subprocess.run([sys.executable, "-S", "-E", "-c", "import os\n" + program], cwd=tmp_path, env=environment,
                              capture_output=True, text=True, check=False)
    return do


WRITE_THREE = """
for name in "abc":
    try:
        fd = os.open(name + ".csv", os.O_WRONLY | os.O_CREAT)
        print(os.write(fd, b"12345"))
        os.close(fd)
    except OSError as e:
        print(os.strerror(e.errno))
"""


@pytest.mark.parametrize("fault, want", [
    ("", ["5", "5", "5"]),
    ("write~.csv#2=ENOSPC", ["5", "No space left on device", "5"]),
    ("write~.csv#2+=EIO", ["5", "Input/output error", "Input/output error"]),
    ("write~.csv#*=short", ["1", "1", "1"]),
    ("open~b.csv=EMFILE", ["5", "Too many open files", "5"]),
    ("open~.csv#1=EACCES;write~c.csv=EDQUOT", ["Permission denied", "5", "Disk quota exceeded"]),
])
def test_the_named_call_fails_and_the_others_do_not(run, fault, want):
    assert run(fault, WRITE_THREE).stdout.split("\n")[:3] == want


@pytest.mark.parametrize("action, done", [("kill", False), ("killafter", True)])
def test_kill_is_before_or_behind_the_call(run, tmp_path, action, done):
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "done").mkdir()
    # Only the folder's descriptor says that it goes to done/.
    program = "d = os.open('done', os.O_RDONLY)\nos.rename('a.csv', 'a.csv', dst_dir_fd=d)\nprint('alive')"
    p = run("rename~done/a.csv#1=" + action, program)
    assert p.returncode == -signal.SIGKILL and p.stdout == ""
    assert (tmp_path / "done" / "a.csv").exists() == done
    assert (tmp_path / "log").read_text().split()[1:] == ["rename", str(tmp_path / "done" / "a.csv"), "#1", action]


def test_read_fsync_unlink_and_mkdir_can_fail(run, tmp_path):
    (tmp_path / "a.csv").write_text("12345")
    program = """
def attempt(f, *a):
    try:
        print(f(*a))
    except OSError as e:
        print(e.errno)
fd = os.open('a.csv', os.O_RDONLY)
attempt(os.read, fd, 9)
attempt(os.pread, fd, 9, 1)
attempt(os.fsync, fd)
attempt(os.unlink, 'a.csv')
attempt(os.mkdir, 'x')
"""
    p = run("read~a.csv#1=short;read~a.csv#2=EIO;fsync~a.csv=EIO;unlink~a.csv=EROFS;mkdir~x=ENOSPC", program)
    assert p.stdout.split("\n")[:5] == ["b'1'", "5", "5", "30", "28"]
    assert (tmp_path / "a.csv").exists()


def test_memory_can_run_out(run):
    assert run("malloc#1+=ENOMEM", "print('alive')").returncode != 0


def test_a_rule_without_sense_ends_the_program(run):
    assert run("write", "print('alive')").returncode == 99
    assert run("open#1=NONSENSE", "os.open('x', os.O_CREAT)").returncode == 99
