/* SPDX-License-Identifier: MIT */
/*
 * JSON Web Tokens (RFC 7519, RFC 7515 in its compact form), checked as RFC 8725 has it: which algorithm a key is for says the key,
 * never the token; claims are not even parsed before the signature is known to be right; and exp must be there.
 *
 *     r = jwt_check(token, &rules, now_s, &jwt);       0; JWT_E_REFUSED with jwt.why; -ENOMEM
 *     jwt_claim(&jwt, "sub", &text) …
 *     jwt_done(&jwt);                                  whatever came
 *
 * Thread: any.
 */
#ifndef CETLD_HTTP_JWT_H
#define CETLD_HTTP_JWT_H

#include "base/buf.h"
#include "base/signature.h"
#include "format/json_reader.h"

enum { JWT_MAX = 8192, JWT_E_REFUSED = 1 };

struct jwt_rules {
    struct signature_key *const *key; /* each is tried, so that keys can be rotated */
    size_t keys;
    const char *const *audience; /* one of them must be in `aud`; without any there must be no `aud` (RFC 7519, 4.1.3) */
    size_t audiences;
    const char *issuer; /* "": any */
    int64_t leeway_s;   /* how far clocks may differ */
};

struct jwt {
    struct buf claims; /* the JSON object as it was signed */
    const char *why;   /* static; without quotes */
};

must_check int jwt_check(struct slice token, const struct jwt_rules *rules, int64_t now_s, struct jwt *ret_jwt);
void jwt_done(struct jwt *j);
/** The value of a claim; false: there is none of that name. */
bool jwt_claim(const struct jwt *j, const char *name, struct json_value *ret_value);
/** Three parts with dots between them: a JWT rather than any other token. */
bool jwt_is_one(struct slice token);

#endif
