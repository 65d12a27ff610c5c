/* SPDX-License-Identifier: MIT */
#include "base/secret_token.h"

#include "base/base64url.h"

#include <string.h>
#include <sys/random.h>

enum { RANDOM_BYTES = 32 };
#define PREFIX "cetl_"
_Static_assert(sizeof PREFIX + BASE64URL_LEN(RANDOM_BYTES) <= SECRET_TOKEN_MAX, "a token fits");

int secret_token_make(struct secret_token *ret_token)
{
    uint8_t bytes[RANDOM_BYTES], sum[DIGEST_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return -errno;
    *ret_token = (struct secret_token){.text = PREFIX};
    base64url_encode(bytes, sizeof bytes, ret_token->text + strlen(PREFIX));
    digest_of(ret_token->text, strlen(ret_token->text), sum);
    digest_hex(sum, ret_token->sha256);
    return 0;
}
