/* SPDX-License-Identifier: MIT */
/*
 * GET /status, /healthz, /readyz. Answered from memory, so that they answer whatever the database does.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_STATUS_H
#define CETLD_API_STATUS_H

#include "http/response.h"

void status_get(struct http_request *r);
void status_healthz(struct http_request *r);
/** 503 while the database does not answer; with ?dataset= also until that dataset exists. */
void status_readyz(struct http_request *r);

#endif
