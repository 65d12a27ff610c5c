/* SPDX-License-Identifier: MIT */
/*
 * A throw-away PostgreSQL for the tests of db/, and a loop to talk to it. The cluster lies in a private folder and is reached by a
 * unix socket there, and on a random port of the loopback; as root it runs as user postgres. It dies with the test program.
 *
 *     cmocka_run_group_tests(tests, pg_fixture_up, pg_fixture_down)
 *
 * and in between it is `pg`.
 */
#ifndef CETLD_TESTS_PG_FIXTURE_H
#define CETLD_TESTS_PG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "db/conn.h"
#include "db/query.h"
#include "loop/timer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PG_PATIENCE_MS = 30000, PG_ARGS_MAX = 24 };

struct pg_fixture {
    char folder[40], bin[128], conninfo[256];
    int port;
    pid_t postmaster;
};

static struct pg_fixture pg;

static inline void pg_die(const char *what)
{
    fprintf(stderr, "pg_fixture: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* In the child: an unprivileged user, in a folder that is open to it, quiet, and gone with the test program. */
static inline void pg_become(void)
{
    if (getuid() == 0) {
        const struct passwd *user = getpwnam("postgres");
        if (!user || setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)) pg_die("become postgres");
    }
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir("/")) pg_die("chdir");
    char path[80];
    snprintf(path, sizeof path, "%s/log", pg.folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
}

static inline pid_t pg_spawn(const char *program, const char *const *args)
{
    pid_t pid = fork();
    if (pid < 0) pg_die("fork");
    if (pid > 0) return pid;
    pg_become();
    char path[192];
    snprintf(path, sizeof path, "%s/%s", pg.bin, program);
    const char *argv[PG_ARGS_MAX] = {path}; /* by which PostgreSQL's programs find each other */
    for (int i = 1; i < PG_ARGS_MAX - 1 && args[i]; i++)
        argv[i] = args[i];
    execv(path, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static inline int pg_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0) pg_die("port");
    close(fd);
    return ntohs(a.sin_port);
}

/* Start the postmaster (again) and wait until it answers. */
static inline void pg_start(void)
{
    char data[80], port[32], sockets[80];
    snprintf(data, sizeof data, "%s/data", pg.folder);
    snprintf(port, sizeof port, "port=%d", pg.port);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", pg.folder);
    pg.postmaster =
        pg_spawn("postgres", (const char *[]){"postgres", "-D", data, "-c", port, "-c", sockets, "-c", "listen_addresses=127.0.0.1",
                                              "-c", "fsync=off", "-c", "max_connections=100", NULL});
    for (int i = 0; i < PG_PATIENCE_MS / 20; i++) {
        if (PQping(pg.conninfo) == PQPING_OK) return;
        usleep(20000);
    }
    pg_die("the postmaster does not answer");
}

/* Immediate shutdown, as when the machine fails. */
static inline void pg_stop(void)
{
    if (pg.postmaster > 0) {
        kill(pg.postmaster, SIGQUIT);
        waitpid(pg.postmaster, NULL, 0);
    }
    pg.postmaster = 0;
}

static inline int pg_remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void pg_find_programs(char bin[128])
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0) pg_die("no initdb in /usr/lib/postgresql");
    const char *newest = found.gl_pathv[found.gl_pathc - 1];
    snprintf(bin, 128, "%.*s", (int)(strlen(newest) - strlen("/initdb")), newest);
    globfree(&found);
}

static inline int pg_fixture_up(void **state)
{
    (void)state;
    snprintf(pg.folder, sizeof pg.folder, "/tmp/cetld-pg-XXXXXX");
    if (!mkdtemp(pg.folder)) pg_die("mkdtemp");
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (user && chown(pg.folder, user->pw_uid, user->pw_gid) < 0) pg_die("chown");
    pg_find_programs(pg.bin);
    pg.port = pg_free_port();
    snprintf(pg.conninfo, sizeof pg.conninfo, "host=%s port=%d dbname=postgres user=postgres", pg.folder, pg.port);
    char data[80];
    snprintf(data, sizeof data, "%s/data", pg.folder);
    int status;
    pid_t pid = pg_spawn(
        "initdb", (const char *[]){"initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8", NULL});
    if (waitpid(pid, &status, 0) < 0 || status != 0) pg_die("initdb failed");
    pg_start();
    return 0;
}

static inline int pg_fixture_down(void **state)
{
    (void)state;
    pg_stop();
    nftw(pg.folder, pg_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* Waiting on the loop */

static inline void pg_tick(void *ctx)
{
    (void)ctx;
}

/* Run the loop until *flag is not 0; false after PG_PATIENCE_MS. */
static inline bool pg_await(struct loop *l, const int *flag)
{
    struct timer *tick;
    if (timer_new(l, pg_tick, NULL, &tick) < 0) return false;
    timer_repeat(tick, 20);
    int64_t end = loop_now_ms(l) + PG_PATIENCE_MS;
    while (!*flag && loop_now_ms(l) < end)
        uv_run(loop_uv(l), UV_RUN_ONCE);
    timer_free(tick);
    return *flag != 0;
}

/* A connection with its history. */
struct pg_client {
    struct loop *loop;
    struct db_conn *conn;
    int ready, lost;
    struct error why;
    bool free_when_lost;
};

static inline void pg_client_ready(void *ctx, struct db_conn *c)
{
    (void)c;
    ((struct pg_client *)ctx)->ready = 1;
}

static inline void pg_client_lost(void *ctx, struct db_conn *c, const struct error *why)
{
    struct pg_client *p = ctx;
    p->lost++;
    p->why = *why;
    if (p->free_when_lost) {
        db_conn_free(c);
        p->conn = NULL;
    }
}

static inline void pg_client_open_with(struct pg_client *p, const struct db_conn_config *config)
{
    *p = (struct pg_client){0};
    assert_int_equal(loop_new(&p->loop), 0);
    assert_int_equal(db_conn_new(p->loop, config, &(struct db_conn_handler){pg_client_ready, pg_client_lost, p}, &p->conn), 0);
}

static inline void pg_client_open(struct pg_client *p)
{
    pg_client_open_with(p,
                        &(struct db_conn_config){.conninfo = pg.conninfo, .application_name = "test", .connect_timeout_ms = 20000});
    assert_true(pg_await(p->loop, &p->ready));
}

static inline void pg_client_close(struct pg_client *p)
{
    db_conn_free(p->conn);
    loop_free(p->loop);
}

/* The end of a query, kept. */
struct pg_answer {
    int done, status, rows;
    char value[256]; /* first cell of the first row, as text or bytes */
    int value_len;
    int64_t affected;
    struct error error;
    char detail[256];
};

static inline void pg_answered(void *ctx, const struct db_result *r)
{
    struct pg_answer *a = ctx;
    a->done++;
    a->status = r->status;
    if (r->error) a->error = *r->error;
    snprintf(a->detail, sizeof a->detail, "%s", r->detail);
    if (!r->rows) return;
    a->rows = PQntuples(r->rows);
    a->affected = db_affected(r->rows);
    if (a->rows == 0 || PQnfields(r->rows) == 0) return;
    a->value_len = PQgetlength(r->rows, 0, 0);
    memcpy(a->value, PQgetvalue(r->rows, 0, 0), (size_t)(a->value_len < 255 ? a->value_len : 255));
}

/* Ask and wait. */
static inline struct pg_answer pg_ask(struct pg_client *p, struct db_query q)
{
    struct pg_answer a = {0};
    q.done = pg_answered;
    q.ctx = &a;
    assert_int_equal(db_query(p->conn, &q), 0);
    assert_int_equal(a.done, 0);
    assert_true(pg_await(p->loop, &a.done));
    return a;
}
#define pg_sql(p, text) pg_ask(p, (struct db_query){.sql = (text)})

#endif
