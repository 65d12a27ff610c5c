# SPDX-License-Identifier: MIT
"""reload_cases.py goes on: [notify NAME]. Each case has a dataset of its own, whose files fail, and receivers that hear of them."""

import os
import ssl
import subprocess

from reload_cases import case
from test_notify import Receiver
from waiting import until


def hook(world, name, context=None):
    """A receiver of that name, which the world closes at its end."""
    if name not in world.closing:
        world.closing[name] = Receiver(context)
    return world.closing[name]


def notify(key, before, after):
    """The options that are not there have those values that tell at once, to the receiver `key`."""
    def text(options):
        def made(world):
            values = {"datasets": "c_n_" + key, "delay": "0", "url": hook(world, key).url, **(options(world) if callable(options) else options)}
            return "[dataset c_n_%s]\nfiles = c_n_%s_?.csv\ncolumns = a bigint\n[notify n_%s]\n" % (key, key, key) + "".join("%s = %s\n" % o for o in values.items() if o[1] is not None)

        return made

    return case("notify." + key, text(before), text(after))


def fail(world, key, n):
    name = "c_n_%s_%d.csv" % (key, n)
    world.load(name, "a\nx%d\n" % n, "failed")
    return name


def hears(receiver, name):
    until(lambda: name in [e["name"] for e in receiver.events()], "%s is told" % name, deadline=15)


@notify("url", lambda w: {"url": hook(w, "first").url}, lambda w: {"url": hook(w, "second").url})
def url(world):
    hears(hook(world, "first"), fail(world, "url", 1))
    yield
    hears(hook(world, "second"), fail(world, "url", 2))


def url_in_file(name):
    def options(world):
        world.credential("c_n_" + name, hook(world, name).url)
        return {"url": None, "url_file": "%d/c_n_" + name}

    return options


@notify("url_file", url_in_file("third"), url_in_file("fourth"))
def url_file(world):
    hears(hook(world, "third"), fail(world, "url_file", 1))
    yield
    hears(hook(world, "fourth"), fail(world, "url_file", 2))


def token_in_file(name):
    def options(world):
        world.credential("c_n_" + name, name)
        return {"token_file": "%d/c_n_" + name}

    return options


@notify("token_file", token_in_file("token1"), token_in_file("token2"))
def token_file(world):
    for n in (1, 2):
        hears(hook(world, "token_file"), fail(world, "token_file", n))
        assert hook(world, "token_file").headers[-1]["Authorization"] == "Bearer token%d" % n
        if n == 1:
            yield


@notify("on", {"on": "failed"}, {"on": "loaded"})
def on(world):
    hears(hook(world, "on"), fail(world, "on", 1))
    yield
    world.load("c_n_on_2.csv", "a\n2\n")
    hears(hook(world, "on"), "c_n_on_2.csv")


@notify("datasets", {"datasets": "c_n_data*"}, {"datasets": "c_keep"})
def datasets(world):
    hears(hook(world, "datasets"), fail(world, "datasets", 1))
    yield
    world.load("c_keep_5.csv", "z\n1\n", "failed")
    hears(hook(world, "datasets"), "c_keep_5.csv")


def certificate(world, name):
    """(its path, a context of a server that has it)."""
    key, cert = [os.path.join(world.daemon.folder, name + end) for end in (".key", ".pem")]
    if not os.path.exists(cert):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def trusting(name):
    def options(world):
        return {"url": hook(world, "known", certificate(world, "known")[1]).url, "ca_file": certificate(world, name)[0]}

    return options


@notify("ca_file", trusting("known"), trusting("other"))
def ca_file(world):
    hears(hook(world, "known"), fail(world, "ca_file", 1))
    yield
    fail(world, "ca_file", 2)
    until(lambda: world.daemon.log_lines(r"n_ca_file.*dropped: .*certificate"), "it is not trusted any more", deadline=15)


@notify("delay", {"delay": "1h"}, {"delay": "0"})
def delay(world):
    waits = fail(world, "delay", 1)
    assert hook(world, "delay").events() == []
    yield
    hears(hook(world, "delay"), waits)


@notify("retry_for", {"retry_for": "1h"}, {"retry_for": "0"})
def retry_for(world):
    receiver = hook(world, "retry_for")
    receiver.answers = [(503, b"")]
    hears(receiver, fail(world, "retry_for", 1))
    yield
    receiver.answers = [(503, b"")]
    fail(world, "retry_for", 2)
    until(lambda: world.daemon.log_lines(r"n_retry_for.*dropped"), "it is not tried again", deadline=15)
