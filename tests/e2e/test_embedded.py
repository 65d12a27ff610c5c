# SPDX-License-Identifier: MIT
"""url empty: the daemon brings its own PostgreSQL, and takes it away again."""

import os

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
