/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 (FIPS 180-4) by OpenSSL, fed in pieces.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_BASE_DIGEST_H
#define CETLD_BASE_DIGEST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 65 };

struct digest {
    void *md; /* EVP_MD_CTX */
};

must_check int digest_init(struct digest *d);
void digest_done(struct digest *d);
void digest_update(struct digest *d, const void *p, size_t n);
/** The digest of all that was fed; d is as after digest_init. */
void digest_final(struct digest *d, uint8_t ret_sum[DIGEST_BYTES]);
/** Of bytes that are all there. */
void digest_of(const void *p, size_t n, uint8_t ret_sum[DIGEST_BYTES]);
/** Of a file, from its beginning. 0 or -errno; -ENOMEM. */
must_check int digest_of_file(int fd, uint8_t ret_sum[DIGEST_BYTES]);
/** Equal? In a time that does not tell where they differ. */
bool digest_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES]);
/** Lower-case hex, terminated. */
void digest_hex(const uint8_t sum[DIGEST_BYTES], char ret_hex[DIGEST_HEX]);

#endif
