/* SPDX-License-Identifier: MIT */
/*
 * Signed requests to object stores, pure: what goes in decides what comes out, the time among it.
 *
 *     struct sign_request q = {.method = "PUT", .host = "127.0.0.1:9000", .path = "/bucket/key", …};
 *     sign_s3(&keys, &q, &headers)      S3: AWS Signature Version 4
 *     sign_azure(&keys, &q, &headers)   Azure Blob: SharedKey
 *
 * Sources: "Signature Version 4 for API requests" (AWS, S3 API reference); "Authorize with Shared Key" (Microsoft, Azure Storage).
 *
 * Thread: any.
 */
#ifndef CETLD_STORE_SIGN_H
#define CETLD_STORE_SIGN_H

#include "base/buf.h"
#include "base/digest.h"

#include <stdbool.h>
#include <stdint.h>

enum { SIGN_PAIRS_MAX = 16 };

struct sign_pair {
    struct slice name, value;
};

struct sign_request {
    const char *method;
    const char *host;               /* as the header Host has it */
    const char *path;               /* escaped, begins with / */
    const struct sign_pair *query;  /* not escaped */
    size_t n_query;                 /* at most SIGN_PAIRS_MAX */
    const struct sign_pair *header; /* those that the request has beside Host: names in lower case */
    size_t n_header;
    struct slice body;
    const char *payload; /* its SHA-256 in hex; NULL: found out here, which takes its time for a large one */
    int64_t now_s;       /* since 1970 */
};

struct sign_keys {
    struct slice id;     /* S3: of the key; Azure: the account */
    struct slice secret; /* S3: as it is; Azure: in base 64 */
    struct slice region; /* S3 */
};

/** The query as it goes behind the '?', sorted and escaped; nothing where there is none. */
void sign_query(struct buf *out, const struct sign_pair *query, size_t n);

enum { SIGN_E_KEY = 1 };

/** Appends Host and the request's headers, as the two below, and no signature. */
void sign_nothing(const struct sign_request *q, struct buf *ret_headers);
/** Appends the request's headers, each with its NUL: those of `q`, then x-amz-date, x-amz-content-sha256 and Authorization. 0 or
 * negative. */
must_check int sign_s3(const struct sign_keys *keys, const struct sign_request *q, struct buf *ret_headers);
/** As above: x-ms-date, x-ms-version and Authorization. SIGN_E_KEY: the secret is not base 64. An empty secret signs nothing (for
 * SAS). */
must_check int sign_azure(const struct sign_keys *keys, const struct sign_request *q, struct buf *ret_headers);

/*
 * Presigned URLs: whoever has one may do just that for `seconds`, and nothing else. Both append the query that goes behind the '?',
 * with the signature; q->query is signed, too, and q's headers and body are not. At most 5 pairs of one's own.
 *
 * Sources: "Authenticating Requests: Using Query Parameters" (AWS, S3 API reference); "Create a service SAS" (Microsoft, Azure
 * Storage), of the version below.
 */
must_check int sign_s3_query(const struct sign_keys *keys, const struct sign_request *q, int64_t seconds, struct buf *ret_query);

/** What a service SAS of Azure's lets somebody do: read one blob. */
struct sign_blob {
    struct slice container, key; /* not escaped */
    const char *disposition;     /* the answer's Content-Disposition; or NULL */
    const char *type;            /* its Content-Type; or NULL */
    bool https;                  /* by https alone */
    int64_t until_s;             /* since 1970 */
};
/** SIGN_E_KEY as above. */
must_check int sign_azure_query(const struct sign_keys *keys, const struct sign_blob *blob, struct buf *ret_query);

#endif
