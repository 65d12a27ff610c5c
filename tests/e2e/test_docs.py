# SPDX-License-Identifier: MIT
"""The guides are true: every command that they show is run, and prints what stands behind it (pages.py says how)."""

import glob
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest

from cluster import free_port, programs
from daemon import BINARY
from pages import TOP, Page, Reader, is_like
from test_api_access import new_token, start, tokens  # noqa: F401
from waiting import until


@pytest.fixture
def reader(make_cetld, database, folder):
    """reader(config=…): one who sits before a running daemon."""
    def start():
        place = os.path.join(folder, "d0/api.sock")
        return Reader(make_cetld(database.url(), api={"listen": "127.0.0.1:%d, unix:%s" % (free_port(), place)}).start(), database, folder)

    yield start
    database.cluster.drop_database(database.name + "_restored")


# docs/api.md has a test of its own (test_api_docs.py), and so has what docs/access.md shows (test_api_access.py).
PAGES = ["README.md"] + ["docs/%s.md" % page for page in ("backup", "configuration", "metrics", "migrating", "notifications", "operations", "quickstart", "security", "troubleshooting", "types")]
OTHERS = ["docs/access.md", "docs/api.md"]


@pytest.mark.parametrize("page", PAGES)
def test_page(reader, page):
    someone = reader()
    if page == "docs/backup.md":  # it shows no data of its own
        someone.daemon.drop("orders.csv", "id,word\n1,a\n")
        someone.daemon.wait_state("orders.csv")
        os.mkdir(os.path.join(someone.home, "backups"))
    someone.follow(Page(page))


def test_every_page_that_shows_commands_is_followed():
    for name in os.listdir(os.path.join(TOP, "docs")):
        if name.endswith(".md") and "docs/" + name not in PAGES + OTHERS:
            assert "sh" not in [b.kind for b in Page("docs/" + name).blocks], "docs/%s shows commands: follow it" % name
    assert "sh" not in [b.kind for b in Page("docs/access.md").blocks], "docs/access.md shows commands: follow it"


ORDERS = """
[dataset orders]
files = orders*.csv
columns = id bigint, word text
"""


class Nginx:
    """The site of docs/operations.md with a certificate of our own, on ports of our own. `request` speaks TLS to it, as data.example.org."""

    def __init__(self, folder, port):
        self.folder = os.path.join(folder, "nginx")
        os.mkdir(self.folder)
        (site,) = [b.code for b in Page("docs/operations.md").blocks if b.kind == "nginx"]
        self.ports = {"http": free_port(), "https": free_port()}
        certificate, key = (os.path.join(self.folder, name) for name in ("pem", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=data.example.org", "-addext",
                        "subjectAltName=DNS:data.example.org", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        for shown, here in (("listen 80;", "listen 127.0.0.1:%d;" % self.ports["http"]), ("listen 443 ssl;", "listen 127.0.0.1:%d ssl;" % self.ports["https"]),
                            ("/etc/ssl/data.example.org.pem", certificate), ("/etc/ssl/private/data.example.org.key", key), ("127.0.0.1:8080", "127.0.0.1:%d" % port)):
            assert shown in site
            site = site.replace(shown, here)
        paths = "".join("%s_temp_path %s/%s; " % (kind, self.folder, kind) for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf = os.path.join(self.folder, "nginx.conf")
        with open(conf, "w") as f:
            f.write("daemon off; worker_processes 1; pid %s/pid; error_log %s/error.log;\nevents {}\nhttp { access_log off; %s\n%s }\n" % (self.folder, self.folder, paths, site))
        self.process = subprocess.Popen(["nginx", "-p", self.folder, "-c", conf], env={"PATH": "/usr/sbin:/usr/bin"}, stderr=subprocess.DEVNULL)
        self.context = ssl.create_default_context(cafile=certificate)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.ports["https"]), timeout=20)
        connection = http.client.HTTPConnection("data.example.org", timeout=20)
        connection.sock = self.context.wrap_socket(plain, server_hostname="data.example.org")
        return connection

    def request(self, method, path, body=None, token=None):
        connection = self.connect()
        connection.request(method, path, body, {"Authorization": "Bearer " + token} if token else {})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin:/usr/bin"), reason="there is no nginx")
def test_nginx_with_tls_in_front(make_cetld, database, tokens, folder):
    token, digest = new_token()
    daemon = start(make_cetld, database.url(), tokens, ORDERS + tokens.section("shop", digest, allow="orders: read ingest"))
    nginx = Nginx(folder, daemon.port)
    try:
        until(lambda: port_is_open(nginx.ports["https"]), lambda: "nginx listens", deadline=10)
        plain = http.client.HTTPConnection("127.0.0.1", nginx.ports["http"], timeout=10)
        plain.request("GET", "/v1/orders?limit=1", headers={"Host": "data.example.org"})
        answer = plain.getresponse()
        assert (answer.status, answer.headers["Location"]) == (308, "https://data.example.org/v1/orders?limit=1")
        plain.close()
        assert [nginx.request("GET", path)[0] for path in ("/status", "/v1/orders", "/v1", "/metrics")] == [200, 401, 401, 401]
        assert nginx.request("GET", "/v1/orders", token=token)[0] == 200
        events = nginx.connect()
        events.request("GET", "/events?dataset=orders", headers={"Authorization": "Bearer " + token})
        stream = events.getresponse()
        assert stream.status == 200
        body = ("id,word\n" + "".join("%d,%s\n" % (n, "w" * 1000) for n in range(5000))).encode()
        status, receipt = nginx.request("PUT", "/ingest/orders_1.csv?wait=30s", body, token)
        assert (status, json.loads(receipt)["files"][0]["rows_loaded"]) == (200, 5000)
        assert len(nginx.request("GET", "/v1/orders", token=token)[1]) > 5000 * 1000
        # The stream comes through as it goes, although nobody closes it.
        seen = b""
        while b'"state":"loaded"' not in seen:
            seen += stream.readline()
        events.close()
    finally:
        nginx.stop()


def port_is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


# The test itself stops and starts the daemon; what is the service's user there is the cluster's owner here.
UPGRADE = """
systemctl() { :; }
sudo() {
    [ "$1" = -u ] || { "$@"; return; }
    shift 2
    [ "$(id -u)" = 0 ] || { "$@"; return; }
    owner=$(stat -c %u postgresql-15)
    setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "$@"
}
"""


@pytest.mark.long
def test_pg_upgrade_of_the_embedded_cluster(make_cetld):
    """As operations.md shows it, from the newest version that is here to itself."""
    (block,) = [b for b in Page("docs/operations.md").blocks if b.word == "pg_upgrade"]
    code, statistics = block.code.rsplit("sudo systemctl start cetld\n", 1)
    daemon = make_cetld("").start()
    daemon.drop("orders.csv", "id,word\n1,a\n2,b\n")
    daemon.wait_state("orders.csv")
    daemon.stop()
    code = UPGRADE + re.sub(r"/usr/lib/postgresql/\d+/bin", programs(), code).replace("/var/lib/cetl", daemon.state)
    owner = os.stat(os.path.join(daemon.state, "postgresql"))
    os.chown(daemon.state, owner.st_uid, owner.st_gid)
    done = subprocess.run(["bash", "-eu", "-c", code], cwd=daemon.state, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    daemon.start()
    assert daemon.get_rows("orders") == [{"id": 1, "word": "a"}, {"id": 2, "word": "b"}]
    done = subprocess.run(["bash", "-eu", "-c", UPGRADE + "cd /var/lib/cetl\n".replace("/var/lib/cetl", daemon.state) + statistics.replace("/var/lib/cetl", daemon.state)],
                          env={**os.environ, "PGUSER": "cetl"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    daemon.drop("orders_2.csv", "id,word\n3,c\n")
    daemon.wait_state("orders_2.csv")


def test_demo_of_the_readme(folder):
    """`make demo` builds, and runs this."""
    demo = subprocess.run([os.path.join(TOP, "tools/demo.sh")], env={**os.environ, "BUILD": os.path.dirname(os.path.abspath(BINARY)), "ONCE": "1"}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "sales.csv" in demo.stdout and '"revenue":' in demo.stdout


def anchors(text):
    return {re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}


def test_links_lead_somewhere():
    pages = ["README.md", "HACKING.md", "conf/examples/README.md"] + ["docs/" + name for name in os.listdir(os.path.join(TOP, "docs")) if name.endswith(".md")]
    for name in pages:
        with open(os.path.join(TOP, name), encoding="utf-8") as f:
            text = re.sub(r"^```.*?^```$", "", f.read(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            path = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            assert os.path.exists(os.path.join(TOP, path)), "%s links to %s" % (name, target)
            if anchor:
                with open(os.path.join(TOP, path), encoding="utf-8") as f:
                    assert anchor in anchors(f.read()), "%s links to %s" % (name, target)


def named_files(page):
    """What a page names in its text: FOLDER/FILE.c or FILE.h …; also LAYER/NOUN, for a file and its header."""
    with open(os.path.join(TOP, "Makefile")) as f:
        layers = re.search(r"^LAYERS\s*:=\s*(.*)$", f.read(), re.M).group(1).split()
    with open(os.path.join(TOP, page), encoding="utf-8") as f:
        text = f.read()
    words = re.findall(r"(?<![\w./<-])((?:[\w.-]+/)*[a-z][\w-]*\.(?:c|h|py|sh|sql))(?![\w/])", text)
    return {*words, *re.findall(r"(?<![\w./-])((?:%s)/[a-z]\w+)(?![\w./-])" % "|".join(layers), text)}


# What is not ours: a header of the system's, and a program that belongs to a corpus.
NOT_OURS = {"sysexits.h", "score.py"}


@pytest.mark.parametrize("page,least", [("ARCHITECTURE.md", 100), ("HACKING.md", 8)])
def test_files_that_a_page_names_are_there(page, least):
    ours = ["/" + os.path.relpath(path, TOP) for folder in ("bench", "cli", "daemon", "tests", "tools") for path in glob.glob(os.path.join(TOP, folder, "**/*.*"), recursive=True)]
    named = named_files(page)
    assert len(named) >= least
    for name in named - NOT_OURS:
        assert any(path.endswith(("/" + name, "/" + name + ".c", "/" + name + ".h")) for path in ours), "%s names %s" % (page, name)


def test_words_of_the_program_that_the_tour_names_are_there():
    with open(os.path.join(TOP, "ARCHITECTURE.md"), encoding="utf-8") as f:
        named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", f.read()))
    program = ""
    for path in glob.glob(os.path.join(TOP, "daemon/**/*.[ch]"), recursive=True):
        with open(path, encoding="utf-8") as f:
            program += f.read()
    assert len(named) > 10
    assert [name for name in named if name not in program] == []


def test_numbers_of_the_readme_are_those_measured():
    """`about` is what BENCHMARKS.md has under the same words, within 15 %."""
    with open(os.path.join(TOP, "BENCHMARKS.md"), encoding="utf-8") as f:
        goals = dict(re.findall(r"^\| (.*?) \| ([\d.]+)x \|", f.read(), re.M))
    told = re.findall(r"^\| (.*?) \| ([\d.]+)x \|$", Page("README.md").text, re.M)
    assert len(told) >= 8
    for what, number in told:
        assert what in goals, "BENCHMARKS.md does not measure: %s" % what
        assert abs(float(number) / float(goals[what]) - 1) < 0.15, "%s: %s in README.md, %s in BENCHMARKS.md" % (what, number, goals[what])


def test_sizes_of_operations_are_those_measured():
    """Each number of the table is one of BENCHMARKS.md, which has it with its digits, within 15 %."""
    with open(os.path.join(TOP, "BENCHMARKS.md"), encoding="utf-8") as f:
        measured = [float(n) for n in re.findall(r"[\d.]*\d", f.read()) if n.count(".") < 2]
    text = Page("docs/operations.md").text
    table = text[text.index("| what | measured |"):text.index("Rules of thumb")]
    told = re.findall(r"\| ([\d.,]+) (M rows/s|ms each|ms|MiB|a second) \|$", table, re.M)
    assert len(told) == table.count("\n|") - 1, "a line of the table has no number"
    for number, unit in told:
        value = float(number.replace(",", "")) * (1e6 if unit.startswith("M ") else 1)
        assert any(m and abs(value / m - 1) < 0.15 for m in measured), "%s %s is not in BENCHMARKS.md" % (number, unit)


def test_containerfile(folder):
    """Its files are there, its programs where the package puts them, and the daemon takes its configuration. (No image is built here.)"""
    with open(os.path.join(TOP, "Containerfile")) as f:
        lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", f.read(), flags=re.M)).splitlines()
    steps = [line.split(None, 1) for line in lines if line]
    assert {word for word, _ in steps} <= {"ARG", "FROM", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"}
    copied = [rest.split() for word, rest in steps if word == "COPY" and "--from" not in rest]
    assert copied and all(os.path.exists(os.path.join(TOP, path)) for path, _ in copied)
    for command in (rest for word, rest in steps if word == "RUN"):
        subprocess.run(["sh", "-n", "-c", command], check=True)
    (entry,) = [json.loads(rest) for word, rest in steps if word == "ENTRYPOINT"]
    with open(os.path.join(TOP, "Makefile")) as f:
        installs = f.read()
    assert entry == ["/usr/sbin/cetld", "-c", "/etc/cetl/cetl.conf"] and "$(PREFIX)/sbin/cetld" in installs and "$(SYSCONFDIR)/cetl/cetl.conf" in installs
    path = os.path.join(folder, "cetl.conf")
    shutil.copy(os.path.join(TOP, "conf/cetl.conf"), path)
    os.mkdir(os.path.join(folder, "conf.d"))
    shutil.copy(os.path.join(TOP, "conf/container.conf"), os.path.join(folder, "conf.d/00-container.conf"))
    check = subprocess.run([BINARY, "-c", path, "--check"], capture_output=True, text=True, timeout=30)
    assert check.returncode == 0, check.stderr
    shown = subprocess.run([BINARY, "-c", path, "--print-config"], capture_output=True, text=True, timeout=30).stdout
    assert "listen = 0.0.0.0:8080, unix:/run/cetl/cetld.sock" in shown and re.search(r"^url = *$", shown, re.M)


def texts_of_the_program():
    """Every text in the sources, pieces that stand behind each other joined, with … for what is filled in."""
    literal = r'"(?:[^"\\\n]|\\.)*"'
    found = []
    for path in glob.glob(os.path.join(TOP, "daemon/**/*.[ch]"), recursive=True) + glob.glob(os.path.join(TOP, "cli/*.[ch]")):
        with open(path, encoding="utf-8") as f:
            for match in re.finditer(r"%s(?:\s*(?:[A-Z]\w*\s*)?%s)*" % (literal, literal), f.read()):
                text = re.sub(r'"\s*[A-Z]\w*\s*"', "…", match.group(0))
                text = re.sub(r'"\s*"', "", text)[1:-1].replace('\\"', '"')
                found.append(re.sub(r"%[-+ #0-9.*]*(?:ll|z|h)?[a-zA-Z]", "…", text))
    return found


def test_messages_of_troubleshooting_are_the_programs():
    texts = texts_of_the_program()
    messages = re.findall(r"^`([^`]+)`\n>", Page("docs/troubleshooting.md").text, re.M)
    assert len(messages) > 30
    for message in messages:
        for piece in message.split("…"):
            piece = piece.strip(" ,;:()")
            assert len(piece) < 4 or any(piece in text for text in texts), "docs/troubleshooting.md: no part of the program says %r" % piece


@pytest.mark.parametrize("shown,printed,like", [("a\n…\nc", "a\nb\nc", True), ("a…", "abc", True), ("a", "ab", False), ("a.c", "abc", False), ("…", "", True)])
def test_dots_stand_for_anything(shown, printed, like):
    assert is_like(shown, printed) == like
