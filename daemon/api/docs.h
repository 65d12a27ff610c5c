/* SPDX-License-Identifier: MIT */
/*
 * GET /docs, and /docs/{file}: a page that shows /openapi.json, of the files in web/. It is for everybody, since it says nothing by
 * itself; its script asks for the description as whoever reads the page. Its Content-Security-Policy lets it load and ask nothing
 * but this daemon.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_DOCS_H
#define CETLD_API_DOCS_H

#include "http/response.h"

void docs_get(struct http_request *r);
void docs_file(struct http_request *r);

#endif
