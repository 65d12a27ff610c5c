/* SPDX-License-Identifier: MIT */
#include "api/access.h"

#include "api/api.h"
#include "api/bearer.h"
#include "api/cors.h"
#include "api/problem.h"
#include "api/rates.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { LOOPBACK_NET = 127, HOST_MAX = 64, WORDS_MAX = 400, SHOWN = 63, US_PER_MS = 1000, MS_PER_S = 1000 };

static const char make_one[] = "cetld --new-token makes a token: its hash goes into a section [token NAME] with what it allows, "
                               "and it itself into the field Authorization: Bearer TOKEN";

/* ---- this machine ---- */

static struct slice without_port(struct slice host)
{
    if (host.len > 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.len);
        return end ? (struct slice){host.p, (size_t)(end - host.p) + 1} : host;
    }
    return slice_cut(&host, ':');
}

static bool is_loopback_address(struct slice host)
{
    char text[HOST_MAX];
    struct in_addr v4;
    if (host.len == 0 || host.len >= sizeof text) return false;
    memcpy(text, host.p, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &v4) == 1 && ntohl(v4.s_addr) >> 24 == LOOPBACK_NET;
}

bool access_host_is_local(struct slice host)
{
    static const struct slice below = {".localhost", 10};
    struct slice name = without_port(host);
    if (name.len > 0 && name.p[name.len - 1] == '.') name.len--;
    if (name.len == 0 || slice_equal_nocase(name, SLICE("localhost")) || slice_equal(name, SLICE("[::1]"))) return true;
    if (name.len > below.len && slice_equal_nocase((struct slice){name.p + name.len - below.len, below.len}, below)) return true;
    return is_loopback_address(name);
}

bool access_is_forwarding(struct slice name)
{
    static const struct slice x_forwarded = {"X-Forwarded-", 12};
    if (name.len > x_forwarded.len && slice_equal_nocase((struct slice){name.p, x_forwarded.len}, x_forwarded)) return true;
    return slice_equal_nocase(name, SLICE("Forwarded")) || slice_equal_nocase(name, SLICE("Via")) ||
           slice_equal_nocase(name, SLICE("X-Real-IP"));
}

/* nginx, told no more than proxy_pass, asks in HTTP/1.0 for the host that it was told, and names nobody: only this gives it away.
 */
static bool looks_like_nginx(const struct http_request *r)
{
    return http_request_is_old(r) && slice_equal_nocase(http_request_header(r, "Connection"), SLICE("close"));
}

static bool came_by_a_proxy(const struct http_request *r)
{
    struct slice name, value;
    if (looks_like_nginx(r)) return true;
    for (unsigned i = 0; http_request_header_at(r, i, &name, &value); i++)
        if (access_is_forwarding(name)) return true;
    return false;
}

/* ---- other sites ---- */

/* "http://host:port", as the page that is asked has it. */
static bool is_own_origin(const struct http_request *r, struct slice origin)
{
    struct slice rest = origin, host = http_request_host(r);
    if (slice_starts(rest, SLICE("http://")))
        rest = (struct slice){rest.p + 7, rest.len - 7};
    else if (slice_starts(rest, SLICE("https://")))
        rest = (struct slice){rest.p + 8, rest.len - 8};
    else
        return false;
    if (rest.len > host.len && rest.p[host.len] == '/') rest.len = host.len; /* a Referer goes on */
    return host.len > 0 && slice_equal_nocase(rest, host);
}

bool access_is_cross_site(const struct http_request *r)
{
    struct slice site = http_request_header(r, "Sec-Fetch-Site"), origin = http_request_header(r, "Origin");
    if (site.p && !slice_equal(site, SLICE("same-origin")) && !slice_equal(site, SLICE("none"))) return true;
    if (origin.p) return !is_own_origin(r, origin);
    if (site.p) return false;
    struct slice referer = http_request_header(r, "Referer");
    return referer.p && !is_own_origin(r, referer);
}

/* A browser sends these types from a form of any site, without asking first. */
static bool is_simple_form(const struct http_request *r)
{
    struct slice rest = http_request_header(r, "Content-Type");
    if (http_request_method(r) != HTTP_POST_ || !rest.p) return false;
    struct slice type = slice_trim(slice_cut(&rest, ';'));
    return slice_equal_nocase(type, SLICE("text/plain")) || slice_equal_nocase(type, SLICE("application/x-www-form-urlencoded"));
}

static bool is_navigation(const struct http_request *r)
{
    return slice_equal(http_request_header(r, "Sec-Fetch-Mode"), SLICE("navigate"));
}

/* ---- answers ---- */

static bool refuse(struct http_request *r, int status, const char *message, const char *hint)
{
    if (status == 401) bearer_challenge(r, NULL, NULL);
    http_problem(r, &(struct http_problem){.status = status, .message = message, .hint = hint});
    return false;
}

static bool refuse_credentials(struct http_request *r, const struct bearer_refusal *why)
{
    if (why->status != 503) bearer_challenge(r, why->code, why->reason);
    http_problem(
        r, &(struct http_problem){.status = why->status, .message = why->reason, .hint = why->status == 401 ? make_one : NULL});
    return false;
}

/* ---- how often ---- */

enum { PREFIX_V6 = 8 /* bytes: whoever has one address of a network has all of it */ };

static bool take(struct http_request *r, const uint8_t key[RATES_KEY], const struct config_rate *rate)
{
    const struct api *api = http_request_context(r);
    char seconds[24], message[WORDS_MAX];
    int64_t wait = rates_take(api->rates, key, rate, clock_mono_us() / US_PER_MS);
    if (wait == 0) return true;
    snprintf(seconds, sizeof seconds, "%lld", (long long)wait);
    snprintf(message, sizeof message, "too many requests: %lld in %lld s are allowed", (long long)rate->count,
             (long long)rate->per_ms / MS_PER_S);
    http_header(r, "Retry-After", seconds);
    return refuse(r, 429, message, "Retry-After says when to try again");
}

/* Whoever comes by the socket may as often as he likes. */
static bool take_by_address(struct http_request *r)
{
    static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
    const struct api *api = http_request_context(r);
    const uint8_t *address = http_request_address(r);
    uint8_t key[RATES_KEY] = {0};
    if (http_request_is_local_socket(r)) return true;
    memcpy(key, address, memcmp(address, v4, sizeof v4) == 0 ? HTTP_ADDRESS_BYTES : PREFIX_V6);
    return take(r, key, &api->config->api.rate);
}

static bool take_by_name(struct http_request *r, const struct access_identity *id)
{
    uint8_t sum[DIGEST_BYTES];
    if (id->rate.count == 0) return true;
    digest_of(id->name, strlen(id->name), sum);
    sum[0] = (uint8_t)id->who;
    return take(r, sum, &id->rate);
}

/* ---- who asks ---- */

static const struct access_identity anonymous = {.who = ACCESS_ANONYMOUS, .name = ""};
static const struct access_identity by_socket = {.who = ACCESS_SOCKET, .name = ""};

/* What says no more than that the daemon is there. */
static bool is_public(const struct http_request *r)
{
    struct slice first = http_request_segment(r, 0);
    if (slice_equal(first, SLICE("docs"))) return true; /* a page that says nothing by itself */
    return !http_request_segment(r, 1).p && (slice_equal(first, SLICE("status")) || slice_equal(first, SLICE("healthz")));
}

static bool is_safe(const struct http_request *r)
{
    enum http_method m = http_request_method(r);
    return m == HTTP_GET_ || m == HTTP_HEAD_ || m == HTTP_OPTIONS_;
}

static enum config_anonymous rule_of(const struct http_request *r)
{
    return ((const struct api *)http_request_context(r))->config->api.anonymous;
}

static bool is_this_machine(struct http_request *r)
{
    if (!http_request_is_local(r))
        return refuse(r, 401, "from another machine nothing is read or changed without a token", make_one);
    if (!access_host_is_local(http_request_host(r)))
        return refuse(r, 401, "the Host field names another host than this one, and without a token only this machine is served",
                      "ask for http://localhost or http://127.0.0.1; or: cetld --new-token makes a token");
    if (came_by_a_proxy(r))
        return refuse(r, 401, "the request came through a proxy, and without a token only this machine is served",
                      "ask the daemon directly; or: cetld --new-token makes a token, and the proxy passes Authorization on");
    return true;
}

bool access_is_here(const struct http_request *r)
{
    return http_request_is_local(r) && access_host_is_local(http_request_host(r)) && !came_by_a_proxy(r);
}

/* Of a site that the configuration does not name. */
static bool is_by_a_strange_page(const struct http_request *r)
{
    return access_is_cross_site(r) && !cors_names(r);
}

/* May somebody change something over loopback without a token? */
static bool may_change_anonymously(struct http_request *r)
{
    if (rule_of(r) != CONFIG_ANONYMOUS_WRITE)
        return refuse(
            r, 401, "without a token something is changed only by the unix socket",
            "cetld --new-token makes a token; or: curl --unix-socket /run/cetl/cetld.sock, which its group may; or: [api] "
            "anonymous = write lets whoever is on this machine");
    if (is_by_a_strange_page(r))
        return refuse(r, 403, "a page of another site cannot change anything here without a token", make_one);
    if (is_simple_form(r))
        return refuse(r, 415, "without a token a change says its type, which is none that any page's form may send",
                      "curl -H 'Content-Type: application/json'");
    return true;
}

static bool let_in_anonymously(struct http_request *r)
{
    if (!take_by_address(r) || !is_this_machine(r)) return false;
    if (http_request_is_local_socket(r)) {
        http_request_set_identity(r, &by_socket);
        return true;
    }
    if (rule_of(r) == CONFIG_ANONYMOUS_NONE) return refuse(r, 401, "nothing is read here without a token", make_one);
    if (!is_safe(r) && !may_change_anonymously(r)) return false;
    if (is_safe(r) && access_is_cross_site(r) && !is_navigation(r) && !cors_allows(r))
        return refuse(r, 403, "a page of another site cannot read here without a token", make_one);
    http_request_set_identity(r, &anonymous);
    return true;
}

static bool may_change_something(const struct access_identity *id)
{
    unsigned actions = 0;
    for (size_t i = 0; i < id->allow.n; i++)
        actions |= id->allow.rule[i].actions;
    return actions & ~(unsigned)ALLOW_READ;
}

static bool let_in_by_token(struct http_request *r, struct slice authorization)
{
    struct bearer_refusal why;
    const struct access_identity *id = bearer_identify(r, authorization, &why);
    if (!id) return take_by_address(r) && refuse_credentials(r, &why); /* those who guess are held up */
    if (!take_by_name(r, id)) return false;
    if (!is_safe(r) && !may_change_something(id)) {
        bearer_challenge(r, "insufficient_scope", NULL);
        return refuse(r, 403, "this token only reads", "what it may is said by `allow` in its section of the configuration");
    }
    http_request_set_identity(r, id);
    return true;
}

bool access_guard(struct http_request *r)
{
    struct slice authorization = http_request_header(r, "Authorization");
    if (is_public(r)) return true;
    return authorization.p ? let_in_by_token(r, authorization) : let_in_anonymously(r);
}

const struct access_identity *access_identity(const struct http_request *r)
{
    return http_request_identity(r);
}

/* ---- what it may ---- */

static const struct {
    enum allow_kind kind;
    enum allow_action action;
    const char *word; /* in `allow` */
} meanings[] = {
    [ACCESS_READ] = {ALLOW_TABLES, ALLOW_READ, "read"},       [ACCESS_WRITE] = {ALLOW_TABLES, ALLOW_WRITE, "write"},
    [ACCESS_REPORT] = {ALLOW_REPORTS, ALLOW_READ, "read"},    [ACCESS_INGEST] = {ALLOW_TABLES, ALLOW_INGEST, "ingest"},
    [ACCESS_MANAGE] = {ALLOW_TABLES, ALLOW_MANAGE, "manage"},
};

/* The dataset with a rollup whose table has that name; {NULL, 0}. */
static struct slice rollup_owner(const struct config *c, struct slice table)
{
    for (size_t i = 0; i < c->n_datasets; i++)
        for (size_t k = 0; k < c->datasets[i].n_rollups; k++)
            if (slice_equal(slice_of(c->datasets[i].rollup[k].table), table)) return slice_of(c->datasets[i].name);
    return (struct slice){NULL, 0};
}

static bool token_allows(const struct http_request *r, const struct access_identity *id, enum access_action action,
                         struct slice name)
{
    if (allow_permits(&id->allow, meanings[action].kind, meanings[action].action, name)) return true;
    if (action != ACCESS_READ || !name.p) return false;
    struct slice owner = rollup_owner(((const struct api *)http_request_context(r))->config, name);
    return owner.p && allow_permits(&id->allow, ALLOW_TABLES, ALLOW_READ, owner);
}

static bool is_reading(enum access_action action)
{
    return action == ACCESS_READ || action == ACCESS_REPORT;
}

bool access_allows(const struct http_request *r, enum access_action action, struct slice name)
{
    const struct access_identity *id = access_identity(r);
    if (!id) return false;
    switch (id->who) {
    case ACCESS_SOCKET: return true;
    case ACCESS_TOKEN:
    case ACCESS_JWT: return token_allows(r, id, action, name);
    case ACCESS_ANONYMOUS: break;
    }
    if (is_reading(action)) return true;
    return action != ACCESS_MANAGE && rule_of(r) == CONFIG_ANONYMOUS_WRITE && !is_by_a_strange_page(r);
}

static bool refuse_token(struct http_request *r, const struct access_identity *id, enum access_action action, struct slice name)
{
    char message[WORDS_MAX], hint[WORDS_MAX], whose[WORDS_MAX / 2];
    const char *word = meanings[action].word, *report = action == ACCESS_REPORT ? "report " : "";
    struct slice shown = slice_cut_utf8(name, SHOWN);
    struct slice own = slice_cut_utf8(slice_of(id->name), SHOWN);
    snprintf(whose, sizeof whose, "%s%s" SLICE_FMT "%s", id->who == ACCESS_TOKEN ? "the token" : "the role of the JWT",
             own.len ? " '" : "", SLICE_ARG(own), own.len ? "'" : "");
    if (action == ACCESS_MANAGE || !name.p) {
        snprintf(message, sizeof message, "%s does not allow that: %s for everything", whose, word);
        snprintf(hint, sizeof hint, "its section of the configuration would need: allow = %s", word);
    } else {
        snprintf(message, sizeof message, "%s does not allow that: %s of %s'" SLICE_FMT "'", whose, word, report, SLICE_ARG(shown));
        snprintf(hint, sizeof hint, "its section of the configuration would need: allow = %s" SLICE_FMT ": %s", report,
                 SLICE_ARG(shown), word);
    }
    bearer_challenge(r, "insufficient_scope", NULL);
    return refuse(r, 403, message, hint);
}

bool access_may(struct http_request *r, enum access_action action, struct slice name)
{
    if (access_allows(r, action, name)) return true;
    const struct access_identity *id = access_identity(r);
    if (id && (id->who == ACCESS_TOKEN || id->who == ACCESS_JWT)) return refuse_token(r, id, action, name);
    if (action == ACCESS_MANAGE)
        return refuse(r, 401,
                      "that is for who manages the daemon: ask by its unix socket, or with a token that allows it: allow = manage",
                      make_one);
    may_change_anonymously(r);
    return false;
}

bool access_may_unfiltered(struct http_request *r)
{
    if (!access_role(r)) return true;
    bearer_challenge(r, "insufficient_scope", NULL);
    return refuse(r, 403, "these rows are in no table, so that grants and policies for the role of this token do not filter them",
                  "ask with a token without a role, or by the unix socket");
}

/* ---- in the database ---- */

const char *access_role(const struct http_request *r)
{
    const struct access_identity *id = access_identity(r);
    return id ? id->role : NULL;
}

/* A string constant that means the same whatever standard_conforming_strings is. */
static void put_literal(struct buf *out, const char *text)
{
    buf_puts(out, " E'");
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') buf_putc(out, *text);
        buf_putc(out, *text);
    }
    buf_putc(out, '\'');
}

void access_sql(const struct http_request *r, struct buf *out)
{
    const struct access_identity *id = access_identity(r);
    if (!id || !id->role) return;
    buf_puts(out, "SELECT pg_catalog.set_config('request.jwt.claims',");
    put_literal(out, id->claims);
    buf_puts(out, ", true), pg_catalog.set_config('role',");
    put_literal(out, id->role);
    buf_puts(out, ", true)");
}

void access_problem(struct http_request *r, const struct db_result *result)
{
    const char *role = access_role(r), *sqlstate = result->status == ERROR_REFUSED ? result->error->sqlstate : "";
    bool denied = strcmp(sqlstate, "42501") == 0, missing = strcmp(sqlstate, "22023") == 0;
    char hint[WORDS_MAX];
    if (!role || (!denied && !missing)) return problem_from_database(r, result);
    snprintf(hint, sizeof hint,
             denied ? "in the database: GRANT \"%.63s\" TO the user of [database] url" : "in the database: CREATE ROLE \"%.63s\"",
             role);
    http_problem(r, &(struct http_problem){.status = 403,
                                           .code = sqlstate,
                                           .message = "the role of this token cannot be taken in the database",
                                           .details = result->error->text,
                                           .hint = hint});
}
