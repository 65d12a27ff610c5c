/* SPDX-License-Identifier: MIT */
/*
 * How many answers each route gave, with which status, and how long it took until they began. Bounded: by the routes, and by the
 * statuses that there are (http_status_text). What came to no route (404, 405, what was not understood) counts under route "".
 *
 * Thread: loop.
 */
#ifndef CETLD_HTTP_TALLY_H
#define CETLD_HTTP_TALLY_H

#include "base/buf.h"
#include "http/router.h"

struct http_tally;

/** Of the router's routes, which must stay. */
must_check int http_tally_new(const struct http_router *router, struct http_tally **ret_tally);
void http_tally_free(struct http_tally *t);
/** `route` is one of the router's, or NULL. `began_us`: from the request's first byte until its answer began. */
void http_tally_add(struct http_tally *t, const struct http_route *route, int status, int64_t began_us);
/** As Prometheus' families cetl_http_responses_total and cetl_http_response_seconds. Routes that nobody asked for are left out. */
void http_tally_text(const struct http_tally *t, struct buf *out);

#endif
