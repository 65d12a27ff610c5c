/* SPDX-License-Identifier: MIT */
#include "spool/entry.h"

#include <stdlib.h>
#include <string.h>

bool entry_older(int64_t mtime_ns, const char *path, const struct entry *than)
{
    if (mtime_ns != than->look.mtime_ns) return mtime_ns < than->look.mtime_ns;
    return strcmp(path, than->path) < 0;
}

static bool youngest_first(const struct entry *a, const struct entry *b)
{
    return entry_older(b->look.mtime_ns, b->path, a);
}

static bool in_order(const struct entry *a, const struct entry *b)
{
    if (a->order != b->order) return a->order < b->order;
    return entry_older(a->look.mtime_ns, a->path, b);
}

static void put(struct entry_heap *h, size_t at, struct entry *e)
{
    h->item[at] = e;
    e->heap_at = (uint32_t)at;
}

/* Binary heap: move the hole at `at` up or down to where e belongs. */
static void settle(struct entry_heap *h, size_t at, struct entry *e)
{
    for (; at > 0 && h->before(e, h->item[(at - 1) / 2]); at = (at - 1) / 2)
        put(h, at, h->item[(at - 1) / 2]);
    for (size_t child; (child = 2 * at + 1) < h->n; at = child) {
        if (child + 1 < h->n && h->before(h->item[child + 1], h->item[child])) child++;
        if (!h->before(h->item[child], e)) break;
        put(h, at, h->item[child]);
    }
    put(h, at, e);
}

static void heap_add(struct entry_heap *h, struct entry *e)
{
    h->n++;
    settle(h, h->n - 1, e);
}

static void heap_remove(struct entry_heap *h, const struct entry *e)
{
    struct entry *last = h->item[--h->n];
    if (last != e) settle(h, e->heap_at, last);
}

int entries_init(struct entries *s, size_t max)
{
    *s = (struct entries){.max = max, .found.before = youngest_first, .ready.before = in_order};
    list_init(&s->all);
    list_init(&s->settling);
    list_init(&s->unclosed);
    list_init(&s->deferred);
    /* Room for all at once, so that a change of state cannot fail. */
    s->found.item = calloc(max, sizeof(struct entry *));
    s->ready.item = calloc(max, sizeof(struct entry *));
    if (s->found.item && s->ready.item) return 0;
    free(s->found.item);
    free(s->ready.item);
    s->found.item = s->ready.item = NULL;
    return -ENOMEM;
}

void entries_done(struct entries *s)
{
    for (struct entry *e; (e = s->by_path);)
        entries_remove(s, e);
    free(s->found.item);
    free(s->ready.item);
    s->found.item = s->ready.item = NULL;
}

struct entry *entries_find(const struct entries *s, const char *path)
{
    struct entry *e;
    HASH_FIND_STR(s->by_path, path, e);
    return e;
}

struct entry *entries_add(struct entries *s, const char *path)
{
    size_t len = strlen(path);
    if (s->n >= s->max) return NULL;
    struct entry *e = calloc(1, sizeof(*e) + len + 1);
    if (!e) return NULL;
    memcpy(e->path, path, len);
    HASH_ADD_KEYPTR(hh, s->by_path, e->path, len, e);
    if (!e->hh.tbl) { /* no memory for the table */
        free(e);
        return NULL;
    }
    list_init(&e->link);
    list_append(&s->all, &e->all);
    s->n++;
    return e;
}

static struct entry_heap *heap_of(struct entries *s, enum entry_state state)
{
    return state == ENTRY_FOUND ? &s->found : state == ENTRY_READY ? &s->ready : NULL;
}

static struct list *list_of(struct entries *s, enum entry_state state)
{
    switch (state) {
    case ENTRY_SETTLING: return &s->settling;
    case ENTRY_UNCLOSED: return &s->unclosed;
    case ENTRY_DEFERRED: return &s->deferred;
    default: return NULL;
    }
}

void entries_set(struct entries *s, struct entry *e, enum entry_state state)
{
    struct entry_heap *from = heap_of(s, e->state), *to = heap_of(s, state);
    struct list *behind = list_of(s, state);
    if (from) heap_remove(from, e);
    list_remove(&e->link);
    e->state = state;
    if (to) heap_add(to, e);
    if (behind) list_append(behind, &e->link);
}

void entries_remove(struct entries *s, struct entry *e)
{
    entries_set(s, e, ENTRY_NEW);
    list_remove(&e->all);
    HASH_DEL(s->by_path, e);
    free(e);
    s->n--;
}

void entries_seen(struct entries *s, struct entry *e, uint32_t number)
{
    e->scan = number;
    list_remove(&e->all);
    list_append(&s->all, &e->all);
}

struct entry *entries_first(const struct list *l)
{
    return list_empty(l) ? NULL : container_of(l->next, struct entry, link);
}

/* Dates beyond the years 1678 to 2262 are as late or as early as can be said. */
static int64_t nanoseconds(struct timespec t)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)t.tv_sec, 1000000000, &ns) || __builtin_add_overflow(ns, t.tv_nsec, &ns))
        return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

struct entry_look entry_look_of(const struct stat *st)
{
    return (struct entry_look){.dev = st->st_dev,
                               .ino = st->st_ino,
                               .size_bytes = st->st_size,
                               .mtime_ns = nanoseconds(st->st_mtim),
                               .ctime_ns = nanoseconds(st->st_ctim),
                               .mode = st->st_mode};
}

bool entry_same_content(const struct entry_look *a, const struct entry_look *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns;
}

bool entry_same_file(const struct entry_look *a, const struct entry_look *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->ctime_ns == b->ctime_ns;
}
