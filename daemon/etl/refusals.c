/* SPDX-License-Identifier: MIT */
#include "etl/refusals.h"

#include "base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void refusal_free(struct refusals *r, struct refusal *one)
{
    HASH_DEL(r->by_path, one);
    free((char *)one->shown.path);
    free((char *)one->shown.why);
    free(one);
}

void refusals_done(struct refusals *r)
{
    struct refusal *one, *next;
    HASH_ITER(hh, r->by_path, one, next)
    {
        refusal_free(r, one);
    }
}

static struct refusal *find(const struct refusals *r, const char *path)
{
    struct refusal *one;
    HASH_FIND_STR(r->by_path, path, one);
    return one;
}

bool refusals_add(struct refusals *r, const char *path, const char *why)
{
    struct refusal *one = find(r, path);
    if (one && strcmp(one->shown.why, why) == 0) return false;
    if (one) refusal_free(r, one);
    if (HASH_COUNT(r->by_path) >= REFUSALS_MAX) return true;
    one = calloc(1, sizeof *one);
    if (!one) return true;
    one->shown = (struct unreadable){.path = strdup(path), .why = strdup(why), .since_us = clock_real_us()};
    if (!one->shown.path || !one->shown.why) {
        free((char *)one->shown.path);
        free((char *)one->shown.why);
        free(one);
        return true;
    }
    HASH_ADD_KEYPTR(hh, r->by_path, one->shown.path, strlen(one->shown.path), one);
    return true;
}

void refusals_drop(struct refusals *r, const char *path)
{
    struct refusal *one = find(r, path);
    if (one) refusal_free(r, one);
}

void refusals_sweep(struct refusals *r, int incoming)
{
    struct refusal *one, *next;
    HASH_ITER(hh, r->by_path, one, next)
    {
        struct stat st;
        if (fstatat(incoming, one->shown.path, &st, AT_SYMLINK_NOFOLLOW) < 0) refusal_free(r, one);
    }
}

unsigned refusals_count(const struct refusals *r)
{
    return HASH_COUNT(r->by_path);
}

void refusals_each(const struct refusals *r, bool (*each)(void *ctx, const struct unreadable *u), void *ctx)
{
    for (const struct refusal *one = r->by_path; one; one = one->hh.next)
        if (!each(ctx, &one->shown)) return;
}
