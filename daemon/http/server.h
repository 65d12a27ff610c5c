/* SPDX-License-Identifier: MIT */
/*
 * The HTTP/1.1 server: listeners, connections and their limits. It knows nothing of ETL: requests go to a router (router.h),
 * answers come through response.h. RFC 9110, RFC 9112.
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_SERVER_H
#define CETLD_HTTP_SERVER_H

#include "base/counters.h"
#include "http/router.h"
#include "loop/loop.h"

struct http_server;
struct http_tally;

struct http_limits {
    size_t header_max; /* bytes of a request's head; beyond: 431 */
    size_t body_max;   /* bytes of a buffered body; beyond: 413 */
    size_t queue_max;  /* bytes of an answer that wait for a slow reader before http_write says so */
    size_t
        answers_max; /* bytes of answers that wait in all; beyond, those who have taken nothing for longest are cut; 0: no bound */
    int64_t header_timeout_ms;    /* from a request's first byte to the end of its head; beyond: 408 and close */
    int64_t idle_timeout_ms;      /* kept open without a request; also for every HTTP_PROGRESS bytes of a body and of an answer */
    int gzip_level;               /* of answers, 1 to 6; 0: none is compressed */
    unsigned connections;         /* beyond: the oldest idle one is closed, else 503 and close */
    unsigned address_connections; /* beyond, from one address: 503 and close; 0: no limit */
};
struct http_server_config {
    struct http_limits limits;
    mode_t socket_mode;               /* permissions of unix sockets */
    const struct http_router *router; /* must outlive the server */
    struct counters *counters;
    struct http_tally *tally;                                               /* of the router's routes; or NULL */
    void (*log)(void *ctx, const struct http_request *r, const char *line); /* access log, or NULL */
    void *ctx;
};

must_check int http_server_new(struct loop *l, const struct http_server_config *config, struct http_server **ret_server);
/**
 * Listen on "host:port", "[::1]:port" or "unix:/path" (a stale socket file is replaced, a live one is refused). Port 0
 * takes a free one. 0, or -errno with the words in err (address, what to do).
 */
must_check int http_server_listen(struct http_server *s, const char *address, struct error *err);
/**
 * Take a listening socket that systemd passed (sd_listen_fds). Connections wait in it, as they did while nobody was there, until
 * http_server_go. 0, or -errno with the words in err (what it should be); the descriptor is the caller's then.
 */
must_check int http_server_adopt(struct http_server *s, int fd, struct error *err);
/** Accept on what was adopted since. */
must_check int http_server_go(struct http_server *s);
/** Is that address, as http_server_listen takes it, covered by a listener that is there? */
bool http_server_covers(const struct http_server *s, const char *address);
/** Is listener `i` at that address, and at no other? */
bool http_server_is_at(const struct http_server *s, unsigned i, const char *address);
/** The address of listener `i` as it is ("127.0.0.1:41234"), or NULL behind the last. */
const char *http_server_address(const struct http_server *s, unsigned i);
/**
 * No new connections. Open ones finish the request they are at, or the one that is on its way (a connection that had none yet
 * gets a second for it), then close. `drained` is called when none is left.
 */
void http_server_drain(struct http_server *s, void (*drained)(void *ctx), void *ctx);
/** Close everything at once. NULL is fine. */
void http_server_free(struct http_server *s);

#endif
