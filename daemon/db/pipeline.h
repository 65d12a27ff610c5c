/* SPDX-License-Identifier: MIT */
/*
 * One connection in libpq's pipeline mode, for queries that only read and whose answers are small: many are under way at a time,
 * and what they cost is the server's work, not the way there and back. (PostgreSQL: libpq, "Pipeline Mode".)
 *
 *     db_pipeline_query(p, &(struct db_query){.sql = …, .param = …, .params = 1, .binary = true, .done = on_rows, .ctx = x},
 * &asked);
 *
 * - Statements are prepared once a connection, under their text. What is asked in one turn of the loop is sent in its end.
 * - Queries are run in the order they were asked in, an urgent one before those that were not sent yet. Up to PIPELINE_TOGETHER of
 * them share a Sync. An error ends one query; those behind it that the server therefore left out are run again. A query that must
 * not be run again ends as refused instead.
 * - Nothing is ever cancelled, since a cancel could hit another one: a time-out belongs into the connection's setup, and is the
 * bound of how long one query keeps the others waiting. Who does not want an answer any more forgets it.
 * - An answer of more than `answer_max` bytes (about: half of that is always taken) ends its query with DB_PIPELINE_E_LARGE; the
 * connection is made anew for that, and what was under way runs again.
 * - A lost connection ends what is under way with ERROR_CLOSED, and is made again as by a pool (pool.h): until then queries wait,
 * and when the database does not answer they end, too.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_PIPELINE_H
#define CETLD_DB_PIPELINE_H

#include "base/counters.h"
#include "db/query.h"

enum { PIPELINE_UNDER_WAY = 64, PIPELINE_TOGETHER = 8 };
enum { DB_PIPELINE_PARAMS_MAX = 64 }; /* of a query */
enum {
    DB_PIPELINE_E_FULL = 1,  /* too many wait */
    DB_PIPELINE_E_LARGE = 2, /* status of a db_result: the answer is not small */
};

struct db_pipeline;
struct db_pipelined; /* a query that was asked */

struct db_pipeline_config {
    struct db_conn_config conn;
    int64_t backoff_max_ms;
    struct counters *counters;
    unsigned queue_max;                                                    /* queries that wait to be sent */
    size_t answer_max;                                                     /* bytes, as the server sends them */
    void (*up)(void *ctx);                                                 /* connected, anew perhaps: its setup was run; or NULL */
    void (*down)(void *ctx);                                               /* that connection is lost; or NULL */
    void (*notified)(void *ctx, const char *channel, const char *payload); /* or NULL */
    void *ctx;
};

struct db_pipeline_query {
    struct db_query query; /* `row` is NULL; status of its result may be DB_PIPELINE_E_LARGE, too */
    bool urgent;           /* before those that wait */
    bool once;             /* never run again: what cannot be run the first time ends with ERROR_REFUSED or ERROR_CLOSED */
    /* Fills in query.params parameters when it is being sent, or NULL: they are query.param. Values live until it returned and the
     * next one was called. */
    void (*fill)(void *ctx, struct db_param *param);
};

must_check int db_pipeline_new(struct loop *l, const struct db_pipeline_config *config, struct db_pipeline **ret_pipeline);
/** What waits or is under way ends with ERROR_CANCELLED. NULL is fine. */
void db_pipeline_free(struct db_pipeline *p);
/** Ask; everything is copied. 0; DB_PIPELINE_E_FULL; ERROR_CLOSED when the database does not answer; -ENOMEM. `*ret_asked` (may be
 * NULL) lives until `done` is called. */
must_check int db_pipeline_ask(struct db_pipeline *p, const struct db_pipeline_query *q, struct db_pipelined **ret_asked);
/** `done` will not be called. */
void db_pipeline_forget(struct db_pipelined *asked);
/** Somebody else saw that the database answers again (pool.h): queries wait until the try that is made at once failed. */
void db_pipeline_retry(struct db_pipeline *p);
/** Why the database does not answer, or "". */
const char *db_pipeline_reason(const struct db_pipeline *p);
/** How many wait or are under way. */
unsigned db_pipeline_pending(const struct db_pipeline *p);

#endif
