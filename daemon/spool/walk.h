/* SPDX-License-Identifier: MIT */
/*
 * A walk through the folders of incoming/, one entry at a time, so that the caller can stop when its time is up. Each folder is
 * watched before it is read: what comes later is an event, what was there before is found.
 *
 *     walk_begin(&w);                      all of it: from incoming/ down, under a new number
 *     walk_queue(&w, folder);              or only this one and what is new below it
 *     while ((r = walk_next(&w, &found)) != WALK_END) …
 *
 * Thread: loop.
 */
#ifndef CETLD_SPOOL_WALK_H
#define CETLD_SPOOL_WALK_H

#include "spool/folder.h"

#include <dirent.h>
#include <limits.h>

struct walk {
    struct folders *folders;
    struct list queue; /* of folders */
    DIR *dir;          /* that is being read */
    uint32_t number;   /* of the last full walk, from 1 */
    bool full;
    char path[PATH_MAX]; /* of dir, below incoming/ */
};

enum walk_result {
    WALK_END,     /* nothing is queued any more */
    WALK_NOTHING, /* a turn without a find */
    WALK_ENTRY,   /* ret_find->path and look are set */
    WALK_DENIED,  /* ret_find->path is a folder that may not be read */
    WALK_LOST,    /* incoming/ itself is not there */
};
struct walk_find {
    char path[PATH_MAX];
    struct entry_look look;
};

void walk_init(struct walk *w, struct folders *folders);
/** Also in the middle: stops and forgets. */
void walk_stop(struct walk *w);
void walk_begin(struct walk *w);
void walk_queue(struct walk *w, struct folder *f);
bool walk_active(const struct walk *w);
enum walk_result walk_next(struct walk *w, struct walk_find *ret_find);

/** Names that wait for another name: .x, x.part, x.tmp, x~ */
bool walk_ignores(const char *name);

#endif
