/* SPDX-License-Identifier: MIT */
#include "store/sign.h"

#include "base/hmac.h"
#include "store/escape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_MAX = 64 * 1024 };

struct pairs {
    const struct sign_pair *item[SIGN_PAIRS_MAX];
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    const struct sign_pair *const *x = a, *const *y = b;
    int r = slice_compare((*x)->name, (*y)->name);
    return r ? r : slice_compare((*x)->value, (*y)->value);
}

/* Those whose name begins so, sorted by name. */
static struct pairs sorted(const struct sign_pair *pair, size_t n, const char *prefix)
{
    struct pairs p = {.n = 0};
    for (size_t i = 0; i < n && p.n < SIGN_PAIRS_MAX; i++)
        if (slice_starts(pair[i].name, slice_of(prefix))) p.item[p.n++] = &pair[i];
    qsort(p.item, p.n, sizeof *p.item, by_name);
    return p;
}

static struct slice header(const struct sign_request *q, const char *name)
{
    for (size_t i = 0; i < q->n_header; i++)
        if (slice_equal(q->header[i].name, slice_of(name))) return q->header[i].value;
    return (struct slice){"", 0};
}

static void put_header(struct buf *out, struct slice name, struct slice value)
{
    buf_put(out, name);
    buf_puts(out, ": ");
    buf_put(out, value);
    buf_putc(out, '\0');
}

void sign_nothing(const struct sign_request *q, struct buf *ret_headers)
{
    put_header(ret_headers, SLICE("Host"), slice_of(q->host));
    for (size_t i = 0; i < q->n_header; i++)
        put_header(ret_headers, q->header[i].name, q->header[i].value);
}

void sign_query(struct buf *out, const struct sign_pair *query, size_t n)
{
    struct pairs p = sorted(query, n, "");
    for (size_t i = 0; i < p.n; i++) {
        if (i > 0) buf_putc(out, '&');
        escape_text(out, p.item[i]->name);
        buf_putc(out, '=');
        escape_text(out, p.item[i]->value);
    }
}

/* ---- S3 ---- */

struct s3_signing {
    char stamp[24], day[12];
    char payload[DIGEST_HEX]; /* or "UNSIGNED-PAYLOAD" */
    struct sign_pair all[SIGN_PAIRS_MAX + 3];
    struct pairs signed_headers;
};

static void put_names(struct buf *out, const struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (i > 0) buf_putc(out, ';');
        buf_put(out, p->item[i]->name);
    }
}

static void s3_date(const struct sign_request *q, struct s3_signing *s)
{
    struct tm tm;
    time_t now = (time_t)q->now_s;
    gmtime_r(&now, &tm);
    strftime(s->stamp, sizeof s->stamp, "%Y%m%dT%H%M%SZ", &tm);
    strftime(s->day, sizeof s->day, "%Y%m%d", &tm);
}

/* host and what begins with x-amz- is signed. */
static void s3_prepare(const struct sign_request *q, struct s3_signing *s)
{
    s3_date(q, s);
    uint8_t sum[DIGEST_BYTES];
    if (q->payload) {
        snprintf(s->payload, sizeof s->payload, "%s", q->payload);
    } else {
        digest_of(q->body.p ? q->body.p : "", q->body.len, sum);
        digest_hex(sum, s->payload);
    }
    size_t n = 0;
    s->all[n++] = (struct sign_pair){SLICE("host"), slice_of(q->host)};
    s->all[n++] = (struct sign_pair){SLICE("x-amz-content-sha256"), slice_of(s->payload)};
    s->all[n++] = (struct sign_pair){SLICE("x-amz-date"), slice_of(s->stamp)};
    for (size_t i = 0; i < q->n_header && n < SIGN_PAIRS_MAX; i++)
        if (slice_starts(q->header[i].name, SLICE("x-amz-"))) s->all[n++] = q->header[i];
    s->signed_headers = sorted(s->all, n, "");
}

static void s3_canonical(const struct sign_request *q, const struct s3_signing *s, struct buf *out)
{
    buf_printf(out, "%s\n%s\n", q->method, q->path);
    sign_query(out, q->query, q->n_query);
    buf_putc(out, '\n');
    for (size_t i = 0; i < s->signed_headers.n; i++) {
        buf_put(out, s->signed_headers.item[i]->name);
        buf_putc(out, ':');
        buf_put(out, slice_trim(s->signed_headers.item[i]->value));
        buf_putc(out, '\n');
    }
    buf_putc(out, '\n');
    put_names(out, &s->signed_headers);
    buf_printf(out, "\n%s", s->payload);
}

static struct slice sum_slice(const uint8_t sum[DIGEST_BYTES])
{
    return (struct slice){(const char *)sum, DIGEST_BYTES};
}

static void s3_signature(const struct sign_keys *keys, const struct s3_signing *s, struct slice canonical, char ret_hex[DIGEST_HEX])
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest_of(canonical.p, canonical.len, sum);
    digest_hex(sum, hex);
    buf_printf(&text, "AWS4" SLICE_FMT, SLICE_ARG(keys->secret));
    hmac_sha256(buf_slice(&text), slice_of(s->day), sum);
    hmac_sha256(sum_slice(sum), keys->region, sum);
    hmac_sha256(sum_slice(sum), SLICE("s3"), sum);
    hmac_sha256(sum_slice(sum), SLICE("aws4_request"), sum);
    buf_reset(&text);
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s/" SLICE_FMT "/s3/aws4_request\n%s", s->stamp, s->day, SLICE_ARG(keys->region), hex);
    hmac_sha256(sum_slice(sum), buf_slice(&text), sum);
    digest_hex(sum, ret_hex);
    buf_done(&text);
}

int sign_s3(const struct sign_keys *keys, const struct sign_request *q, struct buf *ret_headers)
{
    struct s3_signing s;
    s3_prepare(q, &s);
    struct buf canonical;
    buf_init(&canonical, TEXT_MAX);
    s3_canonical(q, &s, &canonical);
    int r = buf_check(&canonical);
    char signature[DIGEST_HEX] = "";
    if (r == 0) s3_signature(keys, &s, buf_slice(&canonical), signature);
    buf_done(&canonical);
    if (r < 0) return r;
    sign_nothing(q, ret_headers);
    put_header(ret_headers, SLICE("x-amz-date"), slice_of(s.stamp));
    put_header(ret_headers, SLICE("x-amz-content-sha256"), slice_of(s.payload));
    buf_printf(ret_headers,
               "Authorization: AWS4-HMAC-SHA256 Credential=" SLICE_FMT "/%s/" SLICE_FMT "/s3/aws4_request, SignedHeaders=",
               SLICE_ARG(keys->id), s.day, SLICE_ARG(keys->region));
    put_names(ret_headers, &s.signed_headers);
    buf_printf(ret_headers, ", Signature=%s", signature);
    buf_putc(ret_headers, '\0');
    return buf_check(ret_headers);
}

int sign_s3_query(const struct sign_keys *keys, const struct sign_request *q, int64_t seconds, struct buf *ret_query)
{
    enum { OURS = 5 };
    struct s3_signing s = {.payload = "UNSIGNED-PAYLOAD"};
    char expires[24], credential[256], signature[DIGEST_HEX] = "";
    if (q->n_query > SIGN_PAIRS_MAX - OURS) return -E2BIG;
    s3_date(q, &s);
    snprintf(expires, sizeof expires, "%lld", (long long)seconds);
    int n = snprintf(credential, sizeof credential, SLICE_FMT "/%s/" SLICE_FMT "/s3/aws4_request", SLICE_ARG(keys->id), s.day,
                     SLICE_ARG(keys->region));
    if (n < 0 || (size_t)n >= sizeof credential) return -E2BIG;
    s.all[0] = (struct sign_pair){SLICE("host"), slice_of(q->host)};
    s.signed_headers = sorted(s.all, 1, "");
    struct sign_pair query[SIGN_PAIRS_MAX] = {{SLICE("X-Amz-Algorithm"), SLICE("AWS4-HMAC-SHA256")},
                                              {SLICE("X-Amz-Credential"), slice_of(credential)},
                                              {SLICE("X-Amz-Date"), slice_of(s.stamp)},
                                              {SLICE("X-Amz-Expires"), slice_of(expires)},
                                              {SLICE("X-Amz-SignedHeaders"), SLICE("host")}};
    if (q->n_query > 0) memcpy(query + OURS, q->query, q->n_query * sizeof *query);
    struct sign_request whole = *q;
    whole.query = query;
    whole.n_query = OURS + q->n_query;
    struct buf canonical;
    buf_init(&canonical, TEXT_MAX);
    s3_canonical(&whole, &s, &canonical);
    int r = buf_check(&canonical);
    if (r == 0) s3_signature(keys, &s, buf_slice(&canonical), signature);
    buf_done(&canonical);
    if (r < 0) return r;
    sign_query(ret_query, query, whole.n_query);
    buf_printf(ret_query, "&X-Amz-Signature=%s", signature);
    return buf_check(ret_query);
}

/* ---- Azure ---- */

#define AZURE_VERSION "2021-12-02"

static void azure_text(const struct sign_keys *keys, const struct sign_request *q, const struct pairs *ms, struct buf *out)
{
    static const char *const standard[] = {
        "content-encoding", "content-language",    "",     "content-md5", "content-type", "date", "if-modified-since", "if-match",
        "if-none-match",    "if-unmodified-since", "range"};
    buf_puts(out, q->method);
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++) {
        buf_putc(out, '\n');
        if (standard[i][0]) {
            buf_put(out, header(q, standard[i]));
        } else if (q->body.len > 0) {
            buf_printf(out, "%zu", q->body.len);
        }
    }
    buf_putc(out, '\n');
    for (size_t i = 0; i < ms->n; i++)
        buf_printf(out, SLICE_FMT ":" SLICE_FMT "\n", SLICE_ARG(ms->item[i]->name), SLICE_ARG(slice_trim(ms->item[i]->value)));
    buf_printf(out, "/" SLICE_FMT "%s", SLICE_ARG(keys->id), q->path);
    struct pairs query = sorted(q->query, q->n_query, "");
    for (size_t i = 0; i < query.n; i++)
        buf_printf(out, "\n" SLICE_FMT ":" SLICE_FMT, SLICE_ARG(query.item[i]->name), SLICE_ARG(query.item[i]->value));
}

static int azure_signature(const struct sign_keys *keys, struct slice text, char ret_signature[BASE64_SIZE(DIGEST_BYTES)])
{
    uint8_t key[256], sum[DIGEST_BYTES];
    size_t n;
    if (keys->secret.len > sizeof key || !base64_decode(keys->secret, key, &n)) return SIGN_E_KEY;
    hmac_sha256((struct slice){(const char *)key, n}, text, sum);
    base64_encode(sum, sizeof sum, ret_signature);
    return 0;
}

static int azure_authorize(const struct sign_keys *keys, struct slice text, struct buf *ret_headers)
{
    char signature[BASE64_SIZE(DIGEST_BYTES)];
    int r = azure_signature(keys, text, signature);
    if (r != 0) return r;
    buf_printf(ret_headers, "Authorization: SharedKey " SLICE_FMT ":%s", SLICE_ARG(keys->id), signature);
    buf_putc(ret_headers, '\0');
    return 0;
}

int sign_azure(const struct sign_keys *keys, const struct sign_request *q, struct buf *ret_headers)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    time_t now = (time_t)q->now_s;
    gmtime_r(&now, &tm);
    char date[64];
    snprintf(date, sizeof date, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    struct sign_pair all[SIGN_PAIRS_MAX] = {{SLICE("x-ms-date"), slice_of(date)}, {SLICE("x-ms-version"), SLICE(AZURE_VERSION)}};
    size_t n = 2;
    for (size_t i = 0; i < q->n_header && n < SIGN_PAIRS_MAX; i++)
        all[n++] = q->header[i];
    sign_nothing(q, ret_headers);
    put_header(ret_headers, all[0].name, all[0].value);
    put_header(ret_headers, all[1].name, all[1].value);
    if (keys->secret.len == 0) return buf_check(ret_headers);
    struct pairs ms = sorted(all, n, "x-ms-");
    struct buf text;
    buf_init(&text, TEXT_MAX);
    azure_text(keys, q, &ms, &text);
    int r = buf_check(&text);
    if (r == 0) r = azure_authorize(keys, buf_slice(&text), ret_headers);
    buf_done(&text);
    return r != 0 ? r : buf_check(ret_headers);
}

/* The fields of a service SAS that are signed, each on its line: permissions, start, expiry, resource, identifier, address,
 * protocol, version, kind, snapshot, encryption scope, then five headers of the answer. */
static void azure_blob_text(const struct sign_keys *keys, const struct sign_blob *b, const char *until, struct buf *out)
{
    buf_printf(out, "r\n\n%s\n/blob/" SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "\n\n\n%s\n" AZURE_VERSION "\nb\n\n\n\n%s\n\n\n%s",
               until, SLICE_ARG(keys->id), SLICE_ARG(b->container), SLICE_ARG(b->key), b->https ? "https" : "",
               b->disposition ? b->disposition : "", b->type ? b->type : "");
}

int sign_azure_query(const struct sign_keys *keys, const struct sign_blob *b, struct buf *ret_query)
{
    char until[32], signature[BASE64_SIZE(DIGEST_BYTES)];
    struct tm tm;
    time_t at = (time_t)b->until_s;
    gmtime_r(&at, &tm);
    strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    struct buf text;
    buf_init(&text, TEXT_MAX);
    azure_blob_text(keys, b, until, &text);
    int r = buf_check(&text);
    if (r == 0) r = azure_signature(keys, buf_slice(&text), signature);
    buf_done(&text);
    if (r != 0) return r;
    struct sign_pair query[8] = {{SLICE("sv"), SLICE(AZURE_VERSION)},
                                 {SLICE("sp"), SLICE("r")},
                                 {SLICE("sr"), SLICE("b")},
                                 {SLICE("se"), slice_of(until)},
                                 {SLICE("sig"), slice_of(signature)}};
    size_t n = 5;
    if (b->https) query[n++] = (struct sign_pair){SLICE("spr"), SLICE("https")};
    if (b->disposition) query[n++] = (struct sign_pair){SLICE("rscd"), slice_of(b->disposition)};
    if (b->type) query[n++] = (struct sign_pair){SLICE("rsct"), slice_of(b->type)};
    sign_query(ret_query, query, n);
    return buf_check(ret_query);
}
