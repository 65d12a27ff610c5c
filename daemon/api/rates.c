/* SPDX-License-Identifier: MIT */
#include "api/rates.h"

#include <stdlib.h>
#include <sys/random.h>

enum { SETS = 4096, WAYS = 4, MS_PER_S = 1000 };

struct bucket {
    uint8_t key[RATES_KEY];
    double level;  /* requests that may come at once */
    int64_t at_ms; /* when that was so; 0: free */
};
struct rates {
    uint64_t seed; /* so that nobody outside chooses who shares a set */
    struct bucket bucket[SETS][WAYS];
};

int rates_new(struct rates **ret_rates)
{
    struct rates *r = calloc(1, sizeof *r); /* its pages come with their use */
    if (!r) return -ENOMEM;
    if (getrandom(&r->seed, sizeof r->seed, GRND_NONBLOCK) < 0) r->seed = (uintptr_t)r;
    *ret_rates = r;
    return 0;
}

void rates_free(struct rates *r)
{
    free(r);
}

static struct bucket *set_of(struct rates *r, const uint8_t key[RATES_KEY])
{
    uint64_t half[2], h = r->seed;
    memcpy(half, key, sizeof half);
    for (int i = 0; i < 2; i++) {
        h = (h ^ half[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    return r->bucket[h % SETS];
}

static struct bucket *find(struct rates *r, const uint8_t key[RATES_KEY], const struct config_rate *rate, int64_t now_ms)
{
    struct bucket *set = set_of(r, key), *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].at_ms && memcmp(set[i].key, key, RATES_KEY) == 0) return &set[i];
        if (set[i].at_ms < oldest->at_ms) oldest = &set[i];
    }
    memcpy(oldest->key, key, RATES_KEY);
    oldest->level = (double)rate->count;
    oldest->at_ms = now_ms;
    return oldest;
}

int64_t rates_take(struct rates *r, const uint8_t key[RATES_KEY], const struct config_rate *rate, int64_t now_ms)
{
    if (!r || rate->count == 0) return 0;
    double a_ms = (double)rate->count / (double)rate->per_ms;
    struct bucket *b = find(r, key, rate, now_ms);
    if (now_ms > b->at_ms) {
        b->level += (double)(now_ms - b->at_ms) * a_ms;
        b->at_ms = now_ms;
    }
    if (b->level > (double)rate->count) b->level = (double)rate->count;
    if (b->level >= 1) {
        b->level -= 1;
        return 0;
    }
    return (int64_t)((1 - b->level) / a_ms) / MS_PER_S + 1;
}
