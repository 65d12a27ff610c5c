/* SPDX-License-Identifier: MIT */
/*
 * The inside of a `struct http_request`, for this layer's own files: the message that came, and the answer that goes.
 *
 *   waiting ──http_answer──▶ ended ──sent──▶ (gone, freed)
 *      └──http_begin──▶ begun ──http_end──▶ ended
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_EXCHANGE_H
#define CETLD_HTTP_EXCHANGE_H

#include "base/arena.h"
#include "http/body.h"
#include "http/gzip.h"
#include "http/outqueue.h"
#include "http/parser.h"
#include "http/target.h"
#include "http/trace.h"
#include "loop/loop.h"

struct http_conn;
struct http_route;

enum { HTTP_CAPTURES_MAX = 4, HTTP_ID_MAX = 64 };

struct http_capture {
    struct slice name, value;
};

enum http_phase { HTTP_WAITING, HTTP_BEGUN, HTTP_ENDED };

/* A large body that is compressed piece by piece, one in a turn of the loop. */
struct http_packing {
    struct http_gzip *gzip; /* NULL: none */
    struct loop_deferred turn;
    char *body; /* NULL: its pieces come by http_write */
    size_t len, at;
};

struct http_request {
    struct list link; /* in its connection, in the order of arrival */
    struct http_conn *conn;
    struct arena store;  /* what is decoded and joined */
    struct arena *arena; /* &store, so that accessors of a const request may allocate */
    struct http_message message;
    struct http_target target;
    struct http_capture capture[HTTP_CAPTURES_MAX];
    unsigned captures;
    char id[HTTP_ID_MAX + 1];
    char trace[HTTP_TRACE_ID + 1];  /* "": it belongs to none */
    int64_t began_us, answered_us;  /* monotonic: its first byte came (0: none did), the answer's head went out */
    int prepared;                   /* http_request_prepare's */
    const struct http_route *route; /* that it goes to, or NULL */
    unsigned methods;               /* a bit for each that its path knows */

    struct http_receiver receiver; /* of its body, once `receives` */
    uint64_t received;             /* bytes */
    bool streamed;                 /* its body goes to its handler in pieces */
    bool receives, paused;
    bool continued; /* 100 Continue was sent */

    const void *identity;
    void *state;
    void (*gone)(void *state);
    void (*writable)(void *state);

    enum http_phase phase;
    int status;
    bool chunked;               /* the answer goes in chunks */
    bool bodyless;              /* HEAD, 204, 304 */
    bool cuts;                  /* the connection is cut behind this answer */
    bool torn;                  /* and with a reset where nothing else shows that the body is not whole */
    bool blocked;               /* http_write said false */
    size_t queue_max;           /* the answer's own ceiling; 0: the server's */
    struct buf extra;           /* header lines from http_header */
    size_t own_lines;           /* where those of the handler begin */
    struct http_outqueue queue; /* while answers before this one are not out */
    struct http_packing packing;
    uint64_t body_bytes; /* as sent */
    uint64_t ends_at;    /* in the connection's stream of bytes, once ended and queued there */
};

must_check int http_request_new(struct http_conn *c, struct http_request **ret_request);
void http_request_free(struct http_request *r);
/** As new, with its memory kept for the next request. */
void http_request_reset(struct http_request *r);
/** A packed body may go on: less waits for the client. True: there was one. */
bool http_response_writable(struct http_request *r);
/** Forget the packed body, if there is one. */
void http_response_done(struct http_request *r);
/** The head is there: take the target apart and settle on an id. 0, HTTP_TARGET_E_…, -ENOMEM. */
must_check int http_request_prepare(struct http_request *r, const char *own_id);

/** Bytes that may wait for its reader before http_write says so. */
size_t http_request_queue_max(const struct http_request *r);

#endif
