/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/tally.h"

#include <stdlib.h>

#include <cmocka.h>

static void answer(struct http_request *r)
{
    (void)r;
}

static const struct http_route routes[] = {{HTTP_GET_, "/", answer}, {HTTP_GET_, "/v1/{table}", answer}, {0}};
static const struct http_route streamed[] = {{HTTP_POST_, "/ingest", answer}, {0}};

static const char *text(const struct http_tally *t, struct buf *out)
{
    buf_init(out, 1 << 20);
    http_tally_text(t, out);
    assert_int_equal(buf_check(out), 0);
    return buf_cstr(out);
}

static void answers_are_told_apart_by_route_and_status(void **state)
{
    (void)state;
    const struct http_router router = {.routes = routes, .streamed = streamed};
    struct http_tally *t;
    assert_int_equal(http_tally_new(&router, &t), 0);
    http_tally_add(t, &routes[1], 200, 90);
    http_tally_add(t, &routes[1], 200, 101);
    http_tally_add(t, &routes[1], 304, 5);
    http_tally_add(t, &streamed[0], 202, 3000000);
    http_tally_add(t, NULL, 404, 1);
    struct buf out;
    const char *all = text(t, &out);
    assert_non_null(strstr(all, "\ncetl_http_responses_total{method=\"GET\",route=\"/v1/{table}\",status=\"200\"} 2\n"));
    assert_non_null(strstr(all, "\ncetl_http_responses_total{method=\"GET\",route=\"/v1/{table}\",status=\"304\"} 1\n"));
    assert_non_null(strstr(all, "\ncetl_http_responses_total{method=\"POST\",route=\"/ingest\",status=\"202\"} 1\n"));
    assert_non_null(strstr(all, "\ncetl_http_responses_total{method=\"\",route=\"\",status=\"404\"} 1\n"));
    assert_non_null(strstr(all, "\ncetl_http_response_seconds_bucket{method=\"GET\",route=\"/v1/{table}\",le=\"0.0001\"} 2\n"));
    assert_non_null(strstr(all, "\ncetl_http_response_seconds_bucket{method=\"GET\",route=\"/v1/{table}\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(all, "\ncetl_http_response_seconds_sum{method=\"POST\",route=\"/ingest\"} 3.000000\n"));
    assert_non_null(strstr(all, "\ncetl_http_response_seconds_count{method=\"POST\",route=\"/ingest\"} 1\n"));
    assert_null(strstr(all, "route=\"/\"")); /* nobody asked for it */
    buf_done(&out);
    http_tally_free(t);
}

static void statuses_that_nobody_knows_share_a_place(void **state)
{
    (void)state;
    const struct http_router router = {.routes = routes};
    struct http_tally *t;
    assert_int_equal(http_tally_new(&router, &t), 0);
    for (int status = 100; status < 1000; status++)
        http_tally_add(t, &routes[0], status, 0);
    struct buf out;
    const char *all = text(t, &out);
    assert_non_null(strstr(all, "status=\"507\"} 1\n"));
    const char *others = strstr(all, "status=\"0\"} ");
    assert_non_null(others);
    assert_int_equal(strtol(others + strlen("status=\"0\"} "), NULL, 10), 900 - 42);
    buf_done(&out);
    http_tally_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_apart_by_route_and_status),
        cmocka_unit_test(statuses_that_nobody_knows_share_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
