# SPDX-License-Identifier: MIT
"""
The cases of [store NAME] and [archive NAME], in a daemon of their own, since an archive gets every file. The store is a server that takes
everything and keeps the requests; which key, region and secret a request was signed with (AWS Signature Version 4) is computed anew.
"""

import hashlib
import hmac
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reload_cases import case
from reload_cases_notify import certificate
from waiting import until


class Recorder:
    def __init__(self, context=None):
        recorder, self.seen = self, []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                recorder.seen.append((self.path, dict((k.lower(), v) for k, v in self.headers.items())))
                self.send_response(200)
                self.send_header("ETag", '"x"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_HEAD(self):
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "http%s://127.0.0.1:%d" % ("s" if context else "", self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def put(self, words):
        """The request that puts an object of such a name."""
        return until(lambda: next((r for r in self.seen if all(w in r[0] for w in words)), None), lambda: "%s of %s" % (words, [r[0] for r in self.seen]), deadline=20)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def signed_by(request, secret):
    path, headers = request
    key, date, region, names, signature = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=(.+?)/(\d+)/([^/]+)/s3/aws4_request, *SignedHeaders=(\S+?), *Signature=(\w+)", headers["authorization"]).groups()
    lines = "".join("%s:%s\n" % (name, headers[name].strip()) for name in names.split(";"))
    plain, _, query = path.partition("?")
    asked = "\n".join(["PUT", plain, query, lines, names, headers["x-amz-content-sha256"]])
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], "%s/%s/s3/aws4_request" % (date, region), hashlib.sha256(asked.encode()).hexdigest()])
    made = ("AWS4" + secret).encode()
    for part in (date, region, "s3", "aws4_request", text):
        made = hmac.new(made, part.encode(), hashlib.sha256).digest()
    return made.hex() == signature


def recorder(world, name, context=None):
    if name not in world.closing:
        world.closing[name] = Recorder(context)
    return world.closing[name]


def main_store(n):
    """All options of the store that is for everything change at once."""
    def text(world):
        world.credential("c_store_%d" % n, "secret%d" % n)
        return ("[store all]\nurl = s3:\nendpoint = %s\nregion = region-%d\nkey_id = key%d\nsecret_file = %%d/c_store_%d\n" % (
            recorder(world, "all%d" % n).url, n, n, n))

    return text


def archived(bucket, name="c_"):
    return "[archive %s%s]\nurl = s3://%s/{id}-{name}\n" % (name, bucket.replace("-", "_"), bucket)


@case("store.endpoint", main_store(1), main_store(2), beside=archived("c-main"), group="stores")
def endpoint(world):
    for n in (1, 2):
        world.load("end_%d.csv" % n, "a\n%d\n" % n)
        recorder(world, "all%d" % n).put(["/c-main/", "end_%d.csv" % n])
        if n == 1:
            yield


def signed(option, right):
    def run(world):
        for n in (1, 2):
            world.load("%s_%d.csv" % (option, n), "a\n%d\n" % n)
            assert right(recorder(world, "all%d" % n).put(["/c-main/", "%s_%d.csv" % (option, n)]), n)
            if n == 1:
                yield

    case("store." + option, "", "", group="stores")(run)


signed("region", lambda request, n: "/region-%d/s3/" % n in request[1]["authorization"])
signed("key_id", lambda request, n: "Credential=key%d/" % n in request[1]["authorization"])
signed("secret_file", lambda request, n: signed_by(request, "secret%d" % n) and not signed_by(request, "secret%d" % (3 - n)))


@case("store.url", *[lambda w, u=u: "[store one]\nurl = %s\nendpoint = %s\n" % (u, recorder(w, "one").url) for u in ("s3://c-nothing", "s3://c-url")],
      beside=archived("c-url"), group="stores")
def store_url(world):
    world.load("for_1.csv", "a\n1\n")
    recorder(world, "all1").put(["/c-url/", "for_1.csv"])
    yield
    world.load("for_2.csv", "a\n2\n")
    recorder(world, "one").put(["/c-url/", "for_2.csv"])


def trusting(name):
    return lambda world: "[store known]\nurl = s3://c-tls\nendpoint = %s\nca_file = %s\n" % (
        recorder(world, "tls", certificate(world, "known")[1]).url, certificate(world, name)[0])


@case("store.ca_file", trusting("known"), trusting("other"), beside=archived("c-tls"), group="stores")
def store_ca_file(world):
    world.load("tls_1.csv", "a\n1\n")
    recorder(world, "tls").put(["/c-tls/", "tls_1.csv"])
    yield
    world.load("tls_2.csv", "a\n2\n")
    until(lambda: world.daemon.log_lines("archive c_c_tls: .*certificate"), world.daemon.log, deadline=20)


def folder_archive(name, place, more=""):
    return lambda world: "[archive %s]\nurl = file://%s/{id}/{name}\n%s" % (name, world.folder(place, {}), more)


def found(world, place, name):
    return any(name in names for _, _, names in os.walk(world.folder(place, {})))


@case("archive.url", folder_archive("c_to", "kept1"), folder_archive("c_to", "kept2"), group="stores")
def archive_url(world):
    for n in (1, 2):
        world.load("to_%d.csv" % n, "a\n%d\n" % n)
        until(lambda: found(world, "kept%d" % n, "to_%d.csv" % n), "it is stored", deadline=20)
        if n == 1:
            yield


@case("archive.failed", folder_archive("c_refused", "kept3", "failed = no\n"), folder_archive("c_refused", "kept3", "failed = yes\n"), group="stores")
def archive_failed(world):
    world.load("bad_1.csv", "a\n1,2\n", "failed")
    yield
    assert not found(world, "kept3", "bad_1.csv")
    world.load("bad_2.csv", "a\n1,2\n", "failed")
    until(lambda: found(world, "kept3", "bad_2.csv"), "it is stored", deadline=20)
