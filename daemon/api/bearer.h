/* SPDX-License-Identifier: MIT */
/*
 * The Authorization field (RFC 6750), and who has the token in it.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_BEARER_H
#define CETLD_API_BEARER_H

#include "api/access.h"

/** Why credentials are not taken. */
struct bearer_refusal {
    int status;         /* 400, 401, 403 or 503 */
    const char *code;   /* RFC 6750, 3.1: invalid_request, invalid_token, insufficient_scope */
    const char *reason; /* static; without quotes */
};

/** Who asks, in the request's memory; or NULL, and why. */
const struct access_identity *bearer_identify(struct http_request *r, struct slice authorization,
                                              struct bearer_refusal *ret_refusal);
/** The challenge of a 401 or 403 (WWW-Authenticate); `code` and `reason` may be NULL. */
void bearer_challenge(struct http_request *r, const char *code, const char *reason);

#endif
