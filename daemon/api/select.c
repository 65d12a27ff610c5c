/* SPDX-License-Identifier: MIT */
#include "api/access.h"
#include "api/altered.h"
#include "api/problem.h"
#include "api/select_private.h"
#include "api/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PIECE_BYTES = 65536, /* handed to the client at once */
    USUAL_BYTES = 2000,  /* of a small answer */
    OUT_MAX = 64 << 20,  /* a row that is larger fails */
    ARENA_MAX = 16 << 20,
    CONNECT_WAIT_MS = 5000,
    PLACE_WAIT_MS = 5000,
    BEGIN_MAX = 1 << 20,
};

/* ---- the end ---- */

static void select_free(struct select *s)
{
    if (!s) return;
    versions_cancel(&s->fresh.wait);
    if (s->inside) gate_leave(s->gate);
    arena_done(&s->arena);
    buf_done(&s->out);
    buf_done(&s->after);
    free(s);
}

struct http_request *select_let_go(struct select *s)
{
    struct http_request *r = s->request;
    s->request = NULL;
    http_on_writable(r, NULL);
    http_request_attach(r, NULL, NULL);
    return r;
}

static void on_stopped(void *ctx, const struct db_result *r)
{
    (void)ctx, (void)r;
}

/* The server notices a closed connection when it writes to it, or every two seconds; this ends the query at once. */
static void stop_query(const struct select *s)
{
    if (!s->fresh.reads) return;
    struct db_param pid = db_int8(db_conn_backend_pid(s->conn));
    struct db_query q = {.sql = "SELECT pg_cancel_backend($1::int8::int)", .param = &pid, .params = 1, .done = on_stopped};
    (void)!db_pipeline_ask(s->fresh.reads->pipeline, &(struct db_pipeline_query){.query = q, .once = true}, NULL);
}

static void gone(void *state)
{
    struct select *s = state;
    if (s->conn) stop_query(s);
    s->request = NULL;
    s->leaving = true;
    gate_cancel(&s->turn);
    if (s->piped) db_pipeline_forget(s->piped);
    if (s->conn)
        db_pool_give(s->pool, s->conn); /* busy, so it is closed */
    else
        db_pool_cancel(s->pool, &s->wait);
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

/* ---- rows to the client ---- */

/* False: the client has enough for now. */
static bool flush(struct select *s, bool all_read)
{
    if (!s->begun) {
        s->begun = true;
        http_begin(s->request, select_begin_head(s, all_read), s->form.media_type);
    }
    bool more = http_write(s->request, buf_slice(&s->out));
    buf_reset(&s->out);
    return more;
}

/* The values that tell where a row stands, of the last row of a full page. */
static void note_cursors(struct select *s, const PGresult *rows, int row, int at)
{
    struct rest_value value[REST_TERMS_MAX];
    for (size_t i = 0; i < s->statement.cursors; i++, at++)
        value[i] = (struct rest_value){{PQgetvalue(rows, row, at), (size_t)PQgetlength(rows, row, at)}, PQgetisnull(rows, row, at)};
    rest_after_write(&s->after, value, s->statement.cursors);
}

static void take_row(struct select *s, const PGresult *rows, int row)
{
    int at = 0;
    if (s->statement.total) {
        uint64_t total = 0;
        for (int i = 0; i < 8; i++)
            total = total << 8 | (unsigned char)PQgetvalue(rows, row, 0)[i];
        s->total = (int64_t)total;
        at = 2;
        if (PQgetisnull(rows, row, 1)) return; /* only the total */
    }
    s->failed = form_row(&s->form, &(struct form_cells){s->column, s->statement.columns, rows, row, at}, s->rows, &s->out);
    s->rows++;
    if (s->statement.cursors > 0 && s->rows == s->statement.limit) note_cursors(s, rows, row, at + (int)s->statement.columns);
    if (buf_check(&s->out) < 0) s->failed = buf_check(&s->out);
}

static bool on_row(void *ctx, const PGresult *row)
{
    struct select *s = ctx;
    if (!s->request || s->failed) return true;
    take_row(s, row, 0);
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

static void answer_rows(struct select *s)
{
    select_settle_total(s);
    if (s->paged && !s->begun && !s->behind && s->total >= 0 && s->statement.offset > s->total) return select_answer_no_range(s);
    if (s->form.kind == FORM_OBJECT && s->rows != 1) return select_answer_not_one(s);
    buf_puts(&s->out, form_end(&s->form));
    if (s->begun || select_is_head(s)) {
        flush(s, true);
        http_end(select_let_go(s), true);
        return;
    }
    int status = select_begin_head(s, true);
    size_t len;
    char *body = buf_steal(&s->out, &len);
    struct http_request *r = select_let_go(s);
    if (body) fresh_keep(&s->fresh, r, &(struct fresh_answer){status, s->form.media_type, {body, len}, s->names});
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
    if (altered_noticed(http_request_context(s->request), sqlstate)) return altered_answer(select_let_go(s));
    if (!name.p && !no_operator && !limit) return problem_from_database(select_let_go(s), result);
    snprintf(message, sizeof message, "%s" SLICE_FMT "%s%s", name.p ? "the parameter " : "", SLICE_ARG(name), name.p ? ": " : "",
             result->error->text);
    http_problem(select_let_go(s), &(struct http_problem){.status = 400, .code = sqlstate, .message = message});
}

static void answer_failure(struct select *s, const struct db_result *result)
{
    const char *why = result->error ? result->error->text : error_name(s->failed ? s->failed : result->status);
    if (result->status == 0 || s->begun) trace_warning(s->request, "an answer could not be finished: %s", why);
    if (s->begun)
        http_end(select_let_go(s), false);
    else if (result->status != 0)
        answer_refusal(s, result);
    else
        problem_internal(select_let_go(s));
}

/* ---- queries ---- */

static int ask_all(struct select *s);

/* Nothing is under way any more. */
static void settle(struct select *s)
{
    bool again = s->stale && !s->again && s->request;
    s->stale = false;
    if (!again) return finish(s);
    s->again = true;
    if (ask_all(s) == 0) return;
    problem_unavailable(select_let_go(s), db_pool_reason(s->pool));
    if (s->pending == 0) finish(s);
}

static void on_selected(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    s->pending--;
    if (s->leaving) return;
    s->stale = !s->again && result->status == ERROR_REFUSED && db_is_stale(result->error->sqlstate) && !s->begun;
    if (s->request && result->status == 0 && !s->failed)
        answer_rows(s);
    else if (s->request && !s->stale)
        answer_failure(s, result);
    if (s->pending == 0) settle(s);
}

static void on_planned(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    const char *json = result->status == 0 ? db_get(result->rows, 0, 0) : NULL;
    if (json) s->planned = rest_plan_rows(slice_of(json)); /* what ails it the SELECT says */
    if (--s->pending == 0) settle(s);
}

static void on_bracket(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    (void)result; /* what ails the connection, or the transaction, the SELECT says */
    if (--s->pending == 0) settle(s);
}

/* Then the SELECT fails, too, and says less. */
static void on_begun(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    if (result->status != 0 && s->request && !s->leaving) access_problem(select_let_go(s), result);
    on_bracket(s, result);
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
    buf_puts(out, "; ");
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
    if (r == 0 && bracket) r = ask(s, &(struct db_query){.sql = text, .done = on_begun, .ctx = s});
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
        problem_unavailable(select_let_go(s), db_pool_reason(s->pool));
        select_free(s);
        return;
    }
    if (ask_all(s) == 0) return;
    problem_unavailable(select_let_go(s), db_pool_reason(s->pool));
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
    problem_unavailable(select_let_go(s), "");
    select_free(s);
}

/* ---- over the pipelined connection ---- */

static void start_alone(struct select *s);

/* What took too long there, or was too large, has a connection of its own now, and so have others of its shape for a while. */
static bool is_heavy_after_all(struct select *s, const struct db_result *result)
{
    bool late = result->status == ERROR_REFUSED && strcmp(result->error->sqlstate, "57014") == 0;
    if (!late && result->status != DB_PIPELINE_E_LARGE) return false;
    heavy_note(s->fresh.reads->heavy, s->statement.sql, loop_now_ms(s->fresh.reads->loop));
    start_alone(s);
    return true;
}

static void on_piped(void *ctx, const struct db_result *result)
{
    struct select *s = ctx;
    s->piped = NULL;
    if (is_heavy_after_all(s, result)) return;
    versions_cancel(&s->fresh.wait); /* they are there, or will not come */
    for (int i = 0; result->status == 0 && !s->failed && i < PQntuples(result->rows); i++)
        take_row(s, result->rows, i);
    if (result->status == 0 && !s->failed)
        answer_rows(s);
    else
        answer_failure(s, result);
    select_free(s);
}

static bool is_small(const struct http_request *r, const struct rest_statement *s)
{
    if (s->total) return false;
    if (http_request_method(r) == HTTP_HEAD_) return true;
    return s->limit != REST_ALL && s->limit <= SELECT_SMALL_ROWS && s->offset <= SELECT_NEAR_ROWS;
}

static bool is_heavy(const struct select *s)
{
    const struct reads *reads = s->fresh.reads;
    return reads && heavy_is(reads->heavy, s->statement.sql, loop_now_ms(reads->loop));
}

static bool is_light(const struct select *s)
{
    if (!s->fresh.reads || !is_small(s->request, &s->statement) || s->statement.plan_sql || s->timeout_ms ||
        s->statement.params > DB_PIPELINE_PARAMS_MAX || access_role(s->request))
        return false;
    return !is_heavy(s);
}

static void start_piped(struct select *s)
{
    struct db_query q = {.sql = s->statement.sql,
                         .param = s->statement.param,
                         .params = (int)s->statement.params,
                         .binary = true,
                         .done = on_piped,
                         .ctx = s};
    if (db_pipeline_ask(s->fresh.reads->pipeline, &(struct db_pipeline_query){.query = q}, &s->piped) == 0) return;
    problem_unavailable(select_let_go(s), db_pipeline_reason(s->fresh.reads->pipeline));
    select_free(s);
}

/* ---- making one ---- */

/* On a connection of its own; what may be large needs a place first. */
static void start_alone(struct select *s)
{
    if (s->gate && (!is_small(s->request, &s->statement) || is_heavy(s)))
        gate_enter(s->gate, &s->turn, PLACE_WAIT_MS);
    else
        db_pool_take(s->pool, &s->wait, CONNECT_WAIT_MS);
}

static void start(struct select *s)
{
    s->started = true;
    if (is_light(s))
        start_piped(s);
    else
        start_alone(s);
}

/* The versions are known, or are not to be had. */
static void go_on(struct select *s)
{
    if (!fresh_is_same(&s->fresh, s->request)) {
        if (!s->started) start(s);
        return;
    }
    fresh_answer_same(&s->fresh, select_let_go(s));
    select_free(s);
}

static void on_versions(struct versions_wait *w, bool known)
{
    struct select *s = container_of(w, struct select, fresh.wait);
    fresh_got(&s->fresh, known);
    if (!s->started) go_on(s);
}

/* Versions first. But a query that follows at once over the same connection need not wait for them, if they cannot make it
 * needless. */
static void begin(struct select *s, const struct rest_statement *label)
{
    struct fresh_wanted w = {.table = label->tables.table,
                             .tables = label->tables.n,
                             .sql = label->sql,
                             .param = label->param,
                             .params = (int)label->params,
                             .media_type = s->form.media_type};
    s->fresh.wait.got = on_versions;
    if (fresh_ask(&s->fresh, s->request, &w) != FRESH_ASKED)
        go_on(s);
    else if (is_light(s) && !fresh_is_conditional(s->request))
        start(s);
}

static char *copy(struct arena *a, const char *text)
{
    return text ? arena_cstr(a, slice_of(text)) : NULL;
}

/* {NULL, 0}: without memory, or there are none; then it is not kept. */
static struct slice copy_names(struct select *s)
{
    size_t len = 0;
    const struct rest_tables *t = &s->statement.tables;
    for (size_t i = 0; i < t->n; i++)
        len += strlen(t->table[i].name) + 1;
    char *names = len > 0 ? arena_alloc(&s->arena, len) : NULL, *at = names;
    for (size_t i = 0; names && i < t->n; i++)
        at = stpcpy(at, t->table[i].name) + 1;
    return (struct slice){names, names ? len : 0};
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
    s->fresh.reads = from->reads;
    list_init(&s->fresh.wait.link);
    s->turn.got = on_turn;
    list_init(&s->turn.link);
    s->wait.got = on_connected;
    list_init(&s->wait.link);
    buf_init(&s->out, OUT_MAX);
    (void)!buf_reserve(&s->out, USUAL_BYTES);
    buf_init(&s->after, SELECT_LINK_MAX);
    s->column = form_columns(&s->statement, &s->arena);
    s->names = copy_names(s);
    s->next = copy(&s->arena, from->next);
    if (s->column && (s->next || !from->next)) return s;
    select_free(s);
    return NULL;
}

bool select_form(struct http_request *r, bool csv_first, struct form *ret_form)
{
    http_header(r, "Vary", FRESH_VARY);
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
    begin(s, from->label ? from->label : &s->statement);
}
