# SPDX-License-Identifier: MIT
"""Published clients and validators from npm, pinned by tests/e2e/node/package.json, installed into the build folder and run as they are."""

import json
import os
import shutil
import subprocess

from daemon import BINARY

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
FOLDER = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "node")


def install():
    """The folder with node_modules in it. Once a version of package.json."""
    assert shutil.which("npm") and shutil.which("node"), "node and npm are missing: make deps, or apt-get install npm"
    os.makedirs(FOLDER, exist_ok=True)
    wanted, there = os.path.join(HERE, "package.json"), os.path.join(FOLDER, "package.json")
    with open(wanted) as f:
        package = f.read()
    done = os.path.join(FOLDER, "installed.json")
    if os.path.exists(done) and open(done).read() == package:
        return FOLDER
    shutil.copy(wanted, there)
    run = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"], cwd=FOLDER, timeout=300,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    for name, version in json.loads(package)["dependencies"].items():
        with open(os.path.join(FOLDER, "node_modules", name, "package.json")) as f:
            assert json.load(f)["version"] == version
    with open(done, "w") as f:
        f.write(package)
    return FOLDER


def node(script, *arguments, text="", timeout=120):
    """Run tests/e2e/node/SCRIPT where the packages are; (status, stdout, stderr)."""
    folder = install()
    copy = shutil.copy(os.path.join(HERE, script), folder)
    run = subprocess.run(["node", copy, *arguments], cwd=folder, input=text, capture_output=True, text=True, timeout=timeout)
    return run.returncode, run.stdout, run.stderr
