/* SPDX-License-Identifier: MIT */
#include "new_token.h"

#include "base/secret_token.h"

#include <stdio.h>
#include <stdlib.h>

int new_token(void)
{
    struct secret_token token;
    int r = secret_token_make(&token);
    if (r < 0) {
        fprintf(stderr, "cetld: no random numbers: %s\n", error_name(r));
        return EXIT_FAILURE;
    }
    printf("token   %s\nsha256  %s\n", token.text, token.sha256);
    fputs("\nThe token is for whoever uses it and is kept nowhere; the hash is for the daemon. For example:\n"
          "    echo HASH > /etc/cetl/ci.sha256       (readable for the daemon only, or by LoadCredential=)\n"
          "    [token ci]\n"
          "    hash_file = /etc/cetl/ci.sha256\n"
          "    allow = orders: read write, ingest\n"
          "Then reload the daemon, and: curl -H 'Authorization: Bearer TOKEN' …\n",
          stderr);
    return EXIT_SUCCESS;
}
