/* SPDX-License-Identifier: MIT */
/*
 * An arena: many small allocations, one free. A job's memory is one arena.
 *
 * Memory is aligned to 16 bytes and not zeroed (arena_zalloc zeroes). Allocation fails with NULL at the ceiling or when malloc
 * does. arena_reset keeps the first block, so that a worker that handles batch after batch does not go to malloc again.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_BASE_ARENA_H
#define CETLD_BASE_ARENA_H

#include "base/slice.h"

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* the block that is being filled */
    char *next, *end;         /* free space in head */
    size_t used;              /* bytes taken from malloc */
    size_t max;               /* ceiling of `used`, bytes */
    size_t block;             /* bytes of a usual block */
};

void arena_init(struct arena *a, size_t block_bytes, size_t max_bytes);
void arena_done(struct arena *a);
/** Everything that was allocated is gone; one usual block is kept. */
void arena_reset(struct arena *a);
void *arena_alloc_slow(struct arena *a, size_t size);

/** `size` bytes aligned to 16, or NULL. 0 bytes have an address, too. */
static inline void *arena_alloc(struct arena *a, size_t size)
{
    size_t want = (size + 15) & ~(size_t)15;
    if (want - 1 >= (size_t)(a->end - a->next)) return arena_alloc_slow(a, size); /* also 0 bytes, and sizes that wrap round to 0 */
    void *p = a->next;
    a->next += want;
    return p;
}
void *arena_zalloc(struct arena *a, size_t size);
/** What may still be allocated below the ceiling, about. */
static inline size_t arena_left(const struct arena *a)
{
    return a->max - a->used + (size_t)(a->end - a->next);
}
/** n * size bytes, zeroed, or NULL; the product is checked. */
void *arena_array(struct arena *a, size_t n, size_t size);
/** A copy of the bytes; {NULL, 0} when there is no memory (and s.len was not 0). */
struct slice arena_copy(struct arena *a, struct slice s);
/** A terminated copy, or NULL. */
char *arena_cstr(struct arena *a, struct slice s);

#endif
