/* SPDX-License-Identifier: MIT */
/*
 * Between a connection and its operations (query.c, copyin.c); private to db/.
 *
 * conn.c owns the queue. The first operation is started when the connection is idle, then advanced whenever input came, output left
 * or it was kicked, until it says DB_OP_DONE; then it is taken off the queue and ended. An operation may be ended at any other time
 * too, when the connection is lost or freed; that may happen inside a callback which the operation itself makes, so that after
 * every callback it asks db_conn_gone and, if so, returns without touching itself. The connection itself stays until the next turn
 * of the loop.
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_OP_H
#define CETLD_DB_OP_H

#include "base/list.h"
#include "db/query.h"
#include "db/statements.h"

#include <stdint.h>

enum { DB_OP_DONE = 1 };

struct db_op;
struct db_op_class {
    /* Send. 0, or negative: the connection is of no use, PQerrorMessage says why. */
    int (*start)(struct db_op *op, struct db_conn *c);
    /* Go as far as it goes without waiting. 0, DB_OP_DONE, or negative as above. */
    int (*advance)(struct db_op *op, struct db_conn *c);
    /* Tell the owner, with `why` (lost, cancelled) or what the operation found out, and free it. */
    void (*end)(struct db_op *op, const struct db_result *why);
};
struct db_op {
    struct list link;
    const struct db_op_class *class;
    PGresult *last;    /* of the results that went well */
    PGresult *refusal; /* the first error */
};

/** Keep a result: as the refusal, or as the last. Takes it over. */
void db_op_keep(struct db_op *op, PGresult *res);
/** Make a db_result of what was kept, or of `why`, and call `done`; then drop the results. */
void db_op_report(struct db_op *op, const struct db_result *why, void (*done)(void *ctx, const struct db_result *r), void *ctx);
/** Fill `err` from an error result. */
void db_op_error(const PGresult *res, struct error *err);
/** Fill it from libpq's words for the loss of a connection (PQerrorMessage at PQERRORS_VERBOSE): ERROR_CLOSED. */
void db_op_lost(const char *message, struct error *ret_err);

/** ERROR_CLOSED when the connection is lost; the caller keeps the operation then. */
must_check int db_conn_enqueue(struct db_conn *c, struct db_op *op);
/** The first of the queue, which is at work or about to be, or NULL. */
struct db_op *db_conn_current(struct db_conn *c);
/** Freed or lost: every operation has been ended. */
bool db_conn_gone(const struct db_conn *c);
/** Advance the current operation in the next turn. */
void db_conn_kick(struct db_conn *c);
/** Stop reading from the socket (true) or go on. */
void db_conn_hold(struct db_conn *c, bool hold);
/**
 * 1: everything has left and the socket has room for more; 0: not yet, the operation is advanced when it has; -1: broken. Input is
 * taken before: libpq reads by itself whenever a send would block, and says nothing of it.
 */
int db_conn_room(struct db_conn *c);
/** The server sent something that is neither notice nor notification since this was last asked. */
bool db_conn_spoke(struct db_conn *c);
/** About how many bytes were received since this was first asked: twice too many at most; fewer where rows are larger than 16 KiB,
 * but a fifteenth at least (a unix socket holds 208 KiB). */
uint64_t db_conn_received(struct db_conn *c);
PGconn *db_conn_pg(struct db_conn *c);
struct db_statements *db_conn_statements(struct db_conn *c);

#endif
