/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "api/problem.h"

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 65536,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

/* ---- the status for a SQLSTATE ---- */

static void sqlstates_have_the_statuses_that_postgrest_gives(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        int status;
    } rows[] = {
        {"08006", 503}, {"0LP01", 403}, {"22P02", 400}, {"22003", 400}, {"23502", 400}, {"23503", 409},
        {"23505", 409}, {"23514", 400}, {"25006", 405}, {"25001", 500}, {"28P01", 403}, {"40001", 500},
        {"42501", 403}, {"42601", 400}, {"42703", 400}, {"42883", 404}, {"42P01", 404}, {"42P17", 500},
        {"53300", 503}, {"54001", 400}, {"57014", 503}, {"57P01", 503}, {"58030", 500}, {"XX000", 500},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (problem_status(rows[i].sqlstate) != rows[i].status)
            fail_msg("%s: %d instead of %d", rows[i].sqlstate, problem_status(rows[i].sqlstate), rows[i].status);
}

static void where_no_server_spoke_it_is_503(void **state)
{
    (void)state;
    assert_int_equal(problem_status(""), 503);
}

/* ---- as the client reads it ---- */

static void refused(struct http_request *r)
{
    struct error err = {.sqlstate = "42703", .text = "column \"nope\" does not exist"};
    problem_from_database(
        r, &(struct db_result){.status = ERROR_REFUSED, .error = &err, .detail = "LINE 1: SELECT secret FROM hidden"});
}

static void timed_out(struct http_request *r)
{
    struct error err = {.sqlstate = "57014", .text = "canceling statement due to statement timeout"};
    problem_from_database(r, &(struct db_result){.status = ERROR_REFUSED, .error = &err, .detail = ""});
}

static void lost(struct http_request *r)
{
    struct error err = {.text = "the connection is gone"};
    problem_from_database(r, &(struct db_result){.status = ERROR_CLOSED, .error = &err, .detail = ""});
}

static void cancelled(struct http_request *r)
{
    problem_from_database(r, &(struct db_result){.status = ERROR_CANCELLED, .detail = ""});
}

static void parameter(struct http_request *r)
{
    problem_parameter(r, "limit", "a whole number");
}

static void internal(struct http_request *r)
{
    problem_internal(r);
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/refused", refused},
    {HTTP_GET_, "/timed-out", timed_out},
    {HTTP_GET_, "/lost", lost},
    {HTTP_GET_, "/cancelled", cancelled},
    {HTTP_GET_, "/parameter", parameter},
    {HTTP_GET_, "/internal", internal},
    {0},
};

static void every_problem_says_what_and_when_to_try_again(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status;
        bool retry;
        const char *words;
    } cases[] = {
        {"/refused", 400, false, "\"code\":\"42703\",\"message\":\"column \\\"nope\\\" does not exist\""},
        {"/timed-out", 503, true, "\"message\":\"canceling statement due to statement timeout\""},
        {"/lost", 503, true, "\"message\":\"the database does not answer\",\"details\":\"the connection is gone\""},
        {"/cancelled", 503, true, "\"details\":null"},
        {"/parameter", 400, false, "\"message\":\"limit must be a whole number\""},
        {"/internal", 500, false, "\"hint\":\"the log says more\""},
    };
    struct bench b;
    bench_start(&b, routes, &limits);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[128];
        struct buf in;
        buf_init(&in, 1 << 20);
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", cases[i].path);
        bench_expect(&b, request, cases[i].status, &in);
        assert_true(bench_has(&in, "Content-Type: application/problem+json"));
        if (!bench_has(&in, cases[i].words)) fail_msg("%s not in:\n%.*s", cases[i].words, (int)in.len, in.data);
        assert_int_equal(bench_has(&in, "Retry-After: 5\r\n"), cases[i].retry);
        assert_false(bench_has(&in, "SELECT"));
        buf_done(&in);
    }
    bench_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlstates_have_the_statuses_that_postgrest_gives),
        cmocka_unit_test(where_no_server_spoke_it_is_503),
        cmocka_unit_test(every_problem_says_what_and_when_to_try_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
