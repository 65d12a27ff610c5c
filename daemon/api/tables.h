/* SPDX-License-Identifier: MIT */
/*
 * The rows of the readable tables (datasets, rollups, derives, and what `expose` names):
 *
 *   GET /v1/{table}?…                             PostgREST's query dialect (rest/query.h), with its Range and Prefer: count=
 *   GET /read/first-chunk[?dataset=&limit=10]     the first rows of `dataset`, else of api.first_chunk, else of the first dataset
 *
 * Every parameter that is none of the dialect's is a condition on a column, and refused when there is no such column, so that
 * nobody takes rows for filtered that are not.
 *
 * A full page names the next one (Link, rel=next), which begins behind its last row: `after` has the values of the order's columns,
 * so that no page is slower than the first, and rows that come or go meanwhile move no others.
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
/** All rows of it; `file`: those that bear this id of the ledger, where it is not 0. */
void tables_answer(struct http_request *r, struct slice name, int64_t file);

#endif
