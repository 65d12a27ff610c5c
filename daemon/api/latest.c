/* SPDX-License-Identifier: MIT */
#include "api/latest.h"

#include "api/problem.h"
#include "api/reply.h"
#include "api/select.h"
#include "api/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* $1 dataset → its newest load: id, do its rows bear it? */
#define SQL_NEWEST                                                                                                                 \
    "SELECT f.id::text, f.lineage::text FROM cetl.file f JOIN cetl.dataset d ON d.id = f.dataset_id"                               \
    " WHERE d.name = $1 AND f.state = 'loaded' ORDER BY f.id DESC LIMIT 1"

enum { WORDS_MAX = 512, CONDITION_MAX = 512 };

/* `file`: only the rows that bear this id; 0: all. */
static void answer_rows(struct http_request *r, const struct table *t, int64_t file)
{
    const struct api *api = http_request_context(r);
    struct select_column *column = calloc(t->columns, sizeof *column);
    struct select_order *order = calloc(t->keys + 1, sizeof *order);
    struct db_param id = db_int8(file);
    struct buf where;
    buf_init(&where, CONDITION_MAX);
    if (t->deleted_at) {
        db_quote_identifier(&where, slice_of(t->deleted_at->name));
        buf_puts(&where, " IS NULL");
    }
    if (file) buf_printf(&where, "%s" TABLE_LINEAGE_FILE " = $3", where.len ? " AND " : "");
    const char *condition = buf_cstr(&where);
    if (column && order && condition) {
        size_t columns = 0, orders = 0;
        for (size_t i = 0; i < t->columns; i++)
            if (!t->column[i].lineage) column[columns++] = (struct select_column){t->column[i].name, t->column[i].oid};
        for (; orders < t->keys; orders++)
            order[orders] = (struct select_order){.column = t->column[t->key[orders]].name};
        if (orders == 0 && file) order[orders++] = (struct select_order){.column = TABLE_LINEAGE_LINE};
        select_answer(r, api->pool,
                      &(struct select_request){.schema = t->schema,
                                               .table = t->name,
                                               .column = column,
                                               .columns = columns,
                                               .order = order,
                                               .orders = orders,
                                               .limit = SELECT_ALL,
                                               .where = where.len ? condition : NULL,
                                               .param = &id,
                                               .params = file != 0,
                                               .timeout_ms = api->config->database.stream_timeout_ms,
                                               .gate = api->large});
    } else {
        problem_internal(r);
    }
    free(column);
    free(order);
    buf_done(&where);
}

static void refuse(struct http_request *r, struct slice name, int status, const char *what, const char *hint)
{
    char message[WORDS_MAX];
    snprintf(message, sizeof message, SLICE_FMT " %s", SLICE_ARG(slice_cut_utf8(name, 100)), what);
    http_problem(r, &(struct http_problem){.status = status, .message = message, .hint = hint});
}

static const char no_lineage[] =
    "lineage = yes in the section of the dataset makes the rows of the files that are loaded from then on bear their file";

/* The newest load is known, or there is none. It answers by itself. */
static bool on_newest(struct http_request *r, const PGresult *rows, struct buf *body)
{
    (void)body;
    struct slice name = tables_dataset(r);
    const struct table *t = tables_find(r, name); /* once more: the catalog may have changed meanwhile */
    if (!t) return false;
    char link[WORDS_MAX];
    int64_t none = -1, file = none;
    bool lineage = true;
    if (PQntuples(rows) > 0) {
        file = db_get_int8(rows, 0, 0, none);
        lineage = strcmp(db_get(rows, 0, 1), "true") == 0;
    }
    if (!lineage || !t->lineage) {
        refuse(r, name, 409, "was loaded last without lineage, so its newest rows cannot be told from others", no_lineage);
        return false;
    }
    snprintf(link, sizeof link, "</v1/files/%" PRId64 ">; rel=\"describedby\"", file);
    if (file != none) http_header(r, "Link", link);
    answer_rows(r, t, file);
    return false;
}

void latest_get(struct http_request *r)
{
    static const char *const names[] = {"dataset", "load", NULL};
    struct slice name = tables_dataset(r), load = http_request_query(r, "load");
    const struct api *api = http_request_context(r);
    const struct table *t = tables_find(r, name);
    struct dataset *d = NULL;
    if (!t || !tables_only(r, names)) return;
    if (!load.p) return answer_rows(r, t, 0);
    if (!slice_equal(load, SLICE("latest"))) return problem_parameter(r, "load", "latest");
    if (catalog_table(api->catalog, name, &d) != &d->table)
        return refuse(r, name, 400, "is not loaded, but made of what is loaded; load=latest is of datasets", NULL);
    if (!t->lineage)
        return refuse(r, name, 409, "has rows that do not bear their file, so those of the newest load cannot be told", no_lineage);
    struct db_param p[] = {db_slice(name)};
    reply_with(r, &(struct reply_query){.sql = SQL_NEWEST, .param = p, .params = 1, .write = on_newest});
}
