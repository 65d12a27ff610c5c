/* SPDX-License-Identifier: MIT */
/*
 * A bounded answer from one query: take a connection, run it, make JSON of its (binary) rows, answer. For the fixed questions of
 * the API (datasets, files); tables are read by select.h.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_REPLY_H
#define CETLD_API_REPLY_H

#include "api/api.h"
#include "db/query.h"

struct reply_query {
    const char *sql;
    const struct db_param *param;
    int params;
    const char *media_type; /* of the answer; NULL: application/json */
    /** Make the body from the rows; answers by itself when it finds something else to say (then gives false). */
    bool (*write)(struct http_request *r, const PGresult *rows, struct buf *body);
    /** Or this, which is given `ctx`. `done` is called with it exactly once, whatever comes of the request; NULL is fine. */
    bool (*write_with)(struct http_request *r, void *ctx, const PGresult *rows, struct buf *body);
    void (*done)(void *ctx);
    void *ctx;
};

/** Ask and answer (503 when the database does not answer). */
void reply_with(struct http_request *r, const struct reply_query *q);
/** One row as members "name": value of the object that is open. */
struct json_writer;
void reply_row(struct json_writer *w, const PGresult *rows, int row);
/** Its first columns. */
void reply_columns(struct json_writer *w, const PGresult *rows, int row, int columns);
/** The same, with null for column `hidden`. */
void reply_columns_but(struct json_writer *w, const PGresult *rows, int row, int columns, int hidden);

#endif
