/* SPDX-License-Identifier: MIT */
#include "api/reply.h"

#include "api/problem.h"
#include "format/json_writer.h"
#include "format/pgvalue.h"

#include <assert.h>
#include <stdlib.h>

enum { BODY_MAX = 64 * 1024 * 1024, WAIT_MS = 5000, PARAMS_MAX = 6 };

struct reply {
    struct http_request *request; /* NULL: the client is gone */
    struct db_pool *pool;
    struct db_wait wait;
    struct db_conn *conn;
    const char *sql;
    struct db_param param[PARAMS_MAX];
    char *text[PARAMS_MAX]; /* what the parameters point to */
    int params;
    const char *media_type;
    bool (*write)(struct http_request *r, const PGresult *rows, struct buf *body);
    bool (*write_with)(struct http_request *r, void *ctx, const PGresult *rows, struct buf *body);
    void (*done)(void *ctx);
    void *ctx;
};

static void reply_free(struct reply *p)
{
    if (p->conn) db_pool_give(p->pool, p->conn);
    if (p->done) p->done(p->ctx);
    for (int i = 0; i < p->params; i++)
        free(p->text[i]);
    free(p);
}

static void gone(void *state)
{
    struct reply *p = state;
    p->request = NULL;
    if (p->conn) return; /* what is asked goes on and is thrown away */
    db_pool_cancel(p->pool, &p->wait);
    reply_free(p);
}

/* The request goes its own way from here: its answer may still be on its way when we are gone. */
static struct http_request *let_go(struct reply *p)
{
    struct http_request *r = p->request;
    p->request = NULL;
    http_request_attach(r, NULL, NULL);
    return r;
}

void reply_row(struct json_writer *w, const PGresult *rows, int row)
{
    reply_columns(w, rows, row, PQnfields(rows));
}

void reply_columns(struct json_writer *w, const PGresult *rows, int row, int columns)
{
    reply_columns_but(w, rows, row, columns, -1);
}

void reply_columns_but(struct json_writer *w, const PGresult *rows, int row, int columns, int hidden)
{
    for (int c = 0; c < columns; c++) {
        json_write_key(w, PQfname(rows, c));
        if (c == hidden || PQgetisnull(rows, row, c)) {
            json_write_null(w);
            continue;
        }
        json_write_value(w);
        struct slice value = {PQgetvalue(rows, row, c), (size_t)PQgetlength(rows, row, c)};
        if (pgvalue_json(w->out, PQftype(rows, c), value) != 0) w->out->failed = ERROR_PROTOCOL;
    }
}

static void answer(struct reply *p, const PGresult *rows)
{
    struct http_request *r = let_go(p);
    struct buf body;
    buf_init(&body, BODY_MAX);
    if (p->write_with ? p->write_with(r, p->ctx, rows, &body) : p->write(r, rows, &body)) {
        if (buf_check(&body) == 0) {
            http_answer(r, 200, p->media_type ? p->media_type : "application/json", buf_slice(&body));
        } else {
            problem_internal(r);
        }
    }
    buf_done(&body);
}

static void on_rows(void *ctx, const struct db_result *result)
{
    struct reply *p = ctx;
    if (p->request && result->status == 0) {
        answer(p, result->rows);
    } else if (p->request) {
        problem_from_database(let_go(p), result);
    }
    reply_free(p);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct reply *p = container_of(w, struct reply, wait);
    p->conn = c;
    if (c) {
        struct db_query q = {.sql = p->sql, .param = p->param, .params = p->params, .binary = true, .done = on_rows, .ctx = p};
        if (db_query(c, &q) == 0) return;
    }
    problem_unavailable(let_go(p), db_pool_reason(p->pool));
    reply_free(p);
}

void reply_with(struct http_request *r, const struct reply_query *q)
{
    struct api *api = http_request_context(r);
    assert(q->params <= PARAMS_MAX);
    struct reply *p = api->ready ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        if (q->done) q->done(q->ctx);
        return api->ready ? problem_internal(r) : problem_unavailable(r, api_reason(api));
    }
    *p = (struct reply){.request = r,
                        .pool = api->pool,
                        .wait.got = on_connected,
                        .sql = q->sql,
                        .params = q->params,
                        .media_type = q->media_type,
                        .write = q->write,
                        .write_with = q->write_with,
                        .done = q->done,
                        .ctx = q->ctx};
    for (int i = 0; i < q->params; i++) {
        struct slice v = q->param[i].value;
        p->param[i] = q->param[i];
        if (!v.p) continue; /* NULL, or in its scratch */
        p->text[i] = strndup(v.p, v.len);
        if (!p->text[i]) {
            reply_free(p);
            return problem_internal(r);
        }
        p->param[i].value.p = p->text[i];
    }
    http_request_attach(r, p, gone);
    db_pool_take(api->pool, &p->wait, WAIT_MS);
}
