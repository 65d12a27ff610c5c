/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { READ_BYTES = 256 * 1024 };

int digest_init(struct digest *d)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (!md) return -ENOMEM;
    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(md);
        return -ENOTSUP;
    }
    d->md = md;
    return 0;
}

void digest_done(struct digest *d)
{
    if (!d) return;
    EVP_MD_CTX_free(d->md);
    d->md = NULL;
}

/* Once begun, SHA-256 in memory has no way to fail. A wrong sum would break exactly-once silently, so it is not left to NDEBUG. */
static void must(int ok)
{
    if (ok != 1) abort();
}

void digest_update(struct digest *d, const void *p, size_t n)
{
    must(EVP_DigestUpdate(d->md, p, n));
}

void digest_final(struct digest *d, uint8_t ret_sum[DIGEST_BYTES])
{
    must(EVP_DigestFinal_ex(d->md, ret_sum, NULL));
    must(EVP_DigestInit_ex(d->md, NULL, NULL));
}

void digest_of(const void *p, size_t n, uint8_t ret_sum[DIGEST_BYTES])
{
    must(EVP_Digest(p, n, ret_sum, NULL, EVP_sha256(), NULL));
}

int digest_of_file(int fd, uint8_t ret_sum[DIGEST_BYTES])
{
    cleanup_free char *memory = malloc(READ_BYTES);
    struct digest d;
    int r = memory ? digest_init(&d) : -ENOMEM;
    if (r < 0) return r;
    ssize_t n;
    for (off_t at = 0; (n = fs_pread_full(fd, memory, READ_BYTES, at)) > 0; at += n)
        digest_update(&d, memory, (size_t)n);
    if (n == 0) digest_final(&d, ret_sum);
    digest_done(&d);
    return (int)n;
}

bool digest_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES])
{
    return CRYPTO_memcmp(a, b, DIGEST_BYTES) == 0;
}

void digest_hex(const uint8_t sum[DIGEST_BYTES], char ret_hex[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST_BYTES; i++) {
        ret_hex[2 * i] = digits[sum[i] >> 4];
        ret_hex[2 * i + 1] = digits[sum[i] & 15];
    }
    ret_hex[DIGEST_HEX - 1] = '\0';
}
