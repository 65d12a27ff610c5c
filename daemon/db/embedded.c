/* SPDX-License-Identifier: MIT */
#include "db/embedded.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "db/cluster.h"
#include "db/query.h"
#include "loop/timer.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLL_MS = 100,   /* between two tries to reach a starting server; and looks at an adopted one that stops */
    WATCH_MS = 1000, /* between two looks at an adopted postmaster, which is not our child */
    CONNECT_MS = 10000,
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MAX_MS = 30000,
    BACKOFF_DOUBLINGS = 8,
    IMMEDIATE_AFTER_MS = 60000, /* a fast shutdown that takes longer becomes an immediate one, which recovery mends */
    WORDS_MAX = 512,
};

/* embedded.h draws the transitions. */
enum state { INITDB, STARTING, CREATING, READY, RESTING, FAILED, STOPPING, STOPPED };
static const char *const state_name[] = {"initdb", "starting", "creating", "ready", "resting", "failed", "stopping", "stopped"};

/* A child lives apart from its owner, for its exit may be told after the owner is gone. */
struct child {
    uv_process_t process;
    struct db_embedded *owner;
};

struct db_embedded {
    struct loop *loop;
    struct db_cluster cluster;
    struct db_embedded_config config; /* the callbacks */
    enum state state;
    struct child *child;  /* initdb or postmaster, or NULL */
    pid_t adopted;        /* a postmaster that is not our child, or 0 */
    struct db_conn *conn; /* while starting and creating */
    struct timer *timer;  /* what the state waits for */
    unsigned failures;    /* starts in a row that came to nothing */
    int64_t stop_began_ms;
    struct error unusable; /* why db_cluster_open failed */
    struct loop_deferred begin, end;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void enter(struct db_embedded *e, enum state state)
{
    log_debug("embedded cluster: %s -> %s", state_name[e->state], state_name[state]);
    e->state = state;
    timer_stop(e->timer);
    if (state == STARTING || state == CREATING) return;
    db_conn_free(e->conn);
    e->conn = NULL;
}

static void fail_for_good(struct db_embedded *e, const struct error *why)
{
    enter(e, FAILED);
    e->config.failed(e->config.ctx, why);
}

/* Children */

static void child_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void let_go(struct db_embedded *e)
{
    if (!e->child) return;
    e->child->owner = NULL;
    uv_close((uv_handle_t *)&e->child->process, child_closed);
    e->child = NULL;
}

static void child_died(struct db_embedded *e, int64_t status, int signal);

static void exited(uv_process_t *process, int64_t status, int signal)
{
    struct db_embedded *e = ((struct child *)process->data)->owner;
    if (!e) return;
    let_go(e);
    child_died(e, status, signal);
}

/* What they write before the server's own log begins goes to a file, not to our stderr: a postmaster may outlive us. */
static int spawn(struct db_embedded *e, const char *program, const char **args)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/%s", e->cluster.bin, program) < 0) return -ENOMEM;
    args[0] = path; /* by which they find each other */
    cleanup_fd int log = open(e->cluster.log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (log < 0) return -errno;
    struct child *child = calloc(1, sizeof *child);
    if (!child) return -ENOMEM;
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = log}, {.flags = UV_INHERIT_FD, .data.fd = log}};
    uv_process_options_t options = {
        .exit_cb = exited,
        .file = path,
        .args = (char **)(uintptr_t)args, /* execve promises to leave them */
        .env = (char **)(uintptr_t)environment,
        .cwd = "/",
        .flags = UV_PROCESS_DETACHED | (e->cluster.switch_user ? UV_PROCESS_SETUID | UV_PROCESS_SETGID : 0),
        .stdio_count = 3,
        .stdio = stdio,
        .uid = e->cluster.uid,
        .gid = e->cluster.gid,
    };
    child->process.data = child;
    child->owner = e;
    int r = uv_spawn(loop_uv(e->loop), &child->process, &options);
    if (r < 0) {
        /* libuv has made the handle all the same. */
        uv_close((uv_handle_t *)&child->process, child_closed);
        return r;
    }
    e->child = child;
    return 0;
}

static void rest(struct db_embedded *e, const struct error *why)
{
    unsigned doublings = e->failures < BACKOFF_DOUBLINGS ? e->failures : BACKOFF_DOUBLINGS;
    int64_t ms = (int64_t)BACKOFF_FIRST_MS << doublings;
    enter(e, RESTING);
    timer_start(e->timer, ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
    if (e->failures++ == 0) e->config.failed(e->config.ctx, why);
}

/* Starting */

static void connect_now(struct db_embedded *e);

static void start_postmaster(struct db_embedded *e)
{
    enter(e, STARTING);
    e->adopted = db_cluster_postmaster(&e->cluster);
    if (e->adopted) {
        log_notice("the embedded PostgreSQL already runs (pid %d) and is taken over", (int)e->adopted);
        connect_now(e);
        return;
    }
    db_cluster_clear_stale_pid(&e->cluster);
    cleanup_free char *config = NULL, *sockets = NULL;
    if (asprintf(&config, "config_file=%s", e->cluster.settings) < 0) config = NULL;
    if (asprintf(&sockets, "unix_socket_directories=\"%s\"", e->cluster.run) < 0) sockets = NULL;
    /* On the command line stands what nobody may change. */
    const char *args[] = {NULL,
                          "-D",
                          e->cluster.data,
                          "-c",
                          config,
                          "-c",
                          sockets,
                          "-c",
                          "listen_addresses=",
                          "-c",
                          "port=5432",
                          "-c",
                          "unix_socket_permissions=0700",
                          NULL};
    int r = config && sockets ? spawn(e, "postgres", args) : -ENOMEM;
    if (r == 0) {
        connect_now(e);
        return;
    }
    struct error why;
    error_set(&why, r, "cannot run %s/postgres: %s", e->cluster.bin, error_name(r));
    rest(e, &why);
}

static void start_initdb(struct db_embedded *e)
{
    enter(e, INITDB);
    const char *args[] = {NULL,
                          "-D",
                          e->cluster.fresh,
                          "--username=cetl",
                          "--auth=trust",
                          "--encoding=UTF8",
                          "--locale=C",
                          "--lc-ctype=C.UTF-8",
                          "--data-checksums",
                          "--no-instructions",
                          NULL};
    int r = spawn(e, "initdb", args);
    if (r == 0) return;
    struct error why;
    error_set(&why, r, "cannot run %s/initdb: %s", e->cluster.bin, error_name(r));
    fail_for_good(e, &why);
}

static void initdb_ended(struct db_embedded *e, int64_t status, int signal)
{
    struct error why;
    char words[WORDS_MAX];
    if (status == 0 && signal == 0) {
        int r = db_cluster_commit(&e->cluster);
        if (r == 0) {
            start_postmaster(e);
            return;
        }
        error_set(&why, r, "cannot rename %s to %s: %s", e->cluster.fresh, e->cluster.data, error_name(r));
    } else {
        db_cluster_last_words(&e->cluster, words, sizeof words);
        error_set(&why, -EIO, "initdb in %s failed: %s", e->cluster.fresh, words[0] ? words : "it was killed");
    }
    fail_for_good(e, &why);
}

static void finish_stopping(struct db_embedded *e)
{
    enter(e, STOPPED);
    e->adopted = 0;
    loop_defer(e->loop, &e->end);
}

static void postmaster_died(struct db_embedded *e, int64_t status, int signal)
{
    struct error why;
    char words[WORDS_MAX];
    db_cluster_last_words(&e->cluster, words, sizeof words);
    e->adopted = 0;
    if (e->state == READY)
        error_set(&why, -ESRCH, "the embedded PostgreSQL ended (%s %d) and is started again; its log is in %s/log",
                  signal ? "signal" : "status", signal ? signal : (int)status, e->cluster.data);
    else
        error_set(&why, -ESRCH, "the embedded PostgreSQL does not start and is tried again: %s (its log is in %s/log)", words,
                  e->cluster.data);
    rest(e, &why);
}

static void child_died(struct db_embedded *e, int64_t status, int signal)
{
    if (e->state == STOPPING)
        finish_stopping(e);
    else if (e->state == INITDB)
        initdb_ended(e, status, signal);
    else
        postmaster_died(e, status, signal);
}

/* Reaching it */

static void on_created(void *ctx, const struct db_result *r);

static void become_ready(struct db_embedded *e)
{
    enter(e, READY);
    e->failures = 0;
    if (e->adopted) timer_repeat(e->timer, WATCH_MS);
    e->config.ready(e->config.ctx);
}

static void on_looked(void *ctx, const struct db_result *r)
{
    struct db_embedded *e = ctx;
    if (r->status != 0) return; /* the connection's loss is handled there */
    if (PQntuples(r->rows) > 0) {
        become_ready(e);
        return;
    }
    int sent = db_query(e->conn, &(struct db_query){.sql = "CREATE DATABASE cetl", .done = on_created, .ctx = e});
    if (sent < 0) timer_start(e->timer, POLL_MS);
}

static void on_created(void *ctx, const struct db_result *r)
{
    struct db_embedded *e = ctx;
    if (r->status == 0) {
        become_ready(e);
    } else if (r->status == ERROR_REFUSED) {
        struct error why;
        error_set(&why, r->status, "cannot create database cetl in the embedded cluster, which is tried again: %s", r->error->text);
        timer_start(e->timer, BACKOFF_MAX_MS);
        if (e->failures++ == 0) e->config.failed(e->config.ctx, &why);
    }
}

static void on_connected(void *ctx, struct db_conn *c)
{
    struct db_embedded *e = ctx;
    enter(e, CREATING);
    int r = db_query(c, &(struct db_query){.sql = "SELECT 1 FROM pg_database WHERE datname = 'cetl'", .done = on_looked, .ctx = e});
    if (r < 0) timer_start(e->timer, POLL_MS);
}

/* Refused or lost while the server starts or recovers: for as long as it lives it is asked again. */
static void on_lost(void *ctx, struct db_conn *c, const struct error *why)
{
    struct db_embedded *e = ctx;
    (void)why;
    db_conn_free(c);
    e->conn = NULL;
    enter(e, STARTING);
    timer_start(e->timer, POLL_MS);
}

static void connect_now(struct db_embedded *e)
{
    db_conn_free(e->conn);
    e->conn = NULL;
    const struct db_conn_config config = {
        .conninfo = e->cluster.maintenance, .application_name = "cetld start", .connect_timeout_ms = CONNECT_MS};
    if (db_conn_new(e->loop, &config, &(struct db_conn_handler){on_connected, on_lost, e}, &e->conn) < 0)
        timer_start(e->timer, POLL_MS);
}

static bool adopted_is_gone(const struct db_embedded *e)
{
    return e->adopted && db_cluster_postmaster(&e->cluster) != e->adopted;
}

static void look_at_stopping(struct db_embedded *e)
{
    if (!e->child && (!e->adopted || adopted_is_gone(e))) {
        finish_stopping(e);
        return;
    }
    if (loop_now_ms(e->loop) - e->stop_began_ms < IMMEDIATE_AFTER_MS) return;
    log_warning("the embedded PostgreSQL does not stop: immediate shutdown");
    e->stop_began_ms = loop_now_ms(e->loop);
    if (e->child)
        uv_process_kill(&e->child->process, SIGQUIT);
    else
        kill(e->adopted, SIGQUIT);
}

static void on_timer(void *ctx)
{
    struct db_embedded *e = ctx;
    switch (e->state) {
    case STARTING:
    case CREATING:
    case READY:
        if (adopted_is_gone(e))
            postmaster_died(e, 0, SIGKILL);
        else if (e->state != READY)
            connect_now(e);
        break;
    case RESTING: start_postmaster(e); break;
    case STOPPING: look_at_stopping(e); break;
    case INITDB:
    case FAILED:
    case STOPPED: break;
    }
}

/* The whole */

static void begin(struct loop_deferred *d)
{
    struct db_embedded *e = container_of(d, struct db_embedded, begin);
    if (e->unusable.text[0])
        fail_for_good(e, &e->unusable);
    else if (db_cluster_exists(&e->cluster))
        start_postmaster(e);
    else
        start_initdb(e);
}

static void end(struct loop_deferred *d)
{
    struct db_embedded *e = container_of(d, struct db_embedded, end);
    e->stopped(e->stopped_ctx);
}

int db_embedded_new(struct loop *l, const struct db_embedded_config *config, struct db_embedded **ret_embedded)
{
    struct db_embedded *e = calloc(1, sizeof *e);
    if (!e) return -ENOMEM;
    e->loop = l;
    e->config = *config;
    loop_deferred_init(&e->begin, begin);
    loop_deferred_init(&e->end, end);
    int r = db_cluster_init(&e->cluster, config->state);
    if (r == 0) r = timer_new(l, on_timer, e, &e->timer);
    if (r < 0) {
        db_embedded_free(e);
        return r;
    }
    /* Its words go to `failed`, like every later failure's. */
    r = db_cluster_open(&e->cluster, config->pg_bin, &e->unusable);
    if (r == 0) e->unusable.text[0] = '\0';
    e->config.state = e->config.pg_bin = NULL;
    loop_defer(l, &e->begin);
    *ret_embedded = e;
    return 0;
}

const char *db_embedded_conninfo(const struct db_embedded *e)
{
    return e->cluster.conninfo;
}

void db_embedded_stop(struct db_embedded *e, void (*stopped)(void *ctx), void *ctx)
{
    assert(e->state != STOPPING && e->state != STOPPED);
    bool initdb = e->state == INITDB;
    loop_undefer(&e->begin);
    e->stopped = stopped;
    e->stopped_ctx = ctx;
    e->stop_began_ms = loop_now_ms(e->loop);
    enter(e, STOPPING);
    /* SIGINT is the fast shutdown; what is no longer ours by postmaster.pid is not signalled. */
    if (e->child)
        uv_process_kill(&e->child->process, initdb ? SIGTERM : SIGINT);
    else if (e->adopted && !adopted_is_gone(e))
        kill(e->adopted, SIGINT);
    else
        e->adopted = 0;
    if (e->child || e->adopted)
        timer_repeat(e->timer, POLL_MS);
    else
        finish_stopping(e);
}

void db_embedded_free(struct db_embedded *e)
{
    if (!e) return;
    loop_undefer(&e->begin);
    loop_undefer(&e->end);
    let_go(e);
    db_conn_free(e->conn);
    timer_free(e->timer);
    db_cluster_done(&e->cluster);
    free(e);
}
