/* SPDX-License-Identifier: MIT */
/*
 * The rows of the readable tables (datasets and rollups):
 *
 *   GET /v1/{table}[?limit=&offset=]              all rows, or a page, in the order of the key
 *   GET /read/first-chunk[?dataset=&limit=10]     the first rows of `dataset`, else of api.first_chunk, else of the first dataset
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

/* ---- for the other routes that answer with rows ---- */

struct table;
/** The dataset that the query names, else that of api.first_chunk, else the first; {NULL, 0}: there is none at all. */
struct slice tables_dataset(struct http_request *r);
/** The readable table of that name. NULL: it was answered. Valid until the loop turns. */
const struct table *tables_find(struct http_request *r, struct slice name);
/** Are the query's parameters among `names` (NULL ends)? False: it was answered by 400. */
bool tables_only(struct http_request *r, const char *const *names);

#endif
