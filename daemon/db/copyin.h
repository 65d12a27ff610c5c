/* SPDX-License-Identifier: MIT */
/*
 * COPY … FROM STDIN on a db_conn. libpq's nonblocking PQputCopyData swallows any amount; so data is handed over in pieces of 64
 * KiB, and the next only after PQflush returned 0; the end goes with the last. The buffers stay the caller's until they are used
 * up.
 *
 *   begin ──ready──▶ put … drained … put … drained ──▶ end ──▶ done
 *
 * Thread: loop.
 */
#ifndef CETLD_DB_COPYIN_H
#define CETLD_DB_COPYIN_H

#include "db/query.h"

struct db_copyin_handler {
    void (*ready)(void *ctx);                           /* the server waits for data */
    void (*drained)(void *ctx);                         /* the last db_copyin_put's bytes are all handed over; put more or end */
    void (*done)(void *ctx, const struct db_result *r); /* exactly once; also instead of ready or drained when the server refused */
    void *ctx;
};

/**
 * `sql` may hold statements before the COPY ("BEGIN; COPY …"), in one round trip. 0, -ENOMEM or ERROR_CLOSED.
 */
must_check int db_copyin_begin(struct db_conn *c, const char *sql, const struct db_copyin_handler *h);
/** Only after ready or drained. The bytes must stay until `drained` or `done`. */
void db_copyin_put(struct db_conn *c, struct slice bytes);
/**
 * All data was put: finish (behind what is still on its way); or, with a reason, make the server roll the COPY back: what is on its
 * way is dropped. Then `done`. Once a COPY; a reason may come at any time while the COPY is the connection's first operation.
 */
void db_copyin_end(struct db_conn *c, const char *abort_reason);

#endif
