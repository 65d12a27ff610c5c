/* SPDX-License-Identifier: MIT */
/*
 * A pool keeps up to `size` connections to one database, made when they are first wanted, made again after a loss with capped
 * exponential backoff and jitter. A user takes a connection for itself and gives it back clean (idle, no transaction); a connection
 * that is given back lost, busy or inside a transaction is closed.
 *
 * The pool is `up` from its first ready connection until the last try failed. While nobody wants a connection, one is kept open (or
 * retried), so that `up` is the truth about the database.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_POOL_H
#define CETLD_DB_POOL_H

#include "base/counters.h"
#include "base/list.h"
#include "db/conn.h"

struct db_pool;
struct db_pool_config {
    struct db_conn_config conn;
    unsigned size;
    int64_t backoff_max_ms;
    unsigned waiting_max; /* beyond it who takes gets NULL at once; 0: no bound */
    struct counters *counters;
    struct histogram *waits;                          /* how long who gets a connection has waited; or NULL */
    void (*up)(void *ctx);                            /* the database answers (again) */
    void (*down)(void *ctx, const struct error *why); /* it does not (any more); called once a change */
    void *ctx;
};

must_check int db_pool_new(struct loop *l, const struct db_pool_config *config, struct db_pool **ret_pool);
/** Waiting takers get NULL. Taken connections are closed under their users (ERROR_CANCELLED). */
void db_pool_free(struct db_pool *p);
bool db_pool_is_up(const struct db_pool *p);
/** Why it is down, or "". */
const char *db_pool_reason(const struct db_pool *p);
const struct error *db_pool_why(const struct db_pool *p);

/** A place in the queue for a connection; embed it in the one who waits. */
struct db_wait {
    struct list link;
    /* `c` is ready, idle and yours until db_pool_give; NULL when the pool goes away, too many wait, or `deadline` passed. Never
     * called before db_pool_take returned. */
    void (*got)(struct db_wait *w, struct db_conn *c);
    int64_t deadline_ms; /* the pool's: loop time, or 0 */
    int64_t since_us;    /* the pool's */
};
/** Wait for a connection (first come, first served), for ever when timeout_ms is 0. */
void db_pool_take(struct db_pool *p, struct db_wait *w, int64_t timeout_ms);
/** No longer wanted; `got` will not be called. */
void db_pool_cancel(struct db_pool *p, struct db_wait *w);
void db_pool_give(struct db_pool *p, struct db_conn *c);
/** Somebody else saw that the database answers again: try now, whatever is left of the backoff. Until that try failed, too, the
 * pool is neither up nor down. Nothing for a pool that is up; NULL is fine. */
void db_pool_retry(struct db_pool *p);
/** How many wait. */
unsigned db_pool_waiting(const struct db_pool *p);
/** Its connections: given to somebody, ready for the next, being made; how many there may be. */
struct db_pool_numbers {
    unsigned taken, idle, connecting, size;
};
struct db_pool_numbers db_pool_numbers(const struct db_pool *p);

#endif
