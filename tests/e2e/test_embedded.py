# SPDX-License-Identifier: MIT
"""url empty: the daemon brings its own PostgreSQL, and takes it away again."""

import os

import pytest

from cluster import programs
from waiting import until

ITEMS = "[dataset items]\nfiles = items*.csv\ncolumns = id bigint, name text\n"


def test_embedded_cluster_is_made_used_stopped_and_found_again(make_cetld):
    daemon = make_cetld("", ITEMS).start()
    daemon.drop("items_1.csv", "id,name\n1,a\n2,b\n")
    daemon.wait_state("items_1.csv")
    daemon.restart()
    assert [r["id"] for r in daemon.get_rows("items")] == [1, 2]
    daemon.stop()
    assert daemon.processes() == {}
    assert not any(name.startswith(".s.PGSQL") and not name.endswith(".lock") for _, _, names in os.walk(daemon.state) for name in names)


def test_embedded_cluster_listens_on_no_network_address(make_cetld):
    daemon = make_cetld("", ITEMS).start()
    ours = {daemon.port}
    inodes = set()
    for pid in daemon.processes():
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as f:
            for line in f.readlines()[1:]:
                cell = line.split()
                if cell[3] == "0A" and cell[9] in inodes:
                    listening.add(int(cell[1].rsplit(":", 1)[1], 16))
    assert listening == ours


@pytest.mark.parametrize("by_pg_bin", [False, pytest.param(True, marks=pytest.mark.long)])
def test_cluster_of_another_version_is_refused_with_what_to_do_and_left_as_it_is(make_cetld, by_pg_bin):
    daemon = make_cetld("", ITEMS).start()
    daemon.drop("items_1.csv", "id,name\n1,a\n")
    daemon.wait_state("items_1.csv")
    daemon.stop()
    (path,) = [os.path.join(folder, "PG_VERSION") for folder, _, names in os.walk(daemon.state) if "PG_VERSION" in names and "postgresql.conf" in names]
    with open(path) as f:
        version = f.read()
    with open(path, "w") as f:
        f.write("9\n")
    if by_pg_bin:
        daemon.sections["database"]["pg_bin"] = programs()
        daemon.write_config(ITEMS)
    daemon.start(ready=False)
    until(lambda: daemon.log_lines("was made by PostgreSQL 9"), daemon.log)
    (line,) = daemon.log_lines("was made by PostgreSQL 9")
    assert "pg_upgrade" in line and ("pg_bin = /usr/lib/postgresql/9/bin" if by_pg_bin else "apt install postgresql-9") in line
    assert daemon.get("/readyz").status == 503 and "was made by PostgreSQL 9" in daemon.get("/readyz").json["details"]
    assert not [command for command in daemon.processes().values() if "postgres" in command]
    daemon.drop("items_2.csv", "id,name\n2,b\n")
    until(lambda: daemon.files_in("work"), "it is queued")
    daemon.stop()
    with open(path, "w") as f:
        f.write(version)
    daemon.start()
    daemon.wait_state("items_2.csv")
    assert [r["id"] for r in daemon.get_rows("items")] == [1, 2]
