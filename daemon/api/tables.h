/* SPDX-License-Identifier: MIT */
/*
 * The rows of the readable tables (datasets and rollups):
 *
 *   GET /v1/{table}[?limit=&offset=]              all rows, or a page, in the order of the key
 *   GET /read/first-chunk[?dataset=&limit=10]     the first rows of `dataset`, else of api.first_chunk, else of the first dataset
 *   GET /latest-event-data[?dataset=]             the whole table, streamed
 *
 * Another parameter is refused, so that nobody takes rows for filtered that are not.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_TABLES_H
#define CETLD_API_TABLES_H

#include "http/response.h"

void tables_rows(struct http_request *r);
void tables_first_chunk(struct http_request *r);
void tables_latest(struct http_request *r);

#endif
