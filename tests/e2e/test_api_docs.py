# SPDX-License-Identifier: MIT
"""
docs/api.md is true: its configuration is that of the daemon, its commands are run in their order, what they print is what stands there
(`…` stands for anything), and together they use every route of /openapi.json.
"""

import importlib.util
import os
import re
import shutil
import subprocess

import npm
from pages import Page, is_like
from test_api_access import new_token, start, tokens  # noqa: F401

PAGE = "docs/api.md"


def command(block, folder):
    if block.kind == "sh":
        return ["bash", "-eu", "-o", "pipefail", "-c", block.code]
    if block.kind == "python":
        return ["/usr/bin/python3", "-c", block.code]
    path = os.path.join(npm.install(), "page.mjs")
    with open(path, "w") as f:
        f.write(block.code)
    return ["node", path]


def is_wanted(block, long):
    """What needs more than the packages of `make check`."""
    if block.kind == "js":
        return long
    return long or "pandas" not in block.code or importlib.util.find_spec("pandas") is not None


def requests_of(daemon):
    """(method, path, status) of every request in the log."""
    return [(m.group(1), m.group(2).split("?")[0], int(m.group(3)))
            for m in re.finditer(r"\b(GET|POST|PUT|PATCH|DELETE) (/\S*) (\d{3}) \d+ bytes", open(daemon.log_path, errors="replace").read())]


def test_the_page_is_true_and_uses_every_route(make_cetld, database, tokens, folder, long):
    for program in ("curl", "jq"):
        assert shutil.which(program), "%s is missing: make deps" % program
    token, digest = new_token()
    tokens.put("reader", digest)
    parts = Page(PAGE).blocks
    (config,) = [b for b in parts if b.kind == "ini"]
    daemon = start(make_cetld, database.url(), tokens, config.code, api={"anonymous": "write", "request_log": "yes"})
    place = os.path.join(folder, "page")
    os.mkdir(place)
    for block in parts:
        if block.kind == "ini" or not is_wanted(block, long):
            continue
        assert block.kind in ("sh", "python", "js"), "docs/api.md:%d: what is a block of %s?" % (block.line, block.kind)
        block.code = block.code.replace("127.0.0.1:8080", "127.0.0.1:%d" % daemon.port).replace("/run/cetl/cetld.sock", daemon.socket)
        environment = {"PATH": os.environ["PATH"], "HOME": place, "TOKEN": token, "LC_ALL": "C.UTF-8"}
        run = subprocess.run(command(block, place), cwd=place, env=environment, capture_output=True, text=True, timeout=60)
        where = "docs/api.md:%d:\n%s\nprinted:\n%s%s" % (block.line, block.code, run.stdout, run.stderr)
        assert run.returncode == 0, where
        if block.output is not None:
            assert is_like(block.output, run.stdout), where + "\ninstead of:\n" + block.output
    asked = requests_of(daemon)
    asked += [("GET", "/events", 200) for block in parts if "/events?" in block.code]  # a stream that its client cuts is not in the log
    described = [(method.upper(), path, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "/?"), operation)
                 for path, item in daemon.json("/openapi.json")["paths"].items() for method, operation in item.items()]
    tables = {path.split("/")[2] for _, path, _, _ in described if path.startswith("/v1/") and "{" not in path.split("/")[2]} - {"files", "report"}
    for method, path, pattern, _ in described:
        if path.startswith("/v1/") and path.split("/")[2] in tables:
            continue  # it is there once more, as /v1/{table}
        assert any(m == method and status < 400 and pattern.fullmatch(p) for m, p, status in asked), "docs/api.md shows no command for %s %s" % (method, path)
    for method, path, status in asked:
        fits = [operation for m, _, pattern, operation in described if m == method and pattern.fullmatch(path)]
        assert fits, "/openapi.json does not have %s %s" % (method, path)
        assert any(str(status) in operation["responses"] for operation in fits), "/openapi.json does not say that %s %s may be %d" % (method, path, status)
