/* SPDX-License-Identifier: MIT */
/*
 * The inside of an answer that is made of rows, for select.c (queries and rows) and select_head.c (what the head says).
 *
 * Thread: loop.
 */
#ifndef CETLD_API_SELECT_PRIVATE_H
#define CETLD_API_SELECT_PRIVATE_H

#include "api/fresh.h"
#include "api/select.h"

enum { SELECT_LINK_MAX = 1 << 16 };

struct select {
    struct http_request *request; /* NULL: answered, or the client has left */
    struct gate *gate;
    struct gate_wait turn;
    bool inside; /* has a place of the gate */
    struct db_pool *pool;
    struct db_wait wait;
    struct db_conn *conn;
    unsigned pending;           /* queries asked whose `done` is to come */
    bool leaving;               /* the connection is being closed under its queries */
    bool stale, again;          /* the table was altered since its statement was prepared; it is asked for the second time */
    struct db_pipelined *piped; /* on its way over the pipelined connection */
    bool started;               /* its query was asked, or waits for a place or a connection */
    struct fresh fresh;
    struct slice names; /* of its tables, for fresh.h */
    struct form form;
    struct arena arena;
    struct rest_statement statement;
    struct form_column *column;
    bool paged, behind;
    const char *next;
    int64_t limit, total, planned; /* the last two: -1 when they are not known */
    struct buf after;              /* for the page behind this one */
    int64_t timeout_ms;
    struct buf out;
    size_t start_len; /* bytes in `out` before the first row */
    int64_t rows;
    int failed; /* a value that cannot be written, a row that is too large */
    bool begun; /* the answer is a stream */
};

/** The request goes its own way from here: its answer may still be on its way when we are gone. */
struct http_request *select_let_go(struct select *s);
static inline bool select_is_head(const struct select *s)
{
    return http_request_method(s->request) == HTTP_HEAD_;
}

/** An estimate that has counted to its end is what the planner says, if that is more. */
void select_settle_total(struct select *s);
/** The status, and what the head says of the page and its version. `all_read`: no row is to come. */
int select_begin_head(struct select *s, bool all_read);
/** The page begins behind the last row. */
void select_answer_no_range(struct select *s);
/** Not exactly one row, where one is wanted. */
void select_answer_not_one(struct select *s);

#endif
