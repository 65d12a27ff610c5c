/* SPDX-License-Identifier: MIT */
/*
 * GET /v1/files[?limit=&offset=&before=&state=&dataset=]: every file, newest first: those in memory (queued, loading, unreadable),
 * which do not count, then the ledger's, with `Link: rel="next"` to those with lower ids; each once. GET /v1/files/{id}: one of the
 * ledger's; or any, by its token, which is told to who sends it (api/receipt.h).
 *
 * Thread: loop.
 */
#ifndef CETLD_API_FILES_H
#define CETLD_API_FILES_H

#include "http/response.h"

void files_list(struct http_request *r);
void files_one(struct http_request *r);
/**
 * GET /v1/files/{id}/rejects[?limit=&offset=&format=]: its rejects as a JSON array, in the order of their lines, 1000 at most and
 * as many as fit into 1 MB; `offset` goes on where the last answer ended. With format=csv, or text/csv in Accept, instead the
 * header line and the rejected rows as they stood in the file, all that are stored: mended they can be dropped again.
 */
void files_rejects(struct http_request *r);

#endif
