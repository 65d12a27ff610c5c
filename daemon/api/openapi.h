/* SPDX-License-Identifier: MIT */
/*
 * GET /openapi.json: the API as OpenAPI 3.1: the routes that there are (openapi_routes.h), each also for every table and report
 * that the client may use, with the tables' schemas (openapi_schema.h). It says the same in the same order as long as catalog and
 * configuration are the same; its ETag is made of its bytes. The whole of it is kept until one of them changes; what somebody with
 * a limited allowance sees is made for each request.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_OPENAPI_H
#define CETLD_API_OPENAPI_H

#include "base/buf.h"
#include "http/router.h"

struct api;
struct openapi;
must_check int openapi_new(struct openapi **ret_openapi);
/** NULL is fine. */
void openapi_free(struct openapi *o);

/** Append the description as the one who asks may see it (`r` NULL: all). */
void openapi_write(struct buf *out, const struct api *api, const struct http_request *r);

/** All routes of a router, also those with streamed bodies; NULL behind the last. */
const struct http_route *openapi_route_at(const struct http_router *router, size_t i);

void openapi_get(struct http_request *r);

#endif
