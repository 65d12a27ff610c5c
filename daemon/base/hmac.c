/* SPDX-License-Identifier: MIT */
#include "base/hmac.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

void hmac_sha256(struct slice key, struct slice data, uint8_t ret_sum[DIGEST_BYTES])
{
    unsigned len = 0;
    const unsigned char *p =
        HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.len, (const unsigned char *)data.p, data.len, ret_sum, &len);
    if (!p || len != DIGEST_BYTES) abort(); /* in memory it has no way to fail */
}

void base64_encode(const void *p, size_t n, char *ret_text)
{
    EVP_EncodeBlock((unsigned char *)ret_text, p, (int)n);
}

bool base64_decode(struct slice text, uint8_t *ret_bytes, size_t *ret_n)
{
    if (text.len == 0 || text.len % 4 != 0 || text.len > INT_MAX / 2) return false;
    size_t padding = 0;
    while (padding < 2 && text.p[text.len - 1 - padding] == '=')
        padding++;
    if (memchr(text.p, '=', text.len - padding)) return false;
    int n = EVP_DecodeBlock(ret_bytes, (const unsigned char *)text.p, (int)text.len);
    if (n < 0) return false;
    *ret_n = (size_t)n - padding;
    return true;
}
