/* SPDX-License-Identifier: MIT */
/*
 * What may be done to a file of the ledger: taken out of its table again, or loaded once more. By the unix socket, or with a token
 * that allows `manage` (api/access.h).
 *
 *   POST /v1/files/{id}/unload[?force=yes]             200 and the number of rows that were taken out
 *   POST /v1/files/{id}/replay[?force=yes|again=yes]   202: the file is queued. again: on top of what is loaded, though its bytes
 * are
 *
 * 404 unknown, 409 it cannot be done (with why, and what would), 503 try again.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ACTIONS_H
#define CETLD_API_ACTIONS_H

#include "http/response.h"

void actions_unload(struct http_request *r);
void actions_replay(struct http_request *r);

#endif
