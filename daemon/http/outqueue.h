/* SPDX-License-Identifier: MIT */
/*
 * Bytes that wait for a socket, in pieces that never move, so that a write in flight may point at them.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_OUTQUEUE_H
#define CETLD_HTTP_OUTQUEUE_H

#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"

#include <uv.h>

struct http_outqueue {
    struct list pieces;
    size_t bytes; /* waiting in all */
};

void http_outqueue_init(struct http_outqueue *q);
void http_outqueue_done(struct http_outqueue *q);
/** Copy bytes in. 0 or -ENOMEM (then some of them may be in). */
must_check int http_outqueue_put(struct http_outqueue *q, struct slice bytes);
/** Take a malloc'd block over; it is freed once it was dropped, or at once when this fails. 0 or -ENOMEM. */
must_check int http_outqueue_take(struct http_outqueue *q, char *data, size_t len);
/** All of `from` behind all of `to`. */
void http_outqueue_move(struct http_outqueue *to, struct http_outqueue *from);
/** The first bytes, at most `max_bytes` in at most `max_bufs` parts; returns the number of parts. */
unsigned http_outqueue_peek(const struct http_outqueue *q, uv_buf_t *ret_bufs, unsigned max_bufs, size_t max_bytes);
/** Forget the first n bytes. */
void http_outqueue_drop(struct http_outqueue *q, size_t n);

#endif
