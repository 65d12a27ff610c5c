/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include "base/hmac.h"
#include "base/log.h"
#include "store/escape.h"
#include "store/store_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXTS_MAX = 16 * 1024, SHOWN_MAX = 256 };

/* ---- URLs ---- */

static const struct {
    const char *scheme;
    enum store_kind kind;
} schemes[] = {{"s3://", STORE_S3}, {"azure://", STORE_AZURE}, {"file:///", STORE_FOLDER}};

static bool scheme_of(struct slice url, enum store_kind *ret_kind, struct slice *ret_rest)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!slice_starts(url, slice_of(schemes[i].scheme))) continue;
        size_t n = strlen(schemes[i].scheme) - (schemes[i].kind == STORE_FOLDER ? 1 : 0);
        *ret_kind = schemes[i].kind;
        *ret_rest = (struct slice){url.p + n, url.len - n};
        return true;
    }
    return false;
}

bool store_is_url(struct slice url)
{
    enum store_kind kind;
    struct slice rest;
    return scheme_of(url, &kind, &rest);
}

struct slice store_url_key(struct slice url)
{
    enum store_kind kind;
    struct slice rest;
    if (!scheme_of(url, &kind, &rest) || kind == STORE_FOLDER) return (struct slice){"", 0};
    if (kind == STORE_AZURE) slice_cut(&rest, '/');
    if (rest.p) slice_cut(&rest, '/');
    return rest.p ? rest : (struct slice){"", 0};
}

/* What may stand in a host's name without an escape: a bucket or account is part of it. */
static bool is_name(struct slice s)
{
    if (s.len == 0 || s.len > 255 || s.p[0] == '.' || s.p[0] == '-') return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

/* ---- making one ---- */

static char *copy(struct slice s)
{
    return strndup(s.p ? s.p : "", s.len);
}

static char *joined(const char *format, ...) printf_like(1, 2);
static char *joined(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) text = NULL;
    va_end(args);
    return text;
}

/* https://host[:port][/path] → base, host and the path without a slash at its end. */
static int take_endpoint(struct store *s, const char *endpoint, struct error *err, char **ret_path)
{
    struct slice url = slice_of(endpoint);
    bool https = slice_starts(url, SLICE("https://"));
    if (!https && !slice_starts(url, SLICE("http://")))
        return error_set(err, STORE_E_REFUSED, "the endpoint %s does not begin with https:// or http://", endpoint);
    size_t scheme = https ? 8 : 7;
    struct slice rest = {url.p + scheme, url.len - scheme};
    struct slice path = rest, host = slice_cut(&path, '/');
    if (host.len == 0 || memchr(host.p, '@', host.len) || memchr(rest.p, '?', rest.len))
        return error_set(err, STORE_E_REFUSED, "the endpoint %s is no https://HOST[:PORT]", endpoint);
    while (path.len > 0 && path.p[path.len - 1] == '/')
        path.len--;
    s->base = copy((struct slice){url.p, scheme + host.len});
    /* libcurl leaves the usual port out of the header, and so does the signature. */
    struct slice usual = https ? SLICE(":443") : SLICE(":80");
    if (slice_ends(host, usual)) host.len -= usual.len;
    s->host = copy(host);
    *ret_path = path.len > 0 ? joined("/" SLICE_FMT, SLICE_ARG(path)) : strdup("");
    return s->base && s->host && *ret_path ? 0 : -ENOMEM;
}

static int set_up_s3(struct store *s, struct slice rest, struct error *err)
{
    struct slice bucket = slice_cut(&rest, '/');
    if (!is_name(bucket)) return error_set(err, STORE_E_REFUSED, "s3://BUCKET/… was expected, with the name of a bucket");
    if (s->config.secret && !s->config.key_id)
        return error_set(err, STORE_E_REFUSED, "there is a secret, but not the id of the key that it belongs to (key_id)");
    s->name = copy(bucket);
    if (!s->name) return -ENOMEM;
    char *path = NULL;
    int r;
    /* A certificate for *.s3… holds for names without a dot only. */
    bool by_host = !s->config.endpoint && !strchr(s->name, '.');
    char *made = s->config.endpoint ? strdup(s->config.endpoint)
                 : by_host          ? joined("https://%s.s3.%s.amazonaws.com", s->name, s->config.region)
                                    : joined("https://s3.%s.amazonaws.com", s->config.region);
    r = made ? take_endpoint(s, made, err, &path) : -ENOMEM;
    if (r == 0) s->root = by_host ? strdup("") : joined("%s/%s", path, s->name);
    if (r == 0 && !s->root) r = -ENOMEM;
    free(path);
    free(made);
    return r;
}

/* sv=…&ss=…&sig=…, with or without the '?' before it: pairs of every request's query. */
static int take_sas(struct store *s, struct error *err)
{
    struct slice rest = slice_of(s->config.secret);
    if (slice_starts(rest, SLICE("?"))) rest = (struct slice){rest.p + 1, rest.len - 1};
    buf_init(&s->texts, TEXTS_MAX);
    if (!buf_reserve(&s->texts, rest.len)) return -ENOMEM; /* so that it stays where it is */
    while (rest.p) {
        struct slice value = slice_cut(&rest, '&'), name = slice_cut(&value, '=');
        if (name.len == 0) continue;
        if (s->n_sas == STORE_SAS_MAX) return error_set(err, STORE_E_REFUSED, "the shared access signature has too many parts");
        size_t at = s->texts.len;
        escape_undo(&s->texts, value);
        s->sas[s->n_sas++] = (struct sign_pair){name, {s->texts.data + at, s->texts.len - at}};
    }
    return buf_check(&s->texts);
}

static int set_up_azure(struct store *s, struct slice rest, struct error *err)
{
    struct slice account = slice_cut(&rest, '/'), container = rest.p ? slice_cut(&rest, '/') : (struct slice){"", 0};
    if (!is_name(account) || !is_name(container))
        return error_set(err, STORE_E_REFUSED, "azure://ACCOUNT/CONTAINER/… was expected, with the names of both");
    s->account = copy(account);
    s->name = copy(container);
    if (!s->account || !s->name) return -ENOMEM;
    const char *secret = s->config.secret;
    if (secret && strstr(secret, "sig=")) {
        int r = take_sas(s, err);
        if (r != 0) return r;
    } else if (secret) {
        uint8_t *key = malloc(BASE64_BYTES(strlen(secret)) + 4);
        size_t n;
        bool sound = key && base64_decode(slice_of(secret), key, &n) && n <= 256;
        free(key);
        if (!sound)
            return error_set(err, STORE_E_REFUSED,
                             "the secret is neither an account's key in base 64 nor a shared access signature (sv=…&sig=…)");
    }
    char *path = NULL,
         *made = s->config.endpoint ? strdup(s->config.endpoint) : joined("https://%s.blob.core.windows.net", s->account);
    int r = made ? take_endpoint(s, made, err, &path) : -ENOMEM;
    if (r == 0) s->root = joined("%s/%s", path, s->name);
    if (r == 0 && !s->root) r = -ENOMEM;
    free(path);
    free(made);
    return r;
}

static int set_up(struct store *s, const char *url, struct error *err)
{
    struct slice rest;
    if (!scheme_of(slice_of(url), &s->kind, &rest))
        return error_set(err, STORE_E_REFUSED, "%s is no s3://BUCKET/…, azure://ACCOUNT/CONTAINER/… or file:///FOLDER", url);
    if (s->kind == STORE_S3) return set_up_s3(s, rest, err);
    if (s->kind == STORE_AZURE) return set_up_azure(s, rest, err);
    s->root = copy(rest);
    s->name = strdup("");
    s->host = strdup("the folder");
    return s->root && s->name && s->host ? 0 : -ENOMEM;
}

static int copy_text(const char **text, const char *otherwise)
{
    const char *from = *text && **text ? *text : otherwise;
    *text = from ? strdup(from) : NULL;
    return from && !*text ? -ENOMEM : 0;
}

int store_new(const struct store_config *config, struct error *err, struct store **ret_store)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->config = *config;
    list_init(&s->ops);
    s->config.url = NULL;
    int r = copy_text(&s->config.endpoint, NULL);
    int r2 = copy_text(&s->config.region, "us-east-1"), r3 = copy_text(&s->config.key_id, NULL);
    int r4 = copy_text(&s->config.secret, NULL), r5 = copy_text(&s->config.ca_file, NULL);
    r = r | r2 | r3 | r4 | r5 ? -ENOMEM : set_up(s, config->url, err);
    if (r != 0) {
        store_free(s);
        return r;
    }
    *ret_store = s;
    return 0;
}

void store_free(struct store *s)
{
    if (!s) return;
    for (list_each(l, next, &s->ops))
        store_cancel(container_of(l, struct store_op, link));
    free((char *)s->config.endpoint);
    free((char *)s->config.region);
    free((char *)s->config.key_id);
    free((char *)s->config.secret);
    free((char *)s->config.ca_file);
    buf_done(&s->texts);
    free(s->base);
    free(s->host);
    free(s->root);
    free(s->name);
    free(s->account);
    free(s);
}

/* ---- operations ---- */

void store_op_init(struct store_op *op, struct store *s, void (*free_op)(struct store_op *op))
{
    op->store = s;
    op->call.store = s;
    op->call.ctx = op;
    op->free = free_op;
    list_append(&s->ops, &op->link);
}

void store_op_end(struct store_op *op)
{
    list_remove(&op->link);
    store_call_stop(&op->call);
    op->store = NULL;
    if (op->working) {
        op->gone = true;
    } else {
        op->free(op);
    }
}

void store_cancel(struct store_op *op)
{
    if (op) store_op_end(op);
}

void store_op_work(struct store_op *op, void (*run)(struct worker_job *job), void (*done)(struct worker_job *job))
{
    op->job = (struct worker_job){.run = run, .done = done, .priority = WORKER_NORMAL};
    op->working = true;
    workers_submit(op->store->config.workers, &op->job);
}

bool store_op_worked(struct store_op *op)
{
    bool gone = op->gone;
    op->working = false;
    if (gone) op->free(op);
    return !gone;
}

/* ---- results ---- */

const char *store_sum_header(const struct store *s)
{
    return s->kind == STORE_AZURE ? "x-ms-meta-sha256" : "x-amz-meta-sha256";
}

void store_result_of(const struct store *s, const struct store_reply *r, struct store_result *ret_result)
{
    *ret_result = (struct store_result){.status = r->status, .why = r->why};
    if (!r->answer || r->status != 0) return;
    struct slice etag = transfer_header(r->answer, "etag"), sum = transfer_header(r->answer, store_sum_header(s));
    if (etag.len >= 2 && etag.p[0] == '"') etag = (struct slice){etag.p + 1, etag.len - 2};
    ret_result->etag = etag;
    ret_result->modified = transfer_header(r->answer, "last-modified");
    ret_result->bytes = r->answer->bytes;
    if (sum.len == DIGEST_HEX - 1) snprintf(ret_result->sum, sizeof ret_result->sum, SLICE_FMT, SLICE_ARG(sum));
}
