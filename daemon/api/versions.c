/* SPDX-License-Identifier: MIT */
#include "api/versions.h"

#include "etl/dataset.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct known {
    UT_hash_handle hh;
    int64_t dataset;
    uint64_t bumps;
};

struct versions {
    struct known *known;
    uint64_t all_bumps; /* of all of them */
    struct list watches;
};

int versions_new(struct versions **ret_versions)
{
    struct versions *v = calloc(1, sizeof *v);
    if (!v) return -ENOMEM;
    list_init(&v->watches);
    *ret_versions = v;
    return 0;
}

void versions_free(struct versions *v)
{
    if (!v) return;
    struct known *k, *next;
    HASH_ITER(hh, v->known, k, next)
    {
        HASH_DELETE(hh, v->known, k);
        free(k);
    }
    free(v);
}

static struct known *find(const struct versions *v, int64_t dataset)
{
    struct known *k;
    HASH_FIND(hh, v->known, &dataset, sizeof dataset, k);
    return k;
}

static struct known *get(struct versions *v, int64_t dataset)
{
    struct known *k = find(v, dataset);
    if (k) return k;
    k = calloc(1, sizeof *k);
    if (!k) return NULL;
    k->dataset = dataset;
    HASH_ADD(hh, v->known, dataset, sizeof k->dataset, k);
    if (k->hh.tbl) return k;
    free(k);
    return NULL;
}

void versions_bump(struct versions *v, const struct dataset *d)
{
    if (!v) return;
    struct known *k = d ? get(v, d->id) : NULL;
    if (k) {
        k->bumps++;
    } else {
        v->all_bumps++; /* which one is not known, or nothing can be kept of it */
    }
    for (list_each(l, next, &v->watches)) {
        struct versions_watch *w = container_of(l, struct versions_watch, link);
        w->changed(w, d ? d->id : 0);
    }
}

uint64_t versions_bumps(const struct versions *v, int64_t dataset)
{
    const struct known *k = find(v, dataset);
    return v->all_bumps + (k ? k->bumps : 0);
}

void versions_watch(struct versions *v, struct versions_watch *w)
{
    list_init(&w->link);
    list_append(&v->watches, &w->link);
}

void versions_unwatch(struct versions_watch *w)
{
    list_remove(&w->link);
}
