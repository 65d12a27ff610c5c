/* SPDX-License-Identifier: MIT */
#include "db/copyin.h"
#include "pg_fixture.h"

/* Puts `line` again and again until `total` bytes are on their way. */
struct feed {
    struct pg_client *client;
    struct pg_answer end;
    char chunk[1024 * 1024];
    size_t chunk_len, total, put;
    int ready, drained;
    const char *abort_reason;
    int free_at; /* the connection, at this `drained` */
};

static void more(struct feed *f)
{
    if (f->put >= f->total) {
        db_copyin_end(f->client->conn, f->abort_reason);
        return;
    }
    f->put += f->chunk_len;
    db_copyin_put(f->client->conn, (struct slice){f->chunk, f->chunk_len});
}

static void ready(void *ctx)
{
    struct feed *f = ctx;
    f->ready++;
    more(f);
}

static void drained(void *ctx)
{
    struct feed *f = ctx;
    if (++f->drained == f->free_at)
        db_conn_free(f->client->conn);
    else
        more(f);
}

static void done(void *ctx, const struct db_result *r)
{
    pg_answered(&((struct feed *)ctx)->end, r);
}

static struct feed *feed_new(struct pg_client *p, const char *line, size_t total)
{
    struct feed *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->client = p;
    size_t n = strlen(line);
    while (f->chunk_len + n <= sizeof f->chunk) {
        memcpy(f->chunk + f->chunk_len, line, n);
        f->chunk_len += n;
    }
    f->total = total;
    return f;
}

static void begin(struct feed *f, const char *sql)
{
    assert_int_equal(db_copyin_begin(f->client->conn, sql, &(struct db_copyin_handler){ready, drained, done, f}), 0);
    assert_int_equal(f->ready + f->end.done, 0);
}

static long peak_rss_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[128];
    long kib = -1;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    fclose(file);
    return kib;
}

enum { MB = 1000 * 1000, LINE_BYTES = 100 };
static const char line_of_100[] =
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567\tx\n";

static void a_hundred_megabytes_arrive_whole_and_memory_stays_bounded(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE big (a text, b text)");
    struct feed *f = feed_new(&p, line_of_100, 100 * MB);
    assert_int_equal(strlen(line_of_100), LINE_BYTES);
    long before = peak_rss_kib();
    begin(f, "COPY big FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, 0);
    assert_int_equal(f->end.affected, f->put / LINE_BYTES);
    assert_true(peak_rss_kib() - before < 4096);
    free(f);
    pg_client_close(&p);
}

/* A trigger that waits for advisory lock 1 keeps the server from reading. */
static void a_server_that_does_not_read_stops_the_data(void **state)
{
    (void)state;
    struct pg_client p, holder;
    pg_client_open(&p);
    pg_client_open(&holder);
    pg_sql(&holder, "SELECT pg_advisory_lock(1)");
    pg_sql(&p, "CREATE TEMP TABLE slow (a text, b text);"
               "CREATE FUNCTION pg_temp.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(1); RETURN "
               "NULL; END $$;"
               "CREATE TRIGGER t BEFORE INSERT ON slow EXECUTE FUNCTION pg_temp.wait()");
    struct feed *f = feed_new(&p, line_of_100, 50 * MB);
    begin(f, "COPY slow FROM STDIN");
    assert_true(pg_await(p.loop, &f->ready));
    /* It stops when the socket is full: the first chunk is larger, and so is never drained, however often the loop turns. */
    for (int turns = 0; turns < 200; turns++) {
        uv_run(loop_uv(p.loop), UV_RUN_NOWAIT);
        pg_sql(&holder, "SELECT 1");
    }
    assert_int_equal(f->drained, 0);
    assert_int_equal(f->end.done, 0);
    pg_sql(&holder, "SELECT pg_advisory_unlock(1)");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.affected, f->put / LINE_BYTES);
    free(f);
    pg_client_close(&holder);
    pg_client_close(&p);
}

static void a_refused_line_is_heard_before_all_data_was_sent(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE n (a int)");
    struct feed *f = feed_new(&p, "12\n13\nx\n", (size_t)1000 * 1000 * MB);
    begin(f, "COPY n FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, ERROR_REFUSED);
    assert_string_equal(f->end.error.sqlstate, "22P02");
    assert_non_null(strstr(f->end.detail, "COPY n, line 3"));
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM n").value, "0");
    free(f);
    pg_client_close(&p);
}

static void notices_do_not_interrupt_a_copy(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE chatty (a text, b text);"
               "CREATE FUNCTION pg_temp.say() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'row %', NEW.a; RETURN "
               "NEW; END $$;"
               "CREATE TRIGGER t BEFORE INSERT ON chatty FOR EACH ROW EXECUTE FUNCTION pg_temp.say()");
    struct feed *f = feed_new(&p, line_of_100, 2 * MB);
    begin(f, "COPY chatty FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, 0);
    assert_int_equal(f->end.affected, f->put / LINE_BYTES);
    free(f);
    pg_client_close(&p);
}

static void an_aborted_copy_leaves_nothing(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE gone (a text, b text)");
    struct feed *f = feed_new(&p, line_of_100, 1 * MB);
    f->abort_reason = "the file changed while it was read";
    begin(f, "COPY gone FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, ERROR_REFUSED);
    assert_string_equal(f->end.error.sqlstate, "57014");
    assert_non_null(strstr(f->end.error.text, "the file changed while it was read"));
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM gone").value, "0");
    free(f);
    pg_client_close(&p);
}

static void begin_and_copy_go_in_one_trip_and_the_transaction_stays_open(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE pair (a text, b text)");
    struct feed *f = feed_new(&p, line_of_100, 1);
    begin(f, "BEGIN; COPY pair FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, 0);
    assert_true(db_conn_in_transaction(p.conn));
    assert_int_equal(pg_sql(&p, "COMMIT").status, 0);
    char expected[32];
    snprintf(expected, sizeof expected, "%zu", f->put / LINE_BYTES);
    assert_string_equal(pg_sql(&p, "SELECT count(*) FROM pair").value, expected);
    free(f);
    pg_client_close(&p);
}

static void a_copy_that_cannot_begin_is_done_instead_of_ready(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    struct feed *f = feed_new(&p, line_of_100, 1);
    begin(f, "COPY no_such_table FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->ready, 0);
    assert_string_equal(f->end.error.sqlstate, "42P01");
    free(f);
    f = feed_new(&p, line_of_100, 1);
    begin(f, "SELECT 1");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, ERROR_PROTOCOL);
    free(f);
    pg_client_close(&p);
}

static void a_backend_terminated_in_the_middle_ends_the_copy_and_the_connection(void **state)
{
    (void)state;
    struct pg_client p, other;
    pg_client_open(&p);
    pg_client_open(&other);
    pg_sql(&p, "CREATE TEMP TABLE cut (a text, b text)");
    struct feed *f = feed_new(&p, line_of_100, (size_t)1000 * 1000 * MB);
    begin(f, "COPY cut FROM STDIN");
    assert_true(pg_await(p.loop, &f->drained));
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", db_conn_backend_pid(p.conn));
    pg_sql(&other, sql);
    assert_true(pg_await(p.loop, &p.lost));
    assert_int_equal(f->end.done, 1);
    assert_int_equal(f->end.status, ERROR_CLOSED);
    free(f);
    pg_client_close(&other);
    pg_client_close(&p);
}

static void the_connection_may_be_freed_in_drained(void **state)
{
    (void)state;
    struct pg_client p;
    pg_client_open(&p);
    pg_sql(&p, "CREATE TEMP TABLE freed (a text, b text)");
    struct feed *f = feed_new(&p, line_of_100, 50 * MB);
    f->free_at = 3;
    begin(f, "COPY freed FROM STDIN");
    assert_true(pg_await(p.loop, &f->end.done));
    assert_int_equal(f->end.status, ERROR_CANCELLED);
    free(f);
    loop_free(p.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_megabytes_arrive_whole_and_memory_stays_bounded),
        cmocka_unit_test(a_server_that_does_not_read_stops_the_data),
        cmocka_unit_test(a_refused_line_is_heard_before_all_data_was_sent),
        cmocka_unit_test(notices_do_not_interrupt_a_copy),
        cmocka_unit_test(an_aborted_copy_leaves_nothing),
        cmocka_unit_test(begin_and_copy_go_in_one_trip_and_the_transaction_stays_open),
        cmocka_unit_test(a_copy_that_cannot_begin_is_done_instead_of_ready),
        cmocka_unit_test(a_backend_terminated_in_the_middle_ends_the_copy_and_the_connection),
        cmocka_unit_test(the_connection_may_be_freed_in_drained),
    };
    return cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down);
}
