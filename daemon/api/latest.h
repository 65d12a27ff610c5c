/* SPDX-License-Identifier: MIT */
/*
 * GET /latest-event-data[?dataset=&load=latest]: a whole table, streamed; with load=latest the rows of its newest load, where the
 * rows bear their file (lineage).
 *
 * Thread: loop.
 */
#ifndef CETLD_API_LATEST_H
#define CETLD_API_LATEST_H

#include "http/response.h"

void latest_get(struct http_request *r);

#endif
