# SPDX-License-Identifier: MIT
"""The calls of store/store.h, one by one (tests/store/probe.c), against a folder, Swift's s3api and Azurite."""

import hashlib
import os
import subprocess

import pytest

from daemon import BINARY
from stores import Swift, Trouble

PROBE = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "store-probe")
MISSING, REFUSED, CHANGED, AGAIN = 1, 2, 3, 4
PART = 8 << 20
ODD_KEY = "a/sp ace+plus=é(1)&#~'%41.csv"
BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Place:
    def __init__(self, url, server=None, **environment):
        self.url, self.server, self.environment = url, server, environment

    def probe(self, *words, **environment):
        run = subprocess.run([PROBE, self.url, *words], env={**os.environ, **self.environment, **environment}, timeout=120,
                             capture_output=True, text=True)
        assert run.returncode >= 0 and not run.stderr, run
        return run.returncode, run.stdout.strip()


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.long), pytest.param("azure", marks=pytest.mark.long)])
def place(request, folder):
    name = "b%s" % hashlib.sha1(request.node.name.encode()).hexdigest()[:12]
    if request.param == "folder":
        return Place("file://" + os.path.join(folder, "store"))
    server = request.getfixturevalue("swift" if request.param == "s3" else "azurite")
    if request.param == "s3":
        server.make_bucket(name)
        return Place("s3://" + name, server, ENDPOINT=server.endpoint(), KEY_ID=server.id, SECRET=server.secret)
    server.make_container(name)
    return Place("azure://%s/%s" % (server.account, name), server, ENDPOINT=server.endpoint(), SECRET=server.secret)


@pytest.fixture
def small(folder):
    path = os.path.join(folder, "small.csv")
    with open(path, "wb") as f:
        f.write(b"id,name\n1,one\n")
    return path


@pytest.fixture
def large(folder):
    path = os.path.join(folder, "large.csv")
    with open(path, "wb") as f:
        for i in range(2 * PART // 16 + 1):
            f.write(b"%015d\n" % i)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


@pytest.mark.parametrize("size", ["small", "large"])
def test_what_is_stored_comes_back(place, folder, size, request):
    path, got = request.getfixturevalue(size), os.path.join(folder, "got")
    for key in ("plain.csv", ODD_KEY):
        status, text = place.probe("put", key, path)
        assert (status, text.split()[2]) == (0, "new"), text
        assert place.probe("put", key, path)[1].split()[2] == "there"
        assert place.probe("get", key, got)[0] == 0
        assert read(got) == read(path)
        status, text = place.probe("head", key)
        assert (status, int(text.split()[0])) == (0, os.path.getsize(path))


def test_the_names_of_objects_are_listed_by_pages(place, small):
    keys = ["a/1.csv", "a/2.csv", "a/<&>.csv", "b/3.csv"]
    for key in reversed(keys):
        assert place.probe("put", key, small)[0] == 0
    status, text = place.probe("list", PAGE="1")
    assert (status, [line.split(None, 3)[3] if " GMT " not in line else line.split(" GMT ")[1] for line in text.splitlines()]) == (0, keys)
    assert len(place.probe("list", "a/")[1].splitlines()) == 3
    assert place.probe("list", "c")[1] == ""


def test_another_content_takes_the_place_and_a_removed_one_is_gone(place, small, large, folder):
    got = os.path.join(folder, "got")
    assert place.probe("put", "k", small)[0] == place.probe("put", "k", large)[0] == place.probe("put", "k", small)[0] == 0
    assert place.probe("get", "k", got)[0] == 0 and read(got) == read(small)
    assert place.probe("delete", "k")[0] == place.probe("delete", "k")[0] == 0
    assert place.probe("head", "k")[0] == place.probe("get", "k", got)[0] == MISSING


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_file_that_is_not_what_it_was_is_not_stored(place, size, request):
    assert place.probe("put", "k", request.getfixturevalue(size), WRONG_SUM="1")[0] == CHANGED
    assert place.probe("head", "k")[0] == MISSING


def test_keys_stay_below_a_folder(folder, small):
    place = Place("file://" + os.path.join(folder, "store"))
    for key in ("../x", "a/../../x", "/x", "a//b", ".", ""):
        assert place.probe("put", key, small)[0] == REFUSED, key
    assert os.listdir(folder) == ["small.csv"]


def test_a_key_that_is_too_long_hides_no_others(folder):
    deep = os.path.join(folder, "store", *["d" * 200] * 6)  # further down than a key can tell
    os.makedirs(deep)
    for path in (deep, os.path.dirname(deep), os.path.join(folder, "store", "a"), os.path.join(folder, "store", "z")):
        os.makedirs(path, exist_ok=True)
        for n in range(20):
            with open(os.path.join(path, "%d.csv" % n), "w") as f:
                f.write("x")
    status, text = Place("file://" + os.path.join(folder, "store")).probe("list")
    assert (status, len(text.splitlines())) == (0, 60)


def listed(place, *prefix, **environment):
    status, text = place.probe("list", *prefix, **environment)
    assert status == 0, text
    return [line.split(" ", 3)[3] for line in text.splitlines()]


def test_pages_of_a_folder_are_the_keys_in_their_order(folder):
    """Folders whose names sort before and behind what they hold, and beside those that they begin."""
    keys = ["%s%d.csv" % (path, n) for path in ("", "a/", "a/b/", "a-/", "a0/", "b/deep/er/", "é/") for n in range(9)]
    for key in keys:
        path = os.path.join(folder, "store", key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
    place = Place("file://" + os.path.join(folder, "store"))
    keys.sort(key=os.fsencode)
    for page in ("1", "2", "7", "1000"):
        assert listed(place, PAGE=page) == keys
        for prefix in ("a", "a/", "a/b/3", "b", "b/deep/er/", "c"):
            assert listed(place, prefix, PAGE=page) == [key for key in keys if key.startswith(prefix)]


@pytest.mark.long
def test_a_page_of_a_large_folder_takes_little_memory(folder):
    deep = os.path.join(folder, "store", *["d" * 200] * 4)
    for n in range(16000):
        if n % 1600 == 0:
            os.makedirs(os.path.join(deep, str(n)))
        open(os.path.join(deep, str(n // 1600 * 1600), "%05d.csv" % n), "w").close()
    place = Place("file://" + os.path.join(folder, "store"))
    *lines, peak = place.probe("list", PAGE="900", PEAK="1")[1].splitlines()
    assert len(lines) == 16000
    assert int(peak) < 24 << 10, peak  # the keys alone are 13 MB, twice while they grow


def test_urls_that_are_none_are_told():
    for url, words in (("s3://", "BUCKET"), ("s3://a b/", "BUCKET"), ("azure://only", "CONTAINER"), ("ftp://x", "ftp://x"), ("file://x", "file://x")):
        status, text = Place(url).probe("list")
        assert status == REFUSED and words in text, text
    assert "key_id" in Place("s3://b", SECRET="s").probe("list")[1]
    assert "endpoint" in Place("s3://b", ENDPOINT="127.0.0.1:9").probe("list")[1]
    assert Place("s3://b", ENDPOINT="http://127.0.0.1:1", TRIES="1").probe("list")[0] == AGAIN


@pytest.mark.long
def test_the_store_says_what_is_wrong(swift, azurite, small):
    swift.make_bucket("words")
    azurite.make_container("words")
    s3 = dict(ENDPOINT=swift.endpoint(), KEY_ID=swift.id, SECRET=swift.secret)
    azure = dict(ENDPOINT=azurite.endpoint(), SECRET=azurite.secret)
    account = "azure://" + azurite.account
    for url, environment, words in (("s3://words", {**s3, "SECRET": "wrong"}, "SignatureDoesNotMatch"), ("s3://nowhere", s3, "NoSuchBucket"),
                                    (account + "/words", {**azure, "SECRET": "d3Jvbmc="}, "AuthorizationFailure"),
                                    (account + "/nowhere", azure, "ContainerNotFound"),
                                    (account + "/words", {**azure, "SECRET": azurite.sas("words", "r")}, "AuthorizationPermissionMismatch")):
        status, text = Place(url, **environment).probe("put", "k", small)
        assert status == REFUSED and words in text, text
        status, text = Place(url, **environment).probe("list")
        assert status == REFUSED and words in text, text


@pytest.mark.long
def test_a_shared_access_signature_is_enough(azurite, large):
    azurite.make_container("sas")
    place = Place("azure://%s/sas" % azurite.account, ENDPOINT=azurite.endpoint(), SECRET="?" + azurite.sas("sas"))
    assert place.probe("put", ODD_KEY, large)[0] == 0
    assert azurite.object("sas", ODD_KEY) == read(large)


@pytest.mark.long
@pytest.mark.parametrize("size", ["small", "large"])
def test_a_signature_that_may_write_but_not_read_is_enough_to_store(azurite, size, request):
    azurite.make_container("blind" + size)
    path = request.getfixturevalue(size)
    place = Place("azure://%s/blind%s" % (azurite.account, size), ENDPOINT=azurite.endpoint(), SECRET=azurite.sas("blind" + size, "cw"))
    status, text = place.probe("put", "k", path)
    assert status == 0 and azurite.object("blind" + size, "k") == read(path), text
    assert place.probe("head", "k")[0] == REFUSED


def faulty(server, plan):
    """A place whose store is behind Trouble."""
    trouble = Trouble(server.port, plan)
    path = "" if isinstance(server, Swift) else "/" + server.account
    return trouble, "http://127.0.0.1:%d%s" % (trouble.port, path)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["s3", "azure"])
@pytest.mark.parametrize("fault", [BUSY, "cut", "lost"], ids=["busy", "cut", "lost"])
def test_each_request_survives_a_fault(kind, fault, swift, azurite, large, request):
    """The first try of every request of an upload in parts fails."""
    server, name = (swift if kind == "s3" else azurite), "f%s" % hashlib.sha1(request.node.name.encode()).hexdigest()[:12]
    (server.make_bucket if kind == "s3" else server.make_container)(name)
    met = set()

    def plan(n, head):
        line = (n // 1000, head.split("\r\n")[0])
        if line in met:
            return None
        met.add(line)
        return fault

    trouble, endpoint = faulty(server, plan)
    try:
        url = "s3://" + name if kind == "s3" else "azure://%s/%s" % (server.account, name)
        place = Place(url, ENDPOINT=endpoint, SECRET=server.secret, **({"KEY_ID": server.id} if kind == "s3" else {}))
        status, text = place.probe("put", "k.csv", large)
        assert status == 0, text
        assert server.object(name, "k.csv") == read(large)
        assert len(met) >= (7 if kind == "s3" else 5), trouble.seen
        if kind == "s3":
            assert b"<Upload>" not in server.request("GET", "/" + name, "uploads=")
    finally:
        trouble.close()


@pytest.mark.long
def test_what_an_upload_that_was_killed_left_behind_is_swept(swift, large):
    swift.make_bucket("swept")
    swift.request("POST", "/swept/k.csv", "uploads=")
    swift.request("POST", "/swept/k.csv2", "uploads=")
    place = Place("s3://swept", ENDPOINT=swift.endpoint(), KEY_ID=swift.id, SECRET=swift.secret)
    assert place.probe("put", "k.csv", large)[0] == 0
    left = swift.request("GET", "/swept", "uploads=")
    assert left.count(b"<Upload>") == 1 and b"<Key>k.csv2</Key>" in left
    assert place.probe("list")[1].endswith(" k.csv") and len(place.probe("list")[1].splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize("size", ["small", "large"])
def test_a_key_that_may_write_but_not_look_stores_once(swift, size, request):
    swift.make_bucket("blind" + size)
    path = request.getfixturevalue(size)
    denied = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    trouble, endpoint = faulty(swift, lambda n, head: denied if head.startswith(("HEAD", "GET")) else None)
    try:
        status, text = Place("s3://blind" + size, ENDPOINT=endpoint, KEY_ID=swift.id, SECRET=swift.secret).probe("put", "k", path)
        assert status == 0 and swift.object("blind" + size, "k") == read(path), text
        assert len([line for line in trouble.seen if line.startswith("PUT")]) == (1 if size == "small" else 3)
    finally:
        trouble.close()


@pytest.mark.long
def test_an_upload_that_fails_leaves_no_parts(swift, large):
    swift.make_bucket("parts")
    trouble, endpoint = faulty(swift, lambda n, head: BUSY if "partNumber=2" in head else None)
    try:
        place = Place("s3://parts", ENDPOINT=endpoint, KEY_ID=swift.id, SECRET=swift.secret, TRIES="2")
        assert place.probe("put", "k", large)[0] == AGAIN
        assert b"<Upload>" not in swift.request("GET", "/parts", "uploads=")
        assert place.probe("list")[1] == ""
    finally:
        trouble.close()
