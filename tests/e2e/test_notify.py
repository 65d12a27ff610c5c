# SPDX-License-Identifier: MIT
"""[notify]: a webhook is told of files that fail, wait or cannot be read, whatever its receiver does, and no load waits for it."""

import json
import os
import re
import signal
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from waiting import until

ORDERS = """
[dataset orders]
files = orders*.csv
columns = id int primary key

[dataset later]
files = later*.csv
columns = id int
requires = orders

[notify team]
url = %s
delay = %s
%s
"""


class Receiver:
    """A web server that keeps what it is sent, and answers what it is told to: a status, or (status, header, …)."""

    def __init__(self, context=None):
        self.bodies, self.headers, self.answers, self.open = [], [], [], threading.Event()
        self.open.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append(dict(self.headers))
                receiver.open.wait(60)
                status, body_back, *fields = receiver.answers.pop(0) if receiver.answers else (200, b"")
                if status == 200:
                    receiver.bodies.append(json.loads(body))
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body_back)))
                self.end_headers()
                try:
                    self.wfile.write(body_back)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = "http%s://127.0.0.1:%d/hook" % ("s" if context else "", self.port)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def events(self):
        return [e for body in list(self.bodies) for e in body["events"]]

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def counts(daemon):
    text = daemon.get("/metrics").body.decode()
    found = {k: int(v) for k, v in re.findall(r'^cetl_notifications_total\{outcome="(\w+)"\} (\d+)$', text, re.M)}
    found["queued"] = int(re.search(r"^cetl_notifications_queued (\d+)$", text, re.M).group(1))
    found["retries"] = int(re.search(r"^cetl_notification_retries_total (\d+)$", text, re.M).group(1))
    return found


def reload(daemon):
    before = len(daemon.log_lines("configuration reloaded"))
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.log_lines("configuration reloaded")) == before + 1, daemon.log)


def test_failed_waiting_and_unreadable_files_are_told_and_loaded_ones_are_not(cetld, receiver):
    daemon = cetld(ORDERS % (receiver.url, "100ms", ""))
    daemon.drop("later_1.csv", "id\n1\n")
    until(lambda: [e["state"] for e in receiver.events()] == ["waiting"], "the one that waits")
    waits = receiver.events()[0]
    assert waits["dataset"] == "later" and waits["name"] == "later_1.csv" and "nothing was loaded yet" in waits["error"] and waits["id"] is None
    daemon.drop("orders_1.csv", "id\nx\n")
    until(lambda: len(receiver.events()) == 2, "the one that failed")
    failed, body = receiver.events()[1], receiver.bodies[1]
    entry = daemon.wait_state("orders_1.csv", "failed")
    assert (failed["state"], failed["dataset"], failed["name"], failed["id"]) == ("failed", "orders", "orders_1.csv", entry["id"])
    assert failed["error"] == entry["error"] and failed["rows"]["rejected"] == failed["rows"]["read"] == 1
    assert body["text"].startswith("orders_1.csv of orders failed: ") and body["left_out"] == 0
    os.symlink("/etc/passwd", os.path.join(daemon.spool, "incoming", "orders_link.csv"))
    until(lambda: len(receiver.events()) == 3, "the one that cannot be read")
    assert receiver.events()[2]["state"] == "unreadable" and "cannot be read: " in receiver.bodies[2]["text"]
    daemon.drop("orders_2.csv", "id\n1\n")
    daemon.wait_state("later_1.csv")
    daemon.drop("orders_3.csv", "id\ny\n")
    until(lambda: len(receiver.events()) == 4, "the next one that failed")
    assert [e["state"] for e in receiver.events()] == ["waiting", "failed", "unreadable", "failed"]
    assert len({b["id"] for b in receiver.bodies}) == 4
    headers = receiver.headers[0]
    assert headers["Content-Type"] == "application/json" and "Authorization" not in headers
    assert counts(daemon) == {"sent": 4, "dropped": 0, "queued": 0, "retries": 0}


def test_chosen_events_of_chosen_datasets_with_a_token(cetld, receiver, folder):
    path = os.path.join(folder, "token")
    with open(path, "w") as f:
        f.write("s3cret\n")
    daemon = cetld(ORDERS % (receiver.url, "0", "on = loaded, duplicate\ndatasets = ord*\ntoken_file = %s" % path))
    daemon.drop("orders_1.csv", "id\n1\n2\n")
    daemon.wait_state("orders_1.csv")
    daemon.drop("later_1.csv", "id\n1\n")
    daemon.wait_state("later_1.csv")
    daemon.drop("orders_2.csv", "id\nx\n")
    daemon.wait_state("orders_2.csv", "failed")
    daemon.drop("orders_3.csv", "id\n1\n2\n")
    until(lambda: len(receiver.events()) == 2, "both")
    loaded, duplicate = receiver.events()
    assert loaded["state"] == "loaded" and loaded["rows"] == {"read": 2, "loaded": 2, "updated": 0, "ignored": 0, "rejected": 0, "filtered": 0}
    assert duplicate["state"] == "duplicate" and duplicate["duplicate_of"] == loaded["id"]
    assert receiver.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in daemon.log()


def test_what_happens_together_is_sent_together(cetld, receiver):
    daemon = cetld(ORDERS % (receiver.url, "1s", ""))
    for n in range(120):
        daemon.drop("orders_%d.csv" % n, "id\nx%d\n" % n)
    until(lambda: len(receiver.events()) == 120, "all are told", deadline=60)
    assert len(receiver.bodies) < 30 and max(len(b["events"]) for b in receiver.bodies) <= 50
    large = max(receiver.bodies, key=lambda b: len(b["events"]))
    assert len(large["text"].splitlines()) == 11 and large["text"].endswith("… and %d more" % (len(large["events"]) - 10))


def test_receiver_that_is_down_gets_it_later_and_once(cetld, receiver):
    receiver.answers = [(503, b""), (0, b""), (429, b"", ("Retry-After", "1")), (200, b"x" * 2000000)]
    daemon = cetld(ORDERS % (receiver.url, "0", ""))
    daemon.drop("orders_1.csv", "id\nx\n")
    daemon.wait_state("orders_1.csv", "failed")  # which does not wait for that
    until(lambda: len(receiver.events()) == 1, "it is told in the end", deadline=60)
    until(lambda: counts(daemon)["queued"] == 0, lambda: str(counts(daemon)))
    after = counts(daemon)
    assert (after["sent"], after["dropped"]) == (1, 0), daemon.log()
    assert after["retries"] in (2, 3)  # libcurl itself asks again where a kept connection was closed
    assert len(daemon.log_lines("is tried again")) == 1 and len(daemon.log_lines("takes notifications again")) == 1
    assert len(receiver.headers) == 4


def test_answer_that_will_not_change_drops_it_with_a_word(cetld, receiver):
    receiver.answers = [(302, b"", ("Location", receiver.url)), (404, b"no")]
    daemon = cetld(ORDERS % (receiver.url, "0", ""))
    for n, code in ((1, 302), (2, 404)):
        daemon.drop("orders_%d.csv" % n, "id\nx%d\n" % n)
        until(lambda: counts(daemon)["dropped"] == n, "dropped")
        assert daemon.log_lines("it answered %d" % code)
    daemon.drop("orders_3.csv", "id\nx3\n")
    until(lambda: [e["name"] for e in receiver.events()] == ["orders_3.csv"], "the next one goes")


def test_it_is_given_up_after_retry_for(cetld, receiver):
    receiver.answers = [(503, b"")] * 2
    daemon = cetld(ORDERS % (receiver.url, "0", "retry_for = 0"))
    daemon.drop("orders_1.csv", "id\nx\n")
    until(lambda: counts(daemon)["dropped"] == 1, "at once")
    assert daemon.log_lines("1 notifications are dropped: it answered 503") and counts(daemon)["retries"] == 0
    daemon.drop("orders_2.csv", "id\ny\n")
    until(lambda: counts(daemon)["dropped"] == 2, "and the next one, too")
    daemon.drop("orders_3.csv", "id\nz\n")
    until(lambda: [e["name"] for e in receiver.events()] == ["orders_3.csv"], "until it is there again")


def test_names_are_escaped_and_long_errors_are_whole_json(cetld, receiver):
    daemon = cetld(ORDERS % (receiver.url, "0", ""))
    name = b'orders_"\\\x1b[31m\n\xff.csv'
    daemon.drop(name, b"id\n" + b'"\xc3\xa9\xff\n\x01' + b"y" * 3000 + b'"\n')
    until(lambda: len(receiver.events()) == 1, "it is told", deadline=30)
    (event,), (body,) = receiver.events(), receiver.bodies
    for text in (event["name"], body["text"]):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", text), text
    assert event["name"].startswith("orders_") and event["state"] == "failed" and body["text"].count("\n") == 0


def test_hanging_receiver_delays_no_load_and_no_end_and_the_queue_is_bounded(cetld, receiver, database):
    receiver.open.clear()
    daemon = cetld(ORDERS % (receiver.url, "0", "on = loaded"))
    for n in range(1100):
        daemon.drop("orders_%d.csv" % n, "id\n%d\n" % n)
    until(lambda: database.value("SELECT count(*)::int FROM orders") == 1100, "all are loaded", deadline=120)
    until(lambda: counts(daemon)["dropped"] > 0, lambda: str(counts(daemon)))
    seen = counts(daemon)
    assert seen["queued"] <= 1000 and seen["queued"] + seen["dropped"] == 1100 and seen["sent"] == 0
    receiver.open.set()
    until(lambda: counts(daemon)["queued"] == 0, "the others come when it answers", deadline=60)
    assert sum(b["left_out"] for b in receiver.bodies) == seen["dropped"]
    receiver.open.clear()
    daemon.drop("orders_x.csv", "id\n5000\n")
    until(lambda: counts(daemon)["queued"] == 1, "one is on its way")
    daemon.stop(deadline=20)
    assert len(daemon.log_lines("1 notifications were not sent")) == 1


def test_end_of_the_daemon_waits_a_moment_for_who_is_to_be_told(cetld, receiver):
    daemon = cetld(ORDERS % (receiver.url, "1min", ""))
    daemon.drop("orders_1.csv", "id\nx\n")
    until(lambda: counts(daemon)["queued"] == 1, "more may come")
    daemon.stop()
    assert [e["name"] for e in receiver.events()] == ["orders_1.csv"] and not daemon.log_lines("were not sent")


def test_address_that_is_mended_is_tried_at_once(cetld, receiver):
    receiver.answers = [(503, b"", ("Retry-After", "60"))]
    daemon = cetld(ORDERS % (receiver.url, "0", ""))
    daemon.drop("orders_1.csv", "id\nx\n")
    until(lambda: counts(daemon)["retries"] == 1, "it rests")
    daemon.write_config(ORDERS % (receiver.url + "/mended", "0", ""))
    reload(daemon)
    until(lambda: [e["name"] for e in receiver.events()] == ["orders_1.csv"], "it is told", deadline=20)


def test_reload_changes_receivers_and_keeps_what_waits(cetld, receiver):
    daemon = cetld(ORDERS % ("http://127.0.0.1:1/nobody", "0", ""))
    daemon.drop("orders_1.csv", "id\nx\n")
    until(lambda: daemon.log_lines("is tried again"), "nobody is there")
    daemon.write_config(ORDERS % (receiver.url, "0", ""))
    reload(daemon)
    until(lambda: [e["name"] for e in receiver.events()] == ["orders_1.csv"], "it goes to the new address", deadline=60)
    daemon.write_config((ORDERS % (receiver.url, "0", "")).split("[notify")[0])
    reload(daemon)
    daemon.drop("orders_2.csv", "id\ny\n")
    daemon.wait_state("orders_2.csv", "failed")
    assert counts(daemon)["queued"] == 0 and len(receiver.bodies) == 1


def test_certificate_is_checked(cetld, folder):
    key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    receiver = Receiver(context)
    try:
        daemon = cetld(ORDERS % (receiver.url, "0", "") + "\n[notify known]\nurl = %s\nca_file = %s\ndelay = 0\n" % (receiver.url, cert))
        daemon.drop("orders_1.csv", "id\nx\n")
        until(lambda: counts(daemon)["sent"] == counts(daemon)["dropped"] == 1, lambda: str(counts(daemon)) + daemon.log())
        assert len(receiver.events()) == 1 and re.search(r"\[notify team\]: 1 notifications are dropped: .*certificate", daemon.log())
    finally:
        receiver.close()


@pytest.mark.parametrize("lines, words", [
    ("", "a receiver needs an address"),
    ("url = ftp://example.org/", "url: it does not begin with https:// or http://"),
    ("url = https:///x", "url: it names no host"),
    ("url = https://me:secret@example.org/", "url: it holds a user's name"),
    ("url = https://example.org/a b", "url: it holds a blank"),
    ("url = https://example.org/\nurl_file = %s/conf", "url and url_file are both there"),
    ("url_file = %s/nothing", "url_file: "),
    ("url = https://example.org/\non = faild", "on: 'faild' is none of failed, waiting, unreadable, loaded, duplicate, backup (did you mean 'failed'?)"),
    ("url = https://example.org/\non =", "on names nothing"),
    ("url = https://example.org/\ndatasets = [a", "datasets: '[a' is no glob"),
    ("url = https://example.org/\ntoken_file = %s/nothing", "token_file: "),
])
def test_mistakes_are_told_with_their_place(make_cetld, database, folder, lines, words):
    daemon = make_cetld(database.url(), "[notify team]\n" + (lines % folder if "%s" in lines else lines) + "\n")
    run = subprocess.run([daemon.binary, "--check", "-c", daemon.conf], capture_output=True, text=True)
    assert run.returncode != 0 and words in run.stdout + run.stderr, run.stdout + run.stderr
    assert re.search(r"cetl\.conf:\d+: ", run.stdout + run.stderr) and "secret" not in run.stdout + run.stderr
