/* SPDX-License-Identifier: MIT */
#include "db/pipeline.h"

#include "base/num.h"
#include "db/op.h"
#include "db/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One block of memory: the struct, the parameters, the key (types, then the SQL text), the values. */
struct db_pipelined {
    struct db_op op; /* its link is in the pipeline's `waiting` or `sent`; `class` is not used */
    struct db_pipeline *pipeline;
    struct db_pipeline_query asked; /* `done` NULL: forgotten */
    struct slice key;
    const char *sql; /* behind the types in the key */
    char name[DB_STATEMENT_NAME];
    char stale[DB_STATEMENT_NAME]; /* of a statement to deallocate before, or "" */
    bool queued;                   /* in `waiting` */
    unsigned commands;             /* sent, whose end is to come */
    bool preparing;                /* the command before the last one is PREPARE */
    bool sync;                     /* a Sync stands behind it */
    bool aborted;                  /* left out, because one before it failed */
    bool again;                    /* its statement was prepared for the second time */
    bool alone;                    /* it goes with a Sync of its own */
    struct db_param param[];
};

struct db_pipeline {
    struct loop *loop;
    struct db_pipeline_config config;
    struct db_pool *pool; /* of one connection, which is ours as long as it lives */
    struct db_wait wait;
    struct db_conn *conn;
    struct db_op op; /* on that connection, for ever */
    struct list waiting, sent;
    unsigned n_waiting, n_sent;
    uint64_t mark; /* db_conn_received when the first of `sent` became the first */
    struct loop_deferred reopen, last;
    bool freed;
};

/* ---- the end of a query ---- */

static void report(struct db_pipelined *e, const struct db_result *why)
{
    struct db_query q = e->asked.query;
    if (q.done) {
        db_op_report(&e->op, why, q.done, q.ctx);
    } else {
        PQclear(e->op.last);
        PQclear(e->op.refusal);
    }
    free(e);
}

/* What is in `list` now, and not what is asked meanwhile. */
static void end_list(struct list *list, const struct db_result *why)
{
    struct list now;
    list_init(&now);
    while (!list_empty(list)) {
        struct list *l = list->next;
        list_remove(l);
        list_append(&now, l);
    }
    while (!list_empty(&now)) {
        struct db_pipelined *e = container_of(now.next, struct db_pipelined, op.link);
        list_remove(&e->op.link);
        e->queued = false;
        report(e, why);
    }
}

static void end_all(struct db_pipeline *p, int status, const struct error *why)
{
    struct error words;
    if (why) {
        words = *why; /* it may be the pool's, which is told anew */
    } else {
        error_set(&words, status, "%s", error_name(status));
    }
    const struct db_result r = {.status = status, .error = &words, .detail = ""};
    p->n_waiting = p->n_sent = 0;
    struct list waiting;
    list_init(&waiting);
    while (!list_empty(&p->waiting)) {
        struct list *l = p->waiting.next;
        list_remove(l);
        list_append(&waiting, l);
        container_of(l, struct db_pipelined, op.link)->queued = false;
    }
    end_list(&p->sent, &r);
    end_list(&waiting, &r);
}

static void wait_first(struct db_pipeline *p, struct db_pipelined *e)
{
    PQclear(e->op.last);
    PQclear(e->op.refusal);
    e->op.last = e->op.refusal = NULL;
    e->commands = 0;
    e->preparing = e->sync = e->aborted = false;
    list_insert(p->waiting.next, &e->op.link);
    e->queued = true;
    p->n_waiting++;
}

/* ---- statements ---- */

static void forget_statement(struct db_pipelined *e, struct db_conn *c)
{
    struct db_statement *st = db_statements_find(db_conn_statements(c), e->key);
    if (st && strcmp(db_statement_name(st), e->name) == 0) db_statements_remove(db_conn_statements(c), st);
}

enum stale { NOT_STALE, STALE_GONE, STALE_SHAPE };

/* The server has no such statement (DISCARD ALL, or its PREPARE failed), or its result's shape changed. */
static enum stale is_stale(const struct db_pipelined *e)
{
    if (!e->op.refusal) return NOT_STALE;
    const char *state = PQresultErrorField(e->op.refusal, PG_DIAG_SQLSTATE);
    const char *where = PQresultErrorField(e->op.refusal, PG_DIAG_SOURCE_FUNCTION);
    if (!state) return NOT_STALE;
    if (strcmp(state, "26000") == 0) return STALE_GONE;
    bool shape = strcmp(state, "0A000") == 0 && where && strcmp(where, "RevalidateCachedQuery") == 0;
    return shape ? STALE_SHAPE : NOT_STALE;
}

/* ---- results ---- */

static struct db_pipelined *first(struct list *list)
{
    return list_empty(list) ? NULL : container_of(list->next, struct db_pipelined, op.link);
}

static void finish(struct db_pipeline *p, struct db_conn *c, struct db_pipelined *e)
{
    list_remove(&e->op.link);
    p->n_sent--;
    p->mark = db_conn_received(c);
    enum stale stale = is_stale(e);
    if (stale) forget_statement(e, c);
    bool forgotten = !e->asked.query.done;
    if (!e->asked.once && !forgotten && !e->op.refusal && e->aborted) {
        e->alone = true;
        wait_first(p, e);
    } else if (!e->asked.once && !forgotten && stale && !e->again) {
        e->again = true;
        if (stale == STALE_SHAPE) memcpy(e->stale, e->name, sizeof e->stale);
        wait_first(p, e);
    } else if (e->aborted && !e->op.refusal) {
        struct error why;
        error_set(&why, ERROR_CLOSED, "the query was left out");
        report(e, &(struct db_result){.status = ERROR_CLOSED, .error = &why, .detail = ""});
    } else {
        report(e, NULL);
    }
}

/* 0, or negative when the connection is of no use. */
static int take(struct db_pipeline *p, struct db_conn *c, PGresult *res)
{
    struct db_pipelined *e = first(&p->sent);
    if (!res) {
        if (e->commands == 0 || PQstatus(db_conn_pg(c)) == CONNECTION_BAD) return -1;
        if (--e->commands == 0 && !e->sync) finish(p, c, e);
        return 0;
    }
    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(res);
        if (!e->sync || e->commands > 0) return -1;
        finish(p, c, e);
        return 0;
    case PGRES_PIPELINE_ABORTED:
        e->aborted = true;
        if (e->preparing && e->commands == 2) forget_statement(e, c);
        PQclear(res);
        return 0;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH: PQclear(res); return -1;
    case PGRES_FATAL_ERROR:
        if (e->preparing && e->commands == 2) forget_statement(e, c);
        db_op_keep(&e->op, res);
        return 0;
    default: break;
    }
    if (e->commands > 1)
        PQclear(res); /* of PREPARE or DEALLOCATE */
    else
        db_op_keep(&e->op, res);
    return 0;
}

/* The first answer is none for here: the connection goes with it, and what was under way runs again on the next one, if it may. */
static void drop_large(struct db_pipeline *p)
{
    struct db_pipelined *large = first(&p->sent);
    list_remove(&large->op.link);
    struct list *l, lost;
    list_init(&lost);
    while ((l = p->sent.prev) != &p->sent) {
        struct db_pipelined *e = container_of(l, struct db_pipelined, op.link);
        list_remove(l);
        if (e->asked.once)
            list_insert(lost.next, l);
        else
            wait_first(p, e);
    }
    p->n_sent = 0;
    struct db_conn *c = p->conn;
    p->conn = NULL;
    db_pool_give(p->pool, c); /* busy, so it is closed */
    loop_defer(p->loop, &p->reopen);
    struct error why;
    error_set(&why, DB_PIPELINE_E_LARGE, "the answer is too large to be kept in memory");
    report(large, &(struct db_result){.status = DB_PIPELINE_E_LARGE, .error = &why, .detail = ""});
    error_set(&why, ERROR_CLOSED, "the connection was closed");
    end_list(&lost, &(struct db_result){.status = ERROR_CLOSED, .error = &why, .detail = ""});
}

/* ---- sending ---- */

static int send_deallocate(struct db_conn *c, struct db_pipelined *e, const char *name)
{
    char sql[32 + DB_STATEMENT_NAME];
    snprintf(sql, sizeof sql, "DEALLOCATE %s", name);
    e->commands++;
    return PQsendQueryParams(db_conn_pg(c), sql, 0, NULL, NULL, NULL, NULL, 0) ? 0 : -1;
}

/* A statement counts as known once its PREPARE is sent: what stands behind it in the pipeline finds it. */
static int send_prepare(struct db_conn *c, struct db_pipelined *e)
{
    struct db_statements *known = db_conn_statements(c);
    struct db_statement *surplus = db_statements_surplus(known);
    int r = 0;
    if (e->stale[0]) r = send_deallocate(c, e, e->stale);
    e->stale[0] = '\0';
    if (surplus && r == 0) r = send_deallocate(c, e, db_statement_name(surplus));
    if (surplus) db_statements_remove(known, surplus);
    db_statements_name(known, e->name);
    Oid type[DB_PIPELINE_PARAMS_MAX];
    memcpy(type, e->key.p, (size_t)e->asked.query.params * sizeof *type);
    e->preparing = true;
    e->commands++;
    if (r < 0 || !PQsendPrepare(db_conn_pg(c), e->name, e->sql, e->asked.query.params, type)) return -1;
    (void)!db_statements_add(known, e->key, e->name);
    return 0;
}

static int send_execute(struct db_conn *c, struct db_pipelined *e)
{
    const char *value[DB_PIPELINE_PARAMS_MAX];
    int length[DB_PIPELINE_PARAMS_MAX], format[DB_PIPELINE_PARAMS_MAX], n = e->asked.query.params;
    if (e->asked.fill) e->asked.fill(e->asked.query.ctx, e->param);
    for (int i = 0; i < n; i++) {
        const struct db_param *param = &e->param[i];
        value[i] = param->null ? NULL : param->value.p ? param->value.p : param->scratch;
        length[i] = (int)param->value.len;
        format[i] = param->binary;
    }
    e->commands++;
    return PQsendQueryPrepared(db_conn_pg(c), e->name, n, value, length, format, e->asked.query.binary) ? 0 : -1;
}

static int send_one(struct db_conn *c, struct db_pipelined *e)
{
    struct db_statement *st = db_statements_find(db_conn_statements(c), e->key);
    if (st)
        memcpy(e->name, db_statement_name(st), sizeof e->name);
    else if (send_prepare(c, e) < 0)
        return -1;
    return send_execute(c, e);
}

/* PQpipelineSync sends, and that is a system call. */
static int send_waiting(struct db_pipeline *p, struct db_conn *c)
{
    unsigned together = 0;
    while (p->n_waiting > 0 && p->n_sent < PIPELINE_UNDER_WAY) {
        struct db_pipelined *e = first(&p->waiting);
        list_remove(&e->op.link);
        e->queued = false;
        p->n_waiting--;
        if (p->n_sent == 0) p->mark = db_conn_received(c);
        list_append(&p->sent, &e->op.link);
        p->n_sent++;
        e->sync = e->alone || e->asked.urgent || ++together == PIPELINE_TOGETHER || p->n_waiting == 0 ||
                  p->n_sent == PIPELINE_UNDER_WAY || first(&p->waiting)->alone;
        if (send_one(c, e) < 0) return -1;
        if (!e->sync) continue;
        if (!PQpipelineSync(db_conn_pg(c))) return -1;
        together = 0;
    }
    return 0;
}

/* ---- the operation ---- */

static int advance(struct db_op *op, struct db_conn *c)
{
    struct db_pipeline *p = container_of(op, struct db_pipeline, op);
    while (!list_empty(&p->sent) && !PQisBusy(db_conn_pg(c))) {
        int r = take(p, c, PQgetResult(db_conn_pg(c)));
        if (db_conn_gone(c)) return 0;
        if (r < 0) return r;
    }
    if (!list_empty(&p->sent) && db_conn_received(c) - p->mark > p->config.answer_max) {
        drop_large(p);
        return 0;
    }
    return send_waiting(p, c);
}

static int start(struct db_op *op, struct db_conn *c)
{
    if (!PQenterPipelineMode(db_conn_pg(c))) return -1;
    return advance(op, c);
}

/* What was not sent yet waits for the next connection. */
static void end(struct db_op *op, const struct db_result *why)
{
    struct db_pipeline *p = container_of(op, struct db_pipeline, op);
    if (p->freed) return; /* db_pipeline_free ends all */
    if (p->config.down) p->config.down(p->config.ctx);
    if (!p->conn) return; /* drop_large */
    loop_defer(p->loop, &p->reopen);
    p->n_sent = 0;
    end_list(&p->sent, why);
}

static const struct db_op_class pipeline_class = {start, advance, end};

/* ---- the connection ---- */

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct db_pipeline *p = container_of(w, struct db_pipeline, wait);
    if (!c) return; /* the pool goes away, or the database did */
    p->conn = c;
    db_conn_on_notify(c, p->config.notified, p->config.ctx);
    p->op = (struct db_op){.class = &pipeline_class};
    list_init(&p->op.link);
    if (db_conn_enqueue(c, &p->op) < 0)
        loop_defer(p->loop, &p->reopen);
    else if (p->config.up)
        p->config.up(p->config.ctx);
}

static void reopen(struct loop_deferred *d)
{
    struct db_pipeline *p = container_of(d, struct db_pipeline, reopen);
    struct db_conn *c = p->conn;
    p->conn = NULL;
    if (c) db_pool_give(p->pool, c);
    db_pool_take(p->pool, &p->wait, 0);
    if (db_pool_reason(p->pool)[0]) end_all(p, ERROR_CLOSED, db_pool_why(p->pool));
}

/* Those that wait for a connection wait no longer. */
static void on_down(void *ctx, const struct error *why)
{
    struct db_pipeline *p = ctx;
    if (!p->conn) end_all(p, ERROR_CLOSED, why);
}

static void release(struct loop_deferred *d)
{
    free(container_of(d, struct db_pipeline, last));
}

int db_pipeline_new(struct loop *l, const struct db_pipeline_config *config, struct db_pipeline **ret_pipeline)
{
    struct db_pipeline *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    p->loop = l;
    p->config = *config;
    list_init(&p->waiting);
    list_init(&p->sent);
    list_init(&p->wait.link);
    p->wait.got = on_connected;
    loop_deferred_init(&p->reopen, reopen);
    loop_deferred_init(&p->last, release);
    struct db_pool_config pool = {.conn = config->conn,
                                  .size = 1,
                                  .backoff_max_ms = config->backoff_max_ms,
                                  .counters = config->counters,
                                  .down = on_down,
                                  .ctx = p};
    int r = db_pool_new(l, &pool, &p->pool);
    if (r < 0) {
        free(p);
        return r;
    }
    db_pool_take(p->pool, &p->wait, 0);
    *ret_pipeline = p;
    return 0;
}

void db_pipeline_free(struct db_pipeline *p)
{
    if (!p || p->freed) return;
    p->freed = true;
    loop_undefer(&p->reopen);
    db_pool_free(p->pool);
    struct error why;
    error_set(&why, ERROR_CANCELLED, "the connection was closed");
    end_all(p, ERROR_CANCELLED, &why);
    loop_defer(p->loop, &p->last);
}

void db_pipeline_retry(struct db_pipeline *p)
{
    if (!p->freed) db_pool_retry(p->pool);
}

/* ---- asking ---- */

static struct db_pipelined *allocate(const struct db_query *q, size_t sql_len)
{
    size_t n = (size_t)q->params, size = sizeof(struct db_pipelined);
    if (!num_add(size, n * (sizeof(struct db_param) + sizeof(Oid)) + sql_len + 1, &size)) return NULL;
    for (size_t i = 0; q->param && i < n; i++)
        if (!num_add(size, q->param[i].value.len + 1, &size)) return NULL;
    return malloc(size);
}

static void copy_params(struct db_pipelined *e, const struct db_query *q, char *values)
{
    for (int i = 0; i < q->params; i++) {
        e->param[i] = q->param[i];
        struct slice *v = &e->param[i].value;
        assert(v->len <= INT32_MAX);
        if (!v->p) continue;
        memcpy(values, v->p, v->len);
        values[v->len] = '\0'; /* text needs it */
        v->p = values;
        values += v->len + 1;
    }
}

int db_pipeline_ask(struct db_pipeline *p, const struct db_pipeline_query *asked, struct db_pipelined **ret_asked)
{
    const struct db_query *q = &asked->query;
    assert(q->params <= DB_PIPELINE_PARAMS_MAX && !q->row && q->done && (q->param || asked->fill || q->params == 0));
    if (p->freed || (!p->conn && db_pool_reason(p->pool)[0])) return ERROR_CLOSED;
    if (p->n_waiting >= p->config.queue_max && !asked->urgent) return DB_PIPELINE_E_FULL;
    size_t n = (size_t)q->params, sql_len = strlen(q->sql);
    struct db_pipelined *e = allocate(q, sql_len);
    if (!e) return -ENOMEM;
    *e = (struct db_pipelined){.pipeline = p, .asked = *asked};
    list_init(&e->op.link);
    e->asked.query.sql = NULL;
    e->asked.query.param = NULL;
    Oid *type = (Oid *)(e->param + n);
    for (size_t i = 0; i < n; i++)
        type[i] = q->param ? q->param[i].oid : 0;
    char *sql = (char *)(type + n);
    memcpy(sql, q->sql, sql_len + 1);
    e->sql = sql;
    e->key = (struct slice){(char *)type, n * sizeof *type + sql_len};
    if (q->param) copy_params(e, q, sql + sql_len + 1);
    list_insert(asked->urgent ? p->waiting.next : &p->waiting, &e->op.link);
    e->queued = true;
    p->n_waiting++;
    if (p->conn) db_conn_kick(p->conn);
    if (ret_asked) *ret_asked = e;
    return 0;
}

void db_pipeline_forget(struct db_pipelined *e)
{
    e->asked.query.done = NULL;
    if (!e->queued) return; /* its answer comes all the same */
    list_remove(&e->op.link);
    e->pipeline->n_waiting--;
    free(e);
}

const char *db_pipeline_reason(const struct db_pipeline *p)
{
    return db_pool_reason(p->pool);
}

unsigned db_pipeline_pending(const struct db_pipeline *p)
{
    return p->n_waiting + p->n_sent;
}
