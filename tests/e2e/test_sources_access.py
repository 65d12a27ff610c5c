# SPDX-License-Identifier: MIT
"""Sources whose servers want a token, a password or a signed address: these go there alone, and are shown nowhere."""

import base64
import os
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from daemon import BINARY
from test_sources import CETL, pull, reload, source
from waiting import until

OPTIONS = ["source.%s" % name for name in ("url_file", "token_file", "user", "password_file", "plain_http")]
TOKEN, PASSWORD, SIGNATURE = "tok/en+3f9a1c77", "pass word:7d1e", "c0ffee%2Fsig%3D%3D"
BASIC = "Basic " + base64.b64encode(b"cetld:" + PASSWORD.encode()).decode()


class Guarded(ThreadingHTTPServer):
    """Lets in who shows `wanted` (or a query, where that is a query). `heard` has (path, Authorization) of each request."""

    daemon_threads = True

    def __init__(self, host="127.0.0.1", family=socket.AF_INET, context=None):
        self.address_family = family
        super().__init__((host, 0), GuardedHandler)
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.heard, self.wanted, self.refusal, self.redirects = [], None, (401, {}, b""), {}
        self.origin = "http%s://%s:%d" % ("s" if context else "", "[%s]" % host if ":" in host else host, self.server_address[1])
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def shown(self, path):
        return [authorization for heard, authorization in self.heard if heard.split("?")[0] == path]


class GuardedHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, shown = self.server, self.headers.get("Authorization")
        server.heard.append((self.path, shown))
        status, headers, body = 200, {"ETag": '"1"'}, ("v\n%s\n" % self.path.split("?")[0]).encode()
        if self.path in server.redirects:
            status, headers, body = 302, {"Location": server.redirects[self.path]}, b""
        elif server.wanted and server.wanted not in (shown, self.path.partition("?")[2]):
            status, headers, body = server.refusal
        elif self.headers.get("If-None-Match") == '"1"':
            status, body = 304, b""
        self.send_response(status)
        for item in headers.items():
            self.send_header(*item)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def guarded():
    made = []

    def make(*arguments, **options):
        made.append(Guarded(*arguments, **options))
        return made[-1]

    yield make
    for server in made:
        server.shutdown()
        server.server_close()


class Secrets:
    def __init__(self, folder):
        self.folder = str(folder)

    def __call__(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text + "\n")
        return path


@pytest.fixture
def secret(folder):
    return Secrets(folder)


def section(name="s", **options):
    return "[source %s]\nevery = 0\n" % name + "".join("%s = %s\n" % o for o in options.items())


def by_token(secret, url, **options):
    return section(url=url, token_file=secret("token", TOKEN), **options)


def is_nowhere(daemon, *words):
    """In no log, no answer, no file of the daemon's state, and not in the ledger."""
    texts = {"log": daemon.log()}
    for path in ("/status", "/config", "/v1/files", "/metrics"):
        texts[path] = daemon.get(path, unix=True).body.decode()
    texts["ledger"] = str(daemon.ledger())
    for folder, _, names in os.walk(os.path.join(daemon.folder, "state")):
        for name in names:
            with open(os.path.join(folder, name), "rb") as f:
                texts[name] = f.read().decode("latin-1")
    texts["--print-config"] = subprocess.run([BINARY, "--print-config", "-c", daemon.conf], capture_output=True, text=True).stdout
    texts["cetl config"] = subprocess.run([CETL, "-c", daemon.conf, "--socket", daemon.socket, "config"], capture_output=True, text=True).stdout
    assert "[source s]" in texts["--print-config"] and "source s" in texts["cetl config"] and "sources" in texts["/status"]
    for place, text in texts.items():
        for word in words:
            assert word not in text, (place, word)


def test_a_token_or_a_password_opens_the_server_and_is_shown_nowhere(make_cetld, database, guarded, secret):
    server = guarded()
    server.wanted = "Bearer " + TOKEN
    d = make_cetld(database.url(), config=by_token(secret, server.origin + "/a.csv")).start()
    assert "pulled" in pull(d).stdout
    assert "unchanged" in pull(d).stdout  # the version is asked for with the token
    assert server.shown("/a.csv") == ["Bearer " + TOKEN] * 2
    server.wanted = BASIC
    reload(d, section(url=server.origin + "/b.csv", user="cetld", password_file=secret("password", PASSWORD)))
    assert "pulled" in pull(d).stdout and server.shown("/b.csv") == [BASIC]
    is_nowhere(d, TOKEN, PASSWORD, BASIC[6:])


@pytest.mark.parametrize("credential", ["token", "password"])
def test_no_redirect_takes_it_to_another_origin(make_cetld, database, guarded, secret, credential):
    first, second = guarded(), guarded()
    port = first.server_address[1]
    first.redirects = {"/same.csv": "/here.csv", "/port.csv": second.origin + "/port2.csv", "/host.csv": "http://localhost:%d/host2.csv" % port,
                       "/there-and-back.csv": second.origin + "/back.csv"}
    second.redirects = {"/back.csv": "http://localhost:%d/back2.csv" % port}
    more = {"token_file": secret("token", TOKEN)} if credential == "token" else {"user": "cetld", "password_file": secret("password", PASSWORD)}
    shown = "Bearer " + TOKEN if credential == "token" else BASIC
    text = "".join(section(name, url=first.origin + "/%s.csv" % path, **more)
                   for name, path in (("s", "same"), ("port", "port"), ("host", "host"), ("back", "there-and-back")))
    d = make_cetld(database.url(), config=text).start()
    answer = pull(d)
    assert answer.returncode == 0, (answer, d.log())
    assert first.shown("/same.csv") == first.shown("/port.csv") == first.shown("/host.csv") == [shown]
    assert first.shown("/here.csv") == [shown]
    assert second.heard and {authorization for _, authorization in second.heard} == {None}
    assert first.shown("/host2.csv") == first.shown("/back2.csv") == [None]


def certificate(folder):
    key, pem = os.path.join(str(folder), "key"), os.path.join(str(folder), "pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context


def test_another_scheme_is_another_origin(make_cetld, database, guarded, secret, folder):
    pem, context = certificate(folder)
    secure, plain = guarded(context=context), guarded()
    secure.wanted = "Bearer " + TOKEN
    plain.redirects = {"/up.csv": secure.origin + "/a.csv"}
    secure.redirects = {"/down.csv": plain.origin + "/a.csv"}
    d = make_cetld(database.url(), config=by_token(secret, secure.origin + "/a.csv", ca_file=pem)).start()
    assert "pulled" in pull(d).stdout and secure.heard == [("/a.csv", "Bearer " + TOKEN)]
    reload(d, by_token(secret, plain.origin + "/up.csv", ca_file=pem))
    told = pull(d).stdout
    assert "%s, to which the server redirected, answered 401; it was not sent the token of token_file" % secure.origin in told
    assert secure.shown("/a.csv")[1:] == [None]
    reload(d, by_token(secret, secure.origin + "/down.csv", ca_file=pem))
    assert "failed" in pull(d).stdout and plain.shown("/a.csv") == []


def test_a_refusal_is_told_in_the_servers_words_without_the_secret(make_cetld, database, guarded, secret):
    server = guarded()
    server.wanted = "another"
    url = server.origin + "/a.csv"
    quoted = TOKEN.replace("/", "\\/")
    d = make_cetld(database.url()).start()
    for text, refusal, words in [
        (section(url=url), (401, {"WWW-Authenticate": 'Basic realm="feed"'}, b""), 'the server answered 401; it wants user and password_file: Basic realm="feed"'),
        (section(url=url), (401, {"WWW-Authenticate": "Bearer"}, b"<html><title>Who &amp; why?</title><p>x"), "it wants token_file: Who & why?"),
        (section(url=url), (403, {}, b""), "the server answered 403; it may want token_file, or user and password_file"),
        (by_token(secret, url), (401, {}, b'{"error": {"message": "%s has expired"}}' % quoted.encode()),
         "the server answered 401 to the token of token_file: *************** has expired"),
        (by_token(secret, url), (401, {"WWW-Authenticate": 'Bearer error="invalid_token"'}, b""), 'token_file: Bearer error="invalid_token"'),
        (section(url=url, user="cetld", password_file=secret("password", PASSWORD)), (403, {}, b"\n not %s\x07\nmore" % BASIC[6:].encode()),
         "the server answered 403 to the name and password of user and password_file: not %s\\x07" % ("*" * len(BASIC[6:]))),
        (section(url=url + "?X-Amz-Signature=" + SIGNATURE), (403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired: c0ffee/sig==</Message></Error>"),
         "the server answered 403 to what stands behind the '?' of url, which may have run out: Request has expired: ************"),
        # One that is in another one leaves nothing of that.
        (section(url=url + "?a=c0ffee&X-Amz-Signature=" + SIGNATURE), (403, {}, b"<title>No: c0ffee/sig==</title>"), "run out: No: ************"),
        # More than can be blacked out: nothing of it is shown.
        (section(url=url + "?" + "".join("a%d=word%d&" % (i, i) for i in range(60)) + "X-Amz-Signature=" + SIGNATURE),
         (403, {}, b"<title>No: c0ffee/sig==</title>"), "run out\n"),
    ]:
        server.refusal = refusal
        reload(d, text)
        answer = pull(d)
        assert answer.returncode == 1 and words in answer.stdout, (words, answer)
        assert source(d)["error"] in d.log()
    is_nowhere(d, TOKEN, PASSWORD, BASIC[6:], SIGNATURE, "c0ffee/sig==")
    assert server.heard and len(d.ledger()) == 0


def test_a_signed_address_works_and_its_signature_is_shown_nowhere(make_cetld, database, guarded, secret):
    server = guarded()
    server.wanted = "X-Amz-Expires=60&X-Amz-Signature=" + SIGNATURE
    url = server.origin + "/signed.csv?" + server.wanted
    d = make_cetld(database.url(), config=section(url=url)).start()
    assert "pulled" in pull(d).stdout and "unchanged" in pull(d).stdout
    assert d.wait_state("signed.csv")["dataset"] == "s"
    assert "url = %s?…" % url.split("?")[0] in subprocess.run([BINARY, "--print-config", "-c", d.conf], capture_output=True, text=True).stdout
    reload(d, section(url_file=secret("address", url)))
    assert "unchanged" in pull(d).stdout
    is_nowhere(d, SIGNATURE, "X-Amz-Expires")


def test_a_reload_brings_new_secrets(make_cetld, database, guarded, secret):
    """Each of OPTIONS."""
    server = guarded()
    server.refusal = (401, {}, b"no")
    server.wanted = "Bearer second"
    d = make_cetld(database.url(), config=section(url=server.origin + "/a.csv", token_file=secret("token", "first"))).start()
    assert "answered 401" in pull(d).stdout
    reload(d, section(url=server.origin + "/a.csv", token_file=secret("token2", "second")).replace("every = 0", "every = 1d"))
    until(lambda: source(d)["state"] == "pulled", d.log)  # at once, not in a day
    server.wanted = BASIC
    for user, password, state in (("cetld", "wrong", "failed"), ("other", PASSWORD, "failed"), ("cetld", PASSWORD, "unchanged")):
        reload(d, section(url=server.origin + "/a.csv", user=user, password_file=secret("password-" + user + password[:2], password)))
        assert "s: " + state in pull(d).stdout
    server.wanted = "sig=12345678"
    for signature, state in (("87654321", "failed"), ("12345678", "pulled")):
        reload(d, section(url_file=secret("address" + signature, server.origin + "/b.csv?sig=" + signature)))
        assert "s: " + state in pull(d).stdout
    open_http = section(url="http://cetld.invalid/a.csv", token_file=secret("token", "first"))
    d.write_config(open_http)
    refused = d.request("POST", "/reload", unix=True)
    assert refused.status == 422 and "plain_http = yes" in refused.body.decode(), refused
    reload(d, open_http + "plain_http = yes\n")
    assert "s: failed: " in pull(d).stdout  # there is no such host


class Tunnel(threading.Thread):
    """A proxy for https: `heads` are the CONNECT requests that it heard."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener, self.heads = socket.create_server(("127.0.0.1", 0)), []
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.heads.append(head.decode())
            host, port = head.split()[1].decode().split(":")
            server = socket.create_connection((host, int(port)), 30)
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    @staticmethod
    def pump(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_a_tunnel_through_a_proxy_does_not_tell_it(make_cetld, database, guarded, secret, folder):
    pem, context = certificate(folder)
    server, tunnel = guarded(context=context), Tunnel()
    server.wanted = "Bearer " + TOKEN
    d = make_cetld(database.url(), config=by_token(secret, server.origin + "/a.csv", ca_file=pem))
    d.environment = {"https_proxy": tunnel.url, "no_proxy": ""}
    d.start()
    assert "pulled" in pull(d).stdout
    tunnel.close()
    (head,) = tunnel.heads
    assert head.startswith("CONNECT ") and "Authorization" not in head and TOKEN not in head


def test_a_proxy_does_not_hear_what_is_sent_to_this_machine(make_cetld, database, guarded, secret):
    server, proxy = guarded(), guarded()
    server.wanted = "Bearer " + TOKEN
    d = make_cetld(database.url(), config=by_token(secret, server.origin + "/a.csv"))
    d.environment = {"http_proxy": proxy.origin, "no_proxy": ""}
    d.start()
    assert "pulled" in pull(d).stdout and proxy.heard == []
    reload(d, section(url=server.origin + "/a.csv"))
    pull(d)
    assert len(proxy.heard) == 1  # the environment counts
