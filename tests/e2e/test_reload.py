# SPDX-License-Identifier: MIT
"""Every option that a reload changes is changed by one, and does what it says (reload_cases.py); the others say that they take a restart."""

import os
import re
import signal
import subprocess

import pytest

import reload_cases_notify  # noqa: F401 (adds its cases)
import reload_cases_access  # noqa: F401 (likewise; the last, since it shuts everybody out)
from cluster import Database
from daemon import BINARY, Cetld
from manager import Manager
from reload_cases import CASES
from test_backup_every import OPTIONS as BACKUP_OPTIONS
from test_reload_store import OPTIONS as STORE_OPTIONS
from test_sources import OPTIONS as SOURCE_OPTIONS
from test_sources_access import OPTIONS as ACCESS_OPTIONS
from waiting import until

DIMENSION = """
[dataset c_dim]
mode = upsert
columns = id bigint primary key, x text, y text
"""
RESTART = "A change takes a restart."


def options():
    """{section.name: its prose}, as the sample has them."""
    sample = subprocess.run([BINARY, "--sample-config"], capture_output=True, text=True, check=True).stdout
    found, section, prose = {}, None, ""
    for line in sample.splitlines():
        heading = re.fullmatch(r"#?\[(\w+)[^]]*\]", line)
        option = re.match(r"#(\w+) =", line)
        if heading:
            section = heading.group(1)
        elif option:
            found["%s.%s" % (section, option.group(1))] = prose
        prose = prose + " " + line[1:].strip() if line.startswith("# ") else ""
    return found


class World:
    def __init__(self, daemon, database):
        self.daemon, self.database, self.issuer = daemon, database, None
        self.closing = {}  # what is to be closed at the end
        self.credentials = os.path.join(daemon.folder, "credentials")
        os.mkdir(self.credentials, 0o755)
        daemon.environment["CREDENTIALS_DIRECTORY"] = self.credentials

    def credential(self, name, text):
        with open(os.path.join(self.credentials, name), "w") as f:
            f.write(text + "\n")

    def folder(self, name, files):
        path = os.path.join(self.daemon.folder, name)
        os.makedirs(path, exist_ok=True)
        for file, text in files.items():
            with open(os.path.join(path, file), "w") as f:
                f.write(text)
        return path

    def load(self, name, content, state="loaded"):
        self.daemon.drop(name, content)
        return self.wait(name, state)

    def wait(self, name, state="loaded"):
        def there():
            answer = self.daemon.get("/v1/files?limit=1000", unix=True)
            assert answer.status == 200, answer
            found = [e for e in answer.json if e["name"] == name]
            assert not found or found[0]["state"] in (state, "queued", "loading", "committing", "waiting"), found[0]
            return found[0] if found and found[0]["state"] == state else None

        return until(there, lambda: "%s is %s\n%s" % (name, state, self.daemon.log()), deadline=15, step=0.005)

    def get(self, path, headers=None):
        return self.daemon.get(path, unix=True, headers=headers, timeout=20)

    def send(self, method, path, body=None, headers=None):
        return self.daemon.request(method, path, body, headers, unix=True)

    def text(self, part):
        return part(self) if callable(part) else part

    def configure(self, phase):
        """Of all cases at once."""
        texts = [DIMENSION]
        for case in CASES:
            value, beside = (case.before, case.after)[phase]
            if case.plain:
                self.daemon.sections[case.section][case.key] = self.text(value)
            else:
                texts.append(self.text(value))
            texts.append(beside)
        self.daemon.write_config("".join(texts))


def tried(half, outcome, option):
    """Run a half of a case; what is wrong with it is its outcome."""
    if option in outcome:
        return
    try:
        next(half)
    except StopIteration:
        outcome[option] = None
    except Exception as e:  # pylint: disable=broad-except
        outcome[option] = e


def run(postgres, folder):
    """{option: what went wrong with it, or None}: one daemon, one reload, in which everything changes."""
    database = Database(postgres, postgres.create_database())
    database.rows("CREATE VIEW c_view AS SELECT 1 AS one; GRANT SELECT ON c_view TO cetl")
    daemon = Cetld(folder, database.url(), database={"load_connections": "6"}, api={"body_max": "8M"})
    world, found, manager = World(daemon, database), {}, Manager(folder)
    daemon.environment.update(manager.environment)
    try:
        world.configure(0)
        daemon.start()
        world.load("c_dim_1.csv", "id,x,y\n1,x1,y1\n2,x2,y2\n")
        under_way = [(case.option, case.run(world)) for case in CASES]
        for option, half in under_way:
            tried(half, found, option)
        world.configure(1)
        if not os.environ.get("RELOAD_NOT"):  # to see that each case needs it
            daemon.signal(signal.SIGHUP)
            manager.wait("READY=1", nth=2)
            assert daemon.log_lines("configuration reloaded"), daemon.log()
        for option, half in under_way:
            tried(half, found, option)
        daemon.stop()
        return found
    finally:
        if daemon.process is not None:
            daemon.kill9()
        manager.close()
        for thing in world.closing.values():
            thing.close()
        postgres.drop_database(database.name)


@pytest.fixture(scope="module")
def outcome(postgres, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reload")
    for path in (folder, folder.parent, folder.parent.parent):
        os.chmod(path, 0o755)
    admin = Database(postgres, "postgres")
    admin.rows("CREATE ROLE c_reload_nobody; GRANT c_reload_nobody TO cetl")
    yield run(postgres, folder)
    admin.rows("DROP ROLE c_reload_nobody")


@pytest.mark.parametrize("option", [case.option for case in CASES])
def test_reload_changes(outcome, option):
    if outcome[option] is not None:
        raise outcome[option]


def test_every_option_has_a_case_or_says_that_it_takes_a_restart():
    all_options = options()
    assert len(all_options) > 100
    reloadable = {name for name, prose in all_options.items() if RESTART not in prose}
    tested = [case.option for case in CASES] + STORE_OPTIONS + SOURCE_OPTIONS + ACCESS_OPTIONS + BACKUP_OPTIONS
    assert len(set(tested)) == len(tested)
    assert set(tested) == reloadable, "without a case in reload_cases.py, or not fixed any more: %s; with one that is none: %s" % (
        sorted(reloadable - set(tested)), sorted(set(tested) - reloadable))
