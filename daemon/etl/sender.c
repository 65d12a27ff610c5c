/* SPDX-License-Identifier: MIT */
#include "etl/sender.h"

#include <assert.h>

enum { FRAME_MAX = 64 };
#define ABORT_REASON "the file is refused"

/* The piece of the pipeline's that was on its way is used up. */
static void let_go(struct sender *s)
{
    struct piece *piece = s->piece;
    s->piece = NULL;
    if (piece) pipeline_release(s->pipeline, piece);
}

static void put(struct sender *s, struct slice piece)
{
    s->ready = false;
    counters_add(s->counters, COUNTER_BYTES_COPIED, (int64_t)piece.len);
    db_copyin_put(s->conn, piece);
}

/* Nothing more comes: the trailer, then the end. */
static void close_copy(struct sender *s)
{
    if (s->trailed) {
        s->ready = false;
        s->ended = true;
        db_copyin_end(s->conn, NULL);
        return;
    }
    s->trailed = true;
    buf_reset(&s->frame);
    convert_trailer(pipeline_plan(s->pipeline), &s->frame);
    put(s, buf_slice(&s->frame));
}

void sender_pump(struct sender *s)
{
    if (!s->running || !s->ready || s->aborting) return;
    s->piece = pipeline_take(s->pipeline);
    if (s->piece) return put(s, s->piece->copy);
    if (s->ready && s->finishing) close_copy(s); /* taking may have ended the pipeline, and that may have led here already */
}

static void on_ready(void *ctx)
{
    struct sender *s = ctx;
    s->open = true;
    if (s->aborting) return db_copyin_end(s->conn, ABORT_REASON);
    convert_header(pipeline_plan(s->pipeline), &s->frame);
    put(s, buf_slice(&s->frame));
}

static void on_drained(void *ctx)
{
    struct sender *s = ctx;
    s->ready = true;
    let_go(s);
    sender_pump(s);
}

static void on_done(void *ctx, const struct db_result *r)
{
    struct sender *s = ctx;
    s->running = s->ready = false;
    buf_done(&s->frame);
    let_go(s);
    s->done(s->ctx, r);
}

int sender_begin(struct sender *s, const char *sql)
{
    assert(!s->running);
    buf_init(&s->frame, FRAME_MAX);
    s->open = s->ready = s->finishing = s->aborting = s->trailed = s->ended = false;
    struct db_copyin_handler h = {.ready = on_ready, .drained = on_drained, .done = on_done, .ctx = s};
    int r = db_copyin_begin(s->conn, sql, &h);
    s->running = r == 0;
    return r;
}

void sender_finish(struct sender *s)
{
    s->finishing = true;
    sender_pump(s);
}

void sender_abort(struct sender *s)
{
    if (!s->running || s->aborting) return;
    s->aborting = true;
    if (s->open && !s->ended) db_copyin_end(s->conn, ABORT_REASON); /* else when it opens, or it is ending anyway */
}
