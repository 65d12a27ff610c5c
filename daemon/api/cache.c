/* SPDX-License-Identifier: MIT */
#include "api/cache.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    SHARE = 8, /* of the whole: the largest answer */
    DOORKEEPER = 4096,
};

struct cache_entry {
    UT_hash_handle hh;
    unsigned refs; /* the cache's is one */
    bool kept;
    size_t bytes;
    struct slice key;
    struct cache_answer answer;
    struct http_kept body;
    size_t packed_bytes; /* of `bytes` */
    char text[];
};

struct cache {
    struct cache_entry *table; /* in the order of use, the one not used for longest first: uthash keeps that of insertion */
    size_t bytes, max;
    uint64_t cleared;
    struct counters *counters;
    uint32_t seen[DOORKEEPER]; /* hashes of keys that were put last, each at its place */
};

int cache_new(size_t max_bytes, struct counters *counters, struct cache **ret_cache)
{
    struct cache *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    c->max = max_bytes;
    c->counters = counters;
    *ret_cache = c;
    return 0;
}

void cache_entry_unref(struct cache_entry *e)
{
    if (!e || --e->refs > 0) return;
    free(e->body.packed);
    free(e);
}

static void count(const struct cache *c)
{
    counters_set(c->counters, COUNTER_CACHE_BYTES, (int64_t)c->bytes);
}

static void drop(struct cache *c, struct cache_entry *e)
{
    HASH_DELETE(hh, c->table, e);
    c->bytes -= e->bytes;
    e->kept = false;
    cache_entry_unref(e);
}

/* And remembers it. Two keys of one hash are taken for one: no harm. */
static bool seen_before(struct cache *c, unsigned hash)
{
    uint32_t *place = &c->seen[hash % DOORKEEPER];
    bool seen = *place == hash;
    *place = hash;
    return seen;
}

void cache_drop(struct cache *c, struct cache_entry *e)
{
    (void)seen_before(c, e->hh.hashv); /* whose newer answer comes next */
    if (e->kept) drop(c, e);
    count(c);
}

void cache_clear(struct cache *c)
{
    while (c->table)
        drop(c, c->table);
    c->cleared++;
    count(c);
}

uint64_t cache_cleared(const struct cache *c)
{
    return c->cleared;
}

void cache_free(struct cache *c)
{
    if (!c) return;
    cache_clear(c);
    free(c);
}

static struct slice put_text(char **at, struct slice text)
{
    struct slice copy = {*at, text.len};
    if (text.len > 0) memcpy(*at, text.p, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return copy;
}

static struct cache_entry *entry_new(struct slice key, const struct cache_answer *a, size_t text_bytes)
{
    struct cache_entry *e = malloc(sizeof *e + text_bytes);
    if (!e) return NULL;
    char *at = e->text;
    *e = (struct cache_entry){.refs = 1, .kept = true, .bytes = sizeof *e + text_bytes, .answer = *a};
    e->key = put_text(&at, key);
    e->answer.media_type = put_text(&at, a->media_type);
    e->answer.etag = put_text(&at, a->etag);
    e->answer.headers = put_text(&at, a->headers);
    e->answer.body = put_text(&at, a->body);
    e->answer.tables = put_text(&at, a->tables);
    e->body.body = e->answer.body;
    return e;
}

static unsigned hash_of(struct slice key)
{
    unsigned hash;
    HASH_VALUE(key.p, key.len, hash);
    return hash;
}

static struct cache_entry *find(struct cache *c, struct slice key, unsigned hash)
{
    struct cache_entry *e;
    HASH_FIND_BYHASHVALUE(hh, c->table, key.p, key.len, hash, e);
    return e;
}

static bool add(struct cache *c, struct cache_entry *e, unsigned hash)
{
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, c->table, e->key.p, e->key.len, hash, e);
    return e->hh.tbl;
}

void cache_put(struct cache *c, struct slice key, const struct cache_answer *a)
{
    enum { TEXTS = 6 };
    size_t texts = key.len + a->media_type.len + a->etag.len + a->headers.len + a->body.len + a->tables.len + TEXTS;
    size_t bytes = sizeof(struct cache_entry) + texts;
    unsigned hash = hash_of(key);
    struct cache_entry *old = find(c, key, hash);
    bool known = old || seen_before(c, hash);
    if (old) drop(c, old);
    if (bytes > c->max / SHARE || (!known && c->bytes > c->max - bytes)) return count(c);
    while (c->bytes > c->max - bytes)
        drop(c, c->table);
    struct cache_entry *e = entry_new(key, a, texts);
    if (e && add(c, e, hash))
        c->bytes += bytes;
    else
        free(e);
    count(c);
}

struct cache_entry *cache_find(struct cache *c, struct slice key)
{
    unsigned hash = hash_of(key);
    struct cache_entry *e = find(c, key, hash);
    if (!e) return NULL;
    e->refs++;
    if (!e->hh.next) return e;
    HASH_DELETE(hh, c->table, e);
    if (add(c, e, hash)) return e;
    c->bytes -= e->bytes;
    e->kept = false;
    e->refs--;
    return e;
}

const struct cache_answer *cache_entry_answer(const struct cache_entry *e)
{
    return &e->answer;
}

struct http_kept *cache_entry_kept(struct cache_entry *e)
{
    return &e->body;
}

void cache_grew(struct cache *c, struct cache_entry *e)
{
    size_t packed = e->body.packed ? e->body.packed_len : 0, more = packed - e->packed_bytes;
    if (more == 0) return;
    e->packed_bytes = packed;
    e->bytes += more;
    if (!e->kept) return;
    c->bytes += more;
    while (c->bytes > c->max)
        drop(c, c->table);
    count(c);
}

size_t cache_bytes(const struct cache *c)
{
    return c->bytes;
}
