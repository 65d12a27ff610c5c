/* SPDX-License-Identifier: MIT */
#include "db/conn.h"

#include "base/log.h"
#include "db/address.h"
#include "db/op.h"
#include "db/params.h"
#include "loop/timer.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { SEND_BYTES = 512 * 1024, LIBPQ_BYTES = 16384 };

/* connecting ──▶ setup ──▶ ready ──▶ lost ──▶ freed, each also straight to lost or freed; "busy" is ready with operations in the
 * queue. */
enum state { CONNECTING, SETUP, READY, LOST, FREED };
static const char *const state_name[] = {"connecting", "setup", "ready", "lost", "freed"};

/*
 * A watch of one descriptor. It lives apart, since libpq may open another socket for its next try while the old watch is still
 * closing.
 */
struct watch {
    uv_poll_t poll;
    int fd, events;
    struct db_conn *conn;
};

struct db_conn {
    struct loop *loop;
    enum state state;
    PGconn *pg;
    struct db_address *address; /* while names are resolved */
    struct watch *watch;
    struct timer *limit;       /* for connecting */
    struct loop_deferred kick; /* runs what could not be run inside a caller */
    struct loop_deferred last; /* frees the memory */
    struct list ops;           /* db_op; the first one is at work once `started` */
    bool started;
    bool held;       /* nothing is read */
    bool blocked;    /* the operation waits for room in the socket */
    bool spoke;      /* see db_conn_spoke */
    unsigned asides; /* notices and notifications received */
    bool metered;    /* see db_conn_received */
    uint64_t received;
    void (*notified)(void *ctx, const char *channel, const char *payload);
    void *notified_ctx;
    struct error farewell; /* why the server closes the connection, if it said so */
    int backend_pid;
    struct db_statements statements;
    struct db_conn_handler handler;
    int64_t connect_timeout_ms;
    char *conninfo, *application_name, *password, *setup;
};

static void enter(struct db_conn *c, enum state state)
{
    log_debug("connection %p: %s -> %s", (void *)c, state_name[c->state], state_name[state]);
    c->state = state;
}

static void release(struct loop_deferred *d)
{
    struct db_conn *c = container_of(d, struct db_conn, last);
    free(c->conninfo);
    free(c->application_name);
    if (c->password) explicit_bzero(c->password, strlen(c->password));
    free(c->password);
    free(c->setup);
    free(c);
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void unwatch(struct db_conn *c)
{
    if (c->watch) uv_close((uv_handle_t *)&c->watch->poll, watch_closed);
    c->watch = NULL;
}

/* Everything but the memory, the operations and the owner's knowledge. The watch goes before the descriptor. */
static void shut(struct db_conn *c)
{
    loop_undefer(&c->kick);
    db_address_free(c->address);
    c->address = NULL;
    timer_free(c->limit);
    c->limit = NULL;
    unwatch(c);
    db_statements_done(&c->statements);
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
}

static void end_all(struct db_conn *c, enum state while_in, const struct db_result *why)
{
    while (c->state == while_in && !list_empty(&c->ops)) {
        struct db_op *op = container_of(c->ops.next, struct db_op, link);
        list_remove(&op->link);
        op->class->end(op, why);
    }
}

static void lose(struct db_conn *c, int code, const struct error *why)
{
    if (c->state >= LOST) return;
    struct error words = *why; /* `why` may be an operation's */
    enter(c, LOST);
    shut(c);
    end_all(c, LOST, &(struct db_result){.status = code, .error = &words, .detail = ""});
    if (c->state == LOST) c->handler.lost(c->handler.ctx, c, &words);
}

static void broken(struct db_conn *c)
{
    struct error why = c->farewell;
    if (!why.text[0]) db_op_lost(PQerrorMessage(c->pg), &why);
    lose(c, ERROR_CLOSED, &why);
}

static void event(uv_poll_t *poll, int status, int events);

static void watch(struct db_conn *c, int events)
{
    int fd = PQsocket(c->pg), r = 0;
    if (c->watch && c->watch->fd != fd) unwatch(c);
    if (!c->watch) {
        struct watch *w = malloc(sizeof *w);
        r = w ? uv_poll_init(loop_uv(c->loop), &w->poll, fd) : -ENOMEM;
        if (r < 0) {
            free(w);
            struct error why;
            error_set(&why, r, "cannot watch the connection to the database: %s", uv_strerror(r));
            lose(c, r, &why);
            return;
        }
        w->fd = fd;
        w->events = 0;
        w->conn = c;
        w->poll.data = w;
        c->watch = w;
    }
    /* libuv takes the descriptor out of the kernel's set and puts it in again even when nothing changes; that is three system calls
     * for every query. (After an error it has stopped by itself.) */
    if (events && events == c->watch->events && uv_is_active((uv_handle_t *)&c->watch->poll)) return;
    c->watch->events = events;
    if (events)
        uv_poll_start(&c->watch->poll, events, event);
    else
        uv_poll_stop(&c->watch->poll);
}

/* The ready connection */

static void hand_on_notifications(struct db_conn *c)
{
    for (PGnotify *n; c->state < LOST && (n = PQnotifies(c->pg)); PQfreemem(n)) {
        c->asides++;
        if (c->notified) c->notified(c->notified_ctx, n->relname, n->extra);
    }
}

static void run_ops(struct db_conn *c)
{
    while (!list_empty(&c->ops)) {
        struct db_op *op = container_of(c->ops.next, struct db_op, link);
        int r = c->started ? op->class->advance(op, c) : op->class->start(op, c);
        if (c->state >= LOST) return;
        c->started = true;
        /* libpq reports a broken connection as a failed query too; such an operation has not ended, it is lost. */
        if (r < 0 || PQstatus(c->pg) == CONNECTION_BAD) {
            broken(c);
            return;
        }
        if (r != DB_OP_DONE) return;
        list_remove(&op->link);
        c->started = c->held = false;
        op->class->end(op, NULL);
        if (c->state >= LOST) return;
    }
}

static void run(struct db_conn *c)
{
    c->blocked = false;
    run_ops(c);
    if (c->notified) hand_on_notifications(c); /* those behind what has just been parsed */
    if (c->state >= LOST) return;
    int left = PQflush(c->pg);
    if (left < 0) {
        broken(c);
        return;
    }
    watch(c, (c->held ? 0 : UV_READABLE) | (left > 0 || c->blocked ? UV_WRITABLE : 0));
}

/* libpq does not say how much it reads; its buffer takes LIBPQ_BYTES at once, or more where a message is larger. */
static void meter(struct db_conn *c)
{
    int ready = 0;
    if (!c->metered || ioctl(PQsocket(c->pg), FIONREAD, &ready) < 0) return;
    c->received += (uint64_t)(ready < LIBPQ_BYTES ? ready : LIBPQ_BYTES);
}

/* Input is parsed at once, also when nothing is under way: notices are dropped, and a closed connection is noticed. */
static int take_input(struct db_conn *c)
{
    unsigned before = c->asides;
    meter(c);
    if (!PQconsumeInput(c->pg)) return ERROR_CLOSED;
    PQisBusy(c->pg);
    hand_on_notifications(c);
    if (c->asides == before) c->spoke = true;
    return 0;
}

/* Notices go nowhere. But an idle connection that the server closes gets the reason as one. */
static void take_notice(void *ctx, const PGresult *res)
{
    struct db_conn *c = ctx;
    c->asides++;
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity && strcmp(severity, "FATAL") == 0) db_op_error(res, &c->farewell);
}

/* Connecting */

static void become_ready(struct db_conn *c)
{
    timer_stop(c->limit);
    c->backend_pid = PQbackendPID(c->pg);
    enter(c, READY);
    c->handler.ready(c->handler.ctx, c);
}

static void set_up(void *ctx, const struct db_result *r)
{
    struct db_conn *c = ctx;
    if (r->status == 0)
        become_ready(c);
    else if (r->status == ERROR_REFUSED)
        lose(c, r->status, r->error);
}

/*
 * A local server takes a row in less than a microsecond: what the kernel holds by default, and of which a quarter is left when the
 * loop is told that there is room, it has used up before a busy machine gives the loop its turn. The kernel gives what it may
 * (net.core.wmem_max). TCP finds its own size.
 */
static void widen(struct db_conn *c)
{
    int domain = 0, fd = PQsocket(c->pg), bytes = SEND_BYTES;
    socklen_t len = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static void connected(struct db_conn *c)
{
    if (PQsetnonblocking(c->pg, 1) < 0) {
        broken(c);
        return;
    }
    widen(c);
    enter(c, SETUP);
    if (c->setup) {
        if (db_query(c, &(struct db_query){.sql = c->setup, .done = set_up, .ctx = c}) < 0) {
            lose(c, -ENOMEM, &(struct error){.text = "no memory for the connection's setup"});
            return;
        }
        /* Whoever queued operations before this moment waits behind it. */
        struct list *setup = c->ops.prev;
        list_remove(setup);
        list_insert(c->ops.next, setup);
    } else {
        become_ready(c);
    }
    if (c->state < LOST) run(c);
}

static void connect_step(struct db_conn *c)
{
    /* libpq may close the socket in here, and the next one may get the same number: nothing may be registered under it. */
    if (c->watch) uv_poll_stop(&c->watch->poll);
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING: watch(c, UV_READABLE); break;
    case PGRES_POLLING_WRITING: watch(c, UV_WRITABLE); break;
    case PGRES_POLLING_OK: connected(c); break;
    default: broken(c); break;
    }
}

static void event(uv_poll_t *poll, int status, int events)
{
    struct db_conn *c = ((struct watch *)poll->data)->conn;
    if (c->state == CONNECTING) {
        connect_step(c);
        return;
    }
    /* An error of the descriptor is for libpq to find, which then has words for it. */
    bool readable = status < 0 || (events & UV_READABLE);
    if (readable && take_input(c) < 0)
        broken(c);
    else
        run(c);
}

static void resolved(void *ctx, int r, const struct db_address_list *list, const struct error *why)
{
    struct db_conn *c = ctx;
    if (r < 0) {
        lose(c, r, why);
        return;
    }
    struct db_params p;
    db_params_init(&p, c->conninfo);
    db_params_set(&p, "host", list->host);
    db_params_set(&p, "hostaddr", list->hostaddr);
    db_params_set(&p, "port", list->port);
    db_params_set(&p, "password", c->password);
    db_params_set(&p, "application_name", c->application_name);
    db_params_set(&p, "client_encoding", "UTF8");
    c->pg = PQconnectStartParams(p.keyword, p.value, 1);
    db_address_free(c->address);
    c->address = NULL;
    if (!c->pg) {
        lose(c, -ENOMEM, &(struct error){.text = "no memory for a connection to the database"});
        return;
    }
    PQsetNoticeReceiver(c->pg, take_notice, c);
    PQsetErrorVerbosity(c->pg, PQERRORS_VERBOSE);
    if (PQstatus(c->pg) == CONNECTION_BAD)
        broken(c);
    else
        watch(c, UV_WRITABLE);
}

static void out_of_time(void *ctx)
{
    struct db_conn *c = ctx;
    struct error why;
    error_set(&why, -ETIMEDOUT, "the database did not answer within %lld ms", (long long)c->connect_timeout_ms);
    lose(c, -ETIMEDOUT, &why);
}

static void kicked(struct loop_deferred *d)
{
    struct db_conn *c = container_of(d, struct db_conn, kick);
    if (c->state == SETUP || c->state == READY) run(c);
}

static char *copy(const char *text, bool *failed)
{
    char *p = text ? strdup(text) : NULL;
    if (text && !p) *failed = true;
    return p;
}

int db_conn_new(struct loop *l, const struct db_conn_config *config, const struct db_conn_handler *h, struct db_conn **ret_conn)
{
    struct db_conn *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    c->loop = l;
    c->handler = *h;
    list_init(&c->ops);
    loop_deferred_init(&c->kick, kicked);
    loop_deferred_init(&c->last, release);
    bool failed = false;
    c->conninfo = copy(config->conninfo ? config->conninfo : "", &failed);
    c->application_name = copy(config->application_name, &failed);
    c->password = copy(config->password, &failed);
    c->setup = copy(config->setup, &failed);
    c->connect_timeout_ms = config->connect_timeout_ms;
    int r = failed ? -ENOMEM : timer_new(l, out_of_time, c, &c->limit);
    if (r == 0) r = db_address_new(l, c->conninfo, resolved, c, &c->address);
    if (r < 0) {
        timer_free(c->limit);
        release(&c->last);
        return r;
    }
    if (c->connect_timeout_ms > 0) timer_start(c->limit, c->connect_timeout_ms);
    *ret_conn = c;
    return 0;
}

void db_conn_free(struct db_conn *c)
{
    if (!c || c->state == FREED) return;
    enter(c, FREED);
    shut(c);
    struct error why;
    error_set(&why, ERROR_CANCELLED, "the connection was closed");
    end_all(c, FREED, &(struct db_result){.status = ERROR_CANCELLED, .error = &why, .detail = ""});
    /* The stack below may still look at the state. */
    loop_defer(c->loop, &c->last);
}

bool db_conn_idle(const struct db_conn *c)
{
    return c->state == READY && list_empty(&c->ops);
}

bool db_conn_in_transaction(const struct db_conn *c)
{
    PGTransactionStatusType status = PQtransactionStatus(c->pg);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

void db_conn_on_notify(struct db_conn *c, void (*notified)(void *ctx, const char *channel, const char *payload), void *ctx)
{
    c->notified = notified;
    c->notified_ctx = ctx;
}

int db_conn_backend_pid(const struct db_conn *c)
{
    return c->backend_pid;
}

/* For operations (op.h) */

int db_conn_enqueue(struct db_conn *c, struct db_op *op)
{
    if (c->state >= LOST) return ERROR_CLOSED;
    list_append(&c->ops, &op->link);
    db_conn_kick(c);
    return 0;
}

struct db_op *db_conn_current(struct db_conn *c)
{
    return list_empty(&c->ops) ? NULL : container_of(c->ops.next, struct db_op, link);
}

bool db_conn_gone(const struct db_conn *c)
{
    return c->state >= LOST;
}

void db_conn_kick(struct db_conn *c)
{
    if (c->state < LOST) loop_defer(c->loop, &c->kick);
}

void db_conn_hold(struct db_conn *c, bool hold)
{
    c->held = hold;
}

int db_conn_room(struct db_conn *c)
{
    struct pollfd p = {.fd = PQsocket(c->pg), .events = POLLIN | POLLOUT};
    if (poll(&p, 1, 0) > 0 && (p.revents & ~POLLOUT) && take_input(c) < 0) return -1;
    int left = p.revents & POLLOUT ? PQflush(c->pg) : 1;
    c->blocked = left > 0;
    return left < 0 ? -1 : left == 0;
}

bool db_conn_spoke(struct db_conn *c)
{
    bool spoke = c->spoke;
    c->spoke = false;
    return spoke;
}

uint64_t db_conn_received(struct db_conn *c)
{
    c->metered = true;
    return c->received;
}

PGconn *db_conn_pg(struct db_conn *c)
{
    return c->pg;
}

struct db_statements *db_conn_statements(struct db_conn *c)
{
    return &c->statements;
}
