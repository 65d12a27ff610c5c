/* SPDX-License-Identifier: MIT */
#include "api/rows.h"

#include "api/access.h"
#include "api/problem.h"
#include "api/row_key.h"
#include "api/scope.h"
#include "api/write_answer.h"
#include "format/json_reader.h"

#include <stdio.h>

/* ---- the dataset ---- */

static struct write *drop(struct write *w)
{
    write_free(w);
    return NULL;
}

static void refuse_table(struct http_request *r, const struct dataset *d, bool is_own, bool computed)
{
    if (is_own && d->broken)
        return http_problem(
            r, &(struct http_problem){.status = 503, .message = "this dataset cannot be used now", .details = d->broken});
    http_problem(
        r, &(struct http_problem){.status = computed ? 405 : 404,
                                  .message = computed ? "the rows of this table are computed"
                                             : is_own ? "that dataset has no table yet; its first file makes it"
                                                      : "there is no such table",
                                  .hint = computed ? "write to the dataset that it is made of" : "GET /v1 lists what there is"});
}

static const char *kept_text(struct arena *a, const char *text, bool *ok)
{
    char *copy = text ? arena_cstr(a, slice_of(text)) : NULL;
    *ok &= copy || !text;
    return copy;
}

/* What is needed of a table that is no dataset's: a refresh, or a reload, may take it away meanwhile. NULL: without memory. */
static const struct table *keep_table(struct arena *a, const struct table *from)
{
    struct table *t = arena_alloc(a, sizeof *t);
    struct table_column *column = arena_array(a, from->columns + 1, sizeof *column);
    size_t *key = arena_array(a, from->keys + 1, sizeof *key);
    bool ok = t && column && key;
    if (!ok) return NULL;
    for (size_t i = 0; i < from->columns; i++) {
        const struct table_column *c = &from->column[i];
        column[i] = (struct table_column){.name = kept_text(a, c->name, &ok),
                                          .sql_type = kept_text(a, c->sql_type, &ok),
                                          .oid = c->oid,
                                          .known = c->known,
                                          .type = c->type,
                                          .not_null = c->not_null,
                                          .lineage = c->lineage};
    }
    for (size_t k = 0; k < from->keys; k++)
        key[k] = from->key[k];
    *t = (struct table){.schema = kept_text(a, from->schema, &ok),
                        .name = kept_text(a, from->name, &ok),
                        .version = from->version,
                        .oid = from->oid,
                        .column = column,
                        .columns = from->columns,
                        .key = key,
                        .keys = from->keys};
    return ok ? t : NULL;
}

/* Into w->dataset, w->table and w->name; false after a problem. */
static bool take_table(struct write *w)
{
    struct http_request *r = w->request;
    struct slice name = http_request_capture(r, "table");
    bool reads = w->verb == WRITE_GET_ROW;
    struct dataset *d = NULL;
    struct rest_table found;
    if (!access_may(r, reads ? ACCESS_READ : ACCESS_WRITE, name)) return false;
    if (!w->api->ready) {
        problem_unavailable(r, api_reason(w->api));
        return false;
    }
    const struct table *t = catalog_table(w->api->catalog, name, &d);
    bool there = scope_find(w->api, name, &found), is_own = t && t == &d->table;
    if (!there || (!reads && (!is_own || d->broken))) {
        refuse_table(r, d, is_own, there && !is_own);
        return false;
    }
    w->dataset = t ? dataset_ref(d) : NULL;
    w->table = t ? found.table : keep_table(&w->arena, found.table);
    w->name = arena_cstr(&w->arena, slice_of(found.name));
    bool kept = w->table && w->name;
    if (!kept) problem_internal(r);
    return kept;
}

/* ---- parameters and preferences ---- */

static bool take_query(struct write *w)
{
    struct http_parameter *p = arena_array(&w->arena, REST_PARAMETERS_MAX + 2, sizeof *p);
    struct rest_error err;
    size_t n = 0;
    if (!p) {
        problem_internal(w->request);
        return false;
    }
    while (n <= REST_PARAMETERS_MAX && http_request_query_at(w->request, (unsigned)n, &p[n].name, &p[n].value))
        n++;
    int r = rest_query_parse(p, n, &w->arena, &w->query, &err);
    if (r == 0) r = rest_prefer_parse(http_request_header(w->request, "Prefer"), &w->prefer, &err);
    if (r > 0) scope_refuse(w->request, &err);
    if (r < 0) problem_internal(w->request);
    return r == 0;
}

/* What is answered of a row where the request does not say it. */
static bool take_api_select(struct write *w)
{
    const struct config_dataset *c = w->dataset && w->table == &w->dataset->table ? w->dataset->config : NULL;
    struct rest_query *q = arena_zalloc(&w->arena, sizeof *q);
    struct rest_error err;
    if (!w->own || w->query.select_said || !c || !c->api_select[0]) return true;
    int r = q ? rest_select_parse(SLICE("api_select"), slice_of(c->api_select), &w->arena, q, &err) : -ENOMEM;
    if (r == 0) w->query.root.select = q->root.select;
    if (r > 0) scope_refuse(w->request, &err);
    if (r < 0) problem_internal(w->request);
    return r == 0;
}

static bool refuse(struct write *w, const char *message, const char *hint)
{
    http_problem(w->request, &(struct http_problem){.status = 400, .message = message, .hint = hint});
    return false;
}

/* Our ETags are weak, and If-Match wants strong ones (RFC 9110, 13.1.1): none matches. */
static bool check_match(struct write *w)
{
    struct slice match = http_request_header(w->request, "If-Match");
    if (w->verb == WRITE_GET_ROW || !match.p || slice_equal(slice_trim(match), SLICE("*"))) return true;
    http_problem(w->request, &(struct http_problem){.status = 412,
                                                    .message = "If-Match matches nothing: the ETags here are weak",
                                                    .hint = "a PATCH of the collection with conditions on the old values, as "
                                                            "id=eq.1&updated_at=eq.TIME, changes a row only while it has them"});
    return false;
}

/* Rows are chosen by conditions only where that means something. */
static bool check_query(struct write *w)
{
    const struct rest_level *root = &w->query.root;
    bool chooses = !w->row && (w->verb == WRITE_PATCH || w->verb == WRITE_REMOVE);
    if (root->limit != REST_ALL || root->offset > 0 || w->query.after)
        return refuse(w, "limit, offset and after are not for writes", "choose the rows by conditions");
    if (!chooses && root->where.first && !(w->verb == WRITE_PUT && !w->row))
        return refuse(w, "conditions are for GET, PATCH and DELETE of the collection", NULL);
    if (chooses && !root->where.first && w->prefer.ret == REST_RETURN_NONE)
        return refuse(w, "without a condition this would be every row of the table",
                      "choose rows, as by id=eq.1; with Prefer: return=minimal every row is meant");
    return true;
}

/* ---- body ---- */

static bool media_of(struct write *w, enum write_media *ret_media)
{
    static const struct {
        struct slice name;
        enum write_media media;
    } known[] = {{{"application/json", 16}, WRITE_JSON},
                 {{"application/x-ndjson", 20}, WRITE_NDJSON},
                 {{"application/ndjson", 18}, WRITE_NDJSON},
                 {{"application/vnd.pgrst.object+json", 33}, WRITE_JSON},
                 {{"application/vnd.pgrst.array+json", 32}, WRITE_JSON},
                 {{"text/csv", 8}, WRITE_CSV}};
    struct slice rest = http_request_header(w->request, "Content-Type");
    struct slice type = rest.p ? slice_trim(slice_cut(&rest, ';')) : (struct slice){NULL, 0};
    *ret_media = WRITE_JSON;
    if (type.len == 0) return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *ret_media = known[i].media;
        if (slice_equal_nocase(type, known[i].name)) return true;
    }
    http_problem(w->request, &(struct http_problem){.status = 415,
                                                    .message = "rows come as application/json, application/x-ndjson or text/csv",
                                                    .hint = "say in Content-Type which it is"});
    return false;
}

static void fault(struct write *w, int kind, const char *message)
{
    w->fault = (struct write_fault){.kind = kind, .index = -1};
    snprintf(w->fault.message, sizeof w->fault.message, "%s", message);
    w->judged = true;
}

static void judge_count(struct write *w)
{
    bool one = w->verb == WRITE_PATCH || w->verb == WRITE_PUT;
    if (one && w->body.rows != 1) fault(w, WRITE_E_WRONG, "the body must be one object");
    if (w->verb == WRITE_BULK && w->body.object) fault(w, WRITE_E_WRONG, "the body must be an array");
    if (w->verb == WRITE_BULK && w->body.rows == 0) fault(w, WRITE_E_COUNT, "there are no rows in the body");
}

/* False after a problem; a fault of the body itself is told later where a row is looked for first. */
static bool take_body(struct write *w)
{
    enum write_media media;
    if (!media_of(w, &media)) return false;
    const struct config_dataset *c = w->dataset->config;
    struct write_source source = {.text = http_request_body(w->request),
                                  .media = media,
                                  .table = &w->dataset->table,
                                  .columns = w->query.columns,
                                  .same_names = !w->own,
                                  .rows_max = w->verb != WRITE_BULK ? 0
                                              : c                   ? (size_t)c->bulk_max
                                                                    : 1000};
    int r = write_body_read(&source, &w->body, &w->fault);
    if (r < 0) problem_internal(w->request);
    if (r < 0) return false;
    w->judged = r > 0;
    if (!w->judged) judge_count(w);
    if (!w->judged || w->row) return true;
    write_answer_fault(w);
    return false;
}

/* ---- which rows ---- */

static bool take_scope(struct write *w)
{
    if (scope_make(w->api, &w->query, &w->arena, &w->scope) == 0) return true;
    problem_internal(w->request);
    return false;
}

static bool choose_rows(struct write *w)
{
    struct rest_table t = {w->name, w->table};
    struct rest_tables tables;
    struct rest_error err;
    struct rest_plan *plan = NULL;
    int r = scope_choose_deleted(&w->query, &w->arena, &t);
    if (r == 0) r = rest_plan_make(&w->scope, &w->query.root, t, &w->arena, &plan, &tables, &err);
    if (r > 0) scope_refuse(w->request, &err);
    if (r < 0) problem_internal(w->request);
    w->shape.plan = plan;
    return r == 0 && scope_may_read(w->request, &tables);
}

/* ---- what becomes of keys that are there ---- */

static bool take_names(struct write *w, const struct rest_name *names)
{
    size_t n = 0;
    for (const struct rest_name *i = names; i; i = i->next)
        n++;
    const char **target = arena_array(&w->arena, n + 1, sizeof *target);
    for (size_t k = 0; target && names; names = names->next, k++) {
        char *name = arena_cstr(&w->arena, names->name);
        if (!name || table_find(&w->dataset->table, name) < 0)
            return refuse(w, "on_conflict names a column that there is not", NULL);
        target[k] = name;
    }
    if (!target) problem_internal(w->request);
    w->shape.target = target;
    w->shape.targets = n;
    return target;
}

static bool take_key_as_target(struct write *w)
{
    const struct table *t = &w->dataset->table;
    const char **target = arena_array(&w->arena, t->keys + 1, sizeof *target);
    if (!target) {
        problem_internal(w->request);
        return false;
    }
    for (size_t k = 0; k < t->keys; k++)
        target[k] = t->column[t->key[k]].name;
    w->shape.target = target;
    w->shape.targets = t->keys;
    return true;
}

static bool take_clash(struct write *w)
{
    static const enum write_clash of[] = {[REST_RESOLUTION_NONE] = WRITE_CLASH_REFUSE,
                                          [REST_RESOLUTION_MERGE] = WRITE_CLASH_MERGE,
                                          [REST_RESOLUTION_IGNORE] = WRITE_CLASH_IGNORE};
    const struct config_dataset *c = w->dataset->config;
    bool upserts = w->own && c && c->mode == CONFIG_MODE_UPSERT;
    struct write_shape *s = &w->shape;
    s->clash = w->verb == WRITE_PUT ? WRITE_CLASH_MERGE : of[w->prefer.resolution];
    if (s->clash == WRITE_CLASH_REFUSE && upserts) s->clash = WRITE_CLASH_MERGE;
    if (s->clash == WRITE_CLASH_REFUSE) return true;
    if (w->query.on_conflict) return take_names(w, w->query.on_conflict);
    const struct dataset_unique *u = upserts ? write_target(w->dataset, &w->body) : NULL;
    if (u) {
        s->target = u->column;
        s->targets = u->n;
        return true;
    }
    if (w->dataset->table.keys == 0 || (upserts && w->prefer.resolution == REST_RESOLUTION_NONE)) {
        s->clash = WRITE_CLASH_REFUSE; /* nothing that it could clash with */
        return true;
    }
    return take_key_as_target(w);
}

/* ---- beginning ---- */

/* Preferences that only PostgREST's clients know; they say nothing at all where they just want a row to be inserted. */
static bool speaks_postgrest(const struct rest_prefer *p)
{
    return p->ret != REST_RETURN_NONE || p->resolution != REST_RESOLUTION_NONE || p->missing != REST_MISSING_NONE ||
           p->count != REST_COUNT_NONE;
}

/* Everything that all of them have in common; NULL after a problem. */
static struct write *open_write(struct http_request *r, enum write_verb verb, bool row)
{
    struct write *w = write_new(r, verb);
    if (!w) return NULL;
    w->row = row;
    if (!take_table(w)) return drop(w);
    w->readable = *w->table;
    w->readable.deleted_at = NULL;
    if (!take_query(w)) return drop(w);
    w->own = row || verb == WRITE_BULK || !speaks_postgrest(&w->prefer);
    if (!check_match(w) || !check_query(w) || !take_api_select(w) || !take_scope(w) || (row && !row_key_take(w))) return drop(w);
    if (!form_choose(http_request_header(r, "Accept"), false, &w->form)) {
        http_problem(r, &(struct http_problem){.status = 406,
                                               .message = "rows come as application/json, application/x-ndjson or text/csv",
                                               .hint = "name one of them in Accept, or leave Accept out"});
        return drop(w);
    }
    w->represent = w->prefer.ret == REST_RETURN_REPRESENTATION;
    return w;
}

static bool deletes_softly(const struct write *w)
{
    struct slice said = http_request_header(w->request, "X-Soft-Delete");
    bool hard = slice_equal_nocase(said, SLICE("false")) || slice_equal_nocase(said, SLICE("no")) || slice_equal(said, SLICE("0"));
    return w->dataset->table.deleted_at && !hard;
}

/* ---- the collection ---- */

void rows_post(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_POST, false);
    if (!w) return;
    if (!take_body(w) || !take_clash(w)) {
        write_free(w);
        return;
    }
    w->shape.kind = WRITE_INSERT;
    w->shape.defaults = w->prefer.missing == REST_MISSING_DEFAULT || (w->own && w->prefer.missing == REST_MISSING_NONE);
    w->represent |= w->own;
    w->single = w->own && w->body.object;
    write_go(w);
}

void rows_patch(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_PATCH, false);
    if (!w) return;
    if (!take_body(w) || !choose_rows(w)) {
        write_free(w);
        return;
    }
    w->shape.kind = WRITE_UPDATE;
    write_go(w);
}

/* PostgREST's: the conditions are the key, and the body says the same. */
static bool key_is_said(struct write *w)
{
    const struct table *t = &w->dataset->table;
    size_t tests = 0, found = 0;
    for (const struct rest_condition *c = w->query.root.where.first; c; c = c->next, tests++) {
        if (c->kind != REST_TEST || c->negated || c->op != REST_EQ || c->field.steps) continue;
        struct json_walk walk = json_walk_begin(json_root(w->body.row[0]));
        while (json_walk_next(&walk)) {
            bool same =
                walk.value.kind == JSON_KIND_STRING ? json_means(walk.value.raw, c->value) : slice_equal(walk.value.raw, c->value);
            if (!json_means(walk.name, c->field.name) || !same) continue;
            for (size_t k = 0; k < t->keys; k++)
                found += slice_equal(c->field.name, slice_of(t->column[t->key[k]].name));
        }
    }
    if (t->keys > 0 && tests == t->keys && found == t->keys) return true;
    http_problem(w->request,
                 &(struct http_problem){.status = 400,
                                        .code = "PGRST115",
                                        .message = "PUT wants one condition with eq for each column of the primary key, "
                                                   "and a body that says the same",
                                        .hint = "or PUT to the row's own path"});
    return false;
}

void rows_put(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_PUT, false);
    if (!w) return;
    if (!take_body(w) || !key_is_said(w) || !take_key_as_target(w)) {
        write_free(w);
        return;
    }
    w->shape.kind = WRITE_INSERT;
    w->shape.clash = WRITE_CLASH_MERGE;
    w->represent |= w->own;
    w->single = w->own;
    write_go(w);
}

void rows_delete(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_REMOVE, false);
    if (!w) return;
    if (!choose_rows(w)) {
        write_free(w);
        return;
    }
    w->shape.kind = deletes_softly(w) ? WRITE_SOFT_DELETE : WRITE_DELETE;
    write_go(w);
}

void rows_bulk(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_BULK, false);
    if (!w) return;
    if (!take_body(w) || !take_clash(w)) {
        write_free(w);
        return;
    }
    w->shape.kind = WRITE_INSERT;
    w->shape.defaults = w->prefer.missing != REST_MISSING_NULL;
    write_go(w);
}

/* ---- one row ---- */

void row_get(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_GET_ROW, true);
    if (!w) return;
    w->represent = w->single = true;
    write_go(w);
}

static void change(struct http_request *r, enum write_verb verb)
{
    struct write *w = open_write(r, verb, true);
    if (!w) return;
    if (!take_body(w)) {
        write_free(w);
        return;
    }
    w->shape.kind = WRITE_UPDATE;
    w->shape.whole = verb == WRITE_PUT;
    w->represent = w->prefer.ret == REST_RETURN_NONE || w->prefer.ret == REST_RETURN_REPRESENTATION;
    w->single = true;
    write_go(w);
}

void row_patch(struct http_request *r)
{
    change(r, WRITE_PATCH);
}

void row_put(struct http_request *r)
{
    change(r, WRITE_PUT);
}

void row_delete(struct http_request *r)
{
    struct write *w = open_write(r, WRITE_REMOVE, true);
    if (!w) return;
    w->shape.kind = deletes_softly(w) ? WRITE_SOFT_DELETE : WRITE_DELETE;
    w->single = true;
    write_go(w);
}
