/* SPDX-License-Identifier: MIT */
/*
 * Answers that are kept to be given again: by a key (api/fresh.h makes it of everything in a request that an answer depends on),
 * with the versions of the tables they were made of. Nothing here says whether an answer is still good; who finds one asks for the
 * versions.
 *
 * It holds at most `max` bytes, its own included; what was not asked for longest goes first, and an answer of more than an eighth
 * of that is not kept. Once it is full, an answer whose key was not put before in the last few thousand is not kept either: who
 * walks through a table once neither pays for it nor throws out what others ask for again and again (the doorkeeper of TinyLFU,
 * Einziger et al. 2017).
 *
 * Thread: loop.
 */
#ifndef CETLD_API_CACHE_H
#define CETLD_API_CACHE_H

#include "api/versions.h"
#include "base/counters.h"
#include "base/slice.h"
#include "http/response.h"

struct cache;

/** An answer. Found ones live until the cache is touched again, or cache_entry_unref. */
struct cache_answer {
    struct version_set set;
    int status;
    struct slice media_type; /* ends with a NUL behind it, as do the two below */
    struct slice etag;       /* with its quotes */
    struct slice headers;    /* whole lines, the ETag's among them */
    struct slice body;
    struct slice tables; /* the names of the tables that may be read by whoever gets it, each ended by a NUL */
};
struct cache_entry;

/** 0 or -ENOMEM. With `max` 0 nothing is kept. */
must_check int cache_new(size_t max_bytes, struct counters *counters, struct cache **ret_cache);
/** NULL is fine. */
void cache_free(struct cache *c);
/** Keep a copy, in the place of what had that key. Not when it is too large, for the first time while all is full, or without
 * memory. */
void cache_put(struct cache *c, struct slice key, const struct cache_answer *a);
/** NULL: there is none. The caller has a reference. */
struct cache_entry *cache_find(struct cache *c, struct slice key);
const struct cache_answer *cache_entry_answer(const struct cache_entry *e);
/** Its body, to be given out by http_answer_kept; cache_grew afterwards. */
struct http_kept *cache_entry_kept(struct cache_entry *e);
/** A packed form may have come to it, which counts. */
void cache_grew(struct cache *c, struct cache_entry *e);
void cache_entry_unref(struct cache_entry *e);
/** It is of no use any more: forget it, if it is still there. */
void cache_drop(struct cache *c, struct cache_entry *e);
void cache_clear(struct cache *c);
/** How often it was cleared: an answer that was begun before is not to be kept behind that. */
uint64_t cache_cleared(const struct cache *c);
size_t cache_bytes(const struct cache *c);

#endif
