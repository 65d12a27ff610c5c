/* SPDX-License-Identifier: MIT */
#include "api/select.h"

#include "api/access.h"
#include "api/problem.h"
#include "api/trace.h"
#include "http/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LAST_PARAMS = 2,     /* limit, offset */
    PIECE_BYTES = 65536, /* handed to the client at once */
    OUT_MAX = 64 << 20,  /* a row that is larger fails */
    ARENA_MAX = 16 << 20,
    CONNECT_WAIT_MS = 5000,
    PLACE_WAIT_MS = 5000,
    BEGIN_MAX = 1 << 20,
    LINK_MAX = 1 << 16,
    RANGE_MAX = 100,
};

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
    struct form form;
    struct arena arena;
    struct rest_statement statement;
    struct form_column *column;
    bool paged, behind;
    const char *next;
    int64_t limit, total, planned; /* the last two: -1 when they are not known */
    struct buf after;              /* for the page behind this one */
    int64_t timeout_ms;
    struct buf out;
    size_t start_len; /* bytes in `out` before the first row */
    int64_t rows;
    int failed; /* a value that cannot be written, a row that is too large */
    bool begun; /* the answer is a stream */
};

/* ---- the end ---- */

static void select_free(struct select *s)
{
    if (!s) return;
    if (s->inside) gate_leave(s->gate);
    arena_done(&s->arena);
    buf_done(&s->out);
    buf_done(&s->after);
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

/* It is larger than it looked, and nothing was sent: let the connection go, and come again when there is a place. */
static void start_over(struct select *s)
{
    s->leaving = true;
    db_pool_give(s->pool, s->conn);
    s->leaving = false;
    s->conn = NULL;
    s->rows = 0;
    s->out.len = s->start_len;
    buf_reset(&s->after);
    s->failed = 0;
    gate_enter(s->gate, &s->turn, PLACE_WAIT_MS);
}

/* ---- the head ---- */

static bool is_head(const struct select *s)
{
    return http_request_method(s->request) == HTTP_HEAD_;
}

/* How many rows the answer has, or -1 while that is not known. */
static int64_t rows_told(const struct select *s, bool all_read)
{
    const struct rest_statement *from = &s->statement;
    if (all_read && !is_head(s)) return s->rows;
    if (s->total < 0 || s->behind || !from->total) return -1;
    int64_t left = s->total > from->offset ? s->total - from->offset : 0;
    return from->limit != REST_ALL && from->limit < left ? from->limit : left;
}

static void tell_next(struct select *s)
{
    struct buf link;
    if (!s->next || s->after.len == 0 || buf_check(&s->after) != 0) return;
    buf_init(&link, LINK_MAX);
    buf_printf(&link, "<%s", s->next);
    http_target_encode(&link, buf_slice(&s->after));
    buf_puts(&link, ">; rel=\"next\"");
    if (buf_check(&link) == 0) http_header(s->request, "Link", buf_cstr(&link));
    buf_done(&link);
}

/* An estimate that has counted to its end is what the planner says, if that is more. */
static void settle_total(struct select *s)
{
    if (s->planned >= 0 && (!s->statement.total || s->total > REST_COUNTED) && s->planned > s->total) s->total = s->planned;
}

/* The status, and what the head says of the page. */
static int begin_head(struct select *s, bool all_read)
{
    struct buf range;
    settle_total(s);
    int64_t rows = rows_told(s, all_read);
    if (!s->paged || (rows < 0 && s->total < 0)) return 200;
    buf_init(&range, RANGE_MAX);
    rest_range_write(&range, s->statement.offset, s->behind || rows < 0 ? 0 : rows, s->total);
    http_header(s->request, "Content-Range", buf_cstr(&range));
    buf_done(&range);
    if (all_read) tell_next(s);
    return rows < 0 ? 200 : rest_range_status(s->statement.offset, rows, s->total);
}

static void answer_no_range(struct select *s)
{
    char details[120];
    snprintf(details, sizeof details, "An offset of %" PRId64 " was requested, but there are only %" PRId64 " rows.",
             s->statement.offset, s->total);
    struct buf range;
    buf_init(&range, RANGE_MAX);
    rest_range_write(&range, 0, 0, s->total);
    struct http_request *r = let_go(s);
    http_header(r, "Content-Range", buf_cstr(&range));
    buf_done(&range);
    http_problem(r, &(struct http_problem){
                        .status = 416, .code = "PGRST103", .message = "Requested range not satisfiable", .details = details});
}

/* ---- rows to the client ---- */

/* False: the client has enough for now. */
static bool flush(struct select *s, bool all_read)
{
    if (!s->begun) {
        s->begun = true;
        http_begin(s->request, begin_head(s, all_read), s->form.media_type);
    }
    bool more = http_write(s->request, buf_slice(&s->out));
    buf_reset(&s->out);
    return more;
}

/* The values that tell where a row stands, of the last row of a full page. */
static void note_cursors(struct select *s, const PGresult *row, int at)
{
    struct rest_value value[REST_TERMS_MAX];
    for (size_t i = 0; i < s->statement.cursors; i++, at++)
        value[i] = (struct rest_value){{PQgetvalue(row, 0, at), (size_t)PQgetlength(row, 0, at)}, PQgetisnull(row, 0, at)};
    rest_after_write(&s->after, value, s->statement.cursors);
}

static void take_row(struct select *s, const PGresult *row)
{
    int at = 0;
    if (s->statement.total) {
        uint64_t total = 0;
        for (int i = 0; i < 8; i++)
            total = total << 8 | (unsigned char)PQgetvalue(row, 0, 0)[i];
        s->total = (int64_t)total;
        at = 2;
        if (PQgetisnull(row, 0, 1)) return; /* only the total */
    }
    s->failed = form_row(&s->form, s->column, s->statement.columns, row, 0, at, s->rows, &s->out);
    s->rows++;
    if (s->statement.cursors > 0 && s->rows == s->statement.limit) note_cursors(s, row, at + (int)s->statement.columns);
    if (buf_check(&s->out) < 0) s->failed = buf_check(&s->out);
}

static bool on_row(void *ctx, const PGresult *row)
{
    struct select *s = ctx;
    if (!s->request || s->failed) return true;
    take_row(s, row);
    size_t enough = s->begun                                                  ? PIECE_BYTES
                    : s->inside && s->paged && s->statement.limit != REST_ALL ? SELECT_PAGE_BYTES
                                                                              : SELECT_WHOLE_BYTES;
    if (s->failed || s->out.len < enough) return true;
    bool entered = !s->inside && s->gate && gate_try(s->gate);
    if (entered) s->inside = true;
    if (entered && s->paged && s->statement.limit != REST_ALL) return true; /* a page may be larger, now that it has a place */
    if (!s->gate || s->inside) return flush(s, false);
    start_over(s);
    return true;
}

static void on_writable(void *state)
{
    struct select *s = state;
    db_query_resume(s->conn);
}

/* Not exactly one row, where one is wanted. */
static void answer_not_one(struct select *s)
{
    char details[80];
    snprintf(details, sizeof details, "The result contains %s%" PRId64 " rows",
             s->rows > 1 && s->rows == s->statement.limit ? "at least " : "", s->rows);
    http_problem(let_go(s), &(struct http_problem){.status = 406,
                                                   .code = "PGRST116",
                                                   .message = "JSON object requested, multiple (or no) rows returned",
                                                   .details = details});
}

static void answer_rows(struct select *s)
{
    settle_total(s);
    if (s->paged && !s->begun && !s->behind && s->total >= 0 && s->statement.offset > s->total) return answer_no_range(s);
    if (s->form.kind == FORM_OBJECT && s->rows != 1) return answer_not_one(s);
    buf_puts(&s->out, form_end(&s->form));
    if (s->begun || is_head(s)) {
        flush(s, true);
        http_end(let_go(s), true);
        return;
    }
    int status = begin_head(s, true);
    size_t len;
    char *body = buf_steal(&s->out, &len);
    struct http_request *r = let_go(s);
    if (body)
        http_answer_take(r, status, s->form.media_type, body, len);
    else
        problem_internal(r);
}

/* What a request for rows can cause is its own fault: a value that the server cannot read (whose, it tells), an operator that a
 * type does not have, more than the server takes. */
static void answer_refusal(struct select *s, const struct db_result *result)
{
    const char *sqlstate = result->status == ERROR_REFUSED ? result->error->sqlstate : "";
    bool value = strncmp(sqlstate, "22", 2) == 0, no_operator = strcmp(sqlstate, "42883") == 0,
         limit = strncmp(sqlstate, "54", 2) == 0;
    struct slice name = value ? rest_shown(rest_param_at_fault(&s->statement, result->detail)) : (struct slice){NULL, 0};
    char message[ERROR_TEXT_MAX + 160];
    if (!name.p && !no_operator && !limit) return problem_from_database(let_go(s), result);
    snprintf(message, sizeof message, "%s" SLICE_FMT "%s%s", name.p ? "the parameter " : "", SLICE_ARG(name), name.p ? ": " : "",
             result->error->text);
    http_problem(let_go(s), &(struct http_problem){.status = 400, .code = sqlstate, .message = message});
}

static void answer_failure(struct select *s, const struct db_result *result)
{
    const char *why = result->error ? result->error->text : error_name(s->failed ? s->failed : result->status);
    if (result->status == 0 || s->begun) trace_warning(s->request, "an answer could not be finished: %s", why);
    if (s->begun)
        http_end(let_go(s), false);
    else if (result->status != 0)
        answer_refusal(s, result);
    else
        problem_internal(let_go(s));
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

static void on_planned(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    const char *json = result->status == 0 ? db_get(result->rows, 0, 0) : NULL;
    if (json) s->planned = rest_plan_rows(slice_of(json)); /* what ails it the SELECT says */
    if (--s->pending == 0) finish(s);
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

static int ask_rows(struct select *s)
{
    const struct rest_statement *from = &s->statement;
    struct db_query plan = {
        .sql = from->plan_sql, .param = from->param, .params = (int)from->plan_params, .done = on_planned, .ctx = s};
    struct db_query select = {.sql = from->sql,
                              .param = from->param,
                              .params = (int)from->params,
                              .binary = true,
                              .row = on_row,
                              .done = on_selected,
                              .ctx = s};
    int r = from->plan_sql ? ask(s, &plan) : 0;
    return r == 0 ? ask(s, &select) : r;
}

/* They wait in the connection's queue. Where BEGIN fails behind its first word the SELECT fails, too. */
static int ask_all(struct select *s)
{
    bool bracket = s->timeout_ms || access_role(s->request);
    struct buf begin;
    buf_init(&begin, BEGIN_MAX);
    if (bracket) put_begin(s, &begin);
    const char *text = bracket ? buf_cstr(&begin) : "";
    int r = text ? 0 : -ENOMEM;
    if (r == 0 && bracket) r = ask(s, &(struct db_query){.sql = text, .done = on_bracket, .ctx = s});
    buf_done(&begin);
    if (r == 0) r = ask_rows(s);
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

static char *copy(struct arena *a, const char *text)
{
    return text ? arena_cstr(a, slice_of(text)) : NULL;
}

/* The statement's arena becomes ours. */
static struct select *select_new(struct http_request *r, const struct select_request *from)
{
    struct select *s = calloc(1, sizeof *s);
    if (!s) {
        arena_done(from->arena);
        return NULL;
    }
    s->request = r;
    s->arena = *from->arena;
    s->statement = *from->statement;
    s->form = from->form;
    s->paged = from->paged;
    s->behind = from->behind;
    s->total = s->planned = -1;
    s->timeout_ms = from->timeout_ms;
    s->gate = from->gate;
    s->turn.got = on_turn;
    list_init(&s->turn.link);
    s->wait.got = on_connected;
    list_init(&s->wait.link);
    buf_init(&s->out, OUT_MAX);
    buf_init(&s->after, LINK_MAX);
    s->column = form_columns(&s->statement, &s->arena);
    s->next = copy(&s->arena, from->next);
    struct db_param *limit = &s->statement.param[s->statement.params - LAST_PARAMS];
    if (is_head(s) && s->form.kind != FORM_OBJECT) *limit = db_int8(0);
    if (s->column && (s->next || !from->next)) return s;
    select_free(s);
    return NULL;
}

static bool is_small(const struct http_request *r, const struct rest_statement *s)
{
    if (s->total) return false;
    if (http_request_method(r) == HTTP_HEAD_) return true;
    return s->limit != REST_ALL && s->limit <= SELECT_SMALL_ROWS && s->offset <= SELECT_NEAR_ROWS;
}

bool select_form(struct http_request *r, bool csv_first, struct form *ret_form)
{
    http_header(r, "Vary", "Accept");
    if (form_choose(http_request_header(r, "Accept"), csv_first, ret_form)) return true;
    http_problem(
        r, &(struct http_problem){
               .status = 406,
               .code = "PGRST107",
               .message = "rows come as application/json, application/x-ndjson, text/csv or application/vnd.pgrst.object+json",
               .hint = "name one of them in Accept, or leave Accept out"});
    return false;
}

void select_answer(struct http_request *r, struct db_pool *pool, const struct select_request *from)
{
    struct select *s = select_new(r, from);
    if (!s) {
        problem_internal(r);
        return;
    }
    if (!form_is_json(&s->form) && from->csv_disposition) http_header(r, "Content-Disposition", from->csv_disposition);
    s->pool = pool;
    form_begin(&s->form, &s->statement, &s->out);
    s->start_len = s->out.len;
    http_request_attach(r, s, gone);
    http_on_writable(r, on_writable);
    if (s->gate && !is_small(r, &s->statement))
        gate_enter(s->gate, &s->turn, PLACE_WAIT_MS);
    else
        db_pool_take(pool, &s->wait, CONNECT_WAIT_MS);
}
