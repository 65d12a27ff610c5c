/* SPDX-License-Identifier: MIT */
#include "api/report.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/select.h"
#include "api/trace.h"
#include "base/arena.h"
#include "base/name.h"
#include "format/json_writer.h"
#include "http/disposition.h"
#include "http/target.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 1 << 20, ARENA_MAX = 4 << 20, WAIT_MS = 5000, COLUMNS_MAX = 1664, NAMES_MAX = 512, DISPOSITION_MAX = 2048 };

#define INSUFFICIENT_PRIVILEGE "42501"

struct run {
    struct http_request *request; /* NULL: the client is gone */
    struct api *api;
    struct config *config; /* a reference */
    const struct config_report *report;
    struct db_wait wait;
    struct db_conn *conn;
    struct arena arena;
    struct db_param value[REPORT_PARAMS_MAX];
    struct form form;
    bool given[REPORT_PARAMS_MAX];
    size_t next; /* the parameter at hand */
    bool begun;  /* in a transaction, for the sake of a role */
};

/* A connection whose transaction is being rolled back. */
struct leaving {
    struct db_pool *pool;
    struct db_conn *conn;
};

static void on_left(void *ctx, const struct db_result *result)
{
    struct leaving *l = ctx;
    (void)result;
    db_pool_give(l->pool, l->conn);
    free(l);
}

static void give_back(struct run *run)
{
    struct db_conn *c = run->conn;
    struct leaving *l = run->begun ? malloc(sizeof *l) : NULL;
    run->conn = NULL;
    if (l) {
        *l = (struct leaving){run->api->pool, c};
        if (db_query(c, &(struct db_query){.sql = "ROLLBACK", .done = on_left, .ctx = l}) == 0) return;
        free(l);
    }
    db_pool_give(run->api->pool, c);
}

static void run_free(struct run *run)
{
    if (run->conn) give_back(run);
    config_unref(run->config);
    arena_done(&run->arena);
    free(run);
}

static void gone(void *state)
{
    struct run *run = state;
    run->request = NULL;
    if (run->conn) return; /* what is asked goes on and is thrown away */
    db_pool_cancel(run->api->pool, &run->wait);
    run_free(run);
}

/* The request goes its own way from here. */
static struct http_request *let_go(struct run *run)
{
    struct http_request *r = run->request;
    run->request = NULL;
    http_request_attach(r, NULL, NULL);
    return r;
}

/* ---- problems ---- */

static void put_parameters(struct buf *out, const struct report_params *params)
{
    for (size_t i = 0; i < params->n; i++)
        buf_printf(out, "%s%s %s%s%s", i ? ", " : "", params->item[i].name, params->item[i].type,
                   params->item[i].otherwise ? " default " : "", params->item[i].otherwise ? params->item[i].otherwise : "");
    if (params->n == 0) buf_puts(out, "none");
}

/* 400: `message` is about its parameters, which `hint` lists. */
static void refuse(struct http_request *r, const struct config_report *report, const char *message, const char *details)
{
    struct buf hint;
    buf_init(&hint, NAMES_MAX * REPORT_PARAMS_MAX);
    buf_puts(&hint, "its parameters: ");
    put_parameters(&hint, &report->params);
    http_problem(r, &(struct http_problem){.status = 400, .message = message, .details = details, .hint = buf_cstr(&hint)});
    buf_done(&hint);
}

static void no_report(struct http_request *r, const struct config *c, struct slice name)
{
    char message[NAME_MAX_BYTES + 64], hint[NAMES_MAX];
    struct slice shown = slice_cut_utf8(name, NAME_MAX_BYTES);
    struct name_nearest nearest = name_nearest_to(name);
    for (size_t i = 0; i < c->n_reports; i++)
        name_nearest_offer(&nearest, c->reports[i].name);
    snprintf(message, sizeof message, "there is no report " SLICE_FMT, SLICE_ARG(shown));
    snprintf(hint, sizeof hint, "%s%s%sGET /v1/report lists them", nearest.best ? "did you mean " : "",
             nearest.best ? nearest.best : "", nearest.best ? "? " : "");
    http_problem(r, &(struct http_problem){.status = 404, .message = message, .hint = hint});
}

/* It is not the client's fault. */
static void answer_broken(struct run *run, const char *why)
{
    trace_warning(run->request, "report %s: %s", run->report->name, why);
    http_problem(let_go(run), &(struct http_problem){.status = 500,
                                                     .message = "the report does not work",
                                                     .hint = "cetld --check says why, and so does the log"});
}

static void answer_refusal(struct run *run, const struct db_result *result)
{
    const struct report_params *params = &run->report->params;
    const char *sqlstate = result->error->sqlstate;
    if (result->status != ERROR_REFUSED || problem_status(sqlstate) == 503) return problem_from_database(let_go(run), result);
    bool of_data = strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0;
    bool of_role = run->begun && strcmp(sqlstate, INSUFFICIENT_PRIVILEGE) == 0;
    if (of_role || (of_data && run->next == params->n)) return problem_from_database(let_go(run), result);
    if (!of_data || !run->given[run->next]) return answer_broken(run, result->error->text);
    char message[NAMES_MAX];
    snprintf(message, sizeof message, "the parameter %s must be of type %s", params->item[run->next].name,
             params->item[run->next].type);
    refuse(let_go(run), run->report, message, result->error->text);
}

/* ---- rows ---- */

static void put_filename(const struct run *run, struct buf *out)
{
    const struct report_text *text = &run->report->filename_text;
    for (size_t i = 0; i < text->n; i++) {
        buf_put(out, text->piece[i].text);
        if (text->piece[i].param != REPORT_NO_PARAM) buf_put(out, run->value[text->piece[i].param].value);
    }
}

/* Its disposition, the statement, and off it goes; `run` is no more. */
static void answer_rows(struct run *run, const struct rest_column *column, size_t columns)
{
    struct buf name, disposition, from;
    struct arena arena;
    struct rest_statement statement;
    buf_init(&name, SQL_MAX);
    buf_init(&disposition, DISPOSITION_MAX);
    buf_init(&from, SQL_MAX);
    arena_init(&arena, 4096, ARENA_MAX);
    put_filename(run, &name);
    http_disposition(&disposition, buf_slice(&name));
    buf_puts(&from, "(\n");
    report_sql(&run->report->text, &run->report->params, 1, &from);
    buf_puts(&from, "\n) AS report");
    struct rest_over over = {.from = buf_cstr(&from),
                             .column = column,
                             .columns = columns,
                             .param = run->value,
                             .params = run->report->params.n,
                             .json = form_is_json(&run->form),
                             .no_rows = http_request_method(run->request) == HTTP_HEAD_};
    struct http_request *r = let_go(run);
    if (over.from && buf_check(&name) == 0 && rest_statement_over(&over, &arena, &statement) == 0)
        select_answer(r, run->api->pool,
                      &(struct select_request){.statement = &statement,
                                               .arena = &arena,
                                               .form = run->form,
                                               .timeout_ms = run->config->database.stream_timeout_ms,
                                               .csv_disposition = buf_cstr(&disposition),
                                               .gate = run->api->large,
                                               .reads = &run->api->reads});
    else {
        arena_done(&arena);
        problem_internal(r);
    }
    buf_done(&from);
    buf_done(&disposition);
    buf_done(&name);
    run_free(run);
}

static void on_described(void *ctx, const struct db_result *result)
{
    struct run *run = ctx;
    struct rest_column column[COLUMNS_MAX];
    if (!run->request) return run_free(run);
    if (result->status != 0) {
        answer_refusal(run, result);
        return run_free(run);
    }
    int n = PQnfields(result->rows);
    bool distinct = n > 0 && n <= COLUMNS_MAX;
    for (int i = 0; i < n && distinct; i++) {
        column[i] = (struct rest_column){.name = slice_of(PQfname(result->rows, i)), .oid = PQftype(result->rows, i)};
        for (int k = 0; k < i && distinct; k++)
            distinct = !slice_equal(column[i].name, column[k].name);
    }
    if (distinct) {
        give_back(run);
        return answer_rows(run, column, (size_t)n);
    }
    answer_broken(run, "its columns need names, each its own");
    run_free(run);
}

static void ask(struct run *run, const struct db_query *q)
{
    if (db_query(run->conn, q) == 0) return;
    problem_unavailable(let_go(run), db_pool_reason(run->api->pool));
    run_free(run);
}

static void describe(struct run *run)
{
    const struct report_params *params = &run->report->params;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "SELECT * FROM (\n");
    report_sql(&run->report->text, params, 1, &sql);
    buf_puts(&sql, "\n) AS report LIMIT 0");
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(run, &(struct db_query){
                     .sql = text, .param = run->value, .params = (int)params->n, .binary = true, .done = on_described, .ctx = run});
    } else {
        problem_internal(let_go(run));
        run_free(run);
    }
    buf_done(&sql);
}

/* ---- parameters ---- */

static void next_value(struct run *run);

static void on_value(void *ctx, const struct db_result *result)
{
    struct run *run = ctx;
    if (!run->request) return run_free(run);
    if (result->status == 0) {
        struct slice text = slice_of(db_get(result->rows, 0, 0));
        struct slice copy = text.p ? arena_copy(&run->arena, text) : text;
        run->value[run->next++] = db_slice(copy);
        if (!text.p || copy.p) return next_value(run);
        problem_internal(let_go(run));
    } else {
        answer_refusal(run, result);
    }
    run_free(run);
}

/* The server's own form of it. */
static void next_value(struct run *run)
{
    const struct report_params *params = &run->report->params;
    if (run->next == params->n) return describe(run);
    const struct report_param *p = &params->item[run->next];
    bool given = run->given[run->next];
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    if (given)
        buf_printf(&sql, "SELECT ($1::%s)::text", p->type);
    else
        buf_printf(&sql, "SELECT ((%s)::%s)::text", p->otherwise, p->type);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(run, &(struct db_query){.sql = text,
                                    .param = given ? &run->value[run->next] : NULL,
                                    .params = given,
                                    .binary = true,
                                    .done = on_value,
                                    .ctx = run});
    } else {
        problem_internal(let_go(run));
        run_free(run);
    }
    buf_done(&sql);
}

static void on_begun(void *ctx, const struct db_result *result)
{
    struct run *run = ctx;
    if (!run->request) return run_free(run);
    if (result->status == 0) return next_value(run);
    access_problem(let_go(run), result);
    run_free(run);
}

static void begin(struct run *run)
{
    run->begun = access_role(run->request);
    if (!run->begun) return next_value(run);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "BEGIN READ ONLY; ");
    access_sql(run->request, &sql);
    const char *text = buf_cstr(&sql);
    if (text) {
        ask(run, &(struct db_query){.sql = text, .done = on_begun, .ctx = run});
    } else {
        problem_internal(let_go(run));
        run_free(run);
    }
    buf_done(&sql);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct run *run = container_of(w, struct run, wait);
    run->conn = c;
    if (c) return begin(run);
    problem_unavailable(let_go(run), db_pool_reason(run->api->pool));
    run_free(run);
}

/* What the client said of parameter `name`; false after a 400. */
static bool take_parameter(struct run *run, struct slice name, struct slice value)
{
    int i = report_param_find(&run->report->params, name);
    char message[NAMES_MAX];
    struct slice shown = slice_cut_utf8(name, NAME_MAX_BYTES);
    if (i == REPORT_NO_PARAM || run->given[i]) {
        snprintf(message, sizeof message, "the parameter " SLICE_FMT " %s", SLICE_ARG(shown),
                 i == REPORT_NO_PARAM ? "is not one of this report" : "is there twice");
        refuse(run->request, run->report, message, NULL);
        return false;
    }
    run->given[i] = true;
    run->value[i] = db_slice(arena_copy(&run->arena, value));
    if (run->value[i].value.p) return true;
    problem_internal(run->request);
    return false;
}

static bool take_parameters(struct run *run)
{
    const struct report_params *params = &run->report->params;
    struct slice name, value;
    for (unsigned i = 0; http_request_query_at(run->request, i, &name, &value); i++)
        if (!take_parameter(run, name, value)) return false;
    for (size_t i = 0; i < params->n; i++) {
        if (run->given[i] || params->item[i].otherwise) continue;
        char message[NAMES_MAX];
        snprintf(message, sizeof message, "the parameter %s is missing; it is of type %s", params->item[i].name,
                 params->item[i].type);
        refuse(run->request, run->report, message, NULL);
        return false;
    }
    return true;
}

void report_get(struct http_request *r)
{
    struct api *api = http_request_context(r);
    struct slice name = http_request_capture(r, "name");
    if (!access_may(r, ACCESS_REPORT, name)) return;
    const struct config_report *report = config_report(api->config, name);
    if (!report) return no_report(r, api->config, name);
    if (!api->ready) return problem_unavailable(r, api_reason(api));
    struct form form;
    if (!select_form(r, true, &form)) return;
    struct run *run = calloc(1, sizeof *run);
    if (!run) return problem_internal(r);
    *run = (struct run){
        .request = r, .api = api, .config = config_ref(api->config), .report = report, .wait.got = on_connected, .form = form};
    list_init(&run->wait.link);
    arena_init(&run->arena, 4096, ARENA_MAX);
    if (!take_parameters(run)) return run_free(run);
    http_request_attach(r, run, gone);
    db_pool_take(api->pool, &run->wait, WAIT_MS);
}

/* ---- the list ---- */

void report_write(struct json_writer *w, const struct config_report *report)
{
    json_write_object(w);
    json_write_field_text(w, "name", report->name);
    char url[NAME_MAX_BYTES + 16];
    snprintf(url, sizeof url, "/v1/report/%s", report->name);
    json_write_field_text(w, "report", url);
    json_write_key(w, "parameters");
    json_write_array(w);
    for (size_t i = 0; i < report->params.n; i++) {
        json_write_object(w);
        json_write_field_text(w, "name", report->params.item[i].name);
        json_write_field_text(w, "type", report->params.item[i].type);
        json_write_field_text(w, "default", report->params.item[i].otherwise);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_field_text(w, "filename", report->filename);
    json_write_end(w);
}

void report_list(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct buf body;
    struct json_writer w;
    buf_init(&body, ARENA_MAX);
    json_writer_init(&w, &body);
    json_write_array(&w);
    for (size_t i = 0; i < api->config->n_reports; i++)
        if (access_allows(r, ACCESS_REPORT, slice_of(api->config->reports[i].name))) report_write(&w, &api->config->reports[i]);
    json_write_end(&w);
    if (buf_check(&body) == 0)
        http_answer(r, 200, "application/json", buf_slice(&body));
    else
        problem_internal(r);
    buf_done(&body);
}
