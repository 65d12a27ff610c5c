/* SPDX-License-Identifier: MIT */
#include "new_token.h"

#include "base/base64url.h"
#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Nothing of so many random bits can be guessed, so one round of SHA-256 hides it well enough. */
enum { RANDOM_BYTES = 32 };
#define PREFIX "cetl_"

int new_token(void)
{
    uint8_t bytes[RANDOM_BYTES], sum[DIGEST_BYTES];
    char token[sizeof PREFIX + BASE64URL_LEN(RANDOM_BYTES)] = PREFIX, hex[DIGEST_HEX];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
        fprintf(stderr, "cetld: no random numbers: %s\n", error_name(-errno));
        return EXIT_FAILURE;
    }
    base64url_encode(bytes, sizeof bytes, token + strlen(PREFIX));
    digest_of(token, strlen(token), sum);
    digest_hex(sum, hex);
    printf("token   %s\nsha256  %s\n", token, hex);
    fputs("\nThe token is for whoever uses it and is kept nowhere; the hash is for the daemon. For example:\n"
          "    echo HASH > /etc/cetl/ci.sha256       (readable for the daemon only, or by LoadCredential=)\n"
          "    [token ci]\n"
          "    hash_file = /etc/cetl/ci.sha256\n"
          "    allow = orders: read write, ingest\n"
          "Then reload the daemon, and: curl -H 'Authorization: Bearer TOKEN' …\n",
          stderr);
    return EXIT_SUCCESS;
}
