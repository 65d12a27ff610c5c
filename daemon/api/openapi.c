/* SPDX-License-Identifier: MIT */
#include "api/openapi.h"

#include "api/access.h"
#include "api/api.h"
#include "api/fresh.h"
#include "api/openapi_document.h"
#include "api/problem.h"
#include "base/digest.h"
#include "etl/exposed.h"

#include <stdio.h>
#include <stdlib.h>

enum { DOCUMENT_MAX = 64 << 20, ETAG_BYTES = 16, ETAG_MAX = 2 * ETAG_BYTES + 3 };

/* One that is kept. */
struct kept {
    uint64_t catalog, derives, exposed; /* their generations */
    const struct config *config;        /* a reference; NULL: nothing is kept */
    struct buf document;
    char etag[ETAG_MAX];
};

struct openapi {
    struct kept kept[2]; /* for those who read everything: who writes nothing, who writes everything */
};

int openapi_new(struct openapi **ret_openapi)
{
    struct openapi *o = calloc(1, sizeof *o);
    if (!o) return -ENOMEM;
    for (int i = 0; i < 2; i++)
        buf_init(&o->kept[i].document, DOCUMENT_MAX);
    *ret_openapi = o;
    return 0;
}

void openapi_free(struct openapi *o)
{
    if (!o) return;
    for (int i = 0; i < 2; i++) {
        config_unref((struct config *)o->kept[i].config);
        buf_done(&o->kept[i].document);
    }
    free(o);
}

/* ---- the route ---- */

static void make_etag(const struct buf *document, char ret_etag[ETAG_MAX])
{
    uint8_t sum[DIGEST_BYTES];
    digest_of(document->data, document->len, sum);
    char *at = ret_etag;
    *at++ = '"';
    for (int i = 0; i < ETAG_BYTES; i++)
        at += snprintf(at, 3, "%02x", sum[i]);
    *at++ = '"';
    *at = '\0';
}

static bool is_fresh(const struct kept *k, const struct api *api)
{
    return k->config && k->config == api->config && k->catalog == catalog_generation(api->catalog) &&
           k->derives == derives_generation(api->derives) && k->exposed == exposed_generation(api->exposed);
}

static int keep(struct kept *k, const struct api *api, const struct http_request *r)
{
    buf_reset(&k->document);
    config_unref((struct config *)k->config);
    k->config = NULL;
    openapi_write(&k->document, api, r);
    int rc = buf_check(&k->document);
    if (rc < 0) return rc;
    k->config = config_ref(api->config);
    k->catalog = catalog_generation(api->catalog);
    k->derives = derives_generation(api->derives);
    k->exposed = exposed_generation(api->exposed);
    make_etag(&k->document, k->etag);
    return 0;
}

/* The one that is kept for such as asks, or NULL: nobody else may see the same. */
static struct kept *kept_for(struct openapi *o, const struct http_request *r)
{
    static const struct slice every = {NULL, 0};
    const struct access_identity *id = access_identity(r);
    bool writes = access_allows(r, ACCESS_WRITE, every);
    if (!id || !access_allows(r, ACCESS_READ, every) || !access_allows(r, ACCESS_REPORT, every)) return NULL;
    return writes || id->who == ACCESS_ANONYMOUS ? &o->kept[writes] : NULL;
}

static void answer(struct http_request *r, const struct buf *document, const char *etag)
{
    struct slice seen = http_request_header(r, "If-None-Match");
    http_header(r, "ETag", etag);
    http_header(r, "Cache-Control", "no-cache, private");
    if (seen.p && fresh_matches(seen, slice_of(etag))) return http_answer(r, 304, NULL, SLICE(""));
    http_answer(r, 200, "application/json", buf_slice(document));
}

void openapi_get(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct kept *k = kept_for(api->openapi, r), own = {0};
    buf_init(&own.document, DOCUMENT_MAX);
    int rc = 0;
    if (!k || !is_fresh(k, api)) rc = keep(k ? k : &own, api, r);
    if (rc == 0)
        answer(r, k ? &k->document : &own.document, k ? k->etag : own.etag);
    else
        problem_internal(r);
    config_unref((struct config *)own.config);
    buf_done(&own.document);
}
