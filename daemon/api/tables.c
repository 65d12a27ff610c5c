/* SPDX-License-Identifier: MIT */
#include "api/tables.h"

#include "api/access.h"
#include "api/api.h"
#include "api/fresh.h"
#include "api/problem.h"
#include "api/scope.h"
#include "api/select.h"
#include "http/target.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_CHUNK_ROWS "10"
enum {
    OWN_PARAMETERS = 2, /* that are added to those of the request: its select, or limit; and one too many, to be refused */
    PAGE_ROWS = 10000,  /* a page of more is a stream, and may take long */
    ARENA_MAX = 16 << 20,
    URL_MAX = 1 << 16,
    APPLIED_MAX = 200,
    ONE_AND_MORE = 2, /* rows that tell whether there is exactly one */
};

/* A request on its way to a statement. */
struct reading {
    struct http_request *r;
    struct api *api;
    struct rest_table table;
    const char *api_select; /* what is selected where nothing is said; NULL: all columns */
    int64_t file;           /* 0, or the only one of the ledger whose rows are wanted */
    bool paged;
    struct arena arena;
    struct http_parameter *parameter;
    size_t parameters, room;
    struct form form;
    struct rest_query query;
    struct rest_prefer prefer;
    struct rest_error err;
};

/* ---- tables ---- */

struct slice tables_dataset(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct slice asked = http_request_query(r, "dataset");
    if (asked.p) return asked;
    if (api->config->api.first_chunk[0]) return slice_of(api->config->api.first_chunk);
    const struct dataset *first = catalog_at(api->catalog, 0);
    return first ? slice_of(first->name) : (struct slice){NULL, 0};
}

static void no_table(struct http_request *r, const struct api *api, struct slice name)
{
    struct dataset *d;
    struct derive_view derive;
    struct http_problem p = {.status = 404, .code = "PGRST205", .hint = "GET /v1 lists what there is"};
    p.message = "there is no such table";
    if (name.p && catalog_table(api->catalog, name, &d)) {
        p.message = "that dataset has no table yet; its first file makes it";
    } else if (name.p && derives_find(api->derives, name, &derive)) {
        p.message = "that derive was not made yet";
        p.details = derive.error;
        p.hint = "GET /v1 says how it is";
    }
    http_problem(r, &p);
}

/* False after a problem. */
static bool find_table(struct reading *g, struct slice name)
{
    struct dataset *d;
    if (name.p && !access_may(g->r, ACCESS_READ, name)) return false;
    if (!g->api->ready) {
        problem_unavailable(g->r, api_reason(g->api));
        return false;
    }
    if (!scope_find(g->api, name, &g->table)) {
        no_table(g->r, g->api, name);
        return false;
    }
    const struct table *own = catalog_table(g->api->catalog, name, &d);
    if (own && own == &d->table && d->config && d->config->api_select[0]) g->api_select = d->config->api_select;
    return true;
}

const struct table *tables_find(struct http_request *r, struct slice name)
{
    struct reading g = {.r = r, .api = http_request_context(r)};
    return find_table(&g, name) ? g.table.table : NULL;
}

/* ---- parameters ---- */

/* One more than may be: then they are refused by their number. */
static bool make_room(struct reading *g)
{
    struct slice name, value;
    size_t n = 0;
    while (n < REST_PARAMETERS_MAX && http_request_query_at(g->r, (unsigned)n, &name, &value))
        n++;
    g->room = n + OWN_PARAMETERS;
    g->parameter = arena_array(&g->arena, g->room, sizeof *g->parameter);
    return g->parameter;
}

static void add_parameter(struct reading *g, struct slice name, struct slice value)
{
    if (g->parameters < g->room) g->parameter[g->parameters++] = (struct http_parameter){name, value};
}

/* Those of the request. */
static bool take_parameters(struct reading *g)
{
    struct slice name, value;
    if (!make_room(g)) return false;
    if (g->api_select && !http_request_query(g->r, "select").p) add_parameter(g, SLICE("select"), slice_of(g->api_select));
    for (unsigned i = 0; http_request_query_at(g->r, i, &name, &value); i++)
        add_parameter(g, name, value);
    return true;
}

bool tables_only(struct http_request *r, const char *const *names)
{
    struct slice name, value;
    for (unsigned i = 0; http_request_query_at(r, i, &name, &value); i++) {
        unsigned k = 0;
        while (names[k] && !slice_equal(name, slice_of(names[k])))
            k++;
        if (names[k]) continue;
        char message[160];
        struct slice shown = rest_shown(name);
        snprintf(message, sizeof message, "the parameter " SLICE_FMT " is not known here", SLICE_ARG(shown));
        http_problem(r, &(struct http_problem){
                            .status = 400, .code = "PGRST100", .message = message, .hint = "GET /v1/{table} takes conditions"});
        return false;
    }
    return true;
}

static int refuse_of_writes(struct reading *g)
{
    const char *name = g->query.columns ? "columns" : "on_conflict";
    return rest_refuse(&g->err, 400, "PGRST100", "select chooses columns that are read", "the parameter %s is for writes", name);
}

static int parse(struct reading *g)
{
    bool head = http_request_method(g->r) == HTTP_HEAD_;
    struct rest_level *root = &g->query.root;
    int rc = rest_query_parse(g->parameter, g->parameters, &g->arena, &g->query, &g->err);
    if (rc == 0 && (g->query.columns || g->query.on_conflict)) rc = refuse_of_writes(g);
    if (rc == 0) rc = rest_prefer_parse(http_request_header(g->r, "Prefer"), &g->prefer, &g->err);
    if (rc == 0 && !head && g->paged) {
        struct slice range = http_request_header(g->r, "Range"), unit = http_request_header(g->r, "Range-Unit");
        rc = rest_range_apply(range, unit, root, &g->err);
    }
    if (rc == 0 && g->form.kind == FORM_OBJECT && (root->limit == REST_ALL || root->limit > ONE_AND_MORE))
        root->limit = ONE_AND_MORE;
    return rc;
}

/* ---- the answer ---- */

static void tell_applied(struct reading *g)
{
    struct buf applied;
    buf_init(&applied, APPLIED_MAX);
    rest_prefer_applied(&applied,
                        &(struct rest_prefer){.count = g->prefer.count, .handling = g->prefer.handling, .max_affected = -1});
    if (applied.len > 0) http_header(g->r, "Preference-Applied", buf_cstr(&applied));
    buf_done(&applied);
}

/* The URL of the next page up to the value of `after`. */
static const char *next_page(struct reading *g, struct buf *out)
{
    struct slice path = http_request_path(g->r);
    buf_put(out, path);
    buf_printf(out, "?limit=%lld", (long long)g->query.root.limit);
    for (size_t i = 0; i < g->parameters; i++) {
        const struct http_parameter *p = &g->parameter[i];
        if (slice_equal(p->name, SLICE("limit")) || slice_equal(p->name, SLICE("offset")) || slice_equal(p->name, SLICE("after")))
            continue;
        if (p->value.p == g->api_select) continue;
        buf_putc(out, '&');
        http_target_encode(out, p->name);
        buf_putc(out, '=');
        http_target_encode(out, p->value);
    }
    buf_puts(out, "&after=");
    return buf_cstr(out);
}

static void send_rows(struct reading *g, const struct rest_statement *statement, const struct rest_statement *label)
{
    struct buf next;
    buf_init(&next, URL_MAX);
    bool stream = statement->limit == REST_ALL || statement->limit > PAGE_ROWS;
    tell_applied(g);
    select_answer(g->r, g->api->pool,
                  &(struct select_request){.statement = statement,
                                           .label = label,
                                           .arena = &g->arena,
                                           .form = g->form,
                                           .paged = g->paged,
                                           .behind = g->query.after,
                                           .next = statement->cursors > 0 ? next_page(g, &next) : NULL,
                                           .timeout_ms = stream ? g->api->config->database.stream_timeout_ms : 0,
                                           .gate = g->api->large,
                                           .reads = &g->api->reads});
    buf_done(&next);
}

static void refuse(struct reading *g, int rc)
{
    if (rc == ERROR_TOO_BIG)
        rc = rest_refuse(&g->err, 400, "PGRST100", "ask for it in parts", "the request asks for too much at once");
    if (rc == REST_E_QUERY)
        scope_refuse(g->r, &g->err);
    else
        problem_internal(g->r);
    arena_done(&g->arena);
}

/* The arena goes where the statement goes. */
static void answer(struct reading *g)
{
    struct rest_scope scope;
    struct rest_statement statement, label;
    bool head = http_request_method(g->r) == HTTP_HEAD_;
    int rc = parse(g);
    if (rc == 0) rc = scope_make(g->api, &g->query, &g->arena, &scope);
    if (rc == 0) rc = scope_choose_deleted(&g->query, &g->arena, &g->table);
    if (rc != 0) return refuse(g, rc);
    struct rest_ask ask = {.query = &g->query,
                           .scope = &scope,
                           .table = g->table,
                           .json = form_is_json(&g->form),
                           .stripped = g->form.stripped,
                           .file = g->file,
                           .count = g->prefer.count,
                           .cursors = g->paged && g->form.kind != FORM_OBJECT && !head,
                           .no_rows = head && g->form.kind != FORM_OBJECT};
    rc = rest_statement_make(&ask, &g->arena, &statement, &g->err);
    bool labelled = ask.no_rows;
    ask.no_rows = false;
    ask.cursors = g->paged && g->form.kind != FORM_OBJECT;
    if (rc == 0 && labelled) rc = rest_statement_make(&ask, &g->arena, &label, &g->err);
    if (rc != 0) return refuse(g, rc);
    if (scope_may_read(g->r, &statement.tables))
        send_rows(g, &statement, labelled ? &label : NULL);
    else
        arena_done(&g->arena);
}

/* ---- routes ---- */

static bool begin(struct reading *g, struct http_request *r, struct slice name)
{
    *g = (struct reading){.r = r, .api = http_request_context(r)};
    return find_table(g, name) && select_form(r, false, &g->form);
}

static void rows_anew(struct http_request *r)
{
    struct reading g;
    if (!begin(&g, r, http_request_capture(r, "table"))) return;
    arena_init(&g.arena, 4096, ARENA_MAX);
    g.paged = true;
    if (take_parameters(&g)) return answer(&g);
    refuse(&g, -ENOMEM);
}

void tables_rows(struct http_request *r)
{
    if (!fresh_give(r, rows_anew)) rows_anew(r);
}

static void name_location(struct http_request *r, struct slice table, struct slice limit)
{
    struct buf location;
    buf_init(&location, 1024);
    buf_puts(&location, "/v1/");
    http_target_encode(&location, table);
    buf_puts(&location, "?limit=");
    http_target_encode(&location, limit);
    if (buf_check(&location) == 0) http_header(r, "Content-Location", buf_cstr(&location));
    buf_done(&location);
}

static void first_chunk_anew(struct http_request *r)
{
    static const char *const names[] = {"dataset", "limit", NULL};
    struct slice name = tables_dataset(r), limit = http_request_query(r, "limit");
    struct reading g;
    if (!tables_only(r, names) || !begin(&g, r, name)) return;
    arena_init(&g.arena, 4096, ARENA_MAX);
    if (!limit.p) limit = SLICE(FIRST_CHUNK_ROWS);
    name_location(r, name, limit);
    if (!make_room(&g)) return refuse(&g, -ENOMEM);
    add_parameter(&g, SLICE("limit"), limit);
    answer(&g);
}

void tables_first_chunk(struct http_request *r)
{
    if (!fresh_give(r, first_chunk_anew)) first_chunk_anew(r);
}

void tables_answer(struct http_request *r, struct slice name, int64_t file)
{
    struct reading g;
    if (!begin(&g, r, name)) return;
    arena_init(&g.arena, 4096, ARENA_MAX);
    g.file = file;
    if (!make_room(&g)) return refuse(&g, -ENOMEM);
    answer(&g);
}
