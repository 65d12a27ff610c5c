/* SPDX-License-Identifier: MIT */
/*
 * The sender carries a pipeline's outputs into one COPY, in order, one piece on its way at a time.
 *
 *   sender_begin ──▶ (pieces as the pipeline has them) ──sender_finish──▶ done
 *                                     └──sender_abort──▶ done (refused)
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_SENDER_H
#define CETLD_ETL_SENDER_H

#include "db/copyin.h"
#include "etl/pipeline.h"

struct sender {
    struct db_conn *conn;
    struct pipeline *pipeline;
    struct counters *counters;
    void (*done)(void *ctx, const struct db_result *r); /* exactly once */
    void *ctx;
    struct buf frame;    /* COPY's header, later its trailer */
    bool running;        /* from begin until done */
    bool ready;          /* the server waits for data and nothing is on its way */
    struct piece *piece; /* of the pipeline's, on its way; or NULL */
    bool open, finishing, aborting, trailed, ended;
};

/** `sql` may have statements before its COPY. 0 or negative; `done` follows only after 0. The other fields were set by the caller.
 */
must_check int sender_begin(struct sender *s, const char *sql);
/** The pipeline may have something. */
void sender_pump(struct sender *s);
/** The pipeline has ended well: send what is left and end the COPY. */
void sender_finish(struct sender *s);
/** Make the server roll the COPY back; a piece on its way stays taken until `done`. Harmless when it is over or done already. */
void sender_abort(struct sender *s);

#endif
