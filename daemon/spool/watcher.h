/* SPDX-License-Identifier: MIT */
/*
 * The watcher of incoming/: says which files are complete. Rules (DESIGN section 4):
 *
 *   IN_MOVED_TO           complete at once
 *   IN_CLOSE_WRITE        complete after `settle` without another event
 *   found by a scan       (start, queue overflow, every `rescan`, watch lost and made anew) complete after `settle` without a change of size and mtime, unless
 *                         we saw it created or written and never closed: then after 10 minutes without change
 *   dot files, *.part, *.tmp, *~   wait for another name
 *
 * Subfolders are watched as they come (recursively, not through symlinks). A scan reports in the order of (mtime, name). Only names go out: whether an entry can be
 * opened and is a regular file is place.h's to find. An entry that was refused there is remembered by (dev, inode, ctime) by calling watcher_refused, and reported again
 * only when it changed (IN_ATTRIB, another ctime).
 *
 * Thread: loop. Scans of large folders are cut into steps so that the loop never stalls.
 */
#ifndef CETLD_SPOOL_WATCHER_H
#define CETLD_SPOOL_WATCHER_H

#include "base/counters.h"
#include "loop/loop.h"
#include <stdbool.h>
#include <sys/stat.h>

struct watcher;
struct watcher_config {
    const char *path;      /* incoming/ */
    int64_t settle_ms;
    int64_t rescan_ms;
    int64_t unclosed_ms;   /* 10 minutes: written and never closed */
    struct counters *counters;
    /*
     * `path` (below incoming/) is complete. True: taken (it will be moved away); false: not now, report it again at the next scan.
     */
    bool (*complete)(void *ctx, const char *path);
    void (*scanned)(void *ctx); /* the first scan, or one after an overflow, is through; may be NULL */
    void *ctx;
};

must_check int watcher_new(struct loop *l, const struct watcher_config *config, struct watcher **ret_watcher);
void watcher_free(struct watcher *w);
/** Scan now. */
void watcher_rescan(struct watcher *w);
/** `path` was refused as it is: say nothing of it until (dev, inode, ctime) differ from `st`. */
void watcher_refused(struct watcher *w, const char *path, const struct stat *st);
/** Change what a reload may change. */
void watcher_set_times(struct watcher *w, int64_t settle_ms, int64_t rescan_ms);

#endif
