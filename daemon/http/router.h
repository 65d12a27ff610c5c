/* SPDX-License-Identifier: MIT */
/*
 * The router: a table of method, path pattern and handler. Literal segments win over captures; a trailing slash is answered as if
 * it were not there. An unknown path is 404, a known one with another method 405 with Allow; OPTIONS is answered with Allow; HEAD
 * goes to GET. Before a handler the guard is asked.
 *
 * A handler is called when its request is whole; those of `streamed` are called at the end of the head, and take the body
 * themselves (body.h).
 *
 *     static const struct http_route routes[] = {
 *         {HTTP_GET_, "/v1/files/{id}", files_one},
 *         {0},
 *     };
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_ROUTER_H
#define CETLD_HTTP_ROUTER_H

#include "http/response.h"

typedef void (*http_handler)(struct http_request *r);

struct http_route {
    enum http_method method;
    const char *pattern; /* NULL ends the table */
    http_handler handler;
};
struct http_router {
    const struct http_route *routes;
    const struct http_route *streamed; /* those whose handlers take the body themselves; NULL: none */
    bool (*arrive)(
        struct http_request *r);           /* before all else, also where nothing is found. False: it was answered. NULL: nothing */
    bool (*guard)(struct http_request *r); /* may it go to its handler? False: it was answered. NULL: all may */
    void *ctx;                             /* http_request_context */
};

/** Find the route by the request's target, and note it, and how its body goes there, in the request. */
void http_router_find(const struct http_router *router, struct http_request *r);
/** After http_router_find: note the captures in the request, and call its handler; or answer 404, 405, OPTIONS. */
void http_router_dispatch(const struct http_router *router, struct http_request *r);

#endif
