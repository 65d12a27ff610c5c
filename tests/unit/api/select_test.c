/* SPDX-License-Identifier: MIT */
#include "../db/pg_fixture.h"
#include "../http/bench.h"
#include "api/fresh.h"
#include "api/select.h"
#include "db/pool.h"

static const struct http_limits limits = {
    .header_max = 4096,
    .body_max = 4096,
    .queue_max = 262144,
    .header_timeout_ms = 20000,
    .idle_timeout_ms = 20000,
    .connections = 10,
};

enum { BIG_ROWS = 400000 };

static const char schema[] =
    "CREATE TABLE kinds (id int8 PRIMARY KEY, name text, price numeric(10,2), at timestamptz, place point, tags jsonb);"
    "INSERT INTO kinds VALUES (1, 'a \"b\", c', 7.50, '2024-01-02 03:04:05+00', '(1,2)', '{\"n\": 7}'), (2, NULL, NULL, NULL, "
    "NULL, NULL),"
    " (3, '', -0.01, 'infinity', NULL, '[1, null]');"
    "CREATE TABLE none (id int8);"
    "CREATE TABLE big AS SELECT n::int8 AS id, 'row number ' || n AS name FROM generate_series(1, 400000) n;"
    "CREATE VIEW late AS SELECT n::int8 AS id, (100 / (300000 - n))::text AS name FROM generate_series(1, 400000) n;"
    "CREATE VIEW early AS SELECT n::int8 AS id, (100 / (2 - n))::text AS name FROM generate_series(1, 10) n;"
    "CREATE VIEW slow AS SELECT 1::int8 AS id, pg_sleep(0.4)::text AS name;"
    "CREATE VIEW fat AS SELECT n::int8 AS id, repeat('y', 10000) AS name FROM generate_series(1, 1000) n;"
    "CREATE VIEW endless AS SELECT a.id, repeat('x', 1000) AS name FROM big a, big b;"
    "CREATE TABLE \"Odd \"\" name\" (\"a \"\" b\" int4);"
    "INSERT INTO \"Odd \"\" name\" VALUES (5)";

struct state {
    struct bench bench;
    struct db_pool *pool;
    struct gate *gate; /* NULL but for the tests of it */
    struct buf in;
    int64_t timeout_ms;
};

/* ---- handlers: the table's name is the path's; the usual columns are id and name ---- */

/* Without a timeout of the test's own the pool's holds: 100 ms, which a query may need on a machine that is busy. */
static void rows_of(struct http_request *r, const char *from, const struct rest_column *column, size_t columns, int64_t limit)
{
    struct bench *b = http_request_context(r);
    struct state *state = container_of(b, struct state, bench);
    struct arena arena;
    struct rest_statement s;
    struct form form;
    if (!select_form(r, false, &form)) return;
    arena_init(&arena, 4096, 1 << 20);
    char page[200];
    snprintf(page, sizeof page, limit == REST_ALL ? "%s" : "%s LIMIT %d", from, (int)limit);
    struct rest_over over = {.from = page,
                             .no_rows = http_request_method(r) == HTTP_HEAD_,
                             .column = column,
                             .columns = columns,
                             .json = form_is_json(&form)};
    assert_int_equal(rest_statement_over(&over, &arena, &s), 0);
    s.limit = limit;
    select_answer(r, state->pool,
                  &(struct select_request){
                      .statement = &s, .arena = &arena, .form = form, .timeout_ms = state->timeout_ms, .gate = state->gate});
}

static const struct rest_column id_and_name[] = {{.name = SLICE("id"), .oid = 20}, {.name = SLICE("name"), .oid = 25}};

static void two_columns(struct http_request *r)
{
    char table[64];
    snprintf(table, sizeof table, SLICE_FMT, SLICE_ARG(http_request_capture(r, "table")));
    struct slice limit = http_request_query(r, "limit");
    rows_of(r, table, id_and_name, 2, limit.p ? atoi(limit.p) : REST_ALL);
}

static void kinds(struct http_request *r)
{
    rows_of(r, "(SELECT * FROM kinds ORDER BY id) AS k",
            (struct rest_column[]){{.name = SLICE("id"), .oid = 20},
                                   {.name = SLICE("name"), .oid = 25},
                                   {.name = SLICE("price"), .oid = 1700},
                                   {.name = SLICE("at"), .oid = 1184},
                                   {.name = SLICE("place"), .oid = 600},
                                   {.name = SLICE("tags"), .oid = 3802}},
            6, 10);
}

static void odd(struct http_request *r)
{
    rows_of(r, "\"Odd \"\" name\"", (struct rest_column[]){{.name = SLICE("a \" b"), .oid = 23}}, 1, REST_ALL);
}

static const struct http_route routes[] = {
    {HTTP_GET_, "/kinds", kinds}, {HTTP_GET_, "/odd", odd}, {HTTP_GET_, "/t/{table}", two_columns}, {0}};

/* ---- fixture ---- */

static int cluster_up(void **state)
{
    pg_fixture_up(state);
    struct pg_client client;
    pg_client_open(&client);
    struct pg_answer a = pg_sql(&client, schema);
    if (a.status != 0) fail_msg("%s", a.error.text);
    pg_client_close(&client);
    return 0;
}

static void open_pool(struct state *s, unsigned size)
{
    struct db_pool_config config = {
        .conn = {.conninfo = pg.conninfo,
                 .application_name = "select",
                 .setup = "SET TimeZone = 'UTC'; SET default_transaction_read_only = on; SET statement_timeout = 100",
                 .connect_timeout_ms = 20000},
        .size = size,
        .backoff_max_ms = 1000,
        .counters = &s->bench.counters};
    assert_int_equal(db_pool_new(s->bench.loop, &config, &s->pool), 0);
}

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    buf_init(&s->in, 1 << 26);
    bench_start(&s->bench, routes, &limits);
    open_pool(s, 1);
    s->timeout_ms = 20000;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    http_server_free(s->bench.server);
    s->bench.server = NULL;
    db_pool_free(s->pool);
    gate_free(s->gate);
    bench_stop(&s->bench);
    buf_done(&s->in);
    free(s);
    return 0;
}

static void get(struct state *s, const char *path, const char *accept, int status)
{
    char request[300];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%s\r\n", path, accept ? accept : "",
             accept ? "\r\n" : "");
    buf_reset(&s->in);
    bench_expect(&s->bench, request, status, &s->in);
}

static void assert_body(struct state *s, const char *body)
{
    struct slice all = buf_slice(&s->in);
    const char *at = memmem(all.p, all.len, "\r\n\r\n", 4);
    assert_non_null(at);
    assert_string_equal(buf_cstr(&s->in) + (at - all.p) + 4, body);
}

/* ---- tests ---- */

static void rows_are_a_json_array(void **state)
{
    struct state *s = *state;
    get(s, "/kinds", NULL, 200);
    assert_true(bench_has(&s->in, "Content-Type: application/json\r\n"));
    assert_true(bench_has(&s->in, "Content-Length: "));
    assert_true(bench_has(&s->in, "Vary: " FRESH_VARY "\r\n"));
    assert_body(s, "[{\"id\":1,\"name\":\"a \\\"b\\\", "
                   "c\",\"price\":7.50,\"at\":\"2024-01-02T03:04:05+00:00\",\"place\":\"(1,2)\",\"tags\":{\"n\": 7}},\n"
                   "{\"id\":2,\"name\":null,\"price\":null,\"at\":null,\"place\":null,\"tags\":null},\n"
                   "{\"id\":3,\"name\":\"\",\"price\":-0.01,\"at\":\"infinity\",\"place\":null,\"tags\":[1, null]}]\n");
}

static void ndjson_has_a_row_a_line(void **state)
{
    struct state *s = *state;
    get(s, "/t/big?limit=2", "Accept: application/x-ndjson", 200);
    assert_true(bench_has(&s->in, "Content-Type: application/x-ndjson\r\n"));
    assert_body(s, "{\"id\":1,\"name\":\"row number 1\"}\n{\"id\":2,\"name\":\"row number 2\"}\n");
}

static void csv_has_a_header_and_tells_null_from_empty(void **state)
{
    struct state *s = *state;
    get(s, "/kinds", "Accept: text/csv", 200);
    assert_true(bench_has(&s->in, "Content-Type: text/csv; charset=utf-8\r\n"));
    assert_body(s, "id,name,price,at,place,tags\n"
                   "1,\"a \"\"b\"\", c\",7.50,2024-01-02 03:04:05+00,\"(1,2)\",\"{\"\"n\"\": 7}\"\n"
                   "2,,,,,\n"
                   "3,\"\",-0.01,infinity,,\"[1, null]\"\n");
}

static void unknown_media_type_is_406(void **state)
{
    struct state *s = *state;
    get(s, "/kinds", "Accept: image/png", 406);
}

static void no_rows_are_an_empty_array(void **state)
{
    struct state *s = *state;
    get(s, "/t/big?limit=0", NULL, 200);
    assert_body(s, "[]\n");
    get(s, "/t/big?limit=0", "Accept: text/csv", 200);
    assert_body(s, "id,name\n");
}

static void identifiers_are_quoted(void **state)
{
    struct state *s = *state;
    get(s, "/odd", NULL, 200);
    assert_body(s, "[{\"a \\\" b\":5}]\n");
}

static void head_has_no_body(void **state)
{
    struct state *s = *state;
    bench_expect(&s->bench, "HEAD /t/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, &s->in);
    assert_true(slice_ends(buf_slice(&s->in), SLICE("\r\n\r\n")));
    assert_true(bench_has(&s->in, "Content-Type: application/json"));
    assert_false(bench_has(&s->in, "Content-Length"));
}

static void what_the_server_refuses_is_a_problem(void **state)
{
    struct state *s = *state;
    get(s, "/t/missing", NULL, 404);
    assert_true(bench_has(&s->in, "\"code\":\"42P01\""));
    get(s, "/t/early", NULL, 400);
    assert_true(bench_has(&s->in, "\"code\":\"22012\""));
    get(s, "/t/big?limit=1", NULL, 200); /* the only connection is in order again */
}

static void timeout_of_the_pool_or_of_the_request_rules(void **state)
{
    struct state *s = *state;
    s->timeout_ms = 0;
    get(s, "/t/slow", NULL, 503);
    assert_true(bench_has(&s->in, "\"code\":\"57014\""));
    s->timeout_ms = 20000;
    get(s, "/t/slow", NULL, 200);
    s->timeout_ms = 0;
    get(s, "/t/slow", NULL, 503); /* it did not stay */
}

static void large_table_is_streamed_to_a_slow_reader(void **state)
{
    struct state *s = *state;
    int fd = bench_connect_with(&s->bench, 65536);
    bench_send(&s->bench, fd, "GET /t/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/x-ndjson\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "\r\n\r\n");
    assert_true(bench_has(&s->in, "Transfer-Encoding: chunked"));
    bench_until(&s->bench, bench_read_some(fd, &s->in, 20000));
    assert_true(slice_ends(buf_slice(&s->in), SLICE("\r\n0\r\n\r\n")));
    assert_int_equal(bench_count(&s->in, "row number "), BIG_ROWS);
    assert_true(bench_has(&s->in, "{\"id\":400000,\"name\":\"row number 400000\"}\n"));
}

static void failure_in_the_middle_ends_without_the_last_chunk(void **state)
{
    struct state *s = *state;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /t/late HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(slice_starts(buf_slice(&s->in), SLICE("HTTP/1.1 200 OK")));
    assert_false(slice_ends(buf_slice(&s->in), SLICE("0\r\n\r\n")));
    assert_false(bench_has(&s->in, "division"));
    get(s, "/t/big?limit=1", NULL, 200);
}

static void client_that_leaves_frees_its_query(void **state)
{
    struct state *s = *state;
    for (int i = 0; i < 3; i++) {
        int fd = bench_connect(&s->bench);
        bench_send(&s->bench, fd, "GET /t/endless HTTP/1.1\r\nHost: x\r\n\r\n");
        buf_reset(&s->in);
        bench_read_until(&s->bench, fd, &s->in, "xxxx");
        bench_close(&s->bench, fd);
        get(s, "/t/big?limit=1", NULL, 200); /* the pool has one connection only */
    }
}

static void client_that_leaves_while_it_waits_is_forgotten(void **state)
{
    struct state *s = *state;
    int busy = bench_connect(&s->bench), waiting = bench_connect(&s->bench);
    bench_send(&s->bench, busy, "GET /t/endless HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_until(&s->bench, busy, &s->in, "xxxx");
    bench_send(&s->bench, waiting, "GET /t/big HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, db_pool_waiting(s->pool) == 1);
    struct linger reset = {.l_onoff = 1};
    setsockopt(waiting, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    bench_close(&s->bench, waiting);
    bench_until(&s->bench, db_pool_waiting(s->pool) == 0);
}

static void pool_that_goes_away_is_answered(void **state)
{
    struct state *s = *state;
    s->timeout_ms = 20000;
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /t/slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bench_until(&s->bench, counters_get(&s->bench.counters, COUNTER_HTTP_CONNECTIONS) == 1 && db_pool_is_up(s->pool));
    for (int i = 0; i < 20; i++)
        bench_turn(&s->bench);
    db_pool_free(s->pool);
    s->pool = NULL;
    bench_read_to_end(&s->bench, fd, &s->in);
    assert_true(slice_starts(buf_slice(&s->in), SLICE("HTTP/1.1 503 ")));
    open_pool(s, 1);
}

/* Two connections, one place, and a reader of a large answer who reads no further; returns his socket. */
static int with_a_slow_reader(struct state *s)
{
    db_pool_free(s->pool);
    open_pool(s, 2);
    assert_int_equal(gate_new(s->bench.loop, 1, &s->gate), 0);
    int fd = bench_connect(&s->bench);
    bench_send(&s->bench, fd, "GET /t/endless HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_read_until(&s->bench, fd, &s->in, "xxxx");
    return fd;
}

static void slow_readers_leave_a_connection_for_small_answers(void **state)
{
    struct state *s = *state;
    int slow = with_a_slow_reader(s), second = bench_connect(&s->bench);
    bench_send(&s->bench, second, "GET /t/big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    bench_until(&s->bench, gate_waiting(s->gate) == 1);
    get(s, "/t/big?limit=1", NULL, 200);
    bench_close(&s->bench, slow);
    buf_reset(&s->in);
    bench_read_to_end(&s->bench, second, &s->in);
    assert_int_equal(bench_count(&s->in, "row number "), BIG_ROWS);
}

static void small_answer_that_grows_begins_again_with_a_place(void **state)
{
    struct state *s = *state;
    int slow = with_a_slow_reader(s), fat = bench_connect(&s->bench);
    bench_send(&s->bench, fat, "GET /t/fat?limit=100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/csv\r\n\r\n");
    bench_until(&s->bench, gate_waiting(s->gate) == 1);
    get(s, "/t/big?limit=1", NULL, 200);
    bench_close(&s->bench, slow);
    buf_reset(&s->in);
    bench_read_to_end(&s->bench, fat, &s->in);
    assert_int_equal(bench_count(&s->in, "id,name\n"), 1);
    assert_int_equal(bench_count(&s->in, ",yyyy"), 100);
    assert_true(slice_ends(buf_slice(&s->in), SLICE("\r\n0\r\n\r\n")));
}

static void client_that_leaves_while_it_waits_for_a_place_is_forgotten(void **state)
{
    struct state *s = *state;
    with_a_slow_reader(s);
    int waiting = bench_connect(&s->bench);
    bench_send(&s->bench, waiting, "GET /t/big HTTP/1.1\r\nHost: x\r\n\r\n");
    bench_until(&s->bench, gate_waiting(s->gate) == 1);
    struct linger reset = {.l_onoff = 1};
    setsockopt(waiting, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    bench_close(&s->bench, waiting);
    bench_until(&s->bench, gate_waiting(s->gate) == 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(rows_are_a_json_array),
        T(ndjson_has_a_row_a_line),
        T(csv_has_a_header_and_tells_null_from_empty),
        T(unknown_media_type_is_406),
        T(no_rows_are_an_empty_array),
        T(identifiers_are_quoted),
        T(head_has_no_body),
        T(what_the_server_refuses_is_a_problem),
        T(timeout_of_the_pool_or_of_the_request_rules),
        T(large_table_is_streamed_to_a_slow_reader),
        T(failure_in_the_middle_ends_without_the_last_chunk),
        T(client_that_leaves_frees_its_query),
        T(client_that_leaves_while_it_waits_is_forgotten),
        T(pool_that_goes_away_is_answered),
        T(slow_readers_leave_a_connection_for_small_answers),
        T(small_answer_that_grows_begins_again_with_a_place),
        T(client_that_leaves_while_it_waits_for_a_place_is_forgotten),
    };
    return cmocka_run_group_tests(tests, cluster_up, pg_fixture_down);
}
