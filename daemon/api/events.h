/* SPDX-License-Identifier: MIT */
/*
 * GET /events: server-sent events (WHATWG HTML, 9.2). What the ETL tells (etl/observer.h) becomes events of the kinds
 *
 *     file      a file got into a state; the names of /v1/files
 *     progress  how far a load has come; once a second, without an id
 *     dataset   something was committed to a dataset; its version, where it is known
 *     derive    a derive was made anew, or could not be
 *     reset     what happened meanwhile is not known any more: read /v1/files and /v1 again
 *
 * in a ring of the newest (event_ring.h), which all clients share. A client is a place in that ring: it gets what is behind it, at
 * most a few kilobytes at a time, and more only once these are sent, so that a slow one costs nothing and holds up nobody. Where
 * the ring has overtaken it, it gets a `reset`. One that does not read at all is cut off by the server's idle time-out. Events are
 * sent to a slice of the clients each turn of the loop, and not before some milliseconds have passed since the last ones.
 *
 * The stream of a client with a token ends after some minutes, in order, so that it shows the token again when it comes back.
 *
 * Nothing is kept, or even made, while nobody has listened for some minutes.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_EVENTS_H
#define CETLD_API_EVENTS_H

#include "base/counters.h"
#include "etl/scheduler.h"
#include "http/response.h"

struct events;
struct events_config {
    struct loop *loop;
    const struct scheduler *scheduler; /* whose loads have progress */
    struct observers *observers;       /* who tells what happens; until events_free */
    struct counters *counters;
    unsigned max;             /* clients; beyond: 503 */
    void (*begin)(void *ctx); /* there is a first client, or one again; or NULL */
    void *ctx;
};

must_check int events_new(const struct events_config *config, struct events **ret_events);
/** Behind the server's end. NULL is fine. */
void events_free(struct events *e);
/** Somebody listens, or did a while ago and may come back for what happened meanwhile. */
bool events_are_watched(const struct events *e);
/** The dataset (or rollup, or derive) has this version now. */
void events_version(struct events *e, const char *dataset, int64_t version);
/** The configuration was read anew: who was let in by it must ask again, with a token where one is needed. */
void events_ask_again(struct events *e);
/** The daemon stops: end every stream as it should be, and begin none. */
void events_close(struct events *e);

void events_get(struct http_request *r);

#endif
