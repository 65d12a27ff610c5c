/* SPDX-License-Identifier: MIT */
/*
 * GET /v1/files/{id}/original[?link=yes]: a file as it was dropped, for who may `manage`, since it has columns and rows that its
 * table has not. {id} is the ledger's, or a token.
 *
 *   307 to a link that is good for some minutes, where an object store has it ([archive], store/store.h)
 *   200 and its bytes, where it lies in the folder of an [archive], in done/ or in failed/: streamed, read by the storers a block
 * at a time 404 there is no such file, or it is not over yet; with ?link=yes: it has no link 410 it is nowhere any more; 503 what
 * may have it cannot be asked
 *
 * With ?link=yes the link comes as JSON, by 200.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ORIGINALS_H
#define CETLD_API_ORIGINALS_H

#include "http/response.h"

void originals_get(struct http_request *r);

#endif
