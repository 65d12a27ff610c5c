/* SPDX-License-Identifier: MIT */
#include "api/fresh.h"

#include "api/access.h"
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 4096 };

/* ---- entity tags ---- */

static struct slice opaque(struct slice tag)
{
    if (tag.len > 2 && tag.p[0] == 'W' && tag.p[1] == '/') return (struct slice){tag.p + 2, tag.len - 2};
    return tag;
}

bool fresh_matches(struct slice field, struct slice etag)
{
    struct slice own = opaque(etag), rest = field;
    if (slice_equal(slice_trim(field), SLICE("*"))) return true;
    /* Ours have no comma inside; another server's that has one is cut here, and is none of ours. */
    while (rest.p && rest.len > 0)
        if (slice_equal(opaque(slice_trim(slice_cut(&rest, ','))), own)) return true;
    return false;
}

/* FNV-1a. */
static uint64_t mix(uint64_t h, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3;
    return h;
}

static uint64_t shape_of(const struct fresh_wanted *w)
{
    uint64_t h = mix(0xcbf29ce484222325, w->sql, strlen(w->sql) + 1);
    h = mix(h, w->media_type, strlen(w->media_type) + 1);
    for (int i = 0; i < w->params; i++) {
        const struct db_param *p = &w->param[i];
        const char *value = p->value.p ? p->value.p : p->scratch;
        h = mix(h, &p->null, sizeof p->null);
        h = mix(h, &p->value.len, sizeof p->value.len);
        if (!p->null) h = mix(h, value, p->value.len);
    }
    return h;
}

static char *put_hex(char *to, uint64_t v)
{
    int digits = 1;
    while (digits < 16 && v >> (4 * digits))
        digits++;
    while (digits-- > 0)
        *to++ = "0123456789abcdef"[v >> (4 * digits) & 15];
    return to;
}

/* The versions stand in it as they are, so that two of them are never told as one. */
static void make_etag(struct fresh *f)
{
    const struct version_set *s = &f->wait.set;
    uint64_t h = f->shape;
    char *at = stpcpy(f->etag, "W/\"");
    for (unsigned i = 0; i < s->n; i++) {
        h = mix(h, &s->key[i].kind, sizeof s->key[i].kind);
        h = mix(h, &s->key[i].id, sizeof s->key[i].id);
        h = mix(h, &s->version[i].born, sizeof s->version[i].born);
        at = put_hex(at, (uint64_t)s->version[i].number);
        *at++ = '.';
    }
    at = put_hex(at, h);
    *at++ = '"';
    *at = '\0';
}

_Static_assert(VERSIONS_TABLES_MAX * 17 + 24 < FRESH_ETAG_MAX, "an ETag has room");

/* ---- what an answer depends on ---- */

static const char *const fields[] = {"Accept", "Prefer", "Range", "Range-Unit"}; /* FRESH_VARY */

/* {NULL, 0}: nothing is kept for such a request. */
static struct slice key_of(const struct http_request *r, char key[KEY_MAX])
{
    struct slice target = http_request_target(r);
    size_t len = target.len;
    if (http_request_method(r) != HTTP_GET_ || len >= KEY_MAX) return (struct slice){NULL, 0};
    memcpy(key, target.p, len);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct slice value = http_request_header(r, fields[i]);
        if (value.len >= KEY_MAX - len - 1) return (struct slice){NULL, 0};
        key[len++] = '\n';
        if (value.len > 0) memcpy(key + len, value.p, value.len);
        len += value.len;
    }
    return (struct slice){key, len};
}

/* ---- giving what is kept ---- */

static const struct reads *reads_of(const struct http_request *r)
{
    const struct api *api = http_request_context(r);
    return &api->reads;
}

struct giving {
    struct http_request *request; /* NULL: the client has left */
    struct versions_wait wait;
    struct cache_entry *entry;
    http_handler otherwise;
};

static void answer_same(struct http_request *r, const char *etag)
{
    http_header(r, "ETag", etag);
    http_header(r, "Cache-Control", "no-cache");
    http_answer(r, 304, NULL, SLICE(""));
}

static void give(struct http_request *r, struct cache_entry *e)
{
    const struct reads *reads = reads_of(r);
    const struct cache_answer *a = cache_entry_answer(e);
    struct slice seen = http_request_header(r, "If-None-Match");
    if (seen.p && fresh_matches(seen, a->etag)) {
        counters_add(reads->counters, COUNTER_CACHE_SAME, 1);
        http_header(r, "Vary", FRESH_VARY);
        answer_same(r, a->etag.p);
        return;
    }
    counters_add(reads->counters, COUNTER_CACHE_HITS, 1);
    http_header_put_lines(r, a->headers);
    http_answer_kept(r, a->status, a->media_type.p, cache_entry_kept(e));
    cache_grew(reads->cache, e);
}

/* False: the versions are others, so it is of no use any more. */
static bool give_if_good(struct http_request *r, struct cache_entry *e, const struct version_set *now)
{
    const struct reads *reads = reads_of(r);
    const struct cache_answer *a = cache_entry_answer(e);
    bool good = now && version_set_equal(now, &a->set);
    if (good) give(r, e);
    if (now && !good) counters_add(reads->counters, COUNTER_CACHE_STALE, 1);
    if (!good) cache_drop(reads->cache, e);
    cache_entry_unref(e);
    return good;
}

static void gone(void *state)
{
    struct giving *g = state;
    versions_cancel(&g->wait);
    cache_entry_unref(g->entry);
    free(g);
}

static void on_versions(struct versions_wait *w, bool known)
{
    struct giving *g = container_of(w, struct giving, wait);
    struct http_request *r = g->request;
    struct version_set now = g->wait.set;
    struct cache_entry *e = g->entry;
    http_handler otherwise = g->otherwise;
    http_request_attach(r, NULL, NULL);
    free(g);
    if (!give_if_good(r, e, known ? &now : NULL)) otherwise(r);
}

/* False: they cannot be asked for. */
static bool ask_versions(struct http_request *r, struct cache_entry *e, http_handler otherwise)
{
    const struct reads *reads = reads_of(r);
    struct giving *g = calloc(1, sizeof *g);
    if (!g) return false;
    *g = (struct giving){
        .request = r, .wait = {.got = on_versions, .set = cache_entry_answer(e)->set}, .entry = e, .otherwise = otherwise};
    list_init(&g->wait.link);
    if (versions_ask(reads->versions, &g->wait) != 0) {
        free(g);
        return false;
    }
    http_request_attach(r, g, gone);
    return true;
}

/* False: it was answered by 401 or 403. */
static bool may_read(struct http_request *r, struct slice names)
{
    for (const char *name = names.p; name < names.p + names.len; name += strlen(name) + 1)
        if (!access_may(r, ACCESS_READ, slice_of(name))) return false;
    return true;
}

bool fresh_give(struct http_request *r, http_handler otherwise)
{
    const struct api *api = http_request_context(r);
    const struct reads *reads = &api->reads;
    char text[KEY_MAX];
    if (!api->ready || access_role(r)) return false;
    struct slice key = key_of(r, text);
    struct cache_entry *e = key.p ? cache_find(reads->cache, key) : NULL;
    if (!e) {
        if (key.p) counters_add(reads->counters, COUNTER_CACHE_MISSES, 1);
        return false;
    }
    if (!may_read(r, cache_entry_answer(e)->tables)) {
        cache_entry_unref(e);
        return true;
    }
    struct version_set now = cache_entry_answer(e)->set;
    if (versions_known(reads->versions, &now)) return give_if_good(r, e, &now);
    if (ask_versions(r, e, otherwise)) return true;
    cache_entry_unref(e);
    return false;
}

/* ---- making one ---- */

bool fresh_is_timely(struct slice param)
{
    static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};
    for (size_t at = 0; at + 3 <= param.len; at++) {
        char first = (char)(param.p[at] | 0x20);
        if (first != 'n' && first != 't' && first != 'y') continue;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            size_t len = strlen(words[i]);
            if (len <= param.len - at && strncasecmp(param.p + at, words[i], len) == 0) return true;
        }
    }
    return false;
}

static bool is_timeless(const struct fresh_wanted *w)
{
    for (int i = 0; i < w->params; i++)
        if (w->param[i].value.p && !w->param[i].binary && fresh_is_timely(w->param[i].value)) return false;
    return true;
}

bool fresh_is_conditional(const struct http_request *r)
{
    return http_request_header(r, "If-None-Match").p;
}

enum fresh_state fresh_ask(struct fresh *f, struct http_request *r, const struct fresh_wanted *w)
{
    f->known = false;
    f->wait.set.n = 0;
    list_init(&f->wait.link);
    if (!f->reads || w->tables == 0 || access_role(r) || !is_timeless(w)) return FRESH_NEVER;
    for (size_t i = 0; i < w->tables; i++)
        if (!version_set_add(&f->wait.set, w->table[i].table)) return FRESH_NEVER;
    f->shape = shape_of(w);
    f->cleared = cache_cleared(f->reads->cache);
    bool labels_only = !fresh_is_conditional(r);
    if (versions_known(f->reads->versions, &f->wait.set) || (labels_only && versions_recent(f->reads->versions, &f->wait.set))) {
        fresh_got(f, true);
        return FRESH_KNOWN;
    }
    return versions_ask(f->reads->versions, &f->wait) == 0 ? FRESH_ASKED : FRESH_NEVER;
}

void fresh_got(struct fresh *f, bool known)
{
    f->known = known;
    if (known) make_etag(f);
}

bool fresh_is_same(const struct fresh *f, const struct http_request *r)
{
    struct slice seen = http_request_header(r, "If-None-Match");
    return f->known && seen.p && fresh_matches(seen, slice_of(f->etag));
}

void fresh_answer_same(const struct fresh *f, struct http_request *r)
{
    counters_add(f->reads->counters, COUNTER_CACHE_SAME, 1);
    answer_same(r, f->etag);
}

void fresh_tell(const struct fresh *f, struct http_request *r)
{
    if (!f->known) return;
    http_header(r, "ETag", f->etag);
    http_header(r, "Cache-Control", "no-cache");
}

void fresh_keep(const struct fresh *f, struct http_request *r, const struct fresh_answer *answer)
{
    char text[KEY_MAX];
    struct slice key = key_of(r, text);
    bool good = answer->status == 200 || answer->status == 206;
    if (!f->known || !key.p || !good || !answer->names.p || f->cleared != cache_cleared(f->reads->cache)) return;
    struct cache_answer a = {.set = f->wait.set,
                             .status = answer->status,
                             .media_type = slice_of(answer->media_type),
                             .etag = slice_of(f->etag),
                             .headers = http_header_lines(r),
                             .body = answer->body,
                             .tables = answer->names};
    if (a.headers.p) cache_put(f->reads->cache, key, &a);
}
