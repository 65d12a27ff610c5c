/* SPDX-License-Identifier: MIT */
#include "api/select.h"

#include "api/access.h"
#include "api/problem.h"
#include "api/trace.h"
#include "base/arena.h"
#include "format/csv_writer.h"
#include "format/json_writer.h"
#include "format/pgvalue.h"
#include "http/accept.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIXED_PARAMS = 2, /* limit, offset */
    PARAMS_MAX = 64,
    SQL_MAX = 1 << 20,
    PIECE_BYTES = 65536, /* handed to the client at once */
    OUT_MAX = 64 << 20,  /* a row that is larger fails */
    ARENA_MAX = 4 << 20,
    CONNECT_WAIT_MS = 5000,
    PLACE_WAIT_MS = 5000,
};

struct column {
    uint32_t oid;
    bool known;
    struct slice key; /* of JSON: "name": */
};

struct format;

struct select {
    struct http_request *request; /* NULL: answered, or the client has left */
    struct gate *gate;
    struct gate_wait turn;
    bool inside; /* has a place of the gate */
    struct db_pool *pool;
    struct db_wait wait;
    struct db_conn *conn;
    unsigned pending; /* queries asked whose `done` is to come */
    bool leaving;     /* the connection is being closed under its queries */
    const struct format *format;
    struct arena arena;
    struct column *column;
    int columns;
    const char *sql;
    struct db_param param[PARAMS_MAX];
    int params;
    int64_t timeout_ms;
    struct buf out;
    size_t start_len; /* bytes in `out` before the first row */
    int64_t rows;
    int failed; /* a value that cannot be written, a row that is too large */
    bool begun; /* the answer is a stream */
};

/* ---- formats ---- */

struct format {
    const char *media_type; /* of the answer */
    bool json;              /* what is not ours is cast to JSON, else to text */
    void (*begin)(struct select *s, const struct select_request *from);
    void (*row)(struct select *s, const PGresult *row);
    const char *end;
};

static struct slice cell(const PGresult *row, int c)
{
    return (struct slice){PQgetvalue(row, 0, c), (size_t)PQgetlength(row, 0, c)};
}

static void put_object(struct select *s, const PGresult *row)
{
    for (int c = 0; c < s->columns; c++) {
        const struct column *column = &s->column[c];
        buf_putc(&s->out, c ? ',' : '{');
        buf_put(&s->out, column->key);
        if (PQgetisnull(row, 0, c))
            buf_puts(&s->out, "null");
        else if (!column->known)
            pgvalue_json_fragment(&s->out, cell(row, c));
        else if (pgvalue_json(&s->out, column->oid, cell(row, c)) != 0)
            s->failed = ERROR_PROTOCOL;
    }
    buf_putc(&s->out, '}');
}

static void json_begin(struct select *s, const struct select_request *from)
{
    (void)from;
    buf_putc(&s->out, '[');
}

static void json_row(struct select *s, const PGresult *row)
{
    if (s->rows) buf_puts(&s->out, ",\n");
    put_object(s, row);
}

static void ndjson_begin(struct select *s, const struct select_request *from)
{
    (void)s, (void)from;
}

static void ndjson_row(struct select *s, const PGresult *row)
{
    put_object(s, row);
    buf_putc(&s->out, '\n');
}

static void csv_begin(struct select *s, const struct select_request *from)
{
    struct csv_writer w;
    csv_writer_init(&w, &s->out, ',');
    for (size_t c = 0; c < from->columns; c++)
        csv_write_text(&w, from->column[c].name);
    csv_write_end(&w);
}

static void csv_row(struct select *s, const PGresult *row)
{
    struct csv_writer w;
    csv_writer_init(&w, &s->out, ',');
    for (int c = 0; c < s->columns; c++) {
        if (PQgetisnull(row, 0, c))
            csv_write_null(&w);
        else if (!s->column[c].known)
            csv_write_slice(&w, cell(row, c));
        else if (csv_write_value(&w, s->column[c].oid, cell(row, c)) != 0)
            s->failed = ERROR_PROTOCOL;
    }
    csv_write_end(&w);
}

/* In the order of `formats`. */
static const char *const accepted[] = {"application/json", "application/x-ndjson", "text/csv", NULL};
static const char *const accepted_csv_first[] = {"text/csv", "application/json", "application/x-ndjson", NULL};
static const struct format formats[] = {
    {"application/json", true, json_begin, json_row, "]\n"},
    {"application/x-ndjson", true, ndjson_begin, ndjson_row, ""},
    {"text/csv; charset=utf-8", false, csv_begin, csv_row, ""},
};

/* NULL: none will do. */
static const struct format *choose_format(const struct http_request *r, bool csv_first)
{
    enum { CSV = 2 };
    int chosen = http_accept(http_request_header(r, "Accept"), csv_first ? accepted_csv_first : accepted);
    if (chosen < 0) return NULL;
    return &formats[!csv_first ? chosen : chosen == 0 ? CSV : chosen - 1];
}

/* ---- the end ---- */

static void select_free(struct select *s)
{
    if (!s) return;
    if (s->inside) gate_leave(s->gate);
    arena_done(&s->arena);
    buf_done(&s->out);
    free(s);
}

/* The request goes its own way from here: its answer may still be on its way when we are gone. */
static struct http_request *let_go(struct select *s)
{
    struct http_request *r = s->request;
    s->request = NULL;
    http_on_writable(r, NULL);
    http_request_attach(r, NULL, NULL);
    return r;
}

static void gone(void *state)
{
    struct select *s = state;
    s->request = NULL;
    s->leaving = true;
    gate_cancel(&s->turn);
    if (!s->conn)
        db_pool_cancel(s->pool, &s->wait);
    else
        db_pool_give(s->pool, s->conn); /* busy, so it is closed, and with it the query */
    select_free(s);
}

static void finish(struct select *s)
{
    if (s->leaving) return; /* inside `gone`, which frees, or start_over */
    db_pool_give(s->pool, s->conn);
    select_free(s);
}

/* ---- rows to the client ---- */

/* It is larger than it looked, and nothing was sent: let the connection go, and come again when there is a place. */
static void start_over(struct select *s)
{
    s->leaving = true;
    db_pool_give(s->pool, s->conn);
    s->leaving = false;
    s->conn = NULL;
    s->rows = 0;
    s->out.len = s->start_len;
    gate_enter(s->gate, &s->turn, PLACE_WAIT_MS);
}

/* False: the client has enough for now. */
static bool flush(struct select *s)
{
    if (!s->begun) {
        s->begun = true;
        http_begin(s->request, 200, s->format->media_type);
    }
    bool more = http_write(s->request, buf_slice(&s->out));
    buf_reset(&s->out);
    return more;
}

static bool on_row(void *ctx, const PGresult *row)
{
    struct select *s = ctx;
    if (!s->request || s->failed) return true;
    s->format->row(s, row);
    s->rows++;
    if (buf_check(&s->out) < 0) s->failed = buf_check(&s->out);
    if (s->failed || s->out.len < (s->begun ? PIECE_BYTES : SELECT_WHOLE_BYTES)) return true;
    if (s->gate && !s->inside) s->inside = gate_try(s->gate);
    if (!s->gate || s->inside) return flush(s);
    start_over(s);
    return true;
}

static void on_writable(void *state)
{
    struct select *s = state;
    db_query_resume(s->conn);
}

static void answer_rows(struct select *s)
{
    buf_puts(&s->out, s->format->end);
    bool head = http_request_method(s->request) == HTTP_HEAD_;
    if (s->begun || head) {
        flush(s);
        http_end(let_go(s), true);
        return;
    }
    size_t len;
    char *body = buf_steal(&s->out, &len);
    struct http_request *r = let_go(s);
    if (body)
        http_answer_take(r, 200, s->format->media_type, body, len);
    else
        problem_internal(r);
}

static void answer_failure(struct select *s, const struct db_result *result)
{
    const char *why = result->error ? result->error->text : error_name(s->failed ? s->failed : result->status);
    bool begun = s->begun;
    struct http_request *r = let_go(s);
    if (result->status == 0 || begun) trace_warning(r, "an answer could not be finished: %s", why);
    if (begun)
        http_end(r, false);
    else if (result->status != 0)
        problem_from_database(r, result);
    else
        problem_internal(r);
}

/* ---- queries ---- */

static void on_selected(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    s->pending--;
    if (s->leaving) return;
    if (s->request && result->status == 0 && !s->failed)
        answer_rows(s);
    else if (s->request)
        answer_failure(s, result);
    if (s->pending == 0) finish(s);
}

static void on_bracket(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    (void)result; /* what ails the connection, or the transaction, the SELECT says */
    if (--s->pending == 0) finish(s);
}

static int ask(struct select *s, const struct db_query *q)
{
    int r = db_query(s->conn, q);
    if (r == 0) s->pending++;
    return r;
}

/* A role, and a time-out of its own, need a transaction around it, which then bears the request's name, too. */
static void put_begin(const struct select *s, struct buf *out)
{
    buf_puts(out, "BEGIN READ ONLY");
    if (s->timeout_ms) buf_printf(out, "; SET LOCAL statement_timeout = %" PRId64, s->timeout_ms);
    trace_sql(s->request, out);
    if (!access_role(s->request)) return;
    buf_puts(out, "; ");
    access_sql(s->request, out);
}

/* The three wait in the connection's queue. Where BEGIN fails behind its first word the SELECT fails, too. */
static int ask_all(struct select *s)
{
    bool bracket = s->timeout_ms || access_role(s->request);
    struct buf begin;
    buf_init(&begin, SQL_MAX);
    if (bracket) put_begin(s, &begin);
    struct db_query select = {
        .sql = s->sql, .param = s->param, .params = s->params, .binary = true, .row = on_row, .done = on_selected, .ctx = s};
    const char *text = bracket ? buf_cstr(&begin) : "";
    int r = text ? 0 : -ENOMEM;
    if (r == 0 && bracket) r = ask(s, &(struct db_query){.sql = text, .done = on_bracket, .ctx = s});
    buf_done(&begin);
    if (r == 0) r = ask(s, &select);
    if (r == 0 && bracket) r = ask(s, &(struct db_query){.sql = "COMMIT", .done = on_bracket, .ctx = s});
    return r;
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct select *s = container_of(w, struct select, wait);
    s->conn = c;
    if (!c) {
        problem_unavailable(let_go(s), db_pool_reason(s->pool));
        select_free(s);
        return;
    }
    if (ask_all(s) == 0) return;
    problem_unavailable(let_go(s), db_pool_reason(s->pool));
    if (s->pending == 0) finish(s); /* else what was asked ends first */
}

static void on_turn(struct gate_wait *w, bool entered)
{
    struct select *s = container_of(w, struct select, turn);
    s->inside = entered;
    if (entered) {
        db_pool_take(s->pool, &s->wait, CONNECT_WAIT_MS);
        return;
    }
    problem_unavailable(let_go(s), "");
    select_free(s);
}

/* ---- making one ---- */

static void put_column(struct buf *out, const struct select_column *c, bool json)
{
    bool known = pgvalue_known(c->oid);
    if (!known && json) buf_puts(out, "to_jsonb(");
    db_quote_identifier(out, slice_of(c->name));
    if (!known) buf_puts(out, json ? ")::text" : "::text");
}

void select_sql(struct buf *out, const struct select_request *s, bool json)
{
    for (size_t c = 0; c < s->columns; c++) {
        buf_puts(out, c ? ", " : "SELECT ");
        put_column(out, &s->column[c], json);
    }
    buf_puts(out, " FROM ");
    if (s->from) {
        buf_puts(out, s->from);
    } else {
        db_quote_identifier(out, slice_of(s->schema));
        buf_putc(out, '.');
        db_quote_identifier(out, slice_of(s->table));
    }
    if (s->where) buf_printf(out, " WHERE %s", s->where);
    for (size_t i = 0; i < s->orders; i++) {
        buf_puts(out, i ? ", " : " ORDER BY ");
        db_quote_identifier(out, slice_of(s->order[i].column));
        if (s->order[i].descending) buf_puts(out, " DESC");
    }
    buf_puts(out, " LIMIT $1 OFFSET $2");
}

static bool copy_sql(struct select *s, const struct select_request *from)
{
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    select_sql(&sql, from, s->format->json);
    s->sql = buf_check(&sql) == 0 ? arena_cstr(&s->arena, buf_slice(&sql)) : NULL;
    buf_done(&sql);
    return s->sql;
}

static bool copy_columns(struct select *s, const struct select_request *from)
{
    s->column = arena_array(&s->arena, from->columns, sizeof *s->column);
    s->columns = (int)from->columns;
    struct buf key;
    buf_init(&key, SQL_MAX);
    bool copied = s->column;
    for (size_t c = 0; c < from->columns && copied; c++) {
        buf_reset(&key);
        json_quote(&key, slice_of(from->column[c].name));
        buf_putc(&key, ':');
        uint32_t oid = from->column[c].oid;
        s->column[c] = (struct column){.oid = oid, .known = pgvalue_known(oid), .key = arena_copy(&s->arena, buf_slice(&key))};
        copied = s->column[c].key.p && buf_check(&key) == 0;
    }
    buf_done(&key);
    return copied;
}

static bool copy_params(struct select *s, const struct select_request *from)
{
    assert(from->params <= PARAMS_MAX - FIXED_PARAMS);
    bool head = http_request_method(s->request) == HTTP_HEAD_;
    s->param[0] = db_int8(head ? 0 : from->limit);
    if (from->limit == SELECT_ALL && !head) {
        s->param[0].value = (struct slice){NULL, 0};
        s->param[0].null = true;
    }
    s->param[1] = db_int8(from->offset);
    s->params = FIXED_PARAMS + from->params;
    for (int i = 0; i < from->params; i++) {
        struct db_param *p = &s->param[FIXED_PARAMS + i];
        *p = from->param[i];
        if (!p->value.p) continue;
        p->value = arena_copy(&s->arena, from->param[i].value);
        if (!p->value.p) return false;
    }
    return true;
}

static struct select *select_new(struct http_request *r, const struct format *format, const struct select_request *from)
{
    struct select *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->request = r;
    s->format = format;
    s->timeout_ms = from->timeout_ms;
    s->gate = from->gate;
    s->turn.got = on_turn;
    list_init(&s->turn.link);
    s->wait.got = on_connected;
    list_init(&s->wait.link);
    arena_init(&s->arena, 4096, ARENA_MAX);
    buf_init(&s->out, OUT_MAX);
    if (copy_columns(s, from) && copy_sql(s, from) && copy_params(s, from)) return s;
    select_free(s);
    return NULL;
}

static bool is_small(const struct http_request *r, const struct select_request *s)
{
    if (http_request_method(r) == HTTP_HEAD_) return true;
    return s->limit != SELECT_ALL && s->limit <= SELECT_SMALL_ROWS && s->offset <= SELECT_NEAR_ROWS;
}

void select_answer(struct http_request *r, struct db_pool *pool, const struct select_request *from)
{
    http_header(r, "Vary", "Accept");
    const struct format *format = choose_format(r, from->csv_first);
    if (!format) {
        http_problem(r, &(struct http_problem){.status = 406,
                                               .message = "rows come as application/json, application/x-ndjson or text/csv",
                                               .hint = "name one of them in Accept, or leave Accept out"});
        return;
    }
    struct select *s = select_new(r, format, from);
    if (!s) {
        problem_internal(r);
        return;
    }
    if (!format->json && from->csv_disposition) http_header(r, "Content-Disposition", from->csv_disposition);
    s->pool = pool;
    s->format->begin(s, from);
    s->start_len = s->out.len;
    http_request_attach(r, s, gone);
    http_on_writable(r, on_writable);
    if (s->gate && !is_small(r, from))
        gate_enter(s->gate, &s->turn, PLACE_WAIT_MS);
    else
        db_pool_take(pool, &s->wait, CONNECT_WAIT_MS);
}
