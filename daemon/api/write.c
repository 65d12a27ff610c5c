/* SPDX-License-Identifier: MIT */
#include "api/write.h"

#include "api/access.h"
#include "api/problem.h"
#include "api/scope.h"
#include "api/trace.h"
#include "api/versions.h"
#include "api/write_answer.h"
#include "base/log.h"
#include "etl/ledger.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECT_WAIT_MS = 5000,
    SQL_MAX = 4 << 20,
    BODY_MAX = 1 << 30,
    TRIES_MAX = 8,
    NARROW_ROWS_MAX = 100000, /* beyond it only the server's words tell which row it was */
};

#define SAVEPOINT "SAVEPOINT cetl_piece"
#define TO_SAVEPOINT "ROLLBACK TO SAVEPOINT cetl_piece; RELEASE SAVEPOINT cetl_piece"

static void enter(struct write *w, enum write_state state)
{
    static const char *const name[] = {"connecting", "beginning",  "finding", "writing",  "advancing",
                                       "ending",     "committing", "undoing", "narrowing"};
    log_debug("write to %s: %s to %s", w->name, name[w->state], name[state]);
    w->state = state;
}

/* ---- its end ---- */

void write_free(struct write *w)
{
    if (!w) return;
    if (w->conn) db_pool_give(w->api->pool, w->conn);
    PQclear(w->rows);
    dataset_unref(w->dataset);
    write_body_done(&w->body);
    arena_done(&w->arena);
    free(w->begin);
    free(w);
}

struct http_request *write_let_go(struct write *w)
{
    struct http_request *r = w->request;
    w->request = NULL;
    if (r) http_request_attach(r, NULL, NULL);
    return r;
}

/* Nothing was written yet: nothing will be. Later the transaction goes on, and nobody hears of it. */
static void gone(void *state)
{
    struct write *w = state;
    w->request = NULL;
    if (w->state == WRITE_CONNECTING) {
        db_pool_cancel(w->api->pool, &w->wait);
        write_free(w);
    }
}

/* The connection, or memory, is lost. */
static void break_off(struct write *w)
{
    bool doubtful = w->state == WRITE_COMMITTING;
    struct http_request *r = write_let_go(w);
    if (r && doubtful)
        http_problem(r, &(struct http_problem){.status = 503,
                                               .message = "the connection to the database was lost while it committed: whether "
                                                          "the rows are written is not known",
                                               .hint = "read them, and write again what is missing"});
    else if (r)
        problem_unavailable(r, db_pool_reason(w->api->pool));
    write_free(w);
}

static void finish(struct write *w)
{
    write_free(w);
}

/* ---- questions ---- */

static void ask(struct write *w, const struct db_query *q)
{
    if (db_query(w->conn, q) < 0) break_off(w);
}

static void say(struct write *w, const char *sql, void (*done)(void *ctx, const struct db_result *r))
{
    ask(w, &(struct db_query){.sql = sql, .done = done, .ctx = w});
}

static void begin(struct write *w);
static void on_undone(void *ctx, const struct db_result *r);

static void undo(struct write *w)
{
    enter(w, WRITE_UNDOING);
    say(w, "ROLLBACK", on_undone);
}

static bool is_transient(const char *sqlstate)
{
    return strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "40001") == 0 || db_is_stale(sqlstate);
}

/* False: it was refused, or the connection is lost, and what follows was begun. */
static bool went_well(struct write *w, const struct db_result *r)
{
    if (r->status == 0) return true;
    if (r->status != ERROR_REFUSED) {
        break_off(w);
        return false;
    }
    write_refusal_read(r, &w->refusal);
    w->refused_at = w->state;
    undo(w);
    return false;
}

/* ---- narrowing ---- */

static void narrow_next(struct write *w);

static void on_piece_kept(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (r->status != 0) return break_off(w);
    w->from = w->to;
    narrow_next(w);
}

static void on_piece_undone(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (r->status != 0) return break_off(w);
    w->end = w->to; /* one of these */
    w->step = 1;
    narrow_next(w);
}

static void on_piece(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (r->status == 0) return say(w, "RELEASE SAVEPOINT cetl_piece", on_piece_kept);
    if (r->status != ERROR_REFUSED) return break_off(w);
    if (w->to - w->from > 1) return say(w, TO_SAVEPOINT, on_piece_undone);
    w->index = (int64_t)w->from;
    write_refusal_read(r, &w->refusal);
    undo(w);
}

static void on_savepoint(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (r->status != 0) return break_off(w);
    if (!w->request) return undo(w); /* and with it went the body */
    struct buf piece;
    buf_init(&piece, BODY_MAX);
    write_body_piece(&w->body, w->from, w->to, &piece);
    struct db_param all = w->param[0];
    w->param[0].value = buf_slice(&piece);
    struct db_query q = {.sql = w->sql, .param = w->param, .params = (int)w->params, .binary = true, .done = on_piece, .ctx = w};
    int rc = buf_check(&piece);
    if (rc == 0) rc = db_query(w->conn, &q); /* which copies */
    w->param[0] = all;
    buf_done(&piece);
    if (rc < 0) break_off(w);
}

static void narrow_next(struct write *w)
{
    if (w->from >= w->end || !w->request) return undo(w); /* each for itself is fine */
    size_t left = w->end - w->from;
    w->to = w->from + (w->step < left ? w->step : left);
    say(w, SAVEPOINT, on_savepoint);
}

static void on_narrowing(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (r->status != 0) return r->status == ERROR_REFUSED ? undo(w) : break_off(w);
    narrow_next(w);
}

static bool wants_narrowing(const struct write *w)
{
    const char *state = w->refusal.sqlstate;
    bool data = strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strcmp(state, "P0001") == 0;
    return data && w->shape.kind == WRITE_INSERT && w->request && !w->piecewise && w->index < 0 && w->body.rows > 1 &&
           w->body.rows <= NARROW_ROWS_MAX;
}

/* Pieces of about the root of what there is, then single rows: 2 √n statements. */
static void narrow(struct write *w)
{
    w->piecewise = true;
    w->from = 0;
    w->end = w->body.rows;
    w->step = 1;
    while ((w->step + 1) * (w->step + 1) <= w->body.rows)
        w->step++;
    enter(w, WRITE_NARROWING);
    say(w, w->begin, on_narrowing);
}

/* ---- refused ---- */

static void on_undone(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (r->status != 0) return break_off(w);
    if (!w->request) return finish(w); /* answered, or left */
    if (is_transient(w->refusal.sqlstate) && !w->piecewise && ++w->tries < TRIES_MAX) return begin(w);
    if (w->index < 0 && w->body.rows && strncmp(w->refusal.sqlstate, "22", 2) == 0 &&
        write_body_misfit(&w->body, w->table, &w->fault))
        w->index = w->fault.index;
    if (wants_narrowing(w)) return narrow(w);
    write_answer_refusal(w);
    finish(w);
}

/* ---- written ---- */

static void on_committed(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (!went_well(w, r)) return;
    if (w->count > 0) versions_bump(w->api->versions, w->dataset);
    if (w->request) write_answer(w);
    finish(w);
}

static void commit(struct write *w)
{
    enter(w, WRITE_COMMITTING);
    say(w, "COMMIT", on_committed);
}

static void on_ended(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (!went_well(w, r)) return;
    if (PQntuples(r->rows) == 1) return commit(w);
    struct http_request *request = write_let_go(w);
    if (request) {
        http_header(request, "Retry-After", "1");
        http_problem(request, &(struct http_problem){.status = 503,
                                                     .message = "the dataset's rollups were just changed; nothing was written",
                                                     .hint = "try again"});
    }
    undo(w);
}

/* A column that others may refer to is written. */
static bool writes_keys(const struct write *w)
{
    const struct dataset_keys *k = &w->dataset->keys;
    for (size_t i = 0; i < k->uniques; i++)
        for (size_t c = 0; c < k->unique[i].n; c++)
            if (write_brings(&w->shape, (size_t)table_find(&w->dataset->table, k->unique[i].column[c]))) return true;
    return false;
}

static void end(struct write *w)
{
    if (w->count == 0) return commit(w);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    enter(w, WRITE_ENDING);
    write_end_sql(&sql,
                  &(struct write_end){
                      .dataset = w->dataset, .kind = w->shape.kind, .keys = writes_keys(w), .role = w->role, .delta = w->delta});
    const char *text = buf_cstr(&sql);
    text ? say(w, text, on_ended) : break_off(w);
    buf_done(&sql);
}

/* ---- sequences ---- */

static void advance(struct write *w);

static void on_advanced(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (went_well(w, r)) advance(w);
}

/* Of columns that the body brought, and a sequence makes where it does not. */
static void advance(struct write *w)
{
    const struct table *t = &w->dataset->table;
    while (w->shape.kind == WRITE_INSERT && !w->role && w->sequence < w->body.fields) {
        const struct table_column *c = &t->column[w->body.field[w->sequence++].column];
        if (!c->default_sql || strncmp(c->default_sql, "nextval(", 8) != 0) continue;
        enter(w, WRITE_ADVANCING);
        struct ledger_sequence s = {.table = t, .column = c->name, .most = LEDGER_SEQUENCE_SEEN};
        if (ledger_advance_sequence(w->conn, &s, on_advanced, w) < 0) break_off(w);
        return;
    }
    end(w);
}

/* ---- writing ---- */

/* Of the first row, in binary form. */
static int64_t int8_of(const PGresult *rows, int column)
{
    const unsigned char *p = (const unsigned char *)PQgetvalue(rows, 0, column);
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

static void on_written(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (!went_well(w, r)) return;
    w->count = int8_of(r->rows, 0);
    w->delta = int8_of(r->rows, 1);
    PQclear(w->rows);
    w->rows = PQcopyResult(r->rows, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
    if (!w->rows) return break_off(w);
    if (w->request && !write_answer_allows(w)) {
        w->request = NULL;
        return undo(w);
    }
    if (w->verb == WRITE_GET_ROW) {
        if (w->request) write_answer(w);
        return w->role ? undo(w) : finish(w);
    }
    w->sequence = 0;
    advance(w);
}

static void write_rows(struct write *w)
{
    if (!w->request && w->verb == WRITE_GET_ROW && !w->role) return finish(w);
    if (!w->request) return undo(w);
    if (w->judged) {
        write_answer_fault(w);
        return undo(w);
    }
    enter(w, WRITE_WRITING);
    ask(w, &(struct db_query){
               .sql = w->sql, .param = w->param, .params = (int)w->params, .binary = true, .done = on_written, .ctx = w});
}

static void on_found(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (!went_well(w, r)) return;
    bool there = PQntuples(r->rows) > 0, deleted = there && PQgetvalue(r->rows, 0, 0)[0] == 't';
    bool wanted = w->request && slice_equal(slice_trim(http_request_header(w->request, "If-None-Match")), SLICE("*"));
    if (there && !deleted && !wanted) return write_rows(w);
    if (w->request && (!there || deleted)) write_answer_missing(w, deleted);
    if (w->request) write_answer_there(w);
    undo(w);
}

static void find(struct write *w)
{
    struct buf sql;
    struct rest_builder b;
    struct rest_error err;
    buf_init(&sql, SQL_MAX);
    rest_builder_init(&b, &w->arena, &err, &sql);
    write_put_find(&b, w->dataset, w->key, w->shape.kind != WRITE_DELETE);
    enter(w, WRITE_FINDING);
    const char *text = rest_builder_check(&b) == 0 ? buf_cstr(&sql) : NULL;
    if (text)
        ask(w, &(struct db_query){.sql = text, .param = b.param, .params = (int)b.params, .done = on_found, .ctx = w});
    else
        break_off(w);
    buf_done(&sql);
}

static void on_begun(void *ctx, const struct db_result *r)
{
    struct write *w = ctx;
    if (!went_well(w, r)) return;
    if (!w->request) return undo(w); /* and with it went the key's values */
    w->row && w->verb != WRITE_GET_ROW ? find(w) : write_rows(w);
}

static void begin(struct write *w)
{
    enter(w, WRITE_BEGINNING);
    w->refusal = (struct write_refusal){0};
    say(w, w->begin, on_begun);
}

static void on_connected(struct db_wait *wait, struct db_conn *c)
{
    struct write *w = container_of(wait, struct write, wait);
    w->conn = c;
    if (!c) return break_off(w);
    w->verb == WRITE_GET_ROW && !w->role ? write_rows(w) : begin(w);
}

/* ---- the statement ---- */

static void make_begin(struct write *w)
{
    struct buf sql;
    size_t len;
    buf_init(&sql, SQL_MAX);
    if (w->verb == WRITE_GET_ROW) {
        buf_puts(&sql, "BEGIN READ ONLY; ");
    } else {
        write_begin_sql(&sql, w->dataset);
        trace_sql(w->request, &sql);
        buf_puts(&sql, "; ");
    }
    size_t before = sql.len;
    access_sql(w->request, &sql);
    w->role = sql.len > before;
    w->begin = buf_steal(&sql, &len);
    buf_done(&sql);
}

/* Without a role a row is read outside of a transaction. */
static void put_row_read(struct rest_builder *b, const struct write *w)
{
    const struct table *t = w->table;
    buf_puts(b->out, "w AS (SELECT t0.*, 0 AS " WRITE_DELTA " FROM ");
    table_quote(b->out, t->schema, t->name);
    buf_puts(b->out, " AS t0");
    write_put_key(b, t, w->key);
    buf_puts(b->out, ")");
}

/* What is known of all rows, in one: how many, the difference, whether one is deleted, the first one's key. */
static void put_total(struct rest_builder *b, const struct write *w)
{
    const struct table *t = w->table;
    buf_printf(b->out, "(SELECT count(*), coalesce(sum(" WRITE_DELTA "), 0)::int8, %s",
               t->deleted_at ? "coalesce(bool_or(" TABLE_DELETED_AT " IS NOT NULL), false)" : "false");
    for (size_t k = 0; k < t->keys; k++) {
        buf_puts(b->out, ", min(");
        rest_put_name(b, slice_of(t->column[t->key[k]].name));
        buf_puts(b->out, "::text)");
    }
    buf_puts(b->out, " FROM w) AS c");
}

/* 0, REST_E_QUERY, -ENOMEM, ERROR_TOO_BIG. */
static int make_answer(struct write *w, struct rest_builder *b, struct rest_error *err)
{
    if (!w->represent) {
        buf_puts(b->out, " SELECT c.* FROM ");
        put_total(b, w);
        return rest_builder_check(b);
    }
    w->query.root.where = (struct rest_condition){.kind = REST_AND};
    w->query.root.limit = REST_ALL;
    w->query.root.offset = 0;
    struct rest_ask ask_rows = {.query = &w->query,
                                .scope = &w->scope,
                                .table = {w->name, &w->readable},
                                .json = form_is_json(&w->form),
                                .stripped = w->form.stripped,
                                .source = "w",
                                .before = b};
    int r = rest_statement_make(&ask_rows, &w->arena, &w->answer, err);
    if (r != 0) return r;
    buf_puts(b->out, " SELECT c.*, p.* FROM ");
    put_total(b, w);
    buf_printf(b->out, " LEFT JOIN (SELECT true, q.* FROM (%s) AS q) AS p ON ", w->answer.sql);
    if (w->verb == WRITE_GET_ROW)
        buf_puts(b->out, "true");
    else /* then none come, and it is refused: they would all be kept in memory */
        buf_printf(b->out, "(SELECT coalesce(sum(pg_column_size(w.*)), 0) <= %d FROM w)", WRITE_ANSWER_MAX);
    b->param = (struct db_param *)w->answer.param;
    b->params = w->answer.params;
    return rest_builder_check(b);
}

static int make_statement(struct write *w, struct rest_error *err)
{
    struct buf sql;
    struct rest_builder b;
    buf_init(&sql, REST_SQL_MAX);
    rest_builder_init(&b, &w->arena, err, &sql);
    buf_puts(&sql, "WITH ");
    int r = 0;
    if (w->verb == WRITE_GET_ROW)
        put_row_read(&b, w);
    else
        r = write_put_rows(&b, &w->shape);
    if (r == 0) r = make_answer(w, &b, err);
    if (r == 0) {
        w->sql = buf_check(&sql) == 0 ? arena_cstr(&w->arena, buf_slice(&sql)) : NULL;
        w->param = b.param;
        w->params = b.params;
        if (!w->sql) r = -ENOMEM;
    }
    buf_done(&sql);
    return r;
}

void write_go(struct write *w)
{
    struct rest_error err = {0};
    w->shape.dataset = w->dataset;
    w->shape.sorted = !w->represent;
    w->shape.body = &w->body;
    w->shape.key = w->key;
    make_begin(w);
    int r = w->begin ? 0 : -ENOMEM;
    if (r == 0 && !w->judged) r = make_statement(w, &err);
    if (r > 0) {
        scope_refuse(write_let_go(w), &err);
        return write_free(w);
    }
    if (r == 0 && w->represent && !w->judged && !scope_may_read(w->request, &w->answer.tables)) return write_free(w);
    if (r < 0) {
        problem_internal(write_let_go(w));
        write_free(w);
        return;
    }
    http_request_attach(w->request, w, gone);
    db_pool_take(w->api->pool, &w->wait, CONNECT_WAIT_MS);
}

struct write *write_new(struct http_request *r, enum write_verb verb)
{
    struct write *w = calloc(1, sizeof *w);
    if (!w) {
        problem_internal(r);
        return NULL;
    }
    w->request = r;
    w->verb = verb;
    w->api = http_request_context(r);
    w->index = -1;
    w->wait.got = on_connected;
    list_init(&w->wait.link);
    arena_init(&w->arena, 4096, BODY_MAX);
    return w;
}
