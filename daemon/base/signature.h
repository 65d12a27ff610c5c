/* SPDX-License-Identifier: MIT */
/*
 * Keys that check signatures, by OpenSSL: HMAC with SHA-256 (FIPS 198-1), and RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017). A key
 * knows its algorithm, and is never used by another: a public RSA key, which anybody has, must not become an HMAC secret.
 *
 * Thread: any; a key that is made may be used by several at once.
 */
#ifndef CETLD_BASE_SIGNATURE_H
#define CETLD_BASE_SIGNATURE_H

#include "base/error.h"
#include "base/slice.h"

enum signature_algorithm { SIGNATURE_HS256, SIGNATURE_RS256 };
enum { SIGNATURE_SECRET_MIN = 32, SIGNATURE_RSA_BITS_MIN = 2048, SIGNATURE_RSA_BITS_MAX = 8192, SIGNATURE_E_KEY = 1 };

struct signature_key;

/** The secret is copied. 0; SIGNATURE_E_KEY with the words (too short: RFC 7518, 3.2); -ENOMEM. */
must_check int signature_key_secret(struct slice secret, struct error *err, struct signature_key **ret_key);
/** A public key in PEM. 0; SIGNATURE_E_KEY with the words (a private one, none, another algorithm's, too small); -ENOMEM. */
must_check int signature_key_public(struct slice pem, struct error *err, struct signature_key **ret_key);
/** NULL is fine. */
void signature_key_free(struct signature_key *k);
enum signature_algorithm signature_key_algorithm(const struct signature_key *k);
/** Is it the key's signature of the data? HMACs are compared in constant time. */
must_check bool signature_is_of(const struct signature_key *k, struct slice data, struct slice signature);

#endif
