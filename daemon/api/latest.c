/* SPDX-License-Identifier: MIT */
#include "api/latest.h"

#include "api/problem.h"
#include "api/reply.h"
#include "api/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* $1 dataset → its newest load: id, do its rows bear it? */
#define SQL_NEWEST                                                                                                                 \
    "SELECT f.id::text, f.lineage::text FROM cetl.file f JOIN cetl.dataset d ON d.id = f.dataset_id"                               \
    " WHERE d.name = $1 AND f.state = 'loaded' ORDER BY f.id DESC LIMIT 1"

enum { WORDS_MAX = 512 };

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
    tables_answer(r, name, file);
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
    if (!load.p) return tables_answer(r, name, 0);
    if (!slice_equal(load, SLICE("latest"))) return problem_parameter(r, "load", "latest");
    const struct table *own = catalog_table(api->catalog, name, &d);
    if (!own || own != &d->table)
        return refuse(r, name, 400, "is not loaded, but made of what is loaded; load=latest is of datasets", NULL);
    if (!t->lineage)
        return refuse(r, name, 409, "has rows that do not bear their file, so those of the newest load cannot be told", no_lineage);
    struct db_param p[] = {db_slice(name)};
    reply_with(r, &(struct reply_query){.sql = SQL_NEWEST, .param = p, .params = 1, .write = on_newest});
}
