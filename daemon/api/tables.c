/* SPDX-License-Identifier: MIT */
#include "api/tables.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/select.h"
#include "base/num.h"
#include "http/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_CHUNK_ROWS = 10,
    PAGE_ROWS = 10000, /* a page of more is a stream, and may take long */
};

/* ---- parameters ---- */

bool tables_only(struct http_request *r, const char *const *names)
{
    struct slice name, value;
    for (unsigned i = 0; http_request_query_at(r, i, &name, &value); i++) {
        unsigned k = 0;
        while (names[k] && !slice_equal(name, slice_of(names[k])))
            k++;
        if (names[k]) continue;
        char message[160];
        snprintf(message, sizeof message, "the parameter %.*s is not known here", (int)(name.len < 100 ? name.len : 100), name.p);
        http_problem(r, &(struct http_problem){.status = 400, .message = message, .hint = "limit and offset choose rows"});
        return false;
    }
    return true;
}

/* A row count from 0; false after a 400. */
static bool count_parameter(struct http_request *r, const char *name, int64_t otherwise, int64_t *ret_count)
{
    struct slice text = http_request_query(r, name);
    uint64_t count;
    if (!text.p) {
        *ret_count = otherwise;
        return true;
    }
    if (num_parse_u64(text, &count) != 0 || count > INT64_MAX) {
        problem_parameter(r, name, "a whole number from 0");
        return false;
    }
    *ret_count = (int64_t)count;
    return true;
}

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

const struct table *tables_find(struct http_request *r, struct slice name)
{
    const struct api *api = http_request_context(r);
    struct dataset *d;
    struct derive_view derive;
    if (name.p && !access_may(r, ACCESS_READ, name)) return NULL;
    if (!api->ready) {
        problem_unavailable(r, api_reason(api));
        return NULL;
    }
    const struct table *t = name.p ? catalog_table(api->catalog, name, &d) : NULL;
    if (t && t->columns > 0) return t;
    if (name.p && derives_find(api->derives, name, &derive)) {
        if (derive.table->columns > 0) return derive.table;
        http_problem(r, &(struct http_problem){.status = 404,
                                               .message = "that derive was not made yet",
                                               .details = derive.error,
                                               .hint = "GET /v1 says how it is"});
        return NULL;
    }
    http_problem(r, &(struct http_problem){.status = 404,
                                           .message = t ? "that dataset has no table yet; its first file makes it"
                                                        : "there is no such table",
                                           .hint = "GET /v1 lists what there is"});
    return NULL;
}

static void answer_rows(struct http_request *r, const struct table *t, int64_t limit, int64_t offset)
{
    const struct api *api = http_request_context(r);
    struct select_column *column = calloc(t->columns, sizeof *column);
    struct select_order *order = calloc(t->keys + 1, sizeof *order);
    if (column && order) {
        size_t columns = 0;
        for (size_t i = 0; i < t->columns; i++)
            if (!t->column[i].lineage) column[columns++] = (struct select_column){t->column[i].name, t->column[i].oid};
        for (size_t i = 0; i < t->keys; i++)
            order[i] = (struct select_order){.column = t->column[t->key[i]].name};
        bool stream = limit == SELECT_ALL || limit > PAGE_ROWS;
        select_answer(r, api->pool,
                      &(struct select_request){.schema = t->schema,
                                               .table = t->name,
                                               .column = column,
                                               .columns = columns,
                                               .order = order,
                                               .orders = t->keys,
                                               .limit = limit,
                                               .offset = offset,
                                               .timeout_ms = stream ? api->config->database.stream_timeout_ms : 0,
                                               .gate = api->large});
    } else {
        problem_internal(r);
    }
    free(column);
    free(order);
}

/* ---- routes ---- */

void tables_rows(struct http_request *r)
{
    static const char *const names[] = {"limit", "offset", NULL};
    const struct table *t = tables_find(r, http_request_capture(r, "table"));
    int64_t limit, offset;
    if (!t || !tables_only(r, names)) return;
    if (!count_parameter(r, "limit", SELECT_ALL, &limit) || !count_parameter(r, "offset", 0, &offset)) return;
    answer_rows(r, t, limit, offset);
}

static void name_location(struct http_request *r, struct slice table, int64_t limit)
{
    struct buf location;
    buf_init(&location, 1024);
    buf_puts(&location, "/v1/");
    http_target_encode(&location, table);
    buf_printf(&location, "?limit=%" PRId64, limit);
    if (buf_check(&location) == 0) http_header(r, "Content-Location", buf_cstr(&location));
    buf_done(&location);
}

void tables_first_chunk(struct http_request *r)
{
    static const char *const names[] = {"dataset", "limit", NULL};
    struct slice name = tables_dataset(r);
    const struct table *t = tables_find(r, name);
    int64_t limit;
    if (!t || !tables_only(r, names) || !count_parameter(r, "limit", FIRST_CHUNK_ROWS, &limit)) return;
    name_location(r, name, limit);
    answer_rows(r, t, limit, 0);
}
