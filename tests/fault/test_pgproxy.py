# SPDX-License-Identifier: MIT
"""pgproxy.py against a server that only knows the frames: each rule breaks what it says and nothing else."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading

import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "pgproxy.py")


def frame(kind, payload=b""):
    return kind + struct.pack("!I", len(payload) + 4) + payload


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def read_frame(s):
    head = read_exactly(s, 5)
    return head[:1], read_exactly(s, struct.unpack("!I", head[1:])[0] - 4)


class Server:
    """Answers each Query with CommandComplete and ReadyForQuery, and remembers it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.queries = []
        self.ended = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        try:
            read_exactly(s, struct.unpack("!I", read_exactly(s, 4))[0] - 4)
            s.sendall(frame(b"R", b"\0\0\0\0") + frame(b"Z", b"I"))
            while True:
                kind, payload = read_frame(s)
                if kind == b"Q":
                    self.queries.append(payload.rstrip(b"\0").decode())
                    s.sendall(frame(b"C", payload) + frame(b"Z", b"I"))
        except (EOFError, OSError):
            self.ended.set()


@pytest.fixture
def server():
    s = Server()
    yield s
    s.listener.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Proxy:
    def __init__(self, server, *rules):
        self.port, control = free_port(), free_port()
        arguments = [sys.executable, PROGRAM, "--listen", "127.0.0.1:%d" % self.port, "--control", "127.0.0.1:%d" % control,
                     "--upstream", "127.0.0.1:%d" % server.listener.getsockname()[1]]
        for rule in rules:
            arguments += ["--rule", rule]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"pgproxy ready\n"
        self.lines = socket.create_connection(("127.0.0.1", control), 10).makefile("rw")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def tell(self, command):
        print(command, file=self.lines, flush=True)
        return self.lines.readline().strip()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), 10)
        s.sendall(struct.pack("!II", 8, 80877103))  # SSLRequest is refused by the proxy itself
        assert read_exactly(s, 1) == b"N"
        s.sendall(struct.pack("!II", 8, 196608))
        assert [read_frame(s)[0] for _ in range(2)] == [b"R", b"Z"]
        return s


def ask(s, text, split=False):
    data = frame(b"Q", text.encode() + b"\0")
    for piece in [data[:7], data[7:]] if split else [data]:
        s.sendall(piece)
    return [read_frame(s) for _ in range(2)]


def is_gone(s, answers_first=False):
    """The proxy has ended the connection; whether the server's answer came first may be left open."""
    try:
        return s.recv(1) == b"" or (answers_first and is_gone(s, True))
    except ConnectionResetError:
        return True


def test_without_rules_everything_goes_through(server):
    with Proxy(server) as proxy, proxy.connect() as s:
        assert ask(s, "SELECT 1") == [(b"C", b"SELECT 1\0"), (b"Z", b"I")]
        assert ask(s, "SELECT 2", split=True)[0][1] == b"SELECT 2\0"
        stats = json.loads(proxy.tell("stats"))
        assert stats["open"] == 1 and stats["msgs"]["c2s:Query"] == 2 and stats["fired"] == []


def test_a_cut_before_commit_keeps_it_from_the_server(server):
    with Proxy(server, "c2s:Query~COMMIT=rst,once") as proxy:
        with proxy.connect() as s:
            ask(s, "BEGIN")
            s.sendall(frame(b"Q", b"COMMIT\0"))
            assert is_gone(s)
        assert server.ended.wait(10) and server.queries == ["BEGIN"]
        with proxy.connect() as s:
            ask(s, "COMMIT")  # once
        assert json.loads(proxy.tell("stats"))["fired"] == ["c2s:Query~COMMIT=rst,once"]


def test_the_answer_to_commit_can_be_lost(server):
    with Proxy(server, "s2c:CommandComplete~COMMIT=rst,once") as proxy, proxy.connect() as s:
        s.sendall(frame(b"Q", b"COMMIT\0"))
        assert is_gone(s)
        assert server.queries == ["COMMIT"]


def test_the_nth_match_counts_on_each_connection(server):
    with Proxy(server, "c2s:Query#2=fin") as proxy:
        for _ in range(2):
            with proxy.connect() as s:
                ask(s, "one")
                s.sendall(frame(b"Q", b"two\0"))
                assert is_gone(s)


def test_drop_corrupt_and_after_touch_one_message(server):
    rules = ("c2s:Query~drop=drop", "s2c:CommandComplete~bad=corrupt", "c2s:Query~last@after=fincli")
    with Proxy(server, *rules) as proxy, proxy.connect() as s:
        s.sendall(frame(b"Q", b"drop\0"))
        assert ask(s, "bad")[0][1] == b"bad\x55"
        s.sendall(frame(b"Q", b"last\0"))
        assert is_gone(s, answers_first=True)
        assert server.ended.wait(10) and server.queries == ["bad", "last"]


def test_the_line_can_stall_and_go_on(server):
    with Proxy(server) as proxy, proxy.connect() as s:
        assert proxy.tell("stall") == "ok"
        s.sendall(frame(b"Q", b"q\0"))
        s.settimeout(0.3)
        with pytest.raises(socket.timeout):
            s.recv(1)
        s.settimeout(10)
        assert proxy.tell("resume") == "ok"
        assert read_frame(s)[0] == b"C"


def test_refuse_accept_and_cut(server):
    with Proxy(server) as proxy:
        proxy.tell("refuse")
        with contextlib.suppress(ConnectionResetError):  # as soon as that
            with socket.create_connection(("127.0.0.1", proxy.port), 10) as s:
                assert is_gone(s)
        proxy.tell("accept")
        with proxy.connect() as s:
            assert proxy.tell("cut") == "ok cut 1"
            assert is_gone(s)


def test_nonsense_is_answered_and_changes_nothing(server):
    with Proxy(server) as proxy:
        assert proxy.tell("rule nonsense").startswith("error bad rule")
        assert proxy.tell("latency soon").startswith("error")
        assert proxy.tell("dance") == "what?"
        with proxy.connect() as s:
            ask(s, "SELECT 1")
