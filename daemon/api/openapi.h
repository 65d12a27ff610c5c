/* SPDX-License-Identifier: MIT */
/*
 * GET /openapi.json: the API as OpenAPI 3.1 (openapi_document.h). Its ETag is made of its bytes. For those who may read everything
 * it is kept until catalog or configuration change; what somebody with a limited allowance sees is made for each request.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_OPENAPI_H
#define CETLD_API_OPENAPI_H

#include "http/response.h"

struct openapi;
must_check int openapi_new(struct openapi **ret_openapi);
/** NULL is fine. */
void openapi_free(struct openapi *o);

void openapi_get(struct http_request *r);

#endif
