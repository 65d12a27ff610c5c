# SPDX-License-Identifier: MIT
"""reload_cases.py goes on: derives and reports; then who may do what, for which the last case shuts everybody out."""

import time

from reload_cases import case
from test_api_access import Issuer, bearer, hs256, new_token
from waiting import until

# ---- [derive NAME], [report NAME] ----


def derived(before, after, name, dataset=""):
    return ["%s[derive %s]\n%s\n" % (dataset, name, text) for text in (before, after)]


@case("derive.after", *derived("sql = select count(*) as n from c_after_a\nafter = c_after_b", "sql = select count(*) as n from c_after_a\nafter = c_after_a",
                               "c_after", "[dataset c_after_a]\ncolumns = a bigint\n[dataset c_after_b]\ncolumns = a bigint\n"))
def derive_after(world):
    world.load("c_after_a_1.csv", "a\n1\n")
    yield
    world.load("c_after_a_2.csv", "a\n2\n")
    until(lambda: world.database.rows("SELECT n FROM c_after") == [(2,)], "it is made anew")


@case("derive.sql", *derived("after = c_dim\nsql = select 1 as n", "after = c_dim\nsql = select 2 as n", "c_sql"))
def derive_sql(world):
    until(lambda: world.database.rows("SELECT n FROM c_sql") == [(1,)], "it is made")
    yield
    until(lambda: world.database.rows("SELECT n FROM c_sql") == [(2,)], "it is made anew")


def kind(world, name):
    return world.database.value("SELECT string_agg(relkind::text, '') FROM pg_class WHERE relname = '%s'" % name)


@case("derive.as", *derived("after = c_dim\nsql = select 1 as n\nas = table", "after = c_dim\nsql = select 1 as n\nas = view", "c_as"))
def derive_as(world):
    until(lambda: kind(world, "c_as") == "r", "it is a table")
    yield
    until(lambda: kind(world, "c_as") == "v", "it is a view")


@case("derive.table", *derived("after = c_dim\nsql = select 1 as n\ntable = public.c_into_1", "after = c_dim\nsql = select 1 as n\ntable = public.c_into_2", "c_into"))
def derive_table(world):
    until(lambda: kind(world, "c_into_1") == "r", "it is made")
    assert kind(world, "c_into_2") is None
    yield
    until(lambda: kind(world, "c_into_2") == "r", "it is made")


@case("derive.timeout", *derived("sql = select pg_sleep(0.2)::text as s from c_slept\nafter = c_slept\ntimeout = 5min",
                                 "sql = select pg_sleep(0.2)::text as s from c_slept\nafter = c_slept\ntimeout = 10ms", "c_slow_derive",
                                 "[dataset c_slept]\ncolumns = a bigint\n"))
def derive_timeout(world):
    world.load("c_slept_1.csv", "a\n1\n")
    until(lambda: world.database.value("SELECT count(*) FROM c_slow_derive") == 1, "it is made")
    assert not world.daemon.log_lines("derive c_slow_derive failed")
    yield
    world.load("c_slept_2.csv", "a\n2\n")
    until(lambda: world.daemon.log_lines("derive c_slow_derive failed"), "it takes too long")


def reports(name, before, after):
    return ["[report %s]\n%s\n" % (name, text) for text in (before, after)]


@case("report.param", *reports("c_param", "param = p int default 1\nsql = select :p as n", "param = p int default 2\nsql = select :p as n"))
def report_param(world):
    assert world.get("/v1/report/c_param", headers={"Accept": "application/json"}).json == [{"n": 1}]
    yield
    assert world.get("/v1/report/c_param", headers={"Accept": "application/json"}).json == [{"n": 2}]


@case("report.filename", *reports("c_filename", "sql = select 1 as n\nfilename = one.csv", "sql = select 1 as n\nfilename = two.csv"))
def report_filename(world):
    assert "one.csv" in world.get("/v1/report/c_filename").headers["Content-Disposition"]
    yield
    assert "two.csv" in world.get("/v1/report/c_filename").headers["Content-Disposition"]


@case("report.sql", *reports("c_report_sql", "sql = select 1 as n", "sql = select 2 as n"))
def report_sql(world):
    assert world.get("/v1/report/c_report_sql", headers={"Accept": "application/json"}).json == [{"n": 1}]
    yield
    assert world.get("/v1/report/c_report_sql", headers={"Accept": "application/json"}).json == [{"n": 2}]


# ---- [token NAME] ----

TOKENS = {}


def token(name, hash_name=None, **options):
    """Text of a section, whose token is made at the first call."""
    def text(world):
        secret = hash_name or name
        if secret not in TOKENS:
            TOKENS[secret], digest = new_token()
            world.credential(secret + ".sha256", digest)
        return "[token %s]\nhash_file = %%d/%s.sha256\n" % (name, secret) + "".join("%s = %s\n" % o for o in options.items())

    return text


def by_token(world, name, path="/v1/c_dim"):
    return world.daemon.get(path, headers=bearer(TOKENS[name])).status


@case("token.hash_file", token("c_hash", "c_hash_1", allow="read"), token("c_hash", "c_hash_2", allow="read"))
def token_hash_file(world):
    assert by_token(world, "c_hash_1") == 200
    yield
    assert by_token(world, "c_hash_2") == 200 and by_token(world, "c_hash_1") == 401


@case("token.allow", token("c_allow", allow="c_dim: read"), token("c_allow", allow="c_keep: read"))
def token_allow(world):
    assert (by_token(world, "c_allow"), by_token(world, "c_allow", "/v1/c_keep")) == (200, 403)
    yield
    assert (by_token(world, "c_allow"), by_token(world, "c_allow", "/v1/c_keep")) == (403, 200)


@case("token.role", token("c_role", allow="read"), token("c_role", allow="read", role="c_reload_nobody"))
def token_role(world):
    assert by_token(world, "c_role") == 200
    yield
    assert by_token(world, "c_role") == 403


@case("token.expires", token("c_expires", allow="read"), token("c_expires", allow="read", expires="2001-09-09"))
def token_expires(world):
    assert by_token(world, "c_expires") == 200
    yield
    assert by_token(world, "c_expires") == 401


@case("token.rate", token("c_rate", allow="read"), token("c_rate", allow="read", rate="1/d"))
def token_rate(world):
    assert [by_token(world, "c_rate") for _ in range(3)] == [200] * 3
    yield
    assert [by_token(world, "c_rate") for _ in range(3)][-1] == 429


# ---- [jwt], [role NAME]: all options of [jwt] change at once, and each token is right but for one of them ----

SECRETS = ["the first secret, of more than thirty-two bytes", "the second one, which is as long as it has to be"]
NOW = int(time.time())


def jwt(n):
    def text(world):
        world.credential("c_jwt_%d" % n, SECRETS[n])
        text = "[jwt]\nsecret_file = %%d/c_jwt_%d\naudience = aud%d\nissuer = iss%d\nleeway = %s\nrole_claim = role%d\n" % (n, n, n, ["1h", "0"][n], n)
        if n == 1:
            world.issuer = world.issuer or Issuer(world.daemon.folder)
            world.credential("c_jwt_key", world.issuer.pem)
            text += "key_file = %d/c_jwt_key\nallow_claim = cetl_allow\n"
        return text

    return text


def claims(n, **other):
    """Of a token that is right in phase n, but for those options that are as in phase other[option]."""
    made = {"aud": "aud%d" % other.get("audience", n), "iss": "iss%d" % other.get("issuer", n), "exp": NOW + 3600, "sub": "somebody"}
    made["role%d" % other.get("role_claim", n)] = "c_reader"
    return made


def by_jwt(world, text, path="/v1/c_dim"):
    return world.daemon.get(path, headers=bearer(text)).status


@case("jwt.secret_file", jwt(0), jwt(1), beside="[role c_reader]\nallow = read\n")
def jwt_secret_file(world):
    assert [by_jwt(world, hs256(claims(0), secret=SECRETS[n])) for n in (0, 1)] == [200, 401]
    yield
    assert [by_jwt(world, hs256(claims(1), secret=SECRETS[n])) for n in (0, 1)] == [401, 200]


def other_claim(option, status):
    def run(world):
        for n in (0, 1):
            found = [by_jwt(world, hs256(claims(n, **{option: of}), secret=SECRETS[n])) for of in (n, 1 - n)]
            assert found == [200, status], found
            if n == 0:
                yield

    case("jwt." + option, "", "")(run)


other_claim("audience", 401)
other_claim("issuer", 401)
other_claim("role_claim", 403)


@case("jwt.leeway", "", "")
def jwt_leeway(world):
    def answers(n):
        return [by_jwt(world, hs256({**claims(n), "exp": exp}, secret=SECRETS[n])) for exp in (NOW + 3600, NOW - 60)]

    assert answers(0) == [200, 200]
    yield
    assert answers(1) == [200, 401]


@case("jwt.key_file", "", "")
def jwt_key_file(world):
    world.issuer = world.issuer or Issuer(world.daemon.folder)
    assert by_jwt(world, world.issuer.rs256(claims(0))) == 401
    yield
    assert by_jwt(world, world.issuer.rs256(claims(1))) == 200


@case("jwt.allow_claim", "", "")
def jwt_allow_claim(world):
    def bare(n):
        made = {k: v for k, v in claims(n).items() if not k.startswith("role")}
        return by_jwt(world, hs256({**made, "cetl_allow": "c_dim: read"}, secret=SECRETS[n]))

    assert bare(0) == 403
    yield
    assert bare(1) == 200


def as_role(world, n, name, path="/v1/c_dim"):
    return by_jwt(world, hs256({**claims(n), "role%d" % n: name}, secret=SECRETS[n]), path)


@case("role.allow", "[role c_r1]\nallow = c_dim: read\n", "[role c_r1]\nallow = c_keep: read\n")
def role_allow(world):
    assert as_role(world, 0, "c_r1") == 200
    yield
    assert (as_role(world, 1, "c_r1"), as_role(world, 1, "c_r1", "/v1/c_keep")) == (403, 200)


@case("role.role", "[role c_r2]\nallow = read\n", "[role c_r2]\nallow = read\nrole = c_reload_nobody\n")
def role_role(world):
    assert as_role(world, 0, "c_r2") == 200
    yield
    assert as_role(world, 1, "c_r2") == 403


@case("role.rate", "[role c_r3]\nallow = read\n", "[role c_r3]\nallow = read\nrate = 1/d\n")
def role_rate(world):
    assert [as_role(world, 0, "c_r3") for _ in range(3)] == [200] * 3
    yield
    assert [as_role(world, 1, "c_r3") for _ in range(3)][-1] == 429


# ---- the last one ----

@case("api.rate", "", "40/d")
def api_rate(world):
    """More than the cases before it ask for without a token that is good."""
    assert [world.daemon.get("/v1/c_dim").status for _ in range(60)] == [200] * 60
    yield
    assert [world.daemon.get("/v1/c_dim").status for _ in range(60)][-1] == 429
