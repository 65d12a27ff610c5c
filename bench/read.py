# SPDX-License-Identifier: MIT
"""Reads: kept answers against nginx, small queries against pgbench and Python's frameworks, a whole table against `psql \\copy`, and how long they take while files load."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request

import cluster
from append import SALES
from bed import BUILD, ROOT, ROUNDS, SERVER_WORDS, bed, generate, place, scaled
from report import Section, median, number

CONNECTIONS, ROWS_KEPT = 64, 100000
ITEMS = "[dataset items]\nfiles = items*.csv\ncolumns = id bigint primary key, name text, price numeric(10,2), at timestamptz\n"
KEPT = "/v1/items?limit=10"
QUERY = "select id, name, price, at from items where id >= :i order by id limit 10;\n"
SECONDS = max(1.0, 4 * min(1.0, float(os.environ.get("SCALE", "1"))))


def load(address, targets, seconds=SECONDS, connections=CONNECTIONS, rate=0, slow=None):
    """What bench/http says, and the CPU it took a request."""
    with tempfile.NamedTemporaryFile("w", suffix=".targets") as f:
        f.write("\n".join(targets) + "\n")
        f.flush()
        call = [os.path.join(BUILD, "bench/http"), address, str(seconds), str(connections), str(rate), "-1", f.name] + ([str(slow)] if slow else [])
        result = json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout)
    assert result["bad"] == 0, "answers that are none: %s" % result
    return result


@contextlib.contextmanager
def nginx(body):
    """One worker that serves the bytes as a file, from memory; its address. None where there is no nginx."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="cetld-nginx-", dir=place())
    port = cluster.free_port()
    os.chmod(folder, 0o755)
    os.makedirs(os.path.join(folder, "www/v1"))
    with open(os.path.join(folder, "www/v1/items"), "wb") as f:
        f.write(body)
    temporary = " ".join("%s_temp_path %s/%s;" % (kind, folder, kind) for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(os.path.join(folder, "conf"), "w") as f:
        f.write("daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log; events {{ worker_connections 1024; }}\n"
                "http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; default_type application/json;"
                " open_file_cache max=100; {1} server {{ listen 127.0.0.1:{2}; root {0}/www; }} }}\n".format(folder, temporary, port))
    process = subprocess.Popen([program, "-c", os.path.join(folder, "conf"), "-p", folder], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not os.path.exists(os.path.join(folder, "pid")):
            assert process.poll() is None and time.monotonic() < deadline, "nginx does not start"
            time.sleep(0.01)
        yield "127.0.0.1:%d" % port
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


STACKS = {
    "FastAPI": ["uvicorn", "--workers", "2", "--log-level", "error", "--no-access-log", "--host", "127.0.0.1", "--port", "%(port)d", "stack_fastapi:app"],
    "Flask": ["gunicorn", "--workers", "2", "--threads", "4", "--keep-alive", "60", "--log-level", "error", "--bind", "127.0.0.1:%(port)d", "stack_flask:app"],
}


@contextlib.contextmanager
def stack(name, b):
    """The service that a user would write; its address. None where its framework is not installed."""
    port = cluster.free_port()
    dsn = "postgresql:///%s?host=%s&port=%d&user=cetl" % (b.database.name, b.server.folder, b.server.port)
    call = ["/usr/bin/python3", "-m"] + [word % {"port": port} for word in STACKS[name]]
    if subprocess.run(call[:3] + ["--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        yield None
        return
    process = subprocess.Popen(call, cwd=os.path.join(ROOT, "bench"), env={**os.environ, "DSN": dsn, "PYTHONDONTWRITEBYTECODE": "1"})
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/v1/items?id=1" % port, timeout=5) as answer:
                    assert len(json.load(answer)) == 10
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, "%s does not start" % name
                time.sleep(0.1)
        yield "127.0.0.1:%d" % port
    finally:
        process.terminate()
        process.wait()


def fill(b, daemon):
    path = b.path("items.csv")
    with open(path, "w") as f:
        f.write("id,name,price,at\n")
        f.writelines("%d,name of item %d,%d.50,2024-01-02 03:04:05Z\n" % (i, i, i % 1000) for i in range(ROWS_KEPT))
    b.load(path, "items.csv")
    b.psql("ANALYZE items")
    body = daemon.get(KEPT).body
    assert len(json.loads(body)) == 10
    return "127.0.0.1:%d" % daemon.port, body


def pgbench(b, script):
    """Transactions a second of 64 clients on one thread."""
    call = [os.path.join(cluster.programs(), "pgbench"), "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1", "-T", str(max(2, round(SECONDS))), "-f",
            script, "-h", b.server.folder, "-p", str(b.server.port), "-U", "cetl", b.database.name]
    out = subprocess.run(call, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    found = re.search(r"tps = ([\d.]+)", out)
    assert found, out
    return {"per_second": float(found.group(1))}


def kept():
    section = Section("read", "Small reads")
    section.say("%d connections that are kept, one request under way on each, by one program (`bench/http`). Kept: the first 10 rows of %d as JSON, again and again;"
                " nginx has one worker and serves the same bytes as a file. Query: 10 rows from a place that is another each time, so that nothing is kept;"
                " pgbench runs the same statement, prepared, with %d clients on one thread; FastAPI (uvicorn, asyncpg) and Flask (gunicorn, psycopg2) ask for"
                " the same rows, each with 2 processes and pools of kept connections. %s. Medians of %d of %g s each."
                % (CONNECTIONS, ROWS_KEPT, CONNECTIONS, SERVER_WORDS, ROUNDS, SECONDS))
    sides = {"nginx": [], "kept, `notify`": [], "kept, `exact`": [], "pgbench": [], "query": [], "FastAPI": [], "Flask": []}
    places = ROWS_KEPT - 10
    queries = ["/v1/items?limit=10&id=gte.%d" % (i * 7919 % places) for i in range(places)]  # each once: 7919 is prime

    def round_of(n):
        begin = n * places // (ROUNDS + 1)
        return queries[begin:] + queries[:begin]

    for freshness in ("notify", "exact"):
        with bed(fsync=False) as b:
            address, body = fill(b, b.start(ITEMS, api={"freshness": freshness}))
            script = b.path("query.sql")
            with open(script, "w") as f:
                f.write("\\set i random(0, %d)\n" % (ROWS_KEPT - 11) + QUERY)
            with contextlib.ExitStack() as peers:
                file = peers.enter_context(nginx(body))
                stacks = {name: peers.enter_context(stack(name, b)) for name in STACKS} if freshness == "exact" else {}
                for n in range(ROUNDS + 1):  # the first warms up
                    turn = [("nginx", lambda: load(file, ["/v1/items"])), ("kept, `%s`" % freshness, lambda: load(address, [KEPT]))]
                    turn = turn if file else turn[1:]
                    if freshness == "exact":
                        turn += [("pgbench", lambda: pgbench(b, script)), ("query", lambda: load(address, round_of(n)))]
                    turn += [(name, lambda at=at: load(at, [q.replace("gte.", "") for q in round_of(n)])) for name, at in stacks.items() if at]
                    for name, act in turn if n % 2 else turn[::-1]:
                        result = act()
                        if n > 0:
                            sides[name].append(result)
    section.table(["", "a second", "p50 µs", "p99 µs"],
                  [[name, number(median(r, "per_second"))] + [number(median(r, p)) if p in r[0] else "" for p in ("p50_us", "p99_us")]
                   for name, r in sides.items() if r])

    def against(name, base, what, least):
        if sides[base]:
            section.goal(what, median(sides[name], "per_second") / median(sides[base], "per_second"), "x", least=least)
        else:
            section.missing(what, "there is no " + base)
    against("kept, `notify`", "nginx", "a kept answer, `notify`, against nginx with the same bytes", 1.4)
    against("kept, `exact`", "nginx", "a kept answer, `exact`, against nginx with the same bytes", 0.5)
    against("query", "pgbench", "10 rows by a query, against pgbench", 1.0)
    for name in STACKS:
        against("query", name, "10 rows by a query, against %s" % name, 10.0)
    return section


def memory_kib(pid, what):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(what + r":\s+(\d+)", f.read()).group(1))


def drain(address, path):
    """A whole answer thrown away as it comes, by curl. Seconds."""
    began = time.monotonic()
    subprocess.run(["curl", "-sS", "--fail", "-H", "Accept: text/csv", "-o", "/dev/null", "http://%s%s" % (address, path)], check=True)
    return {"wall": time.monotonic() - began}


def stream():
    rows = scaled(1000000, 20000)
    section = Section("read_stream", "A whole table as CSV")
    section.say("%d rows of %s. psql: `\\copy (select …) to stdout` into /dev/null. %s. Medians of %d." % (rows, SALES, SERVER_WORDS, ROUNDS))
    with bed(fsync=False) as b:
        daemon = b.start("[dataset sales]\ncolumns = %s\n" % SALES + ITEMS)
        generate("sales", rows, 1, b.path("sales.csv"))
        b.load(b.path("sales.csv"), "sales.csv")
        address, _ = fill(b, daemon)
        b.psql("VACUUM (ANALYZE) sales")
        command = "\\copy (select * from sales) to '/dev/null' with (format csv, header)"
        idle = memory_kib(daemon.process.pid, "VmRSS")
        sides = {"cetld": [], "psql": []}
        for n in range(ROUNDS + 1):
            for name in ("cetld", "psql") if n % 2 else ("psql", "cetld"):
                result = drain(address, "/v1/sales") if name == "cetld" else b.psql(command)
                if n > 0:
                    sides[name].append(result)
        peak = memory_kib(daemon.process.pid, "VmHWM")
        alone = load(address, ["/v1/items?limit=10&id=gte.%d" % i for i in range(1000)], connections=4, rate=200)
        slow = threading.Thread(target=subprocess.run, daemon=True, args=(
            ["curl", "-sS", "--limit-rate", "1M", "-m", str(SECONDS + 2), "-H", "Accept: text/csv", "-o", "/dev/null", "http://%s/v1/sales" % address],),
            kwargs={"stderr": subprocess.DEVNULL})
        slow.start()
        time.sleep(1)
        beside = load(address, ["/v1/items?limit=10&id=gte.%d" % i for i in range(1000)], connections=4, rate=200)
        slow.join()
        after = memory_kib(daemon.process.pid, "VmHWM")
    section.table(["", "seconds", "rows/s"], [[name, number(median(r, "wall")), "%.0f" % (rows / median(r, "wall"))] for name, r in sides.items()])
    section.say("Memory: %.1f MiB idle behind the load, at most %.1f MiB ever, its load included. A query beside a reader that takes 1 MB/s: p99 %d µs, without it %d µs."
                % (idle / 1024, max(peak, after) / 1024, beside["p99_us"], alone["p99_us"]))
    section.goal("a table as CSV against `psql \\copy (select …) to stdout`", median(sides["psql"], "wall") / median(sides["cetld"], "wall"), "x", least=0.8)
    section.goal("memory over idle while it streams", (max(peak, after) - idle) / 1024, " MiB", most=64)
    return section


def latency():
    section = Section("read_latency", "Reads while files load")
    rows = scaled(4500000, 200000)
    section.say("200 requests a second on 8 connections, timed from when each was due, idle and while files of %d rows load without a pause."
                " What asks has real-time priority: a client elsewhere does not wait for this machine's cores. %s. Medians of %d of %g s each."
                % (rows, SERVER_WORDS, ROUNDS, SECONDS))
    limits = {"kept": (3, 2000), "query": (5, 5000)}
    targets = {"kept": [KEPT], "query": ["/v1/items?limit=10&id=gte.%d" % (i * 7919 % (ROWS_KEPT - 10)) for i in range(20000)]}
    found = {}
    with bed(fsync=False) as b:
        daemon = b.start("[dataset sales]\nfiles = sales*.csv\nduplicates = load\ncolumns = %s\n" % SALES + ITEMS)
        address, _ = fill(b, daemon)
        generate("sales", rows, 1, b.path("sales.csv"))

        def round_of(load_is):
            for kind in targets:
                found.setdefault((kind, load_is), []).append(load(address, targets[kind], connections=8, rate=200))

        for n in range(ROUNDS + 1):
            round_of("idle" if n else "warming up")
        over = threading.Event()

        def saturate():
            n = 0
            while not over.is_set():
                n += 1
                b.load(b.path("sales.csv"), "sales%d.csv" % n)
                b.database.rows("TRUNCATE sales")
        thread = threading.Thread(target=saturate)
        thread.start()
        try:
            time.sleep(1)
            for _ in range(ROUNDS):
                round_of("loading")
        finally:
            over.set()
            thread.join()
    middle = {key: {p: median(results, p) for p in ("p50_us", "p99_us", "max_us")} for key, results in found.items()}
    section.table(["", "idle p50 µs", "p99", "loading p50", "p99", "longest"],
                  [[kind] + ["%d" % middle[kind, now][p] for now in ("idle", "loading") for p in ("p50_us", "p99_us")] + ["%d" % middle[kind, "loading"]["max_us"]]
                   for kind in targets])
    for kind, (times, least) in limits.items():
        most = max(times * middle[kind, "idle"]["p99_us"], least)
        section.goal("p99 of a %s at 200/s while files load" % ("kept answer" if kind == "kept" else kind),
                     middle[kind, "loading"]["p99_us"] / 1000, " ms", most=most / 1000)
    return section
