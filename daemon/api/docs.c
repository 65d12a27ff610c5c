/* SPDX-License-Identifier: MIT */
#include "api/docs.h"

#include "api/fresh.h"
#include "api/web.h"
#include "base/digest.h"

#include <stdio.h>

enum { ETAG_MAX = 2 * DIGEST_BYTES + 3 };

static void answer(struct http_request *r, const struct web_file *file)
{
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX], etag[ETAG_MAX];
    digest_of(file->bytes.p, file->bytes.len, sum);
    digest_hex(sum, hex);
    snprintf(etag, sizeof etag, "\"%s\"", hex);
    http_header(r, "ETag", etag);
    http_header(r, "Cache-Control", "no-cache");
    http_header(r, "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'");
    http_header(r, "Referrer-Policy", "no-referrer");
    struct slice seen = http_request_header(r, "If-None-Match");
    if (seen.p && fresh_matches(seen, slice_of(etag))) return http_answer(r, 304, NULL, SLICE(""));
    http_answer(r, 200, file->media_type, file->bytes);
}

void docs_get(struct http_request *r)
{
    answer(r, web_file(SLICE("docs.html")));
}

void docs_file(struct http_request *r)
{
    const struct web_file *file = web_file(http_request_capture(r, "file"));
    if (file) return answer(r, file);
    http_problem(r, &(struct http_problem){.status = 404, .message = "there is no such file", .hint = "GET /docs"});
}
