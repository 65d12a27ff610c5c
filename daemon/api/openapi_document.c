/* SPDX-License-Identifier: MIT */
#include "api/openapi_document.h"

#include "api/access.h"
#include "api/api.h"
#include "api/openapi_routes.h"
#include "api/openapi_schema.h"
#include "base/num.h"
#include "etl/exposed.h"
#include "http/target.h"

#include <ctype.h>
#include <stdio.h>

enum { PATH_MAX_BYTES = 4096 };

/* One description being made. */
struct document {
    const struct api *api;
    const struct http_request *request; /* who asks; NULL: all is told */
    struct json_writer w;
};

/* What one operation is written for. */
struct subject {
    const char *name;                /* under which it is asked for; NULL: the pattern stays as it is */
    const struct dataset_keys *keys; /* or NULL */
    const struct table *table;       /* or NULL: {table} stays as it is */
    const struct dataset *dataset;   /* whose own table it is, or NULL */
    const struct config_report *report;
};

/* ---- which tables ---- */

static bool may(const struct document *d, enum access_action action, const char *name)
{
    return !d->request || access_allows(d->request, action, slice_of(name));
}

/* Every readable table, one after the other; false behind the last. `*at` begins with 0. */
struct table_place {
    size_t dataset, rollup, derive, exposed;
};

static bool next_of_dataset(const struct api *api, struct table_place *at, struct subject *ret_subject)
{
    const struct dataset *d = catalog_at(api->catalog, at->dataset);
    if (!d) return false;
    size_t i = at->rollup++;
    if (i > d->rollups) {
        at->dataset++;
        at->rollup = 0;
        return next_of_dataset(api, at, ret_subject);
    }
    const struct table *t = i == 0 ? &d->table : &d->rollup[i - 1].table;
    *ret_subject = (struct subject){.name = i == 0 ? d->name : t->name, .table = t, .dataset = i == 0 ? d : NULL};
    if (i == 0) ret_subject->keys = &d->keys;
    return true;
}

static bool next_any(const struct api *api, struct table_place *at, struct subject *ret_subject)
{
    struct derive_view derive;
    if (next_of_dataset(api, at, ret_subject)) return true;
    if (derives_at(api->derives, at->derive, &derive)) {
        at->derive++;
        *ret_subject = (struct subject){.name = derive.config->name, .table = derive.table};
        return true;
    }
    const struct exposed_table *e = exposed_at(api->exposed, at->exposed++);
    if (e) *ret_subject = (struct subject){.name = e->table.name, .table = &e->table, .keys = &e->keys};
    return e != NULL;
}

static bool next_table(const struct document *d, struct table_place *at, struct subject *ret_subject)
{
    while (next_any(d->api, at, ret_subject))
        if (ret_subject->table->columns > 0 && may(d, ACCESS_READ, ret_subject->name)) return true;
    return false;
}

static bool fits(const struct document *d, const struct openapi_operation *o, const struct subject *s)
{
    if (o->scope == OPENAPI_REPORTS) return s->report != NULL;
    if (!s->table) return false;
    if ((o->scope == OPENAPI_KEYED || o->scope == OPENAPI_CHANGED) && s->table->keys == 0) return false;
    if (o->scope == OPENAPI_WRITABLE || o->scope == OPENAPI_CHANGED) return s->dataset && may(d, ACCESS_WRITE, s->dataset->name);
    return true;
}

/* ---- operations ---- */

static void write_ref(struct json_writer *w, const char *kind, struct slice key)
{
    json_write_object(w);
    json_write_key(w, "$ref");
    struct buf text;
    buf_init(&text, PATH_MAX_BYTES);
    buf_printf(&text, "#/components/%s/" SLICE_FMT, kind, SLICE_ARG(key));
    json_write_slice(w, buf_slice(&text));
    if (buf_check(&text) < 0) w->out->failed = text.failed;
    buf_done(&text);
    json_write_end(w);
}

/* The schema of the subject's rows, or of those that are sent. */
static void write_row_ref(struct json_writer *w, const struct subject *s, bool sent)
{
    struct buf key;
    buf_init(&key, PATH_MAX_BYTES);
    if (s->table)
        openapi_put_key(&key, s->name);
    else
        buf_puts(&key, "cetl-row");
    if (s->table && s->dataset && sent) buf_puts(&key, "-new");
    write_ref(w, "schemas", buf_slice(&key));
    buf_done(&key);
}

static void write_schema(struct json_writer *w, const struct openapi_content *c, const struct subject *s)
{
    bool many = strcmp(c->schema, "ROWS") == 0 || strcmp(c->schema, "NEWS") == 0;
    bool sent = strncmp(c->schema, "NEW", 3) == 0;
    if (!many && !sent && strcmp(c->schema, "ROW") != 0) return json_write_raw(w, slice_of(c->schema));
    if (many) {
        json_write_object(w);
        json_write_field_text(w, "type", "array");
        json_write_key(w, "items");
    }
    write_row_ref(w, s, sent);
    if (many) json_write_end(w);
}

/* A body of a stream, a file or CSV is a text; JSON has the schema. */
static void write_content(struct json_writer *w, const struct openapi_content *c, const struct subject *s)
{
    json_write_key(w, "content");
    json_write_object(w);
    struct slice rest = slice_of(c->media);
    while (rest.p) {
        struct slice media = slice_cut(&rest, ' ');
        json_write_key_slice(w, media);
        json_write_object(w);
        json_write_key(w, "schema");
        bool object = slice_equal(media, SLICE("application/vnd.pgrst.object+json"));
        if (object)
            write_row_ref(w, s, false);
        else if (slice_equal(media, SLICE("application/json")))
            write_schema(w, c, s);
        else
            json_write_raw(w, SLICE("{\"type\":\"string\"}"));
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_answers(struct json_writer *w, const struct openapi_operation *o, const struct subject *s)
{
    static const char *const always[] = {"401", "403", "429"}; /* who asks, what they may, how often */
    json_write_key(w, "responses");
    json_write_object(w);
    struct slice rest = slice_of(o->answers);
    while (rest.p) {
        struct slice content = slice_cut(&rest, ' '), status = slice_cut(&content, '=');
        json_write_key_slice(w, status);
        int64_t code;
        if (num_parse_i64(status, &code) != 0) code = 0;
        const struct openapi_content *c = content.p ? openapi_content(content) : NULL;
        if (!c && code >= 400) {
            write_ref(w, "responses", SLICE("problem"));
            continue;
        }
        json_write_object(w);
        json_write_field_text(w, "description", c ? c->description : http_status_text((int)code));
        if (c) write_content(w, c, s);
        json_write_end(w);
    }
    for (size_t i = 0; !o->open && i < sizeof always / sizeof *always; i++) {
        json_write_key(w, always[i]);
        write_ref(w, "responses", SLICE("problem"));
    }
    json_write_key(w, "default");
    write_ref(w, "responses", SLICE("problem"));
    json_write_end(w);
}

static bool is_reserved(const char *name)
{
    static const char *const names[] = {"select", "order", "limit", "offset", "after", "and", "or", "columns", "on_conflict"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* The conditions on a table's columns: components/parameters/TABLE-where-COLUMN. */
static void put_condition_key(struct buf *out, const char *table, const struct table_column *c)
{
    openapi_put_key(out, table);
    buf_puts(out, "-where-");
    openapi_put_key(out, c->name);
}

static void write_conditions(struct json_writer *w, const struct subject *s)
{
    const struct table *t = s->table;
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].lineage || is_reserved(t->column[i].name)) continue;
        struct buf key;
        buf_init(&key, PATH_MAX_BYTES);
        put_condition_key(&key, s->name, &t->column[i]);
        write_ref(w, "parameters", buf_slice(&key));
        buf_done(&key);
    }
}

static void write_report_parameters(struct json_writer *w, const struct config_report *report)
{
    for (size_t i = 0; i < report->params.n; i++) {
        const struct report_param *p = &report->params.item[i];
        json_write_object(w);
        json_write_field_text(w, "name", p->name);
        json_write_field_text(w, "in", "query");
        json_write_field_bool(w, "required", p->otherwise == NULL);
        if (p->otherwise) {
            char text[256];
            snprintf(text, sizeof text, "Without it: %s", p->otherwise);
            json_write_key(w, "description");
            json_write_slice(w, slice_cut_utf8(slice_of(text), sizeof text - 1));
        }
        json_write_key(w, "schema");
        openapi_write_type(w, p->type, false);
        json_write_end(w);
    }
}

/* The parts in {} of the pattern that the subject does not fill in. */
static void write_path_parameters(struct json_writer *w, const struct openapi_operation *o, const struct subject *s)
{
    if (strstr(o->pattern, "{table}") && !s->table) write_ref(w, "parameters", SLICE("table"));
}

static void write_parameters(struct json_writer *w, const struct openapi_operation *o, const struct subject *s)
{
    json_write_key(w, "parameters");
    json_write_array(w);
    write_path_parameters(w, o, s);
    struct slice rest = slice_of(o->parameters);
    while (rest.p && o->parameters[0]) {
        struct slice key = slice_cut(&rest, ' ');
        if (s->report && slice_equal(key, SLICE("report.name"))) continue;
        write_ref(w, "parameters", key);
    }
    bool conditions = s->table && strstr(o->parameters, "select") && !strstr(o->pattern, "{key}") && o->method != HTTP_POST_;
    if (conditions) write_conditions(w, s);
    if (s->report) write_report_parameters(w, s->report);
    json_write_end(w);
}

static void write_summary(struct json_writer *w, const struct openapi_operation *o, const struct subject *s)
{
    char text[256];
    snprintf(text, sizeof text, "%s%s%s", o->summary, s->name ? ": " : "", s->name ? s->name : "");
    json_write_key(w, "summary");
    json_write_slice(w, slice_cut_utf8(slice_of(text), sizeof text));
}

static void write_operation(struct document *d, const struct openapi_operation *o, const struct subject *s)
{
    struct json_writer *w = &d->w;
    char method[16];
    snprintf(method, sizeof method, "%s", http_method_text(o->method));
    for (char *c = method; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    json_write_key(w, method);
    json_write_object(w);
    struct buf id;
    buf_init(&id, PATH_MAX_BYTES);
    buf_puts(&id, o->id);
    if (s->name) buf_puts(&id, "-");
    if (s->name) openapi_put_key(&id, s->name);
    json_write_key(w, "operationId");
    json_write_slice(w, buf_slice(&id));
    buf_done(&id);
    json_write_key(w, "tags");
    json_write_array(w);
    json_write_text(w, o->tag);
    json_write_end(w);
    write_summary(w, o, s);
    if (o->description) json_write_field_text(w, "description", o->description);
    write_parameters(w, o, s);
    const struct openapi_content *body = o->body ? openapi_content(slice_of(o->body)) : NULL;
    if (body) {
        json_write_key(w, "requestBody");
        json_write_object(w);
        json_write_field_text(w, "description", body->description);
        json_write_field_bool(w, "required", true);
        write_content(w, body, s);
        json_write_end(w);
    }
    write_answers(w, o, s);
    if (o->open) json_write_key(w, "security");
    if (o->open) json_write_raw(w, SLICE("[]"));
    json_write_end(w);
}

/* ---- paths ---- */

/* The pattern with the subject's name in it. */
static void put_path(struct buf *out, const char *pattern, const struct subject *s)
{
    const char *part = s->report ? "{name}" : "{table}", *at = s->name ? strstr(pattern, part) : NULL;
    if (!at) return buf_puts(out, pattern);
    buf_append(out, pattern, (size_t)(at - pattern));
    http_target_encode(out, slice_of(s->name));
    buf_puts(out, at + strlen(part));
}

const struct http_route *openapi_route_at(const struct http_router *router, size_t i)
{
    size_t n = 0;
    for (; router->routes[n].pattern; n++)
        if (n == i) return &router->routes[n];
    for (size_t j = 0; router->streamed && router->streamed[j].pattern; j++)
        if (n + j == i) return &router->streamed[j];
    return NULL;
}

static bool is_route(const struct api *api, const struct openapi_operation *o)
{
    const struct http_route *r;
    for (size_t i = 0; (r = openapi_route_at(&api->router, i)); i++)
        if (r->method == o->method && strcmp(r->pattern, o->pattern) == 0) return true;
    return false;
}

/* A path may be another route's: a table that is called `report` is not read at /v1/report. */
static bool is_taken(const struct api *api, const char *pattern, struct slice path)
{
    const struct http_route *r;
    for (size_t i = 0; (r = openapi_route_at(&api->router, i)); i++)
        if (strcmp(r->pattern, pattern) != 0 && slice_equal(path, slice_of(r->pattern))) return true;
    return false;
}

/* All operations of one pattern, for one subject, which is nothing for the pattern as it is. */
static void write_path(struct document *d, const struct openapi_operation *first, const struct subject *s)
{
    bool open = false;
    const struct openapi_operation *o;
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    put_path(&path, first->pattern, s);
    bool taken = s->name && is_taken(d->api, first->pattern, buf_slice(&path));
    for (size_t i = 0; !taken && (o = openapi_operation_at(i)); i++) {
        if (strcmp(o->pattern, first->pattern) != 0 || !is_route(d->api, o) || (s->name && !fits(d, o, s))) continue;
        if (!open) {
            json_write_key_slice(&d->w, buf_slice(&path));
            json_write_object(&d->w);
        }
        open = true;
        write_operation(d, o, s);
    }
    if (open) json_write_end(&d->w);
    if (buf_check(&path) < 0) d->w.out->failed = path.failed;
    buf_done(&path);
}

/* Is it the first one of its pattern? */
static bool begins(size_t i)
{
    const char *pattern = openapi_operation_at(i)->pattern;
    for (size_t j = 0; j < i; j++)
        if (strcmp(openapi_operation_at(j)->pattern, pattern) == 0) return false;
    return true;
}

static void write_paths(struct document *d)
{
    const struct openapi_operation *o;
    json_write_key(&d->w, "paths");
    json_write_object(&d->w);
    for (size_t i = 0; (o = openapi_operation_at(i)); i++)
        if (begins(i)) write_path(d, o, &(struct subject){0});
    struct table_place at = {0};
    for (struct subject s = {0}; next_table(d, &at, &s);)
        for (size_t i = 0; (o = openapi_operation_at(i)); i++)
            if (begins(i) && strstr(o->pattern, "{table}")) write_path(d, o, &s);
    for (size_t n = 0; n < d->api->config->n_reports; n++) {
        const struct config_report *report = &d->api->config->reports[n];
        for (size_t i = 0; (o = openapi_operation_at(i)) && may(d, ACCESS_REPORT, report->name); i++)
            if (begins(i) && o->scope == OPENAPI_REPORTS)
                write_path(d, o, &(struct subject){.name = report->name, .report = report});
    }
    json_write_end(&d->w);
}

/* ---- components ---- */

static void write_condition(struct json_writer *w, const char *table, const struct table_column *c)
{
    struct buf key;
    buf_init(&key, PATH_MAX_BYTES);
    put_condition_key(&key, table, c);
    json_write_key_slice(w, buf_slice(&key));
    buf_done(&key);
    json_write_object(w);
    json_write_field_text(w, "name", c->name);
    json_write_field_text(w, "in", "query");
    json_write_field_text(w, "description", "A condition on the column: eq.VALUE, gte.VALUE, in.(A,B), is.null, not.eq.VALUE …");
    json_write_key(w, "schema");
    json_write_object(w);
    json_write_field_text(w, "type", "string");
    json_write_field_text(w, "x-sql-type", c->sql_type);
    json_write_end(w);
    json_write_end(w);
}

static void write_shared_parameters(struct document *d)
{
    struct json_writer *w = &d->w;
    const struct openapi_parameter *p;
    json_write_key(w, "parameters");
    json_write_object(w);
    for (size_t i = 0; (p = openapi_parameter_at(i)); i++) {
        json_write_key(w, p->key);
        json_write_object(w);
        json_write_field_text(w, "name", p->name);
        json_write_field_text(w, "in", p->in);
        json_write_field_bool(w, "required", p->required);
        json_write_field_text(w, "description", p->description);
        json_write_key(w, "schema");
        json_write_raw(w, slice_of(p->schema));
        json_write_end(w);
    }
    struct table_place at = {0};
    for (struct subject s = {0}; next_table(d, &at, &s);)
        for (size_t i = 0; i < s.table->columns; i++)
            if (!s.table->column[i].lineage && !is_reserved(s.table->column[i].name))
                write_condition(w, s.name, &s.table->column[i]);
    json_write_end(w);
}

static void write_components(struct document *d)
{
    struct json_writer *w = &d->w;
    json_write_key(w, "components");
    json_write_object(w);
    json_write_key(w, "schemas");
    json_write_object(w);
    buf_puts(w->out, openapi_schemas()); /* cetl-…, which no table's key is: no `-` comes from a name */
    w->comma = true;
    struct table_place at = {0};
    for (struct subject s = {0}; next_table(d, &at, &s);)
        openapi_write_table(w, &(struct openapi_table){s.name, s.table, s.keys, s.dataset != NULL});
    json_write_end(w);
    write_shared_parameters(d);
    json_write_key(w, "responses");
    json_write_raw(
        w, SLICE("{\"problem\":{\"description\":\"What is wrong, and what to do.\",\"content\":{\"application/problem+json\":{"
                 "\"schema\":{\"$ref\":\"#/components/schemas/cetl-problem\"}}}}}"));
    json_write_key(w, "securitySchemes");
    json_write_raw(w, SLICE("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An access token of the "
                            "configuration ([token NAME]), or a JSON Web Token ([jwt]).\"}}"));
    json_write_end(w);
}

void openapi_write(struct buf *out, const struct api *api, const struct http_request *r)
{
    struct document d = {.api = api, .request = r};
    json_writer_init(&d.w, out);
    json_write_object(&d.w);
    json_write_field_text(&d.w, "openapi", "3.1.0");
    json_write_key(&d.w, "info");
    json_write_object(&d.w);
    json_write_field_text(&d.w, "title", "cetld");
    json_write_field_text(&d.w, "version", CETLD_VERSION);
    json_write_field_text(
        &d.w, "description",
        "Files that are dropped, as rows of PostgreSQL. Values look as PostgreSQL's to_jsonb gives them; an error is "
        "one object with RFC 9457's members and PostgREST's.");
    json_write_key(&d.w, "license");
    json_write_raw(&d.w, SLICE("{\"name\":\"MIT\",\"identifier\":\"MIT\"}"));
    json_write_end(&d.w);
    json_write_key(&d.w, "servers");
    json_write_raw(&d.w, SLICE("[{\"url\":\"/\"}]"));
    json_write_key(&d.w, "tags");
    json_write_raw(&d.w, slice_of(openapi_tags()));
    json_write_key(&d.w, "security");
    json_write_raw(&d.w, SLICE("[{\"bearer\":[]},{}]"));
    write_paths(&d);
    write_components(&d);
    json_write_end(&d.w);
}
