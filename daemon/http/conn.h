/* SPDX-License-Identifier: MIT */
/*
 * One connection: reads requests, hands them to the router, sends the answers in their order.
 *
 *   open ──last request, refusal, EOF, drain──▶ last ──all sent──▶ lingering ──EOF, time──▶ closed
 *     └───────────────── error, time-out ────────┴────────────────────┴───────────────────────▲
 *
 * - open: requests are read. At most HTTP_PIPELINE_MAX are with their handlers at a time, several only when all of them are safe
 * methods (RFC 9112, 9.3.2), and one where all connections together have HTTP_BUSY; beyond that, and while more than queue_max
 * waits to be sent, the socket is not read. One with a streamed body is with its handler alone.
 * - last: what was read is answered, nothing more is parsed. A half-closed client gets here and is served, as long
 * as it gets something within the idle time-out: it cannot be told from one that has left.
 * - lingering: our side is shut; what the client still sends is thrown away for a moment, since closing at once would reset the
 * connection and could destroy the answer on its way (RFC 9112, 9.6).
 *
 * Callbacks of handlers (`gone`, `writable`, and the handlers themselves) run only from the socket's, the timer's or a deferred
 * callback, never inside a function that the handler called.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_CONN_H
#define CETLD_HTTP_CONN_H

#include "http/exchange.h"
#include "http/server.h"

enum { HTTP_PIPELINE_MAX = 16, HTTP_READ_BYTES = 65536, HTTP_PROGRESS = 16384, HTTP_STUCK_MS = 250, HTTP_BUSY = 256 };

/** What all connections of a server share. The server's; see server.c. */
struct http_shared {
    struct loop *loop;
    struct http_limits limits;
    const struct http_router *router;
    struct counters *counters;
    struct http_tally *tally; /* or NULL */
    void (*log)(void *ctx, const struct http_request *r, const char *line);
    void *log_ctx;
    struct list conns;           /* all that are not closed */
    struct list idle;            /* those without a request, the longest idle first */
    unsigned count;              /* in conns */
    size_t queued;               /* bytes of answers that wait for sockets */
    unsigned requests;           /* that are with their handlers, or answered and not sent yet */
    struct loop_deferred relief; /* `queued` is beyond answers_max */
    bool draining;
    void (*closed)(struct http_shared *s); /* a connection's memory is about to be freed; it has left `conns` before */
    char *read_buffer;                     /* HTTP_READ_BYTES; its content lives only during one read callback */
    char date[32];                         /* Date's value, for second date_s */
    int64_t date_s;
    char id_prefix[9]; /* request ids are this, a dash and a number */
    uint64_t ids;
    struct http_gzip *gzip; /* for bodies that are packed whole; NULL: not needed so far */
    unsigned packing;       /* answers that have one of their own */
};

/** Accept what waits on `listener` (a uv_tcp_t or uv_pipe_t). 0 or -errno. Every success is followed by one `closed`. */
must_check int http_conn_accept(struct http_shared *s, uv_stream_t *listener);
/** The `relief` of a server: cut whom nobody will miss. */
void http_conn_relieve(struct loop_deferred *d);
/** Finish the requests that are there, then close. */
void http_conn_drain(struct http_conn *c);
/** Close now; its requests' `gone` are called before this returns. Safe at any moment, and twice. */
void http_conn_cut(struct http_conn *c);
/** The connection of a link in s->conns, or in s->idle. */
struct http_conn *http_conn_of(struct list *link);
struct http_conn *http_conn_of_idle(struct list *link);

/* ---- for request.c and response*.c ---- */

struct http_shared *http_conn_shared(const struct http_conn *c);
/** By a unix socket. */
bool http_conn_is_local(const struct http_conn *c);
/** By TCP, to a loopback address. */
bool http_conn_is_loopback(const struct http_conn *c);
/** The client's, as http_request_address has it. */
const uint8_t *http_conn_address(const struct http_conn *c);
/** The client has shut its side. */
bool http_conn_is_half_closed(const struct http_conn *c);
/** Cut or lost: answers go nowhere. */
bool http_conn_is_dead(const struct http_conn *c);
/** No request will follow `r`, so its answer says `Connection: close`. */
bool http_conn_is_last(const struct http_conn *c, const struct http_request *r);
/** r's answer begins: where its body is still on the way, nothing more is read of this connection. */
void http_conn_answering(struct http_conn *c, const struct http_request *r);
/** Parse no more requests. */
void http_conn_no_more(struct http_conn *c);
/** Where r's bytes go: the connection's queue when it is r's turn, else r's own. */
struct http_outqueue *http_conn_queue(struct http_conn *c, struct http_request *r);
/** Memory ran out in the middle of an answer: cut the connection, soon. */
void http_conn_spoil(struct http_conn *c);
/** Bytes were queued, or the answer ended: send what goes, and look after the rest soon. */
void http_conn_wake(struct http_conn *c);

#endif
