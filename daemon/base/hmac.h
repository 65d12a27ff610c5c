/* SPDX-License-Identifier: MIT */
/*
 * HMAC with SHA-256 (FIPS 198-1), and base 64 with padding (RFC 4648, 4), both by OpenSSL: what signed requests are made of.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_HMAC_H
#define CETLD_BASE_HMAC_H

#include "base/digest.h"
#include "base/slice.h"

void hmac_sha256(struct slice key, struct slice data, uint8_t ret_sum[DIGEST_BYTES]);

/** The characters that n bytes become, with a NUL; and at most the bytes that n characters become. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
#define BASE64_BYTES(n) ((n) / 4 * 3)
/** Terminated; n is below 1 GiB. */
void base64_encode(const void *p, size_t n, char *ret_text);
/** ret_bytes has BASE64_BYTES(text.len). False: it is not that. */
must_check bool base64_decode(struct slice text, uint8_t *ret_bytes, size_t *ret_n);

#endif
