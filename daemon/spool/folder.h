/* SPDX-License-Identifier: MIT */
/*
 * The folders below incoming/ (itself is ""), each with an inotify watch as far as the kernel gives us some. A folder that has none
 * is only scanned; that is said once.
 *
 * Thread: loop.
 */
#ifndef CETLD_SPOOL_FOLDER_H
#define CETLD_SPOOL_FOLDER_H

#include "loop/inotify.h"
#include "spool/entry.h"

enum { FOLDERS_MAX = 65536 };

struct folder {
    UT_hash_handle by_path, by_wd;
    struct list queue; /* the scan's */
    int wd;            /* its watch, or -1 */
    uint32_t scan;     /* the last scan that saw it */
    bool said;         /* that it cannot be read */
    char path[];       /* below incoming/ */
};

struct folders {
    struct inotify *inotify; /* NULL: none is watched */
    const char *root;        /* the path of incoming/; the caller's */
    struct folder *by_path, *by_wd;
    size_t n;
    bool said_unwatched, said_full;
};

void folders_done(struct folders *s);
/** The folder of this path, made when it is new; NULL at the ceiling or without memory (said once). */
struct folder *folders_get(struct folders *s, const char *path);
struct folder *folders_find(const struct folders *s, const char *path);
struct folder *folders_by_wd(const struct folders *s, int wd);
/** Watch what lies at the folder's path now; it may be another folder than last time. 0, or -errno when there is no such folder any
 * more. */
must_check int folders_arm(struct folders *s, struct folder *f);
void folders_drop(struct folders *s, struct folder *f);
/** Drop the folder of this path and all below it. */
void folders_drop_tree(struct folders *s, const char *path);
void folders_drop_all(struct folders *s);

/** ROOT/PATH/NAME (PATH and NAME may be ""). False when it is longer than PATH_MAX. ret_path holds PATH_MAX bytes. */
bool folder_join(const char *root, const char *path, const char *name, char *ret_path);

#endif
