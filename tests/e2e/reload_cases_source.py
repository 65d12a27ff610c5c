# SPDX-License-Identifier: MIT
"""reload_cases.py goes on: [source NAME], each pulled because somebody asks for it, but for `every`."""

from reload_cases import case
from reload_cases_notify import certificate
from test_sources import Feed
from waiting import until


class Server:
    """A feed that the world closes at its end."""

    def __init__(self, context=None):
        self.feed = Feed()
        self.scheme = "https" if context else "http"
        if context:
            self.feed.socket = context.wrap_socket(self.feed.socket, server_side=True)

    def url(self, path):
        return self.feed.url(path).replace("http", self.scheme, 1)

    def close(self):
        self.feed.shutdown()
        self.feed.server_close()


def server(world, name="feed", context=None):
    if name not in world.closing:
        world.closing[name] = Server(context)
    return world.closing[name]


def give(world, path, text, **of):
    server(world, **of).feed.files[path] = text.encode()


def source(key, before, after):
    """Without other options it is /KEY.csv of the feed, for the dataset c_s_KEY, when somebody asks."""
    def text(options):
        def made(world):
            values = {"url": server(world).url("/%s.csv" % key), "every": "0", "dataset": "c_s_" + key, **(options(world) if callable(options) else options)}
            return "[source s_%s]\n" % key + "".join("%s = %s\n" % o for o in values.items())

        return made

    return case("source." + key, text(before), text(after), "[dataset c_s_%s]\ncolumns = a bigint\n" % key)


def pull(world, key):
    """What became of it."""
    job = world.send("POST", "/start-etl-job?source=s_" + key).json["url"]
    return until(lambda: next((s for s in world.get(job).json["sources"] if s["state"] in ("pulled", "failed", "unchanged")), None), world.daemon.log, deadline=20)


@source("url", lambda w: {"url": server(w).url("/u1.csv")}, lambda w: {"url": server(w).url("/u2.csv")})
def url(world):
    for n in (1, 2):
        give(world, "/u%d.csv" % n, "a\n%d\n" % n)
        pull(world, "url")
        world.wait("u%d.csv" % n)
        if n == 1:
            yield


@source("every", {"every": "0"}, {"every": "1s"})
def every(world):
    give(world, "/every.csv", "a\n1\n")
    assert not [path for path, _ in server(world).feed.asked if path == "/every.csv"]
    yield
    world.wait("every.csv")


@source("dataset", {"dataset": "c_s_dataset"}, {"dataset": "c_s_url"})
def dataset(world):
    give(world, "/dataset.csv", "a\n1\n")
    pull(world, "dataset")
    assert world.wait("dataset.csv")["dataset"] == "c_s_dataset"
    yield
    give(world, "/dataset.csv", "a\n22\n")
    pull(world, "dataset")
    until(lambda: [e for e in world.get("/v1/files?limit=1000").json if e["name"] == "dataset.csv" and e["dataset"] == "c_s_url" and e["state"] == "loaded"],
          world.daemon.log, deadline=15)


@source("size_max", {"size_max": "2G"}, {"size_max": "1K"})
def size_max(world):
    give(world, "/size_max.csv", "a\n" + "1\n" * 1000)
    assert pull(world, "size_max")["state"] == "pulled"
    yield
    give(world, "/size_max.csv", "a\n" + "2\n" * 1000)
    done = pull(world, "size_max")
    assert done["state"] == "failed" and "size_max" in done["error"]


def trusting(name):
    def options(world):
        return {"url": server(world, "feed_tls", certificate(world, "known")[1]).url("/ca.csv"), "ca_file": certificate(world, name)[0]}

    return options


@source("ca_file", trusting("known"), trusting("other"))
def ca_file(world):
    give(world, "/ca.csv", "a\n1\n", name="feed_tls")
    assert pull(world, "ca_file")["state"] == "pulled"
    yield
    give(world, "/ca.csv", "a\n2\n", name="feed_tls")
    done = pull(world, "ca_file")
    assert done["state"] == "failed" and "certificate" in done["error"]
