/* SPDX-License-Identifier: MIT */
/*
 * What lies below a URL of a store and was not taken before (etl/seen.h), one after the other:
 *
 *     listing_new(&config, &err, &l)
 *     listing_next(l, on_object, self) … until there is none
 *     listing_free(l)
 *
 * Memory: one page of the store's list. Names that end with a slash and hold nothing stand for folders, and are passed over. In a
 * folder of this machine so are, for now, files that were written within the last LISTING_QUIET_MS: somebody may be at it. A list
 * that goes round in circles is an error.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_LISTING_H
#define CETLD_ETL_LISTING_H

#include "etl/seen.h"
#include "store/store.h"

enum {
    LISTING_QUIET_MS = 2000,
    LISTING_PAGE = 1000, /* as many as a store gives that is not asked for a number */
    LISTING_VERSION_MAX = 256,
    LISTING_COST = LISTING_PAGE * (STORE_KEY_MAX + 512), /* bytes of memory, at most */
};

struct listing_object {
    char *key;
    char version[LISTING_VERSION_MAX];
    uint64_t bytes;
    uint8_t id[SEEN_BYTES];
};

struct listing;
struct listing_config {
    struct store *store;
    const char *url; /* both outlive it */
    struct seen *seen;
};

/** 0 or -ENOMEM. */
must_check int listing_new(const struct listing_config *config, struct listing **ret_listing);
/** NULL is fine; not in the callback. */
void listing_free(struct listing *l);

/** `status` as of a store's result. `o` is valid until the next call; NULL: there is no more, or it failed. */
typedef void (*listing_done)(void *ctx, int status, const char *why, const struct listing_object *o);
/** May call at once. */
void listing_next(struct listing *l, listing_done done, void *ctx);
/** Behind the end: once more from the beginning. */
void listing_rewind(struct listing *l);
/** Files that were passed over because they are not quiet yet, since the beginning. */
size_t listing_young(const struct listing *l);

#endif
