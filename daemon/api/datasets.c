/* SPDX-License-Identifier: MIT */
#include "api/datasets.h"

#include "api/access.h"
#include "api/reply.h"
#include "api/report.h"
#include "etl/exposed.h"
#include "format/json_writer.h"

#include <stdlib.h>

/* `rows` counts what cetld loaded and took away; other writers are not in it. */
#define SQL_DATASETS                                                                                                               \
    "SELECT d.name, d.base_version + m.n AS version, d.base_rows + m.rows AS rows, f.id AS file, f.name AS file_name,"             \
    " f.rows_loaded, f.finished_at, d.outside + m.outsiders > d.settled AS stale"                                                  \
    " FROM cetl.dataset d"                                                                                                         \
    " CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(rows), 0)::int8 AS rows, count(*) FILTER (WHERE outside) AS "         \
    "outsiders"                                                                                                                    \
    "  FROM cetl.change WHERE dataset_id = d.id) m"                                                                                \
    " LEFT JOIN LATERAL (SELECT * FROM cetl.file WHERE dataset_id = d.id AND state = 'loaded' ORDER BY id DESC LIMIT 1) f ON true" \
    " ORDER BY d.id"

static void write_columns(struct json_writer *w, const struct table *t)
{
    json_write_key(w, "columns");
    json_write_array(w);
    for (size_t i = 0; i < t->columns; i++) {
        const struct table_column *c = &t->column[i];
        if (c->lineage) continue;
        json_write_object(w);
        json_write_field_text(w, "name", c->name);
        json_write_field_text(w, "type", c->sql_type);
        json_write_field_bool(w, "nullable", !c->not_null);
        if (c->format[0]) json_write_field_text(w, "format", c->format);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_key(w, "key");
    json_write_array(w);
    for (size_t i = 0; i < t->keys; i++)
        json_write_text(w, t->column[t->key[i]].name);
    json_write_end(w);
}

static void write_rollups(struct json_writer *w, const struct dataset *d)
{
    json_write_key(w, "rollups");
    json_write_array(w);
    for (size_t i = 0; i < d->rollups; i++)
        json_write_text(w, d->rollup[i].table.name);
    json_write_end(w);
}

static int row_of(const PGresult *rows, const char *name)
{
    for (int i = 0; i < PQntuples(rows); i++)
        if (strcmp(PQgetvalue(rows, i, 0), name) == 0) return i;
    return -1;
}

static void write_dataset(struct json_writer *w, const struct dataset *d, const PGresult *rows)
{
    json_write_object(w);
    json_write_field_text(w, "table", d->table.name);
    json_write_field_text(w, "schema", d->table.schema);
    json_write_field_bool(w, "inferred", d->inferred);
    json_write_field_text(w, "error", d->broken);
    json_write_field_text(w, "held_by", dataset_held_by(d));
    write_columns(w, &d->table);
    write_rollups(w, d);
    int row = row_of(rows, d->name);
    if (row >= 0) {
        int stale = PQnfields(rows) - 1; /* the last; without rollups there is nothing to be so */
        reply_columns(w, rows, row, stale);
        json_write_field_bool(w, "stale", d->rollups > 0 && PQgetvalue(rows, row, stale)[0]);
    } else {
        json_write_field_text(w, "name", d->name);
    }
    json_write_end(w);
}

static void write_derive(struct json_writer *w, const struct derive_view *d)
{
    json_write_object(w);
    json_write_field_text(w, "name", d->config->name);
    json_write_field_text(w, "derived", d->config->as == CONFIG_AS_VIEW ? "view" : "table");
    json_write_field_text(w, "table", d->config->table);
    json_write_field_text(w, "schema", d->config->schema);
    json_write_field_text(w, "state", derive_state_name(d->state));
    json_write_field_text(w, "error", d->error);
    json_write_field_text(w, "refreshed_at", d->refreshed_at);
    json_write_key(w, "rows");
    if (d->rows >= 0) {
        json_write_int(w, d->rows);
    } else {
        json_write_null(w);
    }
    json_write_key(w, "after");
    json_write_array(w);
    for (size_t i = 0; i < d->config->after.n; i++)
        json_write_text(w, d->config->after.item[i]);
    json_write_end(w);
    write_columns(w, d->table);
    json_write_end(w);
}

static void write_exposed(struct json_writer *w, const struct table *t)
{
    json_write_object(w);
    json_write_field_text(w, "name", t->name);
    json_write_field_bool(w, "exposed", true);
    json_write_field_text(w, "table", t->name);
    json_write_field_text(w, "schema", t->schema);
    write_columns(w, t);
    json_write_end(w);
}

static bool write_all(struct http_request *r, const PGresult *rows, struct buf *body)
{
    const struct api *api = http_request_context(r);
    struct json_writer w;
    json_writer_init(&w, body);
    json_write_array(&w);
    for (size_t i = 0; catalog_at(api->catalog, i); i++)
        if (access_allows(r, ACCESS_READ, slice_of(catalog_at(api->catalog, i)->name)))
            write_dataset(&w, catalog_at(api->catalog, i), rows);
    struct derive_view derive;
    for (size_t i = 0; derives_at(api->derives, i, &derive); i++)
        if (access_allows(r, ACCESS_READ, slice_of(derive.config->name))) write_derive(&w, &derive);
    const struct exposed_table *e;
    for (size_t i = 0; (e = exposed_at(api->exposed, i)); i++)
        if (access_allows(r, ACCESS_READ, slice_of(e->table.name))) write_exposed(&w, &e->table);
    for (size_t i = 0; i < api->config->n_reports; i++)
        if (access_allows(r, ACCESS_REPORT, slice_of(api->config->reports[i].name))) report_write(&w, &api->config->reports[i]);
    json_write_end(&w);
    return true;
}

void datasets_list(struct http_request *r)
{
    reply_with(r, &(struct reply_query){.sql = SQL_DATASETS, .write = write_all});
}
