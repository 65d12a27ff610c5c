/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/num.h"

#include <stdlib.h>

struct arena_block {
    struct arena_block *older;
    size_t size; /* bytes taken from malloc, this header included */
    _Alignas(16) char data[];
};

void arena_init(struct arena *a, size_t block_bytes, size_t max_bytes)
{
    *a = (struct arena){.block = block_bytes, .max = max_bytes};
}

static void free_blocks(struct arena_block *b)
{
    while (b) {
        struct arena_block *older = b->older;
        free(b);
        b = older;
    }
}

void arena_done(struct arena *a)
{
    if (!a) return;
    free_blocks(a->head);
    arena_init(a, a->block, a->max);
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = NULL;
    for (struct arena_block **link = &a->head; *link; link = &(*link)->older) {
        if ((*link)->size != sizeof(struct arena_block) + a->block) continue;
        keep = *link;
        *link = keep->older;
        keep->older = NULL;
        break;
    }
    free_blocks(a->head);
    arena_init(a, a->block, a->max);
    if (!keep) return;
    a->head = keep;
    a->next = keep->data;
    a->end = keep->data + a->block;
    a->used = keep->size;
}

/* A block with room for `size` bytes, counted, or NULL at the ceiling. */
static struct arena_block *new_block(struct arena *a, size_t size)
{
    size_t total, used;
    if (!num_add(size, sizeof(struct arena_block), &total) || !num_add(a->used, total, &used) || used > a->max) return NULL;
    struct arena_block *b = malloc(total);
    if (!b) return NULL;
    b->size = total;
    b->older = NULL;
    a->used = used;
    return b;
}

void *arena_alloc_slow(struct arena *a, size_t size)
{
    size_t want = ((size ? size : 1) + 15) & ~(size_t)15;
    if (want < size) return NULL;
    if (size == 0 && want <= (size_t)(a->end - a->next)) {
        a->next += want;
        return a->next - want;
    }
    /* What would waste much of a usual block gets one of its own, behind the head, which goes on being filled. */
    if (want > a->block / 4) {
        struct arena_block *own = new_block(a, want);
        if (!own) return NULL;
        if (a->head) {
            own->older = a->head->older;
            a->head->older = own;
        } else {
            a->head = own;
            a->next = a->end = own->data + want;
        }
        return own->data;
    }
    struct arena_block *b = new_block(a, a->block);
    if (!b) return NULL;
    b->older = a->head;
    a->head = b;
    a->next = b->data + want;
    a->end = b->data + a->block;
    return b->data;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    return num_mul(n, size, &bytes) ? arena_zalloc(a, bytes) : NULL;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len);
    if (!p) return (struct slice){NULL, 0};
    if (s.len) memcpy(p, s.p, s.len);
    return (struct slice){p, s.len};
}

char *arena_cstr(struct arena *a, struct slice s)
{
    size_t size;
    char *p = num_add(s.len, 1, &size) ? arena_alloc(a, size) : NULL;
    if (!p) return NULL;
    if (s.len) memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return p;
}
