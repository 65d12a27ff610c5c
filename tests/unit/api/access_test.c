/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "api/access.h"
#include "api/api.h"

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 262144,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

struct state {
    struct bench bench;
    struct config config;
    struct api api;
};

static void answer(struct http_request *r)
{
    http_answer(r, 200, "text/plain", SLICE("read"));
}

static void of_table(struct http_request *r, enum access_action action)
{
    if (access_may(r, action, http_request_capture(r, "table"))) answer(r);
}

static void read_table(struct http_request *r)
{
    of_table(r, ACCESS_READ);
}

static void write_table(struct http_request *r)
{
    of_table(r, ACCESS_WRITE);
}

static void read_report(struct http_request *r)
{
    of_table(r, ACCESS_REPORT);
}

static void pull(struct http_request *r)
{
    if (access_may(r, ACCESS_INGEST, (struct slice){NULL, 0})) answer(r);
}

static void manage(struct http_request *r)
{
    if (access_may(r, ACCESS_MANAGE, (struct slice){NULL, 0})) answer(r);
}

static void show_sql(struct http_request *r)
{
    struct buf sql;
    buf_init(&sql, 4096);
    access_sql(r, &sql);
    http_answer(r, 200, "text/plain", buf_slice(&sql));
    buf_done(&sql);
}

static const struct http_route routes[] = {{HTTP_GET_, "/v1", answer},
                                           {HTTP_POST_, "/v1", answer},
                                           {HTTP_GET_, "/status", answer},
                                           {HTTP_GET_, "/healthz", answer},
                                           {HTTP_GET_, "/v1/{table}", read_table},
                                           {HTTP_POST_, "/v1/{table}", write_table},
                                           {HTTP_GET_, "/report/{table}", read_report},
                                           {HTTP_GET_, "/pull", pull},
                                           {HTTP_POST_, "/manage", manage},
                                           {HTTP_GET_, "/sql", show_sql},
                                           {0}};

/* The tokens "one", "two", "old" and "dba". */
static const struct allow_rule one_rules[] = {{ALLOW_TABLES, false, {"orders", 6}, ALLOW_READ | ALLOW_WRITE},
                                              {ALLOW_REPORTS, true, {"*", 1}, ALLOW_READ},
                                              {ALLOW_TABLES | ALLOW_REPORTS, true, {NULL, 0}, ALLOW_INGEST}};
static const struct allow_rule two_rules[] = {{ALLOW_TABLES, false, {"items", 5}, ALLOW_READ}};
static const struct allow_rule all_rules[] = {{ALLOW_TABLES | ALLOW_REPORTS, true, {NULL, 0}, ALLOW_ALL}};
static const struct config_rollup rollups[] = {{.name = "daily", .table = "items_daily"}};
static const struct config_dataset datasets[] = {{.name = "orders"}, {.name = "items", .rollup = rollups, .n_rollups = 1}};
static const struct config_dataset *datasets_by_name[] = {&datasets[1], &datasets[0]};
static struct config_token tokens[] = {
    {.name = "one", .role = "", .allow = {one_rules, 3}, .expires_s = INT64_MAX},
    {.name = "two", .role = "re\\a'd\"er", .allow = {two_rules, 1}, .expires_s = INT64_MAX},
    {.name = "old", .role = "", .allow = {all_rules, 1}, .expires_s = 1000},
    {.name = "dba", .role = "", .allow = {all_rules, 1}, .expires_s = INT64_MAX},
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    bench_start(&s->bench, routes, &limits);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        digest_of(tokens[i].name, strlen(tokens[i].name), tokens[i].hash);
    s->config.tokens = tokens;
    s->config.n_tokens = sizeof tokens / sizeof *tokens;
    s->config.datasets = datasets;
    s->config.n_datasets = sizeof datasets / sizeof *datasets;
    s->config.by_name = datasets_by_name;
    s->api.config = &s->config;
    s->bench.router.ctx = &s->api;
    s->bench.router.guard = access_guard;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    bench_stop(&s->bench);
    free(s);
    return 0;
}

static void expect(struct state *s, const char *line, const char *fields, int status)
{
    char request[300];
    struct buf in;
    buf_init(&in, 1 << 20);
    snprintf(request, sizeof request, "%s HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n", line, fields);
    bench_expect(&s->bench, request, status, &in);
    if (status == 401) assert_true(bench_has(&in, "token") && bench_has(&in, "WWW-Authenticate: Bearer realm=\"cetld\""));
    buf_done(&in);
}

/* ---- tests ---- */

static void only_names_and_addresses_of_this_machine_are_local(void **state)
{
    (void)state;
    static const char *const local[] = {"",          "localhost", "localhost:8080", "LocalHost.", "cetl.localhost:80",
                                        "127.0.0.1", "127.8.9.1", "127.0.0.1:8080", "[::1]",      "[::1]:8080"};
    static const char *const others[] = {"example.org",   "localhost.example.org",
                                         "notlocalhost",  "127.0.0.1.example.org",
                                         "10.0.0.1:8080", "[::2]",
                                         "127.0.0",       "128.0.0.1",
                                         "[::1",          "1.127.0.0"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (!access_host_is_local(slice_of(local[i]))) fail_msg("'%s' is local", local[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (access_host_is_local(slice_of(others[i]))) fail_msg("'%s' is not local", others[i]);
}

static void this_machine_reads(void **state)
{
    struct state *s = *state;
    expect(s, "GET /v1", "Host: localhost:8080", 200);
    expect(s, "GET http://127.0.0.1/v1", "Host: 127.0.0.1", 200);
}

static void foreign_host_is_refused(void **state)
{
    struct state *s = *state;
    expect(s, "GET /v1", "Host: rebound.example.org", 401);
    expect(s, "GET http://rebound.example.org/v1", "Host: localhost", 401);
    expect(s, "GET /v1/", "Host: rebound.example.org", 401);
}

static void proxy_in_front_is_refused(void **state)
{
    struct state *s = *state;
    static const char *const fields[] = {"Forwarded: for=10.0.0.1", "X-Forwarded-For: 10.0.0.1", "x-forwarded-proto: https",
                                         "Via: 1.1 gate",           "X-Real-IP: 10.0.0.1",       "X-Forwarded-Host: a"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char both[100];
        snprintf(both, sizeof both, "Host: localhost\r\n%s", fields[i]);
        expect(s, "GET /v1", both, 401);
    }
}

static void proxy_that_names_nobody_is_refused(void **state)
{
    struct state *s = *state;
    struct buf in;
    buf_init(&in, 1 << 20);
    bench_expect(&s->bench, "GET /v1 HTTP/1.0\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n", 401, &in);
    assert_true(bench_has(&in, "through a proxy"));
    buf_reset(&in);
    bench_expect(&s->bench, "GET /v1 HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n\r\n", 200, &in);
    buf_done(&in);
}

static void status_and_health_are_for_everybody(void **state)
{
    struct state *s = *state;
    s->config.api.anonymous = CONFIG_ANONYMOUS_NONE;
    expect(s, "GET /status", "Host: example.org\r\nVia: 1.1 gate", 200);
    expect(s, "GET /healthz/", "Host: example.org", 200);
    expect(s, "OPTIONS /v1", "Host: example.org", 204);
}

static void none_lets_nobody_read(void **state)
{
    struct state *s = *state;
    s->config.api.anonymous = CONFIG_ANONYMOUS_NONE;
    expect(s, "GET /v1", "Host: localhost", 401);
}

#define AS(token) "Host: example.org\r\nVia: 1.1 gate\r\nAuthorization: Bearer " token

static void expect_text(struct state *s, const char *line, const char *fields, int status, const char *want)
{
    char request[300];
    struct buf in;
    buf_init(&in, 1 << 20);
    snprintf(request, sizeof request, "%s HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n", line, fields);
    bench_expect(&s->bench, request, status, &in);
    if (!bench_has(&in, want)) fail_msg("%s: %.*s", want, (int)in.len, in.data);
    buf_done(&in);
}

static void token_may_what_it_is_allowed_from_anywhere(void **state)
{
    struct state *s = *state;
    s->config.api.anonymous = CONFIG_ANONYMOUS_NONE;
    expect(s, "GET /v1", AS("one"), 200);
    expect(s, "GET /v1/orders", AS("one"), 200);
    expect(s, "POST /v1/orders", AS("one"), 200);
    expect(s, "GET /v1/items", AS("one"), 403);
    expect(s, "GET /report/x", AS("one"), 200);
    expect(s, "GET /pull", AS("one"), 200);
    expect(s, "POST /manage", AS("one"), 403);
    expect(s, "POST /manage", AS("dba"), 200);
    expect(s, "GET /v1/items", AS("two"), 200);
    expect(s, "GET /v1/items_daily", AS("two"), 200);
    expect(s, "GET /v1/orders", AS("two"), 403);
    expect(s, "POST /v1/items", AS("two"), 403);
    expect(s, "GET /pull", AS("two"), 403);
    expect(s, "GET /report/items", AS("two"), 403);
}

static void refusals_say_what_is_missing(void **state)
{
    struct state *s = *state;
    expect_text(s, "GET /v1/items", AS("one"), 403, "would need: allow = items: read");
    expect_text(s, "GET /v1/items", AS("one"), 403, "error=\"insufficient_scope\"");
    expect_text(s, "GET /report/x", AS("two"), 403, "allow = report x: read");
    expect_text(s, "POST /manage", AS("one"), 403, "allow = manage");
    expect_text(s, "GET /v1", "Host: example.org", 401, "cetld --new-token");
}

static void wrong_credentials_are_refused_even_where_none_would_do(void **state)
{
    struct state *s = *state;
    static const char *const invalid[] = {"Bearer on", "Bearer onee", "Bearer One", "bearer nope", "Bearer one="};
    static const char *const malformed[] = {"Bearer ", "Bearer a b", "Bearer one, two", "Bearer \"one\"", "Bearer ==", "Bearer"};
    char fields[200];
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        snprintf(fields, sizeof fields, "Host: localhost\r\nAuthorization: %s", invalid[i]);
        expect_text(s, "GET /v1", fields, 401, "error=\"invalid_token\"");
    }
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        snprintf(fields, sizeof fields, "Host: localhost\r\nAuthorization: %s", malformed[i]);
        expect_text(s, "GET /v1", fields, 400, "error=\"invalid_request\"");
    }
    expect(s, "GET /v1", "Host: localhost\r\nAuthorization: Basic b25lOnR3bw==", 401);
    expect(s, "GET /v1", "Host: localhost\r\nAuthorization: Bearer one\r\nAuthorization: Bearer one", 400);
    expect(s, "GET /v1", "Host: localhost\r\nAuthorization: bEARER   one", 200);
    expect(s, "GET /v1?access_token=one", "Host: example.org", 401);
}

static void expired_token_is_refused(void **state)
{
    expect_text(*state, "GET /v1", AS("old"), 401, "expired");
}

static void without_a_token_nothing_changes_unless_said(void **state)
{
    struct state *s = *state;
    expect(s, "POST /v1/items", "Host: localhost", 401);
    expect(s, "GET /pull", "Host: localhost", 401);
    expect(s, "POST /manage", "Host: localhost", 401);
    s->config.api.anonymous = CONFIG_ANONYMOUS_WRITE;
    expect(s, "POST /v1/items", "Host: localhost", 200);
    expect(s, "GET /pull", "Host: localhost", 200);
    expect(s, "POST /manage", "Host: localhost", 401);
    expect(s, "POST /v1/items", "Host: localhost\r\nX-Forwarded-For: 192.0.2.1", 401);
    expect(s, "POST /v1/items", "Host: example.org", 401);
}

static void other_sites_pages_change_and_read_nothing(void **state)
{
    struct state *s = *state;
    static const char *const other[] = {
        "Origin: http://example.org",     "Origin: null",
        "Sec-Fetch-Site: cross-site",     "Sec-Fetch-Site: same-site",
        "Origin: http://localhost:1",     "Origin: http://localhos",
        "Referer: http://example.org/x",  "Origin: ftp://localhost:8080",
        "Origin: http://localhost:80801", "Referer: http://localhost:8080.example.org/",
    };
    static const char *const own[] = {"Origin: http://localhost:8080", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none",
                                      "Referer: http://localhost:8080/docs", "Origin: https://LOCALHOST:8080"};
    char fields[200];
    s->config.api.anonymous = CONFIG_ANONYMOUS_WRITE;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        snprintf(fields, sizeof fields, "Host: localhost:8080\r\n%s", other[i]);
        expect(s, "POST /v1/items", fields, 403);
        expect(s, "GET /pull", fields, 403);
        expect(s, "GET /v1/items", fields, 403);
        snprintf(fields, sizeof fields, AS("one") "\r\n%s", other[i]);
        expect(s, "POST /v1/orders", fields, 200); /* no page has the token but the one that was given it */
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        snprintf(fields, sizeof fields, "Host: localhost:8080\r\n%s", own[i]);
        expect(s, "POST /v1/items", fields, 200);
        expect(s, "GET /pull", fields, 200);
    }
    expect(s, "GET /v1", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate", 200);
    expect(s, "GET /pull", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate", 403);
}

static void forms_types_are_refused_without_a_token(void **state)
{
    struct state *s = *state;
    s->config.api.anonymous = CONFIG_ANONYMOUS_WRITE;
    expect(s, "POST /v1/items", "Host: localhost\r\nContent-Type: text/plain", 415);
    expect(s, "POST /v1/items", "Host: localhost\r\nContent-Type: TEXT/Plain;charset=utf-8", 415);
    expect(s, "POST /v1/items", "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded", 415);
    expect(s, "POST /v1/items", "Host: localhost\r\nContent-Type: application/json", 200);
    expect(s, "POST /v1/orders", AS("one") "\r\nContent-Type: text/plain", 200);
}

static void role_and_claims_are_quoted(void **state)
{
    struct state *s = *state;
    expect_text(
        s, "GET /sql", AS("two"), 200,
        "SELECT pg_catalog.set_config('request.jwt.claims', E'{\"role\":\"re\\\\\\\\a''d\\\\\"er\",\"token\":\"two\"}', true), "
        "pg_catalog.set_config('role', E're\\\\a''d\"er', true)");
    expect_text(s, "GET /sql", AS("one"), 200, "Content-Length: 0");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_and_addresses_of_this_machine_are_local),
        T(this_machine_reads),
        T(foreign_host_is_refused),
        T(proxy_in_front_is_refused),
        T(proxy_that_names_nobody_is_refused),
        T(status_and_health_are_for_everybody),
        T(none_lets_nobody_read),
        T(token_may_what_it_is_allowed_from_anywhere),
        T(refusals_say_what_is_missing),
        T(wrong_credentials_are_refused_even_where_none_would_do),
        T(expired_token_is_refused),
        T(without_a_token_nothing_changes_unless_said),
        T(other_sites_pages_change_and_read_nothing),
        T(forms_types_are_refused_without_a_token),
        T(role_and_claims_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
