/* SPDX-License-Identifier: MIT */
/*
 * The description itself: every route that there is, by its row of openapi_routes.h, once as it stands there, and once for every
 * table and report that the one who asks may use; the tables' schemas (openapi_schema.h), and what else these refer to. It says the
 * same in the same order as long as catalog and configuration are the same.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_OPENAPI_DOCUMENT_H
#define CETLD_API_OPENAPI_DOCUMENT_H

#include "base/buf.h"
#include "http/router.h"

struct api;
/** Append the description as the one who asks may see it (`r` NULL: all). */
void openapi_write(struct buf *out, const struct api *api, const struct http_request *r);

/** All routes of a router, also those with streamed bodies; NULL behind the last. */
const struct http_route *openapi_route_at(const struct http_router *router, size_t i);

#endif
