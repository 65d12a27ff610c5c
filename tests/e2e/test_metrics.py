# SPDX-License-Identifier: MIT
"""GET /metrics: read by Prometheus' own client, explained in docs/metrics.md, counting what happened."""

import hashlib
import json
import os
import re
import socket
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from waiting import until

DOCS = os.path.join(os.path.dirname(__file__), "../../docs")

SHOP = """
[dataset orders]
files = orders*.csv
columns = id int primary key, amount numeric
mode = upsert
max_errors = 50%

[dataset sales]
files = sales*.csv
columns = id int
requires = customers

[dataset customers]
files = customers*.csv
columns = id int
"""


def families(daemon, **headers):
    answer = daemon.get("/metrics", headers=headers)
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {f.name: f for f in text_string_to_metric_families(answer.body.decode())}


def samples(daemon, **headers):
    """{(name, label, value, …): value}, labels by name."""
    found = {}
    for family in families(daemon, **headers).values():
        for s in family.samples:
            key = (s.name,) + tuple(part for label in sorted(s.labels.items()) for part in label)
            assert key not in found, "twice: %s" % (key,)
            found[key] = s.value
    return found


@pytest.fixture
def shop(cetld, folder):
    os.mkdir(os.path.join(folder, "backups"))
    daemon = cetld(SHOP + "[backup nightly]\nto = %s/backups\ntables = pg_catalog.pg_depend\n" % folder)
    daemon.drop("orders_1.csv", "id,amount\n1,1.5\n2,2\n3,x\n")
    daemon.wait_state("orders_1.csv")
    daemon.drop("orders_2.csv", "id,amount\n2,9\n4,4\n")
    daemon.wait_state("orders_2.csv")
    daemon.drop("orders_3.csv", "id,amount\n7,x\n8,x\n")
    daemon.wait_state("orders_3.csv", "failed")
    daemon.drop("things.csv", "name\none\ntwo\n")
    daemon.wait_state("things.csv")
    return daemon


def test_counters_say_what_became_of_files_and_rows(shop):
    m = samples(shop)
    assert m["cetl_files_total", "state", "loaded"] == 3 and m["cetl_files_total", "state", "failed"] == 1
    assert m["cetl_dataset_files_total", "dataset", "orders", "state", "loaded"] == 2
    assert m["cetl_dataset_files_total", "dataset", "orders", "state", "failed"] == 1
    assert m["cetl_dataset_files_total", "dataset", "things", "state", "loaded"] == 1
    assert m["cetl_dataset_files_total", "dataset", "customers", "state", "loaded"] == 0  # declared, so it is there
    rows = {o: m["cetl_dataset_rows_total", "dataset", "orders", "outcome", o] for o in ("read", "loaded", "updated", "ignored", "rejected", "filtered")}
    assert rows["loaded"] == 3 and rows["updated"] == 1 and rows["rejected"] == 3
    for outcome in rows:
        assert m["cetl_rows_total", "outcome", outcome] == sum(v for k, v in m.items() if k[0] == "cetl_dataset_rows_total" and k[-1] == outcome)
    assert m["cetl_dataset_file_bytes_total", "dataset", "things"] == len("name\none\ntwo\n")
    assert m["cetl_dataset_loaded_timestamp_seconds", "dataset", "orders"] > 1.7e9
    assert ("cetl_dataset_loaded_timestamp_seconds", "dataset", "customers") not in m
    assert m["cetl_files_pending_bytes",] == m["cetl_files_queued",] == 0
    assert m["cetl_ready",] == m["cetl_postgres_up",] == 1


def test_time_is_told_by_stage_for_each_load(shop):
    until(lambda: samples(shop)["cetl_file_tidy_seconds_count",] == 4, "all are tidied away")
    m = samples(shop)
    assert m["cetl_file_seconds_count",] == m["cetl_file_wait_seconds_count",] == 4
    assert m["cetl_load_stage_seconds_count", "stage", "commit"] >= 3
    assert m["cetl_load_stage_seconds_count", "stage", "finish"] >= 1
    stages = {k[-1]: v for k, v in m.items() if k[0] == "cetl_load_stage_seconds_sum"}
    assert all(v >= 0 for v in stages.values()) and stages["copy"] > 0
    assert m["cetl_worker_job_seconds_count", "work", "convert"] >= 4
    assert m["cetl_postgres_wait_seconds_count", "pool", "load"] >= 4


def test_answers_are_counted_by_route_and_status(shop):
    before = samples(shop)
    for path, status in (("/v1/orders", 200), ("/v1/orders?nonsense=1", 400), ("/v1/nothing", 404), ("/nowhere/at/all", 404)):
        assert shop.get(path).status == status
    with socket.create_connection(("127.0.0.1", shop.port), 10) as s:
        s.sendall(b"NONSENSE\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 400")
    m = samples(shop)

    def more(*key):
        return m.get(key, 0) - before.get(key, 0)

    route = ("cetl_http_responses_total", "method", "GET", "route", "/v1/{table}", "status")
    assert (more(*route, "200"), more(*route, "400"), more(*route, "404")) == (1, 1, 1)
    none = ("cetl_http_responses_total", "method", "", "route", "", "status")
    assert (more(*none, "404"), more(*none, "400")) == (1, 1)
    assert more("cetl_http_response_seconds_count", "method", "GET", "route", "/v1/{table}") == 3
    assert more("cetl_http_response_seconds_bucket", "le", "+Inf", "method", "GET", "route", "/v1/{table}") == 3
    assert m["cetl_http_requests_total",] == sum(v for k, v in m.items() if k[0] == "cetl_http_responses_total")


def test_file_that_waits_shows_at_its_dataset(shop):
    shop.drop("sales.csv", "id\n1\n")
    shop.wait_state("sales.csv", "waiting")
    m = samples(shop)
    assert m["cetl_dataset_stopped", "dataset", "sales", "reason", "waiting"] == 1
    assert m["cetl_dataset_stopped", "dataset", "sales", "reason", "held"] == 0
    assert m["cetl_dataset_files_queued", "dataset", "sales"] == 1
    assert m["cetl_files_pending_bytes",] == len("id\n1\n")
    shop.drop("customers.csv", "id\n1\n")
    shop.wait_state("sales.csv")
    m = samples(shop)
    assert m["cetl_dataset_stopped", "dataset", "sales", "reason", "waiting"] == m["cetl_dataset_files_queued", "dataset", "sales"] == 0


def test_paused_dataset_is_seen(shop, database):
    sql = database.connect().cursor()
    sql.execute("CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM no_such_function(); RETURN new; END'")
    sql.execute("CREATE TRIGGER broken BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION broken()")
    shop.drop("customers.csv", "id\n1\n")
    until(lambda: samples(shop)["cetl_dataset_stopped", "dataset", "customers", "reason", "paused"] == 1, "it stands still, and that is seen")
    m = samples(shop)
    assert m["cetl_dataset_files_queued", "dataset", "customers"] == 1 and m["cetl_load_retries_total",] >= 1


def test_many_undeclared_datasets_share_one_name(cetld):
    daemon = cetld("", daemon={"unmatched": "fail"})
    names = ["t%s" % "".join(chr(97 + int(d)) for d in "%04d" % n) for n in range(230)]
    for name in names:
        daemon.drop(name + ".csv", "a\n1\n")
    until(lambda: samples(daemon)["cetl_files_total", "state", "failed"] == len(names), "all are refused", deadline=60)
    by_dataset = {k[2]: v for k, v in samples(daemon).items() if k[0] == "cetl_dataset_files_total" and k[-1] == "failed"}
    assert len(by_dataset) == 201 and by_dataset[""] == 30 and sum(by_dataset.values()) == 230


def test_token_sees_its_datasets_only(cetld, folder):
    path = os.path.join(folder, "hash")
    secret = "cetl_" + "a" * 43
    with open(path, "w") as f:
        f.write(hashlib.sha256(secret.encode()).hexdigest() + "\n")
    daemon = cetld(SHOP + "[token ci]\nhash_file = %s\nallow = customers: read\n" % path)
    seen = {k[2] for k in samples(daemon, Authorization="Bearer " + secret) if k[0].startswith("cetl_dataset_")}
    assert seen == {"customers"}
    assert {k[2] for k in samples(daemon) if k[0].startswith("cetl_dataset_")} == {"customers", "orders", "sales"}


# ---- what stands in docs/ ----

ROW = re.compile(r"^\| (`[^|]+`) \| (\w+) \| *([^|]*?) *\| .+ \|$", re.M)


def explained():
    """{name: (type, labels)} of docs/metrics.md."""
    with open(os.path.join(DOCS, "metrics.md"), encoding="utf-8") as f:
        rows = ROW.findall(f.read())
    found = {}
    for names, kind, labels in rows:
        for name in re.findall(r"`(\w+)`", names):
            assert name not in found, name + " is explained twice"
            found[name] = (kind, set(re.findall(r"`(\w+)`", labels)))
    return found


def test_every_metric_is_explained_with_its_type_and_labels(shop):
    shop.get("/v1/orders")
    shop.drop("sales.csv", "id\n1\n")
    shop.wait_state("sales.csv", "waiting")
    until(lambda: ("cetl_backup_duration_seconds", "backup", "nightly") in samples(shop), shop.log)
    docs, real = explained(), {}
    for f in families(shop).values():
        name = f.name + "_total" if f.type == "counter" else f.name
        real[name] = (f.type, {label for s in f.samples for label in s.labels} - {"le"})
        assert f.documentation, name + " has no help"
    assert sorted(docs) == sorted(real)
    assert docs == real


def queries():
    """(where, PromQL) of the alert rules and of the dashboard."""
    with open(os.path.join(DOCS, "monitoring/cetl-alerts.yml"), encoding="utf-8") as f:
        text = f.read()
    names = re.findall(r"- alert: (\w+)", text)
    rules = re.findall(r"^ +expr: (?:>-\n((?: {10,}.*\n)+)|(.*)\n)", text, re.M)
    assert len(names) == len(rules) == len(set(names))
    yield from ((n, folded or plain) for n, (folded, plain) in zip(names, rules))
    with open(os.path.join(DOCS, "monitoring/cetl-dashboard.json"), encoding="utf-8") as f:
        dashboard = json.load(f)
    for panel in dashboard["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))
    yield from (("variable", v["query"]["query"]) for v in dashboard["templating"]["list"] if isinstance(v["query"], dict))


def test_alerts_and_dashboard_ask_for_metrics_that_there_are():
    docs, n = explained(), 0
    for where, query in queries():
        bare = re.sub(r'"[^"]*"', '""', query)
        for name in re.findall(r"\b(?:cetl|process)_\w+", bare):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in docs or (base in docs and docs[base][0] == "histogram"), "%s asks for %s, which there is not" % (where, name)
            assert (name in docs) != (base != name and base in docs)
            n += 1
        for name, matchers in re.findall(r"\b(cetl_\w+)\{([^}]*)\}", bare):
            labels = docs.get(name, docs.get(re.sub(r"_(bucket|sum|count)$", "", name)))[1] | {"instance", "job", "le"}
            for label in re.findall(r"(\w+)\s*[=!]", matchers):
                assert label in labels, "%s: %s has no label %s" % (where, name, label)
    assert n > 60


@pytest.mark.long
def test_prometheus_itself_takes_metrics_rules_and_the_dashboards_queries(shop, folder):
    shop.get("/v1/orders")
    here = os.path.dirname(os.path.abspath(__file__))
    rules = [{"record": "r%d" % n, "expr": re.sub(r"\$__rate_interval", "5m", query)} for n, (_, query) in enumerate(queries()) if "label_values" not in query]
    asked = os.path.join(folder, "dashboard.yml")
    with open(asked, "w") as f:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, f)  # which is YAML, too
    for command, text in ((["check", "metrics"], shop.get("/metrics").body), (["check", "rules", os.path.join(DOCS, "monitoring/cetl-alerts.yml")], b""),
                          (["check", "rules", asked], b""), (["test", "rules", os.path.join(here, "cetl-alerts-test.yml")], b"")):
        run = subprocess.run(["promtool"] + command, input=text, capture_output=True)
        assert run.returncode == 0, (run.stdout + run.stderr).decode()
    assert not run.stderr
