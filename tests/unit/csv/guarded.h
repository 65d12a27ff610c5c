/* SPDX-License-Identifier: MIT */
/*
 * A copy of bytes that ends right before a page nobody may touch: a byte read too far is a crash and not a lucky zero.
 *
 *     struct guarded g;
 *     guarded_init(&g, max_bytes);
 *     struct slice s = guarded_put(&g, bytes);    as often as wanted; only the last one is valid
 *     guarded_done(&g);
 */
#ifndef CETLD_TESTS_CSV_GUARDED_H
#define CETLD_TESTS_CSV_GUARDED_H

#include "base/slice.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

struct guarded {
    char *map;
    size_t room; /* bytes before the forbidden page */
    size_t page;
};

static inline void guarded_init(struct guarded *g, size_t max_bytes)
{
    g->page = (size_t)sysconf(_SC_PAGESIZE);
    g->room = (max_bytes + g->page - 1) / g->page * g->page;
    g->map = mmap(NULL, g->room + g->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(g->map != MAP_FAILED);
    int rc = mprotect(g->map + g->room, g->page, PROT_NONE);
    assert(rc == 0);
    (void)rc;
}

static inline struct slice guarded_put(struct guarded *g, struct slice bytes)
{
    assert(bytes.len <= g->room);
    char *p = g->map + g->room - bytes.len;
    if (bytes.len) memmove(p, bytes.p, bytes.len);
    return (struct slice){p, bytes.len};
}

static inline void guarded_done(struct guarded *g)
{
    munmap(g->map, g->room + g->page);
}

#endif
