#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A proxy in front of PostgreSQL that understands its frames and breaks them where it is told to. Loopback only, no TLS (sslmode=disable).

  pgproxy.py --listen 127.0.0.1:6543 --upstream 127.0.0.1:5432 [--control 127.0.0.1:6544] [--rule RULE]... [--log FILE]

Says "pgproxy ready" on stdout when it listens.

RULE = DIRECTION:MESSAGE[~TEXT][#N][@before|@after]=ACTION[,once]

  DIRECTION  c2s (the daemon to the server) or s2c
  MESSAGE    Query Parse Bind Execute Sync CopyData CopyDone CopyFail Terminate … or CommandComplete ReadyForQuery ErrorResponse
             CopyInResponse DataRow …, or Any
  ~TEXT      only when the payload contains TEXT: Query~COMMIT, CommandComplete~COMMIT
  #N         at the N-th match on a connection (default 1)
  @before    the message itself is not forwarded (default); @after: it is forwarded first
  ACTION     rst         reset both sides
             fin         close both sides
             fincli      close the daemon's side only: the server still ends its work
             stall       forward nothing more, keep open; stall:SECONDS goes on then
             drop        swallow the message
             corrupt     flip bits of its last byte
             kill:PID:SIGNAL   signal a process (by numbers), and go on
  ,once      the rule is spent after it has fired once in the whole run

  c2s:CopyData#50=rst,once                cut in the middle of a COPY
  c2s:CopyDone=rst,once                   cut before the end of a COPY
  c2s:Query~COMMIT=rst,once               cut before COMMIT reaches the server: nothing may be in the table
  s2c:CommandComplete~COMMIT=rst,once     COMMIT is done and its answer lost: must not load twice
  s2c:ReadyForQuery#3=stall               the server hangs

Control port, one command a line, one line of answer each ("ok", "error …", "what?"; stats: JSON):
  pass                   lift latency, rate, stall, refuse, blackhole
  latency MS | rate BYTES_PER_S | stall | resume | refuse | accept | blackhole
  cut                    reset every connection now
  rule RULE | clear      add a rule, drop all rules
  stats                  connections, bytes, messages, fired rules
  quit
"""

import argparse
import json
import os
import re
import socket
import struct
import sys
import threading
import time

# The type bytes of protocol 3.0: https://www.postgresql.org/docs/current/protocol-message-formats.html
FROM_CLIENT = {b"Q": "Query", b"P": "Parse", b"B": "Bind", b"E": "Execute", b"S": "Sync", b"D": "Describe", b"C": "Close", b"H": "Flush",
               b"d": "CopyData", b"c": "CopyDone", b"f": "CopyFail", b"X": "Terminate", b"p": "Password", b"F": "FunctionCall"}
FROM_SERVER = {b"R": "Authentication", b"K": "BackendKeyData", b"S": "ParameterStatus", b"Z": "ReadyForQuery", b"C": "CommandComplete",
               b"E": "ErrorResponse", b"N": "NoticeResponse", b"T": "RowDescription", b"D": "DataRow", b"G": "CopyInResponse",
               b"H": "CopyOutResponse", b"d": "CopyData", b"c": "CopyDone", b"1": "ParseComplete", b"2": "BindComplete",
               b"3": "CloseComplete", b"n": "NoData", b"I": "EmptyQuery", b"t": "ParameterDescription", b"s": "PortalSuspended"}
NAMES = {"c2s": FROM_CLIENT, "s2c": FROM_SERVER}
SSL_REQUEST, GSSENC_REQUEST = 80877103, 80877104
RECEIVE_BYTES = 256 * 1024
RATE_PIECE = 4096
CLOSING = ("rst", "fin", "fincli")

RULE = re.compile(r"(?P<direction>c2s|s2c):(?P<message>\w+)(?:~(?P<text>[^#@=]+))?(?:#(?P<n>\d+))?(?:@(?P<when>before|after))?"
                  r"=(?P<action>rst|fincli|fin|stall(?::[\d.]+)?|drop|corrupt|kill:\d+:\d+)(?P<once>,once)?")


class Rule:
    def __init__(self, source):
        match = RULE.fullmatch(source)
        if not match:
            raise ValueError("bad rule: " + source)
        self.source = source
        self.direction, self.message, self.action = match["direction"], match["message"], match["action"]
        self.text = match["text"].encode() if match["text"] else b""
        self.n = int(match["n"] or 1)
        self.after = match["when"] == "after"
        self.once = bool(match["once"])
        self.spent = False

    def matches(self, direction, name, frame):
        return not self.spent and self.direction == direction and self.message in (name, "Any") and self.text in frame


class Proxy:
    """What all connections share: rules, the state of the line, counts. `lock` guards all of it."""

    CLEAR = {"latency": 0.0, "rate": 0, "stall": False, "refuse": False, "blackhole": False}

    def __init__(self, upstream, rules, log):
        self.upstream = upstream
        self.rules = [Rule(r) for r in rules]
        self.log_file = log
        self.lock = threading.Lock()
        self.line = dict(self.CLEAR)
        self.pairs = set()
        self.stats = {"conns": 0, "c2s": 0, "s2c": 0, "fired": [], "msgs": {}}

    def log(self, *words):
        if self.log_file:
            print("%.3f" % time.time(), *words, file=self.log_file, flush=True)

    def rule_for(self, pair, direction, name, frame):
        """Count the message; the rule that fires on it, or None."""
        with self.lock:
            key = direction + ":" + name
            self.stats["msgs"][key] = self.stats["msgs"].get(key, 0) + 1
            for rule in self.rules:
                if not rule.matches(direction, name, frame):
                    continue
                pair.hits[rule] = pair.hits.get(rule, 0) + 1
                if pair.hits[rule] != rule.n:
                    continue
                rule.spent = rule.once
                self.stats["fired"].append(rule.source)
                self.log("fired", rule.source)
                return rule
        return None

    def serve(self, listener):
        while True:
            client, _ = listener.accept()
            if self.line["refuse"]:
                reset(client)
                continue
            try:
                server = socket.create_connection(self.upstream, 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = Pair(self, client, server)
            with self.lock:
                self.pairs.add(pair)
                self.stats["conns"] += 1
            for direction in ("c2s", "s2c"):
                threading.Thread(target=pair.pump, args=(direction,), daemon=True).start()


def reset(s):
    """Close with RST instead of FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    shut(s, socket.SHUT_RD)
    s.close()


def shut(s, how):
    """shutdown also wakes another thread's recv, which close does not."""
    try:
        s.shutdown(how)
    except OSError:
        pass


class Pair:
    """One connection of the daemon and the one to the server that belongs to it, with a thread for each direction."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.hits = {}  # matches of each rule on this connection
        self.dead = self.stalled = self.started = False

    def end(self, how):
        with self.proxy.lock:
            if self.dead:
                return
            self.dead = True
            self.proxy.pairs.discard(self)
        for s in (self.client,) if how == "fincli" else (self.client, self.server):
            if how == "rst":
                reset(s)
            else:
                shut(s, socket.SHUT_RDWR)
                s.close()
        if how == "fincli":
            self.let_server_finish()

    def let_server_finish(self):
        try:
            self.server.shutdown(socket.SHUT_WR)
            self.server.settimeout(30)
            while self.server.recv(RECEIVE_BYTES):
                pass
        except OSError:
            pass
        self.server.close()

    def send(self, to, data):
        line = self.proxy.line
        while (line["stall"] or self.stalled) and not self.dead:
            time.sleep(0.02)
        if line["latency"]:
            time.sleep(line["latency"])
        if not line["rate"]:
            to.sendall(data)
            return
        for at in range(0, len(data), RATE_PIECE):
            if self.dead:
                return
            piece = data[at:at + RATE_PIECE]
            to.sendall(piece)
            time.sleep(len(piece) / max(line["rate"], 1) if line["rate"] else 0)

    def split(self, direction, data):
        """Whole frames of `data` and the rest."""
        frames = []
        while data:
            untyped = direction == "c2s" and not self.started
            if len(data) < (8 if untyped else 5):
                break
            length = struct.unpack("!I", data[:4])[0] if untyped else struct.unpack("!I", data[1:5])[0] + 1
            if length < 5 or len(data) < length:
                break
            frame, data = data[:length], data[length:]
            if untyped and struct.unpack("!I", frame[4:8])[0] in (SSL_REQUEST, GSSENC_REQUEST):
                self.client.sendall(b"N")
                continue
            frames.append((frame, "Startup" if untyped else NAMES[direction].get(frame[:1], "?")))
            self.started = self.started or untyped
        return frames, data

    def act(self, rule, frame):
        """Do what a rule says. What is to be forwarded, or None when this connection ends."""
        action, _, argument = rule.action.partition(":")
        rest = b"" if rule.after else frame
        if action in CLOSING:
            self.end(action)
            return None
        if action == "drop":
            return b""
        if action == "corrupt":
            return frame[:-1] + bytes([frame[-1] ^ 0x55])
        if action == "kill":
            pid, number = argument.split(":")
            os.kill(int(pid), int(number))
        if action == "stall":
            self.stalled = True
            if argument:
                time.sleep(float(argument))
                self.stalled = False
        return rest

    def forward(self, direction, to, frames):
        """False when the connection ended."""
        out = b""
        for frame, name in frames:
            rule = self.proxy.rule_for(self, direction, name, frame)
            if not rule:
                out += frame
                continue
            if rule.after:
                out += frame
            if out:
                self.send(to, out)
            out = self.act(rule, frame)
            if out is None:
                return False
        if out:
            self.proxy.stats[direction] += len(out)
            self.send(to, out)
        return True

    def pump(self, direction):
        source, to = (self.client, self.server) if direction == "c2s" else (self.server, self.client)
        data = b""
        try:
            while not self.dead:
                received = source.recv(RECEIVE_BYTES)
                if not received:
                    break
                if self.proxy.line["blackhole"]:
                    continue
                frames, data = self.split(direction, data + received)
                if not self.forward(direction, to, frames):
                    return
        except OSError:
            pass
        if self.dead:
            return
        shut(to, socket.SHUT_WR)
        if direction == "s2c":
            self.end("fin")


class Control:
    """The control port."""

    def __init__(self, proxy):
        self.proxy = proxy
        line = proxy.line
        self.commands = {
            "pass": lambda _: line.update(Proxy.CLEAR),
            "latency": lambda ms: line.update(latency=float(ms) / 1000),
            "rate": lambda bytes_per_s: line.update(rate=int(bytes_per_s)),
            "stall": lambda _: line.update(stall=True),
            "resume": lambda _: line.update(stall=False),
            "refuse": lambda _: line.update(refuse=True),
            "accept": lambda _: line.update(refuse=False),
            "blackhole": lambda _: line.update(blackhole=True),
            "cut": self.cut,
            "rule": self.add_rule,
            "clear": self.clear_rules,
            "stats": self.stats,
        }

    def cut(self, _):
        pairs = list(self.proxy.pairs)
        for pair in pairs:
            pair.end("rst")
        return "ok cut %d" % len(pairs)

    def add_rule(self, source):
        rule = Rule(source)
        with self.proxy.lock:
            self.proxy.rules.append(rule)

    def clear_rules(self, _):
        with self.proxy.lock:
            self.proxy.rules.clear()

    def stats(self, _):
        with self.proxy.lock:
            return json.dumps(dict(self.proxy.stats, open=len(self.proxy.pairs), state=self.proxy.line))

    def answer(self, text):
        word, _, argument = text.strip().partition(" ")
        if word not in self.commands:
            return "what?"
        try:
            return self.commands[word](argument.strip()) or "ok"
        except (ValueError, OSError) as e:
            return "error %s" % e

    def serve(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection, connection.makefile("rw") as lines:
            try:
                for text in lines:
                    if text.strip() == "quit":
                        print("ok", file=lines, flush=True)
                        os._exit(0)
                    print(self.answer(text), file=lines, flush=True)
            except OSError:
                pass


def address(text):
    host, _, port = text.rpartition(":")
    if not (host == "localhost" or host.startswith("127.")):
        raise argparse.ArgumentTypeError("loopback only: " + text)
    return host, int(port)


def listen(at):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(at)
    s.listen(64)
    return s


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", required=True, type=address)
    parser.add_argument("--upstream", required=True, type=address)
    parser.add_argument("--control", type=address)
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--log", type=argparse.FileType("a"))
    a = parser.parse_args()
    try:
        proxy = Proxy(a.upstream, a.rule, a.log)
    except ValueError as e:
        sys.exit(str(e))
    listener = listen(a.listen)
    if a.control:
        threading.Thread(target=Control(proxy).serve, args=(listen(a.control),), daemon=True).start()
    print("pgproxy ready", flush=True)
    proxy.serve(listener)


if __name__ == "__main__":
    main()
