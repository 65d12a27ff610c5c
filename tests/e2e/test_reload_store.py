# SPDX-License-Identifier: MIT
"""As test_reload.py, for [store] and [archive]: these are about every file, so they have a daemon of their own, and a reload each."""

import http.server
import os
import signal
import ssl
import subprocess
import threading

import pytest

from waiting import until

OPTIONS = ["store.url", "store.endpoint", "store.region", "store.key_id", "store.secret_file", "store.ca_file", "archive.url", "archive.failed"]


class Refusing:
    """A store that refuses everything, and keeps what it was asked: (request line, Authorization)."""

    def __init__(self, context=None):
        heard = self.heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                heard.append((self.requestline, self.headers.get("Authorization", "")))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(403)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "http%s://127.0.0.1:%d" % ("s" if context else "", self.server.server_port)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def hears(self, words):
        until(lambda: any(words in line + " " + signed for line, signed in self.heard), lambda: "%s is asked for: %s" % (words, self.heard), deadline=15)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self, daemon):
        self.daemon, self.files, self.reloads, self.closing = daemon, 0, 0, []

    def store(self, context=None):
        self.closing.append(Refusing(context))
        return self.closing[-1]

    def file(self, name, text):
        path = os.path.join(self.daemon.folder, name)
        with open(path, "w") as f:
            f.write(text + "\n")
        return path

    def configure(self, text):
        self.reloads += 1
        self.daemon.write_config(text)
        self.daemon.signal(signal.SIGHUP)
        until(lambda: len(self.daemon.log_lines("configuration reloaded")) >= self.reloads, self.daemon.log)
        until(lambda: self.daemon.get("/readyz").status == 200, self.daemon.log)

    def load(self, state="loaded"):
        self.files += 1
        name = "f%d.csv" % self.files
        self.daemon.drop(name, "a\n%d\n" % self.files if state == "loaded" else "a\n1,%d\n" % self.files)
        self.daemon.wait_state(name, state)
        return name


@pytest.fixture(scope="module")
def world(module_cetld):
    made = World(module_cetld())
    yield made
    for store in made.closing:
        store.close()


def section(name, kind, **options):
    return "[%s %s]\n" % (kind, name) + "".join("%s = %s\n" % o for o in options.items())


def s3(world, name, **options):
    """A [store] and an [archive] of that name."""
    values = {"url": "s3:", "key_id": "id", "secret_file": world.file("secret-" + name, "secret"), **options}
    return section(name, "store", **values) + section(name, "archive", url="s3://bucket/%s/{id}" % name)


def changes(world, before, first, after, second):
    """Under `before` a file makes `first` true; a reload alone makes `second` so."""
    world.configure(before)
    world.load()
    first()
    world.configure(after)
    second()


def test_url(world):
    one, other = world.store(), world.store()
    rest = section("rest", "store", url="s3://", endpoint=other.url)
    changes(world, s3(world, "u", url="s3://bucket", endpoint=one.url) + rest, lambda: one.hears("/bucket/u/"),
            s3(world, "u", url="s3://elsewhere", endpoint=one.url) + rest, lambda: other.hears("/bucket/u/"))


def test_endpoint(world):
    one, other = world.store(), world.store()
    changes(world, s3(world, "e", endpoint=one.url), lambda: one.hears("/e/"), s3(world, "e", endpoint=other.url), lambda: other.hears("/e/"))


def test_region(world):
    at = world.store()
    changes(world, s3(world, "r", endpoint=at.url), lambda: at.hears("/us-east-1/s3/"),
            s3(world, "r", endpoint=at.url, region="eu-north-9"), lambda: at.hears("/eu-north-9/s3/"))


def test_key_id(world):
    at = world.store()
    changes(world, s3(world, "k", endpoint=at.url, key_id="FIRST"), lambda: at.hears("Credential=FIRST/"),
            s3(world, "k", endpoint=at.url, key_id="SECOND"), lambda: at.hears("Credential=SECOND/"))


def test_secret_file(world):
    at = world.store()

    def azure(sas):
        return section("s", "store", url="azure:", endpoint=at.url, secret_file=world.file("sas-" + sas, "sv=1&sig=" + sas)) + section(
            "s", "archive", url="azure://account/box/{id}")

    changes(world, azure("first"), lambda: at.hears("sig=first"), azure("second"), lambda: at.hears("sig=second"))


def certificate(world, name):
    """(its path, a context of a server that has it)"""
    key, cert = [os.path.join(world.daemon.folder, name + end) for end in (".key", ".pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_ca_file(world):
    known, context = certificate(world, "known")
    other, _ = certificate(world, "other")
    at = world.store(context)
    changes(world, s3(world, "c", endpoint=at.url, ca_file=other),
            lambda: until(lambda: world.daemon.log_lines("archive c: .*certificate"), world.daemon.log),
            s3(world, "c", endpoint=at.url, ca_file=known), lambda: at.hears("/c/"))


def test_where_an_archive_is(world):
    one, other = [os.path.join(world.daemon.folder, n) for n in ("one", "other")]

    def stores(place):
        name = world.load()
        until(lambda: os.path.isdir(place) and any(n.endswith("-" + name) for n in os.listdir(place)), "%s is in %s" % (name, place))

    changes(world, section("a", "archive", url="file://%s/{id}-{name}" % one), lambda: stores(one),
            section("a", "archive", url="file://%s/{id}-{name}" % other), lambda: stores(other))


def test_failed(world):
    place = os.path.join(world.daemon.folder, "failed")

    def text(failed):
        return section("f", "archive", url="file://%s/{id}-{name}" % place, failed=failed)

    def stored(name):
        return os.path.isdir(place) and [n for n in os.listdir(place) if n.endswith("-" + name)]

    world.configure(text("no"))
    refused, loaded = world.load("failed"), world.load()
    until(lambda: stored(loaded), world.daemon.log)
    world.configure(text("yes"))
    later = world.load("failed")
    until(lambda: stored(later), world.daemon.log)
    assert not stored(refused)
