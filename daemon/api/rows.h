/* SPDX-License-Identifier: MIT */
/*
 * Rows by the API: what a request says becomes a write (write.h).
 *
 *   POST PATCH PUT DELETE /v1/{table}          PostgREST's way where Prefer says return=, resolution=, missing= or count=; else an
 *                                              object (or array) in, 201 and the same out. Without a condition PATCH and DELETE are
 *                                              refused, unless return= is said
 *   GET PATCH PUT DELETE /v1/{table}/{key}     one row; the values of a key of several columns are separated by commas
 *   POST /v1/{table}/bulk                      many rows: JSON array, NDJSON, CSV
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ROWS_H
#define CETLD_API_ROWS_H

#include "http/response.h"

void rows_post(struct http_request *r);
void rows_patch(struct http_request *r);
void rows_put(struct http_request *r);
void rows_delete(struct http_request *r);
void rows_bulk(struct http_request *r);
void row_get(struct http_request *r);
void row_patch(struct http_request *r);
void row_put(struct http_request *r);
void row_delete(struct http_request *r);

#endif
