# SPDX-License-Identifier: MIT
"""Object stores to test against, each in a temporary folder on loopback: Swift with its s3api (which checks signatures), and Azurite."""

import base64
import datetime
import hashlib
import hmac
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import npm
from cluster import free_port
from waiting import until

SWIFT = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = %(port)d
user = %(user)s
swift_dir = %(folder)s/etc
devices = %(folder)s/srv
mount_check = false
workers = 0
disable_fallocate = true
log_address = /dev/null
%(more)s"""

BACKEND = """[pipeline:main]
pipeline = %(kind)s-server
[app:%(kind)s-server]
use = egg:swift#%(kind)s
allow_versions = true
"""

PROXY = """[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth slo dlo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
force_swift_request_proxy_log = false
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
"""


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Server:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="cetld-store-")
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.processes, self.ports = [], [self.port]

    def run(self, *command, **options):
        log = open(os.path.join(self.folder, "log-%d" % len(self.processes)), "wb")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options))

    def wait(self):
        until(lambda: all(answers(port) for port in self.ports), "the store answers: " + self.folder, deadline=60)

    def remove(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Swift(Server):
    """S3's API: key id test:tester, secret testing. One process each of proxy, account, container and object server."""

    id, secret = "test:tester", "testing"

    def __init__(self):
        super().__init__()
        assert shutil.which("swift-proxy-server"), "Swift is missing: tools/deps.sh long"
        for name in ("etc", "srv/d1"):
            os.makedirs(os.path.join(self.folder, name))
        etc = os.path.join(self.folder, "etc")
        user = "swift" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        with open(os.path.join(etc, "swift.conf"), "w") as f:
            f.write("[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n[storage-policy:0]\nname = one\ndefault = yes\n")
        for kind in ("object", "container", "account"):
            port = free_port()
            self.ports.append(port)
            self.write(etc, kind, port, user, BACKEND % {"kind": kind})
            ring = os.path.join(etc, kind + ".builder")
            for words in (["create", "4", "1", "0"], ["add", "r1z1-127.0.0.1:%d/d1" % port, "1"], ["rebalance"]):
                subprocess.run(["swift-ring-builder", ring] + words, cwd=etc, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.write(etc, "proxy", self.port, user, PROXY)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", user, self.folder], check=True)
        environment = {**os.environ, "SWIFT_CONF_FILE": os.path.join(etc, "swift.conf")}
        for kind in ("object", "container", "account", "proxy"):
            self.run("swift-%s-server" % kind, os.path.join(etc, kind + ".conf"), env=environment)
        self.wait()

    def write(self, etc, kind, port, user, more):
        with open(os.path.join(etc, kind + ".conf"), "w") as f:
            f.write(SWIFT % {"port": port, "user": user, "folder": self.folder, "more": more})

    def endpoint(self):
        return "http://127.0.0.1:%d" % self.port

    def request(self, method, path, query="", body=b""):
        """A request that is signed here, by another hand than cetld's."""
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp, day, host = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), "127.0.0.1:%d" % self.port
        digest, names = hashlib.sha256(body).hexdigest(), "host;x-amz-content-sha256;x-amz-date"
        pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        query = "&".join(urllib.parse.quote(k, safe="-._~") + "=" + urllib.parse.quote(v, safe="-._~") for k, v in pairs)
        path = urllib.parse.quote(path, safe="/-._~")
        canonical = "\n".join([method, path, query, "host:" + host, "x-amz-content-sha256:" + digest, "x-amz-date:" + stamp, "", names, digest])
        scope = day + "/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for part in (day, "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        request = urllib.request.Request("http://%s%s%s" % (host, path, "?" + query if query else ""), method=method, data=body or None)
        request.add_header("x-amz-date", stamp)
        request.add_header("x-amz-content-sha256", digest)
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (self.id, scope, names, signature))
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def make_bucket(self, name):
        self.request("PUT", "/" + name)

    def object(self, bucket, key):
        return self.request("GET", "/%s/%s" % (bucket, key))


class Azurite(Server):
    """Azure Blob: the account is Azurite's well-known one."""

    account = "devstoreaccount1"
    secret = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

    def __init__(self):
        super().__init__()
        main = os.path.join(npm.install(), "node_modules/azurite/dist/src/blob/main.js")
        self.run("node", main, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", self.folder, "--skipApiVersionCheck",
                 "--disableTelemetry", "--silent")
        self.wait()

    def endpoint(self):
        return "http://127.0.0.1:%d/%s" % (self.port, self.account)

    def request(self, method, path, query="", body=b"", headers=None):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
        ms = {"x-ms-date": now, "x-ms-version": "2021-12-02", **(headers or {})}
        pairs = sorted(urllib.parse.parse_qsl(query))
        text = "\n".join([method, "", "", str(len(body)) if body else "", "", "", "", "", "", "", "", ""])
        text += "\n" + "".join("%s:%s\n" % pair for pair in sorted(ms.items()))
        text += "/%s/%s%s" % (self.account, self.account, urllib.parse.quote(path)) + "".join("\n%s:%s" % pair for pair in pairs)
        signature = base64.b64encode(hmac.new(base64.b64decode(self.secret), text.encode(), hashlib.sha256).digest()).decode()
        request = urllib.request.Request(self.endpoint() + urllib.parse.quote(path) + ("?" + query if query else ""), method=method, data=body or None)
        for name, value in {**ms, "Authorization": "SharedKey %s:%s" % (self.account, signature)}.items():
            request.add_header(name, value)
        if not body and method == "PUT":
            request.add_header("Content-Length", "0")
        if body:
            request.add_header("Content-Type", "")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def make_container(self, name):
        self.request("PUT", "/" + name, "restype=container")

    def object(self, container, key):
        return self.request("GET", "/%s/%s" % (container, key))

    def sas(self, container, permissions="rwdlac"):
        """A shared access signature for a container (version 2020-12-06 of the text that is signed)."""
        expiry = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        version = "2020-12-06"
        text = "\n".join([permissions, "", expiry, "/blob/%s/%s" % (self.account, container), "", "", "", version, "c", "", "", "", "", "", "", ""])
        signature = base64.b64encode(hmac.new(base64.b64decode(self.secret), text.encode(), hashlib.sha256).digest()).decode()
        return urllib.parse.urlencode({"sv": version, "se": expiry, "sr": "c", "sp": permissions, "sig": signature})


class Trouble(threading.Thread):
    """
    In front of a store: hands requests on byte by byte, but for those of which `plan` says another thing. plan(n, head) gets the number
    of the connection and the request's head, and gives None, "cut" (the connection is closed with the request half read), "lost" (the
    request is done, the answer is not given), a number (the seconds that each 64 KiB of body and answer take) or bytes (the answer). One
    request a connection.
    """

    def __init__(self, port, plan):
        super().__init__(daemon=True)
        self.to, self.plan, self.seen = port, plan, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            self.one(client)
        except OSError:
            pass
        finally:
            client.close()

    def one(self, client):
        client.settimeout(60)
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65536)
            if not more:
                return
            head += more
        head, body = head.split(b"\r\n\r\n", 1)
        self.seen.append(head.split(b"\r\n")[0].decode())
        verdict = self.plan(len(self.seen), head.decode("latin-1"))
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if verdict == "cut":
            if length > len(body):
                client.recv(1024)
            return
        slow = isinstance(verdict, float)
        while len(body) < length:
            more = client.recv(65536 if slow else 1 << 20)
            if not more:
                return
            body += more
            if slow:
                time.sleep(verdict * len(more) / 65536)
        if isinstance(verdict, bytes):
            client.sendall(verdict)
            return
        with socket.create_connection(("127.0.0.1", self.to), 60) as store:
            store.sendall(head + b"\r\nConnection: close\r\n\r\n" + body)
            answer = b""
            while True:
                more = store.recv(1 << 20)
                if not more:
                    break
                if verdict == "lost":
                    answer += more
                    continue
                for at in range(0, len(more), 65536 if slow else len(more)):
                    client.sendall(more[at:at + 65536] if slow else more)
                    if slow:
                        time.sleep(verdict)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
