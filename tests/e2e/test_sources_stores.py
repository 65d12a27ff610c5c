# SPDX-License-Identifier: MIT
"""Sources that are a folder, a bucket or a container: what is new below a URL is taken, once, whatever fails."""

import hashlib
import os
import re

import pytest

from source import digest
from stores import Trouble
from test_sources import pull, reload, source, zipped
from waiting import until

BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Place:
    """A folder, bucket or container to fill; `config` is of a source of what is below in/."""

    def __init__(self, folder, kind, server, name):
        self.kind, self.server, self.name = kind, server, name
        self.root = os.path.join(folder, "store")
        self.url = {"folder": "file://%s/in" % self.root, "s3": "s3://%s/in/" % name,
                    "azure": "azure://%s/%s/in/" % (server and getattr(server, "account", ""), name)}[kind]

    def put(self, key, data):
        data = data if isinstance(data, bytes) else data.encode()
        if self.kind == "folder":
            path = os.path.join(self.root, key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + "~", "wb") as f:
                f.write(data)
            os.utime(path + "~", (1.7e9 + len(data), 1.7e9 + int(hashlib.sha1(data).hexdigest()[:6], 16)))
            os.rename(path + "~", path)
        elif self.kind == "s3":
            self.server.request("PUT", "/%s/%s" % (self.name, key), body=data)
        else:
            self.server.request("PUT", "/%s/%s" % (self.name, key), body=data, headers={"x-ms-blob-type": "BlockBlob"})

    def remove(self, key):
        if self.kind == "folder":
            os.remove(os.path.join(self.root, key))
        else:
            self.server.request("DELETE", "/%s/%s" % (self.name, key))

    def config(self, folder, every="0", more="", port=None, secret=None):
        text = "[source s]\nurl = %s\nevery = %s\ndataset = things\n%s\n[dataset things]\ncolumns = id bigint, name text\n" % (self.url, every, more)
        if self.kind == "folder":
            return text
        path = os.path.join(folder, "secret")
        with open(path, "w") as f:
            f.write((secret or self.server.secret) + "\n")
        os.chmod(path, 0o600)
        endpoint = self.server.endpoint()
        if port:
            endpoint = re.sub(":[0-9]+", ":%d" % port, endpoint)
        return text + "[store st]\nurl = %s:\nendpoint = %s\nsecret_file = %s\n%s" % (
            self.kind, endpoint, path, "key_id = %s\n" % self.server.id if self.kind == "s3" else "")


KINDS = [pytest.param("s3", marks=pytest.mark.long), pytest.param("azure", marks=pytest.mark.long)]


@pytest.fixture(params=["folder"] + KINDS)
def place(request, folder):
    name = "b%s" % hashlib.sha1(request.node.name.encode()).hexdigest()[:12]
    server = {"folder": lambda: None, "s3": lambda: request.getfixturevalue("swift"), "azure": lambda: request.getfixturevalue("azurite")}[request.param]()
    if request.param == "s3":
        server.make_bucket(name)
    if request.param == "azure":
        server.make_container(name)
    return Place(folder, request.param, server, name)


def rows(first, n=2):
    return "id,name\n" + "".join("%d,n%d\n" % (i, i) for i in range(first, first + n))


def ids(database):
    return [r[0] for r in database.rows("SELECT id FROM things ORDER BY id")]


def test_what_is_new_is_taken_once(make_cetld, database, folder, place):
    place.put("in/a.csv", rows(1))
    place.put("in/deep/er/b c+d.zip", zipped(rows(3)))
    place.put("elsewhere/x.csv", rows(90))
    d = make_cetld(database.url(), config=place.config(folder)).start()
    answer = pull(d)
    assert answer.returncode == 0 and "s: pulled" in answer.stdout, (answer, d.log())
    assert ids(database) == [1, 2, 3, 4]
    assert sorted(e["name"] for e in d.ledger()) == ["a.csv", "b c+d.zip"]
    assert pull(d).stdout == "s: unchanged\n" and len(d.ledger()) == 2
    # New ones, after a restart; and a new version of an old one.
    d.restart()
    assert pull(d).stdout == "s: unchanged\n"
    place.put("in/c.csv", rows(5))
    place.put("in/a.csv", rows(7, 3))
    assert "s: pulled" in pull(d).stdout
    assert ids(database) == list(range(1, 10))
    # The same bytes under another name are a duplicate; what goes away is no trouble, and is forgotten one day.
    place.put("in/z.csv", rows(5))
    assert pull(d).returncode == 0
    d.wait_state("z.csv", "duplicate")
    for key in ("in/a.csv", "in/c.csv", "in/z.csv"):
        place.remove(key)
    assert pull(d).stdout == "s: unchanged\n"
    memory = os.path.join(d.state, "sources", "s.seen")
    assert os.path.getsize(memory) == 16
    assert pull(d).stdout == "s: unchanged\n"
    assert ids(database) == list(range(1, 10)) and d.files_in("work") == []


def test_it_comes_by_itself_and_what_cannot_be_taken_holds_up_nobody(make_cetld, database, folder, place):
    place.put("in/1.csv", rows(1))
    place.put("in/2_large.csv", rows(10, 2000))
    place.put("in/3_wrong.csv", "id,name\nx,y,z\n")
    place.put("in/4.csv", rows(3))
    d = make_cetld(database.url(), config=place.config(folder, "1s", "size_max = 4K\n")).start()
    d.wait_state("1.csv")
    d.wait_state("4.csv")
    d.wait_state("3_wrong.csv", "failed")
    until(lambda: source(d)["state"] == "failed", d.log)
    assert "2_large.csv" in source(d)["error"] and "size_max" in source(d)["error"]
    reload(d, place.config(folder, "1s"))
    d.wait_state("2_large.csv")
    assert len(d.ledger()) == 4
    place.put("in/5.csv", rows(5))
    d.wait_state("5.csv")
    until(lambda: source(d)["state"] == "unchanged", d.log)
    assert ids(database) == [1, 2, 3, 4, 5, 6] + list(range(10, 2010))


def test_a_kill_between_takes_nothing_twice(make_cetld, database, folder, place):
    for i in range(30):
        place.put("in/%02d.csv" % i, rows(10 * i))
    d = make_cetld(database.url(), config=place.config(folder, "1s")).start()
    for count in (3, 10, 20):
        until(lambda: len(database.rows("SELECT id FROM cetl.file")) >= count, d.log)
        d.kill9()
        d.start()
    d.wait_state("29.csv")
    until(lambda: source(d)["state"] == "unchanged", d.log)
    until(lambda: all(e["state"] in ("loaded", "duplicate") for e in d.ledger()), d.log)
    assert ids(database) == sorted(10 * i + k for i in range(30) for k in range(2))


@pytest.mark.parametrize("end", ["stop", "reload"])
def test_the_end_of_the_daemon_or_of_the_source_gives_a_pull_up(make_cetld, database, folder, place, end):
    for i in range(40):
        place.put("in/%02d.csv" % i, rows(10 * i))
    d = make_cetld(database.url(), config=place.config(folder, "1d")).start()
    until(lambda: d.ledger(), d.log)
    if end == "stop":
        d.stop()
        d.start()
    else:
        reload(d, "[dataset things]\ncolumns = id bigint, name text\n")
        assert d.get("/status", unix=True).json["sources"] == []
        reload(d, place.config(folder, "1d"))
    until(lambda: source(d)["state"] in ("pulled", "unchanged"), d.log)
    until(lambda: ids(database) == sorted(10 * i + k for i in range(40) for k in range(2)), d.log)


def test_more_than_a_page_and_more_than_a_pull(make_cetld, database, folder):
    place = Place(folder, "folder", None, "b")
    for i in range(1203):
        place.put("in/%d/%04d.csv" % (i % 7, i), "id,name\n%d,x\n" % i)
    d = make_cetld(database.url(), config=place.config(folder)).start()
    assert "pulled" in pull(d).stdout
    until(lambda: database.value("SELECT count(*) FROM things") == 1203, d.log)
    with open(d.log_path) as log:
        assert "1000 files came; the next ones follow" in log.read()
    assert ids(database) == list(range(1203)) and len(d.ledger()) == 1000  # as many as are shown
    until(lambda: not source(d)["state"] == "pulling", d.log)
    assert pull(d).stdout == "s: unchanged\n"


def test_a_file_that_is_being_written_is_waited_for(make_cetld, database, folder):
    place = Place(folder, "folder", None, "b")
    os.makedirs(os.path.join(place.root, "in"))
    d = make_cetld(database.url(), config=place.config(folder)).start()
    with open(os.path.join(place.root, "in", "fresh.csv"), "w") as f:
        f.write(rows(1))
    assert "pulled" in pull(d).stdout  # it waits until the file is quiet
    assert ids(database) == [1, 2]
    os.symlink(d.conf, os.path.join(place.root, "in", "link.csv"))
    os.mkfifo(os.path.join(place.root, "in", "pipe.csv"))
    with open(os.path.join(place.root, "in", ".hidden.csv"), "w") as f:
        f.write(rows(5))
    assert pull(d).stdout == "s: unchanged\n"


def test_a_folder_that_is_not_there_or_may_not_be_read_is_told(make_cetld, database, folder):
    place = Place(folder, "folder", None, "b")
    d = make_cetld(database.url(), config=place.config(folder)).start()
    answer = pull(d)
    assert answer.returncode == 1 and place.root in answer.stdout
    place.put("in/a.csv", rows(1))
    until(lambda: "pulled" in pull(d).stdout, d.log)  # what somebody asked for is tried again
    assert ids(database) == [1, 2]
    # What a broken disk left of the memory: entries of nothing, and half a one.
    with open(os.path.join(d.state, "sources", "s.seen"), "ab") as f:
        f.write(os.urandom(37))
    place.put("in/b.csv", rows(3))
    assert "pulled" in pull(d).stdout
    d.restart()
    assert pull(d).stdout == "s: unchanged\n" and ids(database) == [1, 2, 3, 4]


@pytest.fixture(params=KINDS)
def server_place(request, folder):
    name = "t%s" % hashlib.sha1(request.node.name.encode()).hexdigest()[:12]
    server = request.getfixturevalue("swift" if request.param == "s3" else "azurite")
    server.make_bucket(name) if request.param == "s3" else server.make_container(name)
    return Place(folder, request.param, server, name)


def test_a_store_that_is_busy_cut_or_away_is_tried_again(make_cetld, database, folder, server_place):
    place = server_place
    for i in range(6):
        place.put("in/%d.csv" % i, rows(10 * i))
    trouble = Trouble(place.server.port, lambda n, head: [None, BUSY, "cut", None, "cut", BUSY, None][n % 7])
    d = make_cetld(database.url(), config=place.config(folder, "1s", port=trouble.port)).start()
    for i in range(6):
        d.wait_state("%d.csv" % i)
    until(lambda: source(d)["state"] == "unchanged", d.log)
    trouble.close()
    assert ids(database) == sorted(10 * i + k for i in range(6) for k in range(2)) and len(d.ledger()) == 6


def test_a_wrong_key_or_bucket_is_told_in_the_stores_words(make_cetld, database, folder, server_place):
    place = server_place
    place.put("in/a.csv", rows(1))
    wrong = "d3Jvbmc=" if place.kind == "azure" else "wrong"
    d = make_cetld(database.url(), config=place.config(folder, secret=wrong)).start()
    answer = pull(d)
    assert answer.returncode == 1 and re.search("403|[Ss]ignature|[Aa]uth", answer.stdout), answer
    reload(d, place.config(folder).replace(place.name, "nosuchbucket"))
    answer = pull(d)
    assert answer.returncode == 1 and re.search("404|403|[Nn]o ?[Ss]uch|[Nn]ot ?[Ff]ound|not exist", answer.stdout), answer
    reload(d, place.config(folder))
    assert pull(d).returncode == 0 and ids(database) == [1, 2]


@pytest.mark.long
def test_a_name_that_is_too_long_is_told_and_holds_up_nobody(make_cetld, database, folder, azurite):
    """1024 characters may be more bytes than a key has room for here."""
    azurite.make_container("names")
    place = Place(folder, "azure", azurite, "names")
    place.put("in/" + "é" * 700 + ".csv", rows(1))
    place.put("in/" + "é" * 300 + "/z.csv", rows(3))
    d = make_cetld(database.url(), config=place.config(folder)).start()
    answer = pull(d)
    assert answer.returncode == 1 and "longer than 1024 bytes" in answer.stdout, answer
    d.wait_state("z.csv")
    assert ids(database) == [3, 4]


@pytest.mark.long
def test_a_large_object_comes_whole(make_cetld, database, folder, swift):
    swift.make_bucket("large")
    place = Place(folder, "s3", swift, "large")
    text = rows(0, 800000)
    place.put("in/large.csv", text)
    with open(os.path.join(folder, "large.csv"), "w") as f:
        f.write(text)
    d = make_cetld(database.url(), config=place.config(folder)).start()
    assert pull(d).returncode == 0
    assert database.value("SELECT encode(sha256, 'hex') FROM cetl.file") == digest(os.path.join(folder, "large.csv"))
    assert database.value("SELECT count(*) FROM things") == 800000
