/* SPDX-License-Identifier: MIT */
/*
 * The INI reader, with raw values, since half of them are SQL:
 *
 *     [kind]  or  [kind name]
 *     key = value to the end of the line: no quotes, no escapes; white space at both ends is cut
 *         a line that begins with white space goes on with the value
 *     # or ; at the very start of a line: a comment, also inside a value
 *
 * A key or a section twice in one file is a mistake; a file that is read later overrides, key by key. Lines end in LF or CRLF; a
 * UTF-8 BOM is skipped. What is read stays in the arena. Which kinds and keys there are is not known here.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_CONFIG_INI_H
#define CETLD_CONFIG_INI_H

#include "base/arena.h"
#include "config/mistakes.h"

struct ini_entry {
    struct slice key;
    struct slice value; /* its lines joined by '\n' */
    struct config_place place;
    unsigned file; /* the how-manieth file said it last */
    struct ini_entry *next;
};

struct ini_section {
    struct slice kind;
    struct slice name; /* empty for [kind] */
    struct config_place place;
    unsigned file;
    struct ini_entry *first;
    struct ini_section *next;
    struct ini_section *chain; /* the next one of its bucket */
};

/** Ceilings of all files together, and of one file's bytes. */
enum { INI_SECTIONS_MAX = 4096, INI_ENTRIES_MAX = 32768, INI_FILE_MAX = 1 << 20 };
enum { INI_BUCKETS = 1024 };

struct ini {
    struct arena *arena;
    struct ini_section *first, *last;        /* in the order of their first appearance */
    struct ini_section *bucket[INI_BUCKETS]; /* the same, by kind and name */
    unsigned files, sections, entries;
};

/** `arena` must outlive what is read. */
void ini_init(struct ini *ini, struct arena *arena);
/** Add a file. `file` is its name for people; both are copied. Mistakes go to `m`. 0 or -ENOMEM. */
must_check int ini_read(struct ini *ini, const char *file, struct slice text, struct mistakes *m);
/** [kind name], or NULL. */
const struct ini_section *ini_find(const struct ini *ini, const char *kind, struct slice name);
/** Takes out the sections that `hidden` says, as if no file had them. */
void ini_hide(struct ini *ini, bool (*hidden)(const struct ini_section *));
/** The entry of that key, or NULL. */
const struct ini_entry *ini_entry(const struct ini_section *section, const char *key);

#endif
