/* SPDX-License-Identifier: MIT */
/*
 * Rows of a statement (rest/sql.h) as an answer: taken in binary form as they come, written in a form (form.h).
 *
 * A small result is answered whole, with its length; one that outgrows SELECT_WHOLE_BYTES (a page: SELECT_PAGE_BYTES) is streamed,
 * and then a slow client slows the server's sending: rows are only read while the client takes them. Memory is one such buffer a
 * request, whatever the table's size. A failure after the first bytes closes the connection without the final chunk. When the
 * client leaves, the database connection is closed, which ends the query.
 *
 *   [waiting for a place ──▶] waiting for a connection ──▶ [BEGIN ──▶] [EXPLAIN ──▶] SELECT … rows … ──▶ [COMMIT ──▶] done
 *             ▲                                                          │ it grows, and nothing was sent yet
 *             └──────────────────────────────────────────────────────────┘
 *
 * Slow readers of large answers must not take every connection: an answer that may be large (more than SELECT_SMALL_ROWS rows, far
 * from the start, or counted) needs a place of the gate first, and one that turns out to be large begins again with one. Whoever
 * gets none within five seconds is answered with 503.
 *
 *     struct form form;
 *     if (!select_form(r, false, &form)) return;      406 was answered
 *     … rest_statement_make(&(struct rest_ask){.json = form_is_json(&form), …}, …, &statement, &err) …
 *     select_answer(r, pool, &(struct select_request){.statement = &statement, .arena = &arena, .form = form, .gate = api->large});
 *
 * What the head says of the page (Content-Range, 206, 416, the Link to the next one) is PostgREST's, where `paged`. A streamed
 * answer has no Link, and a Content-Range only when the total is known. A HEAD request asks for no rows.
 *
 * A stream runs in a transaction of its own, under the request's name (trace.h), and under its role where it has one (access.h).
 *
 * Thread: loop.
 */
#ifndef CETLD_API_SELECT_H
#define CETLD_API_SELECT_H

#include "api/form.h"
#include "api/gate.h"
#include "api/reads.h"
#include "db/pool.h"
#include "http/response.h"
#include "rest/order.h"

enum { SELECT_WHOLE_BYTES = 262144, SELECT_PAGE_BYTES = 8 << 20, SELECT_SMALL_ROWS = 100, SELECT_NEAR_ROWS = 10000 };

struct select_request {
    const struct rest_statement *statement;
    const struct rest_statement *label; /* of HEAD: the GET's, whose ETag it has, too; NULL: the statement itself */
    struct arena
        *arena; /* in which the statement was made: taken over, also when this fails. What it points to of the request's stays */
    struct form form;
    bool paged;                  /* the head says which rows these are */
    bool behind;                 /* they begin behind a row, so that their numbers are not known */
    const char *next;            /* of the URL of the next page, up to what `after` is; NULL: no Link */
    int64_t timeout_ms;          /* statement_timeout for this one; 0: the pool's */
    const char *csv_disposition; /* Content-Disposition of an answer in CSV, or NULL */
    struct gate *gate;           /* of the answers that may be large; NULL: there is none */
    const struct reads *reads;   /* NULL: all have connections of the pool, and no versions */
};

/** The form the client wants; false: it was answered with 406. */
bool select_form(struct http_request *r, bool csv_first, struct form *ret_form);
/** Answer `r` from the pipelined connection, or from one of `pool`, whose sessions only read. Everything else is copied. The
 * request's state belongs to it from here on. */
void select_answer(struct http_request *r, struct db_pool *pool, const struct select_request *s);

#endif
