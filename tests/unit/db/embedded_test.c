/* SPDX-License-Identifier: MIT */
#include "base/fs.h"
#include "db/cluster.h"
#include "db/embedded.h"
#include "pg_fixture.h"

#include <sys/stat.h>

/* One state folder for all tests, in the order of a cluster's life: initdb takes the most of the time. */
static char state_folder[40];

struct subject {
    struct loop *loop;
    struct db_embedded *embedded;
    int ready, failed, stopped;
    struct error why;
};

static void is_ready(void *ctx)
{
    ((struct subject *)ctx)->ready++;
}

static void has_failed(void *ctx, const struct error *why)
{
    struct subject *s = ctx;
    s->failed++;
    s->why = *why;
}

static void has_stopped(void *ctx)
{
    ((struct subject *)ctx)->stopped++;
}

static void open_with(struct subject *s, const char *folder, const char *pg_bin)
{
    *s = (struct subject){0};
    assert_int_equal(loop_new(&s->loop), 0);
    const struct db_embedded_config config = {.state = folder, .pg_bin = pg_bin, .ready = is_ready, .failed = has_failed, .ctx = s};
    assert_int_equal(db_embedded_new(s->loop, &config, &s->embedded), 0);
    assert_int_equal(s->ready + s->failed, 0);
}

static void open_ready(struct subject *s)
{
    open_with(s, state_folder, NULL);
    assert_true(pg_await(s->loop, &s->ready));
    assert_string_equal(s->why.text, "");
}

static void stop(struct subject *s)
{
    db_embedded_stop(s->embedded, has_stopped, s);
    assert_int_equal(s->stopped, 0);
    assert_true(pg_await(s->loop, &s->stopped));
}

/* As if the daemon were killed: nothing is stopped. */
static void leave(struct subject *s)
{
    db_embedded_free(s->embedded);
    loop_free(s->loop);
}

static pid_t running(void)
{
    struct db_cluster k;
    assert_int_equal(db_cluster_init(&k, state_folder), 0);
    pid_t pid = db_cluster_postmaster(&k);
    db_cluster_done(&k);
    return pid;
}

static void ask(struct subject *s, const char *sql, struct pg_answer *ret_answer)
{
    struct pg_client p;
    pg_client_open_with(&p, &(struct db_conn_config){.conninfo = db_embedded_conninfo(s->embedded), .connect_timeout_ms = 20000});
    *ret_answer = pg_sql(&p, sql);
    pg_client_close(&p);
}

static void the_first_start_makes_a_cluster_with_our_database_and_settings(void **state)
{
    (void)state;
    struct subject s;
    struct pg_answer a;
    open_ready(&s);
    ask(&s,
        "SELECT concat_ws(' ', current_database(), current_user, current_setting('server_encoding'), "
        "current_setting('data_checksums'),"
        " current_setting('jit'), current_setting('max_prepared_transactions')::int > 0, '[' || "
        "current_setting('listen_addresses') || ']',"
        " current_setting('fsync'), datcollate, datctype) FROM pg_database WHERE datname = current_database()",
        &a);
    assert_string_equal(a.value, "cetl cetl UTF8 on off t [] on C C.UTF-8");
    struct stat st;
    char path[80];
    snprintf(path, sizeof path, "%s/run", state_folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    if (getuid() == 0) assert_int_not_equal(st.st_uid, 0);
    pid_t pid = running();
    assert_true(pid > 0);
    assert_int_equal(getsid(pid), pid);
    stop(&s);
    assert_int_equal(running(), 0);
    assert_int_equal(kill(pid, 0), -1);
    leave(&s);
}

static void a_second_start_finds_the_data_again(void **state)
{
    (void)state;
    struct subject s;
    struct pg_answer a;
    open_ready(&s);
    ask(&s, "CREATE TABLE kept AS SELECT 42 AS x", &a);
    assert_int_equal(a.status, 0);
    stop(&s);
    leave(&s);
    open_ready(&s);
    ask(&s, "SELECT x FROM kept", &a);
    assert_string_equal(a.value, "42");
    stop(&s);
    leave(&s);
}

static void a_postmaster_that_was_left_is_adopted_and_stopped(void **state)
{
    (void)state;
    struct subject s;
    struct pg_answer a;
    open_ready(&s);
    pid_t first = running();
    leave(&s);
    assert_int_equal(running(), first);
    open_ready(&s);
    assert_int_equal(running(), first);
    ask(&s, "SELECT x FROM kept", &a);
    assert_string_equal(a.value, "42");
    stop(&s);
    assert_int_equal(running(), 0);
    leave(&s);
}

static void a_killed_postmaster_is_started_again(void **state)
{
    (void)state;
    struct subject s;
    struct pg_answer a;
    open_ready(&s);
    pid_t first = running();
    s.ready = 0;
    kill(first, SIGKILL);
    assert_true(pg_await(s.loop, &s.ready));
    assert_int_equal(s.failed, 1);
    assert_non_null(strstr(s.why.text, "ended (signal 9) and is started again"));
    assert_int_not_equal(running(), first);
    ask(&s, "SELECT x FROM kept", &a);
    assert_string_equal(a.value, "42");
    stop(&s);
    leave(&s);
}

static void an_adopted_postmaster_that_is_killed_is_started_again(void **state)
{
    (void)state;
    struct subject s;
    open_ready(&s);
    pid_t first = running();
    leave(&s);
    open_ready(&s);
    s.ready = 0;
    kill(first, SIGKILL);
    /* It is a child of this program still, and a zombie keeps its number. */
    waitpid(first, NULL, 0);
    assert_true(pg_await(s.loop, &s.ready));
    assert_true(running() > 0);
    assert_int_not_equal(running(), first);
    stop(&s);
    leave(&s);
}

static void a_stale_pid_file_of_a_living_stranger_does_not_hinder(void **state)
{
    (void)state;
    struct subject s;
    char path[80], text[160];
    snprintf(path, sizeof path, "%s/postgresql/postmaster.pid", state_folder);
    /* Our own number: alive, and no postmaster. Owned as PostgreSQL wants it. */
    int n = snprintf(text, sizeof text, "%d\n%s/postgresql\n0\n5432\n%s/run\n\n", (int)getpid(), state_folder, state_folder);
    assert_int_equal(fs_write_small(AT_FDCWD, path, 0600, (struct slice){text, (size_t)n}), 0);
    assert_int_equal(running(), 0);
    open_ready(&s);
    stop(&s);
    leave(&s);
}

static void stopping_while_it_starts_stops_it(void **state)
{
    (void)state;
    struct subject s;
    open_with(&s, state_folder, NULL);
    while (!running())
        uv_run(loop_uv(s.loop), UV_RUN_NOWAIT);
    stop(&s);
    assert_int_equal(running(), 0);
    leave(&s);
}

static void stopping_before_anything_began_is_fine(void **state)
{
    (void)state;
    struct subject s;
    open_with(&s, state_folder, NULL);
    stop(&s);
    assert_int_equal(s.ready, 0);
    leave(&s);
}

/* Refusals */

static void expect_failure(const char *folder, const char *pg_bin, const char *words)
{
    struct subject s;
    open_with(&s, folder, pg_bin);
    assert_true(pg_await(s.loop, &s.failed));
    if (!strstr(s.why.text, words)) fail_msg("\"%s\" is not in \"%s\"", words, s.why.text);
    stop(&s);
    leave(&s);
}

static void a_socket_path_that_is_too_long_is_refused_in_words(void **state)
{
    (void)state;
    char folder[160];
    snprintf(folder, sizeof folder, "%s/%0100d", state_folder, 0);
    expect_failure(folder, NULL, "unix sockets allow 107: choose a shorter `state`");
}

static void data_of_another_version_are_refused_with_what_to_do(void **state)
{
    (void)state;
    char folder[80], path[120];
    snprintf(folder, sizeof folder, "%s/old", state_folder);
    snprintf(path, sizeof path, "%s/postgresql", folder);
    assert_int_equal(fs_mkdir_all(path, 0755), 0);
    if (getuid() == 0) assert_int_equal(chown(path, 65534, 65534), 0);
    snprintf(path, sizeof path, "%s/postgresql/PG_VERSION", folder);
    assert_int_equal(fs_write_small(AT_FDCWD, path, 0644, SLICE("9\n")), 0);
    expect_failure(folder, NULL, "was made by PostgreSQL 9, whose programs are not there");
}

static void a_folder_that_the_user_may_not_enter_is_refused_in_words(void **state)
{
    (void)state;
    if (getuid() != 0) return; /* only root changes its user */
    char closed[80], folder[120];
    snprintf(closed, sizeof closed, "%s/closed", state_folder);
    snprintf(folder, sizeof folder, "%s/state", closed);
    assert_int_equal(mkdir(closed, 0700), 0);
    expect_failure(folder, NULL, "(mode 0700): chmod o+x ");
}

static void programs_that_are_not_there_are_refused_in_words(void **state)
{
    (void)state;
    char folder[80];
    snprintf(folder, sizeof folder, "%s/none", state_folder);
    expect_failure(folder, "/nonexistent/bin", "there is no postgres in `pg_bin` /nonexistent/bin");
}

static void something_else_in_the_data_folder_is_not_touched(void **state)
{
    (void)state;
    char folder[80], path[120];
    struct stat st;
    snprintf(folder, sizeof folder, "%s/other", state_folder);
    snprintf(path, sizeof path, "%s/postgresql/precious", folder);
    assert_int_equal(fs_mkdir_all(path, 0755), 0);
    snprintf(path, sizeof path, "%s/postgresql", folder);
    if (getuid() == 0) assert_int_equal(chown(path, 65534, 65534), 0);
    expect_failure(folder, NULL, "holds something that is no PostgreSQL cluster");
    snprintf(path, sizeof path, "%s/postgresql/precious", folder);
    assert_int_equal(stat(path, &st), 0);
}

static int up(void **state)
{
    (void)state;
    snprintf(state_folder, sizeof state_folder, "/tmp/cetld-embedded-XXXXXX");
    return mkdtemp(state_folder) && chmod(state_folder, 0755) == 0 ? 0 : -1;
}

/* What a test that failed has left running. */
static int down(void **state)
{
    (void)state;
    pid_t pid = running();
    if (pid) {
        kill(pid, SIGQUIT);
        for (int i = 0; i < 500 && running(); i++)
            usleep(20000);
    }
    nftw(state_folder, pg_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_makes_a_cluster_with_our_database_and_settings),
        cmocka_unit_test(a_second_start_finds_the_data_again),
        cmocka_unit_test(a_postmaster_that_was_left_is_adopted_and_stopped),
        cmocka_unit_test(a_killed_postmaster_is_started_again),
        cmocka_unit_test(an_adopted_postmaster_that_is_killed_is_started_again),
        cmocka_unit_test(a_stale_pid_file_of_a_living_stranger_does_not_hinder),
        cmocka_unit_test(stopping_while_it_starts_stops_it),
        cmocka_unit_test(stopping_before_anything_began_is_fine),
        cmocka_unit_test(a_socket_path_that_is_too_long_is_refused_in_words),
        cmocka_unit_test(data_of_another_version_are_refused_with_what_to_do),
        cmocka_unit_test(a_folder_that_the_user_may_not_enter_is_refused_in_words),
        cmocka_unit_test(programs_that_are_not_there_are_refused_in_words),
        cmocka_unit_test(something_else_in_the_data_folder_is_not_touched),
    };
    return cmocka_run_group_tests(tests, up, down);
}
