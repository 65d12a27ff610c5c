/* SPDX-License-Identifier: MIT */
#include "etl/listing.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEXT_MAX = 16 * 1024 };

struct listing {
    struct listing_config config;
    struct listing_object object[LISTING_PAGE]; /* of this page, that are to be taken */
    size_t n, at, young;
    struct buf next, mark; /* mark: where an earlier page ended, of which no other has that end */
    unsigned pages, marked;
    bool begun, folder;
    struct store_op *op;
    listing_done done;
    void *ctx;
};

int listing_new(const struct listing_config *config, struct listing **ret_listing)
{
    struct listing *l = calloc(1, sizeof *l);
    if (!l) return -ENOMEM;
    l->config = *config;
    l->folder = slice_starts(slice_of(config->url), SLICE("file:"));
    buf_init(&l->next, NEXT_MAX);
    buf_init(&l->mark, NEXT_MAX);
    *ret_listing = l;
    return 0;
}

static void forget_page(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->object[i].key);
    l->n = l->at = 0;
}

void listing_free(struct listing *l)
{
    if (!l) return;
    store_cancel(l->op);
    forget_page(l);
    buf_done(&l->next);
    buf_done(&l->mark);
    free(l);
}

void listing_rewind(struct listing *l)
{
    forget_page(l);
    buf_reset(&l->next);
    buf_reset(&l->mark);
    l->pages = l->marked = 0;
    l->begun = false;
    l->young = 0;
}

size_t listing_young(const struct listing *l)
{
    return l->young;
}

/* A folder's version begins with the time it was written, in microseconds, in hex (store/folder.c). A time to come is nobody's. */
static bool is_young(const struct listing *l, const char *version)
{
    int64_t age = clock_real_us() - (int64_t)strtoull(version, NULL, 16);
    return l->folder && age >= 0 && age < (int64_t)LISTING_QUIET_MS * 1000;
}

static int take(struct listing *l, const struct store_object *from)
{
    struct listing_object *o = &l->object[l->n];
    if (from->bytes == 0 && slice_ends(from->key, SLICE("/"))) return 0;
    struct slice version = from->etag.len > 0 ? from->etag : from->modified;
    *o = (struct listing_object){.bytes = from->bytes};
    snprintf(o->version, sizeof o->version, SLICE_FMT, SLICE_ARG(version));
    seen_id(slice_of(l->config.url), from->key, version, from->bytes, o->id);
    if (seen_has(l->config.seen, o->id)) return 0;
    if (is_young(l, o->version)) {
        l->young++;
        return 0;
    }
    o->key = strndup(from->key.p, from->key.len);
    if (!o->key) return -ENOMEM;
    l->n++;
    return 0;
}

/* Brent's way: the mark is moved at the 1st, 2nd, 4th, … page, so that it comes to lie in every circle. */
static bool is_circle(struct listing *l)
{
    if (l->next.len > 0 && slice_equal(buf_slice(&l->next), buf_slice(&l->mark))) return true;
    if (++l->pages < 2 * l->marked) return false;
    buf_reset(&l->mark);
    buf_put(&l->mark, buf_slice(&l->next));
    l->marked = l->pages;
    return false;
}

static void on_page(void *ctx, const struct store_result *result, const struct store_page *page)
{
    struct listing *l = ctx;
    int r = result->status;
    l->op = NULL;
    for (size_t i = 0; r == 0 && i < page->n; i++)
        r = take(l, &page->object[i]);
    if (r == 0) {
        buf_reset(&l->next);
        buf_put(&l->next, page->next);
        r = buf_check(&l->next);
    }
    if (r != 0) return l->done(l->ctx, r, result->status != 0 ? result->why : error_name(r), NULL);
    if (is_circle(l)) return l->done(l->ctx, ERROR_PROTOCOL, "the store's list goes round in circles", NULL);
    listing_next(l, l->done, l->ctx);
}

void listing_next(struct listing *l, listing_done done, void *ctx)
{
    l->done = done;
    l->ctx = ctx;
    if (l->at < l->n) return done(ctx, 0, "", &l->object[l->at++]);
    forget_page(l);
    if (l->begun && l->next.len == 0) return done(ctx, 0, "", NULL);
    l->begun = true;
    struct store_list list = {.prefix = store_url_key(slice_of(l->config.url)),
                              .next = buf_slice(&l->next),
                              .page_max = LISTING_PAGE,
                              .done = on_page,
                              .ctx = l};
    int r = store_list(l->config.store, &list, &l->op);
    if (r < 0) done(ctx, r, error_name(r), NULL);
}
