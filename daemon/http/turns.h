/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is to answer: a connection's requests in the order of their arrival, and the bytes that wait for its socket.
 * Handlers may answer in any order; the bytes of the first request that has not ended go to the socket's queue, those of the later
 * ones wait in the requests themselves.
 *
 * A request has been answered once the connection's stream of bytes was sent up to its answer's end.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_TURNS_H
#define CETLD_HTTP_TURNS_H

#include "http/exchange.h"

struct http_turns {
    struct list requests;
    unsigned count;
    struct http_request *writer; /* the first that has not ended, or NULL */
    struct http_outqueue out;    /* to be sent */
    uint64_t queued, sent;       /* bytes since the beginning; queued is as of the last http_turns_advance */
};

void http_turns_init(struct http_turns *t);
/** Free what is left, requests too. */
void http_turns_done(struct http_turns *t);
void http_turns_append(struct http_turns *t, struct http_request *r);
/** Its end: it is the caller's again. */
void http_turns_remove(struct http_turns *t, struct http_request *r);
/** The newest request, or NULL. */
struct http_request *http_turns_last(const struct http_turns *t);
/** Where r's bytes go now. */
struct http_outqueue *http_turns_queue(struct http_turns *t, struct http_request *r);
/** Take note of what was queued, and pass the turn on from answers that have ended. */
void http_turns_advance(struct http_turns *t);
/** The socket took n bytes of `out`. */
void http_turns_sent(struct http_turns *t, size_t n);
/** The first request, when its answer is wholly sent; else NULL. */
struct http_request *http_turns_answered(const struct http_turns *t);
static inline bool http_turns_all_sent(const struct http_turns *t)
{
    return t->queued == t->sent;
}

#endif
