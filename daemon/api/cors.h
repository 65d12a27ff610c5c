/* SPDX-License-Identifier: MIT */
/*
 * Which web pages of other origins may use the API by a script (Fetch standard, "CORS protocol"): those of [api] cors_origins.
 * Their answers, errors too, say so; a preflight is answered here, before anything else. Where every origin may (*), browsers send
 * no credentials of their own.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_CORS_H
#define CETLD_API_CORS_H

#include "http/response.h"

/** The router's `arrive`. */
bool cors_arrive(struct http_request *r);
/** It has an Origin, and scripts from there may read the answer. */
bool cors_allows(const struct http_request *r);
/** The same, and that origin is listed by its name. */
bool cors_names(const struct http_request *r);

#endif
