/* SPDX-License-Identifier: MIT */
/*
 * Rows of a table as an answer: one SELECT, its rows taken in binary form as they come, written as JSON, NDJSON or CSV by the
 * request's Accept.
 *
 * A small result is answered whole, with its length; one that outgrows SELECT_WHOLE_BYTES is streamed, and then a slow client slows
 * the server's sending: rows are only read while the client takes them. Memory is one such buffer a request, whatever the table's
 * size. A failure after the first bytes closes the connection without the final chunk. When the client leaves, the database
 * connection is closed, which ends the query.
 *
 *   [waiting for a place ──▶] waiting for a connection ──▶ [BEGIN ──▶] SELECT … rows … ──▶ [COMMIT ──▶] done
 *             ▲                                                          │ it grows, and nothing was sent yet
 *             └──────────────────────────────────────────────────────────┘
 *
 * Slow readers of large answers must not take every connection: an answer that may be large (more than SELECT_SMALL_ROWS rows, or
 * far from the start) needs a place of the gate first, and one that turns out to be large begins again with one. Whoever gets none
 * within five seconds is answered with 503.
 *
 *     select_answer(r, pool, &(struct select_request){.schema = "public", .table = "orders", .column = columns, .columns = 2,
 * .limit = 10});
 *
 * A stream runs in a transaction of its own, under the request's name (trace.h), and under its role where it has one (access.h).
 *
 * Types without a binary form that we know are cast by the server. A HEAD request asks for no rows.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_SELECT_H
#define CETLD_API_SELECT_H

#include "api/gate.h"
#include "db/pool.h"
#include "db/query.h"
#include "http/response.h"

enum { SELECT_WHOLE_BYTES = 262144, SELECT_SMALL_ROWS = 100, SELECT_NEAR_ROWS = 10000, SELECT_ALL = -1 };

struct select_column {
    const char *name;
    uint32_t oid; /* of a domain: its base type's */
};
struct select_order {
    const char *column;
    bool descending;
};
struct select_request {
    const char *schema, *table;
    const char *from; /* or, instead of these: what stands behind FROM, with its alias; its parameters are $3 and on */
    const struct select_column *column;
    size_t columns; /* at least one */
    const struct select_order *order;
    size_t orders;
    int64_t limit; /* SELECT_ALL: no limit */
    int64_t offset;
    const char *where; /* an SQL condition, or NULL; its parameters are $3 and on */
    const struct db_param *param;
    int params;
    int64_t timeout_ms;          /* statement_timeout for this one; 0: the pool's */
    bool csv_first;              /* CSV is what is answered where the client does not care */
    const char *csv_disposition; /* Content-Disposition of an answer in CSV, or NULL */
    struct gate *gate;           /* of the answers that may be large; NULL: there is none */
};

/** Answer `r` from a connection of `pool`, whose sessions only read. Everything is copied. The request's state belongs to it from
 * here on. */
void select_answer(struct http_request *r, struct db_pool *pool, const struct select_request *s);
/** The statement alone, for tests and the log. `json`: types that are not ours as JSON, else as text. */
void select_sql(struct buf *out, const struct select_request *s, bool json);

#endif
