/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/num.h"
#include "store/escape.h"
#include "store/store_private.h"
#include "store/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 500, PAUSE_MAX_MS = 10000, ASKED_MAX_S = 60, URL_MAX = 16 * 1024, HEADERS_MAX = 32 * 1024, WORDS_MAX = 300 };

static void try(struct store_call *c);
static int try_now(struct store_call *c);

static bool may_get_better(const struct transfer_answer *a)
{
    if (a->status != 0) return a->status == ERROR_CLOSED;
    return a->code == 408 || a->code == 429 || (a->code >= 500 && a->code != 501 && a->code != 505);
}

static int64_t pause_ms(const struct store_call *c, const struct transfer_answer *a)
{
    int64_t asked_s = transfer_retry_after_s(a), ms = PAUSE_MS;
    if (asked_s >= 0) return (asked_s < ASKED_MAX_S ? asked_s : ASKED_MAX_S) * 1000;
    for (unsigned i = 1; i < c->tries && ms < PAUSE_MAX_MS; i++)
        ms *= 2;
    uint16_t chance = 0;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) < 0) chance = 0;
    return ms / 2 + ms * chance / UINT16_MAX; /* 50 to 150 % */
}

/* What the store says of itself: <Code> and <Message>, of S3 and Azure alike. */
static void put_words(char *text, size_t size, const struct transfer_answer *a)
{
    struct buf b;
    buf_init(&b, 4096);
    struct slice code = xml_find(a->body, "Code"), message = xml_find(a->body, "Message");
    char words[WORDS_MAX], shown_code[64];
    xml_decode(&b, (struct slice){message.p, message.len < 1024 ? message.len : 1024});
    struct slice rest = slice_trim(buf_slice(&b)), line = slice_cut(&rest, '\n'); /* Azure's next lines: request and time */
    log_escape(slice_trim(line), words, sizeof words);
    log_escape(code, shown_code, sizeof shown_code);
    struct slice header = transfer_header(a, "x-ms-error-code");
    if (!code.p && header.p) log_escape(header, shown_code, sizeof shown_code);
    bool said = code.p || header.p;
    snprintf(text, size, "HTTP %d%s%s%s%s", a->code, said ? ", " : "", said ? shown_code : "", words[0] ? ": " : "", words);
    buf_done(&b);
}

static int status_of(const struct transfer_answer *a)
{
    if (a->status == ERROR_REFUSED) return STORE_E_REFUSED;
    if (a->status != 0) return a->status;
    if (a->code >= 200 && a->code <= 299) return 0;
    if (a->code == 404) return STORE_E_MISSING;
    return may_get_better(a) ? ERROR_CLOSED : STORE_E_REFUSED;
}

static void on_answer(void *ctx, const struct transfer_answer *a)
{
    struct store_call *c = ctx;
    c->transfer = NULL;
    unsigned most = c->store->config.tries ? c->store->config.tries : STORE_TRIES;
    if (may_get_better(a) && c->tries < most) return timer_start(c->timer, pause_ms(c, a));
    char why[STORE_WHY_MAX] = "";
    struct store_reply r = {.status = status_of(a), .why = why, .answer = a};
    if (a->status != 0) {
        snprintf(why, sizeof why, "%s: %s", c->store->host, a->why);
    } else if (r.status != 0) {
        put_words(why, sizeof why, a);
    }
    c->done(c->ctx, &r);
}

static void on_pause_over(void *ctx)
{
    struct store_call *c = ctx;
    try(c);
}

static void try(struct store_call *c)
{
    int r = try_now(c);
    if (r == 0) return;
    c->done(c->ctx, &(struct store_reply){.status = r, .why = r > 0 ? "the secret is no key in base 64" : error_name(r)});
}

static int sign(const struct store_call *c, const struct sign_request *q, struct buf *ret_headers)
{
    const struct store_config *f = &c->store->config;
    bool keyed = c->store->n_sas == 0 && f->secret;
    struct sign_keys keys = {.id = slice_of(c->store->kind == STORE_AZURE ? c->store->account : f->key_id),
                             .secret = keyed ? slice_of(f->secret) : (struct slice){NULL, 0},
                             .region = slice_of(f->region)};
    if (c->store->kind == STORE_AZURE) return sign_azure(&keys, q, ret_headers);
    if (keyed && f->key_id) return sign_s3(&keys, q, ret_headers);
    sign_nothing(q, ret_headers);
    return buf_check(ret_headers);
}

static int start(struct store_call *c, const char *url, struct slice headers)
{
    const char *header[TRANSFER_HEADERS_MAX];
    size_t n = 0;
    for (const char *p = headers.p, *end = headers.p + headers.len; p < end && n < TRANSFER_HEADERS_MAX; p += strlen(p) + 1)
        header[n++] = p;
    if (c->into && (ftruncate(*c->into, 0) < 0 || lseek(*c->into, 0, SEEK_SET) < 0)) return -errno;
    struct transfer_request t = {.method = c->method,
                                 .url = url,
                                 .header = header,
                                 .headers = n,
                                 .body = c->body,
                                 .answer_max = c->answer_max,
                                 .into = c->into,
                                 .min_free = c->min_free,
                                 .ca_file = c->store->config.ca_file,
                                 .stall_ms = c->store->config.stall_ms,
                                 .done = on_answer,
                                 .ctx = c};
    return transfer_start(c->store->config.transfers, &t, &c->transfer);
}

void store_path(const struct store *s, struct slice key, struct buf *out)
{
    buf_puts(out, s->root);
    if (key.len > 0) buf_putc(out, '/');
    escape_path(out, key);
    if (out->len == 0) buf_putc(out, '/');
}

/* A signature holds for some minutes only: each try has its own. */
static int try_now(struct store_call *c)
{
    struct store *s = c->store;
    c->tries++;
    struct buf path, url, headers;
    buf_init(&path, URL_MAX);
    buf_init(&url, URL_MAX);
    buf_init(&headers, HEADERS_MAX);
    store_path(s, c->key, &path);
    struct sign_pair query[SIGN_PAIRS_MAX];
    memcpy(query, c->query, c->n_query * sizeof *query);
    memcpy(query + c->n_query, s->sas, s->n_sas * sizeof *query);
    struct sign_request q = {.method = c->method,
                             .host = s->host,
                             .path = buf_cstr(&path),
                             .query = query,
                             .n_query = c->n_query + s->n_sas,
                             .header = c->header,
                             .n_header = c->n_header,
                             .body = c->body,
                             .payload = c->payload,
                             .now_s = time(NULL)};
    int r = buf_check(&path);
    if (r == 0) {
        buf_puts(&url, s->base);
        buf_put(&url, buf_slice(&path));
        if (q.n_query > 0) buf_putc(&url, '?');
        sign_query(&url, q.query, q.n_query);
        r = buf_check(&url);
    }
    if (r == 0) r = sign(c, &q, &headers);
    if (r == 0) r = start(c, buf_cstr(&url), buf_slice(&headers));
    buf_done(&path);
    buf_done(&url);
    buf_done(&headers);
    return r == SIGN_E_KEY ? STORE_E_REFUSED : r;
}

int store_call_send(struct store_call *c)
{
    int r = c->timer ? 0 : timer_new(c->store->config.loop, on_pause_over, c, &c->timer);
    if (r < 0) return r;
    c->tries = 0;
    timer_start(c->timer, 0); /* `done` comes later whatever happens */
    return 0;
}

void store_call_stop(struct store_call *c)
{
    transfer_cancel(c->transfer);
    timer_free(c->timer);
    c->transfer = NULL;
    c->timer = NULL;
}
