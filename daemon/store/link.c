/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "store/store_private.h"

enum { PATH_BYTES = 16 * 1024 };

/* What is saved by a browser is a file, and never shown as a page of the store's. */
static const char type[] = "application/octet-stream";

static int sign_link(const struct store *s, const struct store_link *l, const char *path, struct buf *out)
{
    const struct store_config *f = &s->config;
    int64_t now_s = clock_real_us() / 1000000;
    struct sign_keys keys = {.id = slice_of(s->kind == STORE_AZURE ? s->account : f->key_id),
                             .secret = slice_of(f->secret),
                             .region = slice_of(f->region)};
    if (s->kind == STORE_AZURE) {
        struct sign_blob blob = {.container = slice_of(s->name),
                                 .key = l->key,
                                 .disposition = l->disposition,
                                 .type = type,
                                 .https = slice_starts(slice_of(s->base), SLICE("https:")),
                                 .until_s = now_s + l->seconds};
        return sign_azure_query(&keys, &blob, out);
    }
    struct sign_pair query[2] = {{SLICE("response-content-type"), slice_of(type)}};
    size_t n = 1;
    if (l->disposition) query[n++] = (struct sign_pair){SLICE("response-content-disposition"), slice_of(l->disposition)};
    struct sign_request q = {.method = "GET", .host = s->host, .path = path, .query = query, .n_query = n, .now_s = now_s};
    return sign_s3_query(&keys, &q, l->seconds, out);
}

int store_link(const struct store *s, const struct store_link *l, struct error *err, struct buf *ret_url)
{
    if (s->kind == STORE_FOLDER) return error_set(err, STORE_E_REFUSED, "a folder has no link");
    if (s->n_sas > 0)
        return error_set(
            err, STORE_E_REFUSED,
            "its [store] has a shared access signature, which would be given away with a link; with a key of the account "
            "a link can be signed");
    bool keyed = s->config.secret && (s->kind == STORE_AZURE || s->config.key_id);
    struct buf path;
    buf_init(&path, PATH_BYTES);
    store_path(s, l->key, &path);
    int r = buf_check(&path);
    if (r == 0) {
        buf_puts(ret_url, s->base);
        buf_put(ret_url, buf_slice(&path));
        if (keyed) buf_putc(ret_url, '?');
        r = keyed ? sign_link(s, l, buf_cstr(&path), ret_url) : buf_check(ret_url);
    }
    buf_done(&path);
    return r > 0 ? error_set(err, STORE_E_REFUSED, "the secret is no key in base 64") : r;
}
