/* SPDX-License-Identifier: MIT */
#include "../db/pg_fixture.h"
#include "api/versions.h"
#include "db/migrate.h"
#include "db/sql.h"
#include "etl/dataset.h"

struct subject {
    struct pg_client client;
    struct loop *loop;
    struct db_pipeline *pipeline;
    struct db_pool *pool;
    struct versions *versions;
    struct counters counters;
};

struct asker {
    struct versions_wait wait;
    int got, known;
};

static const struct table one = {.version = {TABLE_OF_DATASET, 1}}, two = {.version = {TABLE_OF_DATASET, 2}},
                          none = {.name = "none"};

static void up(void *ctx)
{
    versions_up(((struct subject *)ctx)->versions);
}

static void down(void *ctx)
{
    versions_down(((struct subject *)ctx)->versions);
}

static void notified(void *ctx, const char *channel, const char *payload)
{
    versions_notified(((struct subject *)ctx)->versions, channel, payload);
}

static void open_subject(struct subject *s)
{
    memset(s, 0, sizeof *s);
    pg_client_open(&s->client);
    s->loop = s->client.loop;
    struct db_conn_config conn = {
        .conninfo = pg.conninfo, .application_name = "versions", .setup = VERSIONS_LISTEN, .connect_timeout_ms = 20000};
    struct db_pipeline_config pipeline = {.conn = conn,
                                          .backoff_max_ms = 200,
                                          .counters = &s->counters,
                                          .queue_max = 100,
                                          .answer_max = 1 << 20,
                                          .up = up,
                                          .down = down,
                                          .notified = notified,
                                          .ctx = s};
    struct db_pool_config pool = {.conn = conn, .size = 1, .backoff_max_ms = 200, .counters = &s->counters};
    assert_int_equal(db_pipeline_new(s->loop, &pipeline, &s->pipeline), 0);
    assert_int_equal(db_pool_new(s->loop, &pool, &s->pool), 0);
    struct versions_config c = {.loop = s->loop, .pipeline = s->pipeline, .pool = s->pool};
    assert_int_equal(versions_new(&c, &s->versions), 0);
}

static void close_subject(struct subject *s)
{
    db_pipeline_free(s->pipeline);
    db_pool_free(s->pool);
    versions_free(s->versions);
    pg_client_close(&s->client);
}

static void got(struct versions_wait *w, bool known)
{
    struct asker *a = container_of(w, struct asker, wait);
    a->got++;
    a->known = known;
}

static void ask(struct subject *s, struct asker *a, const struct table *t)
{
    *a = (struct asker){.wait.got = got};
    list_init(&a->wait.link);
    assert_true(version_set_add(&a->wait.set, t));
    assert_int_equal(versions_ask(s->versions, &a->wait), 0);
    assert_int_equal(a->got, 0);
}

static int64_t number_of(struct subject *s, const struct table *t)
{
    struct asker a;
    ask(s, &a, t);
    assert_true(pg_await(s->loop, &a.got));
    assert_int_equal(a.got, 1);
    return a.known ? a.wait.set.version[0].number : -1;
}

static void every_writer_makes_the_next_version(void **state)
{
    (void)state;
    struct subject s;
    open_subject(&s);
    int64_t before = number_of(&s, &one);
    assert_true(before > 0);
    assert_int_equal(number_of(&s, &one), before);
    assert_int_equal(pg_sql(&s.client, "INSERT INTO one VALUES (1)").status, 0);
    assert_int_equal(number_of(&s, &one), before + 1);
    assert_int_equal(pg_sql(&s.client, "SET cetl.load = 'on'; INSERT INTO one VALUES (2); RESET cetl.load").status, 0);
    assert_int_equal(number_of(&s, &one), before + 1);
    close_subject(&s);
}

static void without_a_trigger_or_a_source_there_is_no_version(void **state)
{
    (void)state;
    struct subject s;
    struct version_set set = {0};
    open_subject(&s);
    assert_int_equal(number_of(&s, &two), -1);
    assert_false(version_set_add(&set, &none));
    close_subject(&s);
}

static void who_asks_in_one_turn_is_answered_together_and_may_leave(void **state)
{
    (void)state;
    struct subject s;
    struct asker a, b, gone;
    open_subject(&s);
    ask(&s, &a, &one);
    ask(&s, &b, &two);
    ask(&s, &gone, &one);
    assert_int_equal(db_pipeline_pending(s.pipeline), 1);
    versions_cancel(&gone.wait);
    assert_true(pg_await(s.loop, &b.got));
    assert_int_equal(a.known, 1);
    assert_int_equal(b.known, 0);
    assert_int_equal(gone.got, 0);
    close_subject(&s);
}

static bool remembers(struct subject *s)
{
    struct version_set set = {0};
    assert_true(version_set_add(&set, &one));
    return versions_known(s->versions, &set);
}

/* Until the trigger is there and a look-up has filled the memory. */
static void await_memory(struct subject *s)
{
    for (int i = 0; i < 1000 && !remembers(s); i++)
        assert_true(number_of(s, &one) > 0);
    assert_true(remembers(s));
}

static void memory_counts_until_somebody_tells_of_a_change(void **state)
{
    (void)state;
    struct subject s;
    open_subject(&s);
    assert_true(number_of(&s, &one) > 0);
    assert_false(remembers(&s));
    versions_go(s.versions, true);
    await_memory(&s);
    versions_bump(s.versions, &(struct dataset){.id = 2});
    assert_true(remembers(&s));
    versions_bump(s.versions, &(struct dataset){.id = 1});
    assert_false(remembers(&s));
    await_memory(&s);
    versions_bump(s.versions, NULL);
    assert_false(remembers(&s));
    await_memory(&s);
    assert_int_equal(pg_sql(&s.client, "INSERT INTO one VALUES (3)").status, 0);
    for (int i = 0; i < 1000 && remembers(&s); i++)
        assert_int_equal(pg_sql(&s.client, "SELECT pg_sleep(0.001)").status, 0);
    assert_false(remembers(&s));
    await_memory(&s);
    versions_down(s.versions);
    assert_false(remembers(&s));
    close_subject(&s);
}

static bool is_recent(struct subject *s, const struct table *t)
{
    struct version_set set = {0};
    assert_true(version_set_add(&set, t));
    return versions_recent(s->versions, &set);
}

static void a_version_is_recent_for_a_moment(void **state)
{
    (void)state;
    struct subject s;
    open_subject(&s);
    assert_false(is_recent(&s, &one));
    assert_true(number_of(&s, &one) > 0);
    assert_int_equal(number_of(&s, &two), -1);
    assert_true(is_recent(&s, &one));
    assert_false(is_recent(&s, &two));
    versions_bump(s.versions, &(struct dataset){.id = 1});
    assert_false(is_recent(&s, &one));
    assert_true(number_of(&s, &one) > 0);
    versions_down(s.versions);
    assert_false(is_recent(&s, &one));
    assert_true(number_of(&s, &one) > 0);
    assert_int_equal(pg_sql(&s.client, "SELECT pg_sleep(0.15)").status, 0);
    uv_update_time(loop_uv(s.loop));
    assert_false(is_recent(&s, &one));
    close_subject(&s);
}

static void a_change_while_a_look_up_is_under_way_is_not_forgotten(void **state)
{
    (void)state;
    struct subject s;
    struct asker a;
    open_subject(&s);
    versions_go(s.versions, true);
    await_memory(&s);
    ask(&s, &a, &one);
    for (int i = 0; i < 3 && !a.got; i++)
        uv_run(loop_uv(s.loop), UV_RUN_NOWAIT);
    bool late = a.got;
    versions_bump(s.versions, &(struct dataset){.id = 1});
    assert_true(pg_await(s.loop, &a.got));
    assert_true(late || !remembers(&s));
    close_subject(&s);
}

static void another_wish_while_the_trigger_goes_is_not_forgotten(void **state)
{
    (void)state;
    struct subject s;
    open_subject(&s);
    versions_go(s.versions, true);
    await_memory(&s);
    assert_int_equal(pg_sql(&s.client, "BEGIN; LOCK TABLE cetl.change IN ROW EXCLUSIVE MODE").status, 0);
    versions_go(s.versions, false);
    while (pg_sql(&s.client, "SELECT FROM pg_locks WHERE NOT granted AND relation = 'cetl.change'::regclass").rows == 0)
        continue;
    versions_go(s.versions, true);
    assert_int_equal(pg_sql(&s.client, "COMMIT").status, 0);
    await_memory(&s);
    assert_int_equal(pg_sql(&s.client, "INSERT INTO one VALUES (4)").status, 0);
    for (int i = 0; i < 1000 && remembers(&s); i++)
        assert_int_equal(pg_sql(&s.client, "SELECT pg_sleep(0.001)").status, 0);
    assert_false(remembers(&s));
    close_subject(&s);
}

static int set_up(void **state)
{
    pg_fixture_up(state);
    struct pg_client client;
    pg_client_open(&client);
    assert_int_equal(pg_sql(&client, SQL_MIGRATION_PREPARE).status, 0);
    for (const struct db_migration *m = db_migrations(); m->name; m++)
        assert_int_equal(pg_sql(&client, m->sql).status, 0);
    struct pg_answer a =
        pg_sql(&client, "CREATE TABLE one (n int); CREATE TABLE two (n int);"
                        "INSERT INTO cetl.dataset (name, table_schema, table_name) VALUES ('one', 'public', 'one'),"
                        " ('two', 'public', 'two');"
                        "CREATE TRIGGER cetl_outside AFTER INSERT ON one FOR EACH STATEMENT WHEN"
                        " (current_setting('cetl.load', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION cetl.outside();"
                        "ALTER TABLE one ENABLE ALWAYS TRIGGER cetl_outside");
    if (a.status != 0) fail_msg("%s", a.error.text);
    pg_client_close(&client);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_writer_makes_the_next_version),
        cmocka_unit_test(without_a_trigger_or_a_source_there_is_no_version),
        cmocka_unit_test(who_asks_in_one_turn_is_answered_together_and_may_leave),
        cmocka_unit_test(memory_counts_until_somebody_tells_of_a_change),
        cmocka_unit_test(a_version_is_recent_for_a_moment),
        cmocka_unit_test(a_change_while_a_look_up_is_under_way_is_not_forgotten),
        cmocka_unit_test(another_wish_while_the_trigger_goes_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, set_up, pg_fixture_down);
}
