/* SPDX-License-Identifier: MIT */
/* What a source shows the server of itself, and what is told when that is not enough. */
#include "base/cleanup.h"
#include "base/hmac.h"
#include "base/log.h"
#include "config/address.h"
#include "etl/source_private.h"
#include "format/json_reader.h"
#include "store/escape.h"
#include "store/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECRETS_MAX = 48,
    SECRET_MIN = 4, /* shorter ones would black out words that say something */
    BODY_MAX = 16 * 1024,
    WORDS_MAX = 300,
};

/* ---- what is sent ---- */

static void wipe(char *text)
{
    if (text) explicit_bzero(text, strlen(text));
    free(text);
}

void source_access_forget(struct source *s)
{
    wipe(s->authorization);
    wipe(s->secret);
    s->authorization = s->secret = NULL;
}

static char *basic(const char *user, const char *password)
{
    cleanup_free char *both = NULL;
    char *line = NULL;
    int n = asprintf(&both, "%s:%s", user, password);
    if (n < 0) return NULL;
    cleanup_free char *text = malloc(BASE64_SIZE((size_t)n));
    if (!text) return NULL;
    base64_encode(both, (size_t)n, text);
    return asprintf(&line, "Authorization: Basic %s", text) < 0 ? NULL : line;
}

int source_access_take(struct source *s)
{
    const struct config_source *c = s->settings;
    bool token = *c->token, user = *c->user;
    source_access_forget(s);
    if (!token && !user) return 0;
    s->secret = strdup(token ? c->token : c->password);
    if (user)
        s->authorization = basic(c->user, c->password);
    else if (asprintf(&s->authorization, "Authorization: Bearer %s", c->token) < 0)
        s->authorization = NULL;
    return s->secret && s->authorization ? 0 : -ENOMEM;
}

bool source_access_is_direct(const struct source *s)
{
    return s->authorization && slice_starts(slice_of(s->url), SLICE("http://")) && !http_url_is_open(s->url);
}

void source_access_name(const struct source *s, struct buf *out)
{
    struct slice rest = slice_of(s->url), before = slice_cut(&rest, '?');
    buf_put(out, before);
    if (!rest.p) return;
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest_of(rest.p, rest.len, sum);
    digest_hex(sum, hex);
    buf_printf(out, "?sha256:%s", hex);
}

/* ---- what is told ---- */

struct secrets {
    struct slice item[SECRETS_MAX];
    size_t n;
    bool some;          /* there are others, for which there is no place */
    struct buf decoded; /* has room for all of them before the first one comes, and so stays where it is */
};

static void add_secret(struct secrets *all, struct slice secret)
{
    if (secret.len < SECRET_MIN) return;
    if (all->n < SECRETS_MAX)
        all->item[all->n++] = secret;
    else
        all->some = true;
}

/* The longest first: a short one that is blacked out in a long one would leave the rest of that. */
static int by_length(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    return (x->len < y->len) - (x->len > y->len);
}

/* Each value of a query, as it stands and as it is meant. */
static void add_query(struct secrets *all, const char *url)
{
    struct slice rest = slice_of(url);
    slice_cut(&rest, '?');
    add_secret(all, rest);
    while (rest.p) {
        struct slice value = slice_cut(&rest, '&');
        slice_cut(&value, '=');
        if (!value.p) continue;
        size_t at = all->decoded.len;
        escape_undo(&all->decoded, value);
        add_secret(all, value);
        add_secret(all, (struct slice){all->decoded.data + at, all->decoded.len - at});
    }
}

static void secrets_init(struct secrets *all, const struct source *s, const char *answered)
{
    *all = (struct secrets){.n = 0};
    size_t most = strlen(s->url) + strlen(answered) + 1;
    buf_init(&all->decoded, most);
    all->some = !buf_reserve(&all->decoded, most);
    if (all->some) return;
    if (s->secret) add_secret(all, slice_of(s->secret));
    if (s->authorization) add_secret(all, slice_of(strrchr(s->authorization, ' ') + 1));
    add_query(all, s->url);
    add_query(all, answered);
    if (all->n > 0) qsort(all->item, all->n, sizeof *all->item, by_length);
}

static void black_out(const struct secrets *all, char *text, size_t len)
{
    if (len == 0) return;
    for (size_t i = 0; i < all->n; i++)
        for (char *at = text; (at = memmem(at, len - (size_t)(at - text), all->item[i].p, all->item[i].len));
             at += all->item[i].len)
            memset(at, '*', all->item[i].len);
}

/* {"message": "…"} and its like: what says most. */
static bool take_json(struct slice body, struct buf *out)
{
    static const char *const names[] = {"error_description", "message", "detail", "error", "title"};
    struct json_fault fault;
    if (json_check(body, &(struct json_limits){.depth = 16}, &fault) != 0) return false;
    struct json_value root = json_root(body);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (struct json_walk w = json_walk_begin(root); root.kind == JSON_KIND_OBJECT && json_walk_next(&w);) {
            if (!json_means(w.name, slice_of(names[i]))) continue;
            if (w.value.kind == JSON_KIND_OBJECT) { /* {"error": {"message": …}} */
                root = w.value;
                w = json_walk_begin(root);
                i = 0;
            } else if (w.value.kind == JSON_KIND_STRING) {
                json_unquote(out, w.value.raw);
                return true;
            }
        }
    return true;
}

/* A store's <Message>, a page's <title>, or the first line of a text. */
static void take_text(struct slice body, struct buf *out)
{
    struct slice message = xml_find(body, "Message");
    if (!message.p) message = xml_find(body, "title");
    if (message.p) return xml_decode(out, message);
    while (body.p && out->len == 0) {
        struct slice line = slice_trim(slice_cut(&body, '\n'));
        if (line.len > 0 && line.p[0] != '<') buf_put(out, line);
    }
}

/* The server's words, behind ": "; or nothing, where not all that is secret could be blacked out. */
static void put_words(struct source *s, const struct transfer_answer *a, char ret_words[WORDS_MAX])
{
    struct secrets all;
    struct buf body, words;
    char shown[WORDS_MAX - 2];
    secrets_init(&all, s, a->url);
    buf_init(&body, BODY_MAX);
    buf_init(&words, BODY_MAX);
    buf_put(&body, (struct slice){a->body.p, a->body.len < BODY_MAX ? a->body.len : BODY_MAX});
    ret_words[0] = '\0';
    if (buf_check(&body) == 0 && !all.some) {
        black_out(&all, body.data, body.len);
        if (!take_json(buf_slice(&body), &words)) take_text(buf_slice(&body), &words);
        if (slice_trim(buf_slice(&words)).len == 0) buf_put(&words, transfer_header(a, "WWW-Authenticate"));
    }
    if (buf_check(&words) == 0 && words.len > 0) {
        black_out(&all, words.data, words.len);
        log_escape(slice_trim(buf_slice(&words)), shown, sizeof shown);
        if (shown[0]) snprintf(ret_words, WORDS_MAX, ": %s", shown);
    }
    buf_done(&body);
    buf_done(&words);
    buf_done(&all.decoded);
}

/* https://host:port, without what is usual. */
static struct slice origin_of(const char *url)
{
    struct slice all = slice_of(url);
    const char *host = strstr(url, "://");
    if (!host) return all;
    struct slice origin = {url, (size_t)(host + 3 - url) + strcspn(host + 3, "/?#")};
    struct slice usual = slice_starts(all, SLICE("https:")) ? SLICE(":443") : SLICE(":80");
    if (slice_ends(origin, usual)) origin.len -= usual.len;
    return origin;
}

/* By which option it may be let in, where nothing was sent. */
static const char *wanted_of(const struct transfer_answer *a)
{
    struct slice scheme = transfer_header(a, "WWW-Authenticate");
    scheme = slice_cut(&scheme, ' ');
    if (slice_equal_nocase(scheme, SLICE("Basic"))) return "wants user and password_file";
    if (slice_equal_nocase(scheme, SLICE("Bearer"))) return "wants token_file";
    return "may want token_file, or user and password_file";
}

void source_access_refused(struct source *s, const struct transfer_answer *a)
{
    char words[WORDS_MAX], host[128];
    put_words(s, a, words);
    struct slice origin = origin_of(a->url);
    bool sent = s->authorization, token = sent && slice_starts(slice_of(s->authorization), SLICE("Authorization: Bearer "));
    const char *what = token ? "the token of token_file" : "the name and password of user and password_file";
    if (a->url[0] && !slice_equal_nocase(origin, origin_of(s->url)))
        error_set(&s->err, -EACCES, "%s, to which the server redirected, answered %d%s%s%s", log_escape(origin, host, sizeof host),
                  a->code, sent ? "; it was not sent " : "", sent ? what : "", words);
    else if (sent)
        error_set(&s->err, -EACCES, "the server answered %d to %s%s", a->code, what, words);
    else if (strchr(s->url, '?'))
        error_set(&s->err, -EACCES, "the server answered %d to what stands behind the '?' of %s, which may have run out%s", a->code,
                  *s->settings->url_file ? "url_file" : "url", words);
    else
        error_set(&s->err, -EACCES, "the server answered %d; it %s%s", a->code, wanted_of(a), words);
}
