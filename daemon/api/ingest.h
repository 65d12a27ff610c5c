/* SPDX-License-Identifier: MIT */
/*
 * Files that are sent instead of dropped:
 *
 *   POST /ingest/       multipart/form-data with one or more files; or one file as the body, with ?name=
 *   PUT  /ingest/NAME   one file as the body
 *
 *   ?dataset=   where they go, whatever their names say
 *   ?wait=30s   answer once they are loaded, or after that time at the latest (api/receipt.h)
 *   ?again=yes  load them although their bytes are loaded already
 *
 * The body goes to disk as it comes (etl/intake.h); the client is held back while the disk is slower. At its end the files are on
 * disk and claimed, under the tokens that the answer names: 202 means that each will be loaded, once. All of them, or none: what
 * breaks before the end leaves nothing.
 *
 * 400 a name that no file may have, or a body that is no multipart; 404 a dataset that is not there; 413 beyond max_upload; 415
 * another type; 503 too many at a time; 507 the disk would be fuller than spool_min_free allows.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_INGEST_H
#define CETLD_API_INGEST_H

#include "http/response.h"

/* Streamed routes (http/router.h). */
void ingest_post(struct http_request *r);
void ingest_put(struct http_request *r);

#endif
