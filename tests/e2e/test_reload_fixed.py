# SPDX-License-Identifier: MIT
"""Options that take a restart are what they were until then, whatever a reload reads."""

import signal

from waiting import until

ITEMS = "[dataset items]\nfiles = items*.csv\ncolumns = id bigint, name text\n"


def reload_with(daemon, **sections):
    for section, options in sections.items():
        daemon.sections[section].update(options)
    seen = len(daemon.log_lines("these take a restart"))
    daemon.write_config(ITEMS)
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.log_lines("these take a restart")) > seen and daemon.log_lines("configuration reloaded"), daemon.log)


def test_freshness_stays_exact_until_a_restart(cetld, database):
    """A daemon that does not listen to the changes must look them up."""
    daemon = cetld(ITEMS, api={"freshness": "exact"})
    daemon.drop("items_1.csv", "id,name\n1,a\n")
    daemon.wait_state("items_1.csv")
    reload_with(daemon, api={"freshness": "notify"})
    until(lambda: daemon.get("/readyz").status == 200, daemon.log)
    for n in range(2, 6):
        daemon.get("/v1/items")
        daemon.get("/v1/items")
        database.rows("INSERT INTO items VALUES (%d, 'b')" % n)
        assert len(daemon.json("/v1/items")) == n


def test_connections_stay_as_many_until_a_restart(cetld, database):
    """One that wants more connections than the pool has would wait for them."""
    daemon = cetld(ITEMS, database={"load_connections": "2"})
    reload_with(daemon, database={"load_connections": "7"})
    options = {o["option"]: o for o in daemon.get("/config", unix=True).json}
    assert options["load_connections"]["value"] == "2" and options["load_connections"]["after_restart"] == "7"
    daemon.restart()
    options = {o["option"]: o for o in daemon.get("/config", unix=True).json}
    assert options["load_connections"]["value"] == "7" and options["load_connections"]["after_restart"] is None
