/* SPDX-License-Identifier: MIT */
#include "api/heavy.h"

#include <stdlib.h>

enum { PLACES = 512 };

struct heavy {
    unsigned any; /* places that were ever taken: mostly none */
    struct {
        uint64_t hash;
        int64_t until_ms;
    } place[PLACES];
};

/* FNV-1a. */
static uint64_t hash_of(const char *sql)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *sql; sql++)
        h = (h ^ (unsigned char)*sql) * 0x100000001b3;
    return h;
}

int heavy_new(struct heavy **ret_heavy)
{
    *ret_heavy = calloc(1, sizeof **ret_heavy);
    return *ret_heavy ? 0 : -ENOMEM;
}

void heavy_free(struct heavy *h)
{
    free(h);
}

void heavy_note(struct heavy *h, const char *sql, int64_t now_ms)
{
    uint64_t hash = hash_of(sql);
    h->any++;
    h->place[hash % PLACES].hash = hash;
    h->place[hash % PLACES].until_ms = now_ms + HEAVY_MS;
}

bool heavy_is(const struct heavy *h, const char *sql, int64_t now_ms)
{
    if (h->any == 0) return false;
    uint64_t hash = hash_of(sql);
    return h->place[hash % PLACES].hash == hash && now_ms < h->place[hash % PLACES].until_ms;
}
