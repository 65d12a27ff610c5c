/* SPDX-License-Identifier: MIT */
/*
 * The entries of incoming/ that the watcher has in mind: one for each name, each in one state, with a ceiling on their number.
 *
 *                  ┌───────────────── changed ◀────────────────┐
 *   scan ─▶ FOUND ─┤                                           │
 *   event ─▶ SETTLING ⇄ UNCLOSED ──unchanged until due──▶ READY ──offered──▶ TAKEN | DEFERRED (offered again) | REFUSED (as it is)
 *
 * entries_set is the one function that changes the state; it keeps the entry in the list or heap of its state. Everything here is
 * memory only and O(log n).
 *
 * Thread: loop.
 */
#ifndef CETLD_SPOOL_ENTRY_H
#define CETLD_SPOOL_ENTRY_H

#include "base/error.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum entry_state {
    ENTRY_NEW,      /* in no list */
    ENTRY_FOUND,    /* by the scan that runs or whose finds are settling: a heap, the youngest on top */
    ENTRY_SETTLING, /* an event was seen: by due_ms */
    ENTRY_UNCLOSED, /* written and not closed: by due_ms */
    ENTRY_READY,    /* complete: a heap, what comes first on top */
    ENTRY_DEFERRED, /* turned down for now */
    ENTRY_TAKEN,    /* accepted; it will vanish */
    ENTRY_REFUSED,  /* not before it changes */
};

/** What one look (lstat) at a file says. All zero when the look was not allowed. */
struct entry_look {
    uint64_t dev, ino;
    int64_t size_bytes, mtime_ns, ctime_ns;
    mode_t mode;
};

struct entry {
    UT_hash_handle hh;
    struct list all;        /* every entry; what the running scan saw is behind what it did not */
    struct list link;       /* of the state's list */
    struct entry_look look; /* the last one */
    int64_t due_ms;         /* monotonic: complete then, if it has not changed; TAKEN: to be doubted then */
    uint64_t order;         /* of its scan or its completion: READY is by (order, mtime, path) */
    uint32_t scan;          /* number of the last scan that saw it */
    uint32_t heap_at;
    enum entry_state state;
    bool created; /* since the last close or rename we saw it made */
    char path[];  /* below incoming/ */
};

struct entry_heap {
    struct entry **item; /* room for all */
    size_t n;
    bool (*before)(const struct entry *a, const struct entry *b);
};

struct entries {
    struct entry *by_path;
    size_t n, max;
    struct list all, settling, unclosed, deferred;
    struct entry_heap found, ready;
};

must_check int entries_init(struct entries *s, size_t max);
void entries_done(struct entries *s);
struct entry *entries_find(const struct entries *s, const char *path);
/** A new entry in ENTRY_NEW, or NULL at the ceiling (or without memory). `path` must not be known. */
struct entry *entries_add(struct entries *s, const char *path);
void entries_remove(struct entries *s, struct entry *e);
/** Move e to a state: behind the others in a list, at its rank in a heap. */
void entries_set(struct entries *s, struct entry *e, enum entry_state state);
/** Note that scan `number` saw it. */
void entries_seen(struct entries *s, struct entry *e, uint32_t number);
/** The first entry of a list, or NULL. */
struct entry *entries_first(const struct list *l);

struct entry_look entry_look_of(const struct stat *st);
/** Is it the same file with the same size and mtime? */
bool entry_same_content(const struct entry_look *a, const struct entry_look *b);
/** Is it the same file with the same permissions and all (by ctime)? */
bool entry_same_file(const struct entry_look *a, const struct entry_look *b);
/** Does a file of this mtime and name come before the entry in a scan's order? */
bool entry_older(int64_t mtime_ns, const char *path, const struct entry *than);

#endif
