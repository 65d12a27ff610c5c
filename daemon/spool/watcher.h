/* SPDX-License-Identifier: MIT */
/*
 * The watcher of incoming/: says which files are complete. The rules:
 *
 *   IN_MOVED_TO           complete at once
 *   IN_CLOSE_WRITE        complete after `settle` without another event
 *   found by a scan       complete after `settle` without a change of size and mtime, unless we saw it created or written and
 *                         never closed: then after 10 minutes without change
 *   .x, *.part, *.tmp, *~ wait for another name
 *
 * Scans run at start, after a queue overflow, every `rescan`, and when incoming/ was lost and made anew.
 *
 * Time is monotonic and counts from when the watcher first saw a file with this size and mtime, so that neither the file's dates
 * nor a clock that jumps matter.
 *
 * Subfolders are watched as they come (recursively, not through symlinks). A scan reports in the order of (mtime, name); what is
 * completed by events while a scan catches up (at start, after an overflow) is reported behind what that scan found. Only names go
 * out: whether an entry can be opened and is a regular file is place.h's to find.
 *
 * `complete` answers whether the caller took the name. A taken one is not named again while it lies there unchanged (watcher_retry,
 * if it could not be claimed after all; in any case after unclosed_ms). One that was turned down is named again after the next
 * scan, or at watcher_resume, in the old order; to keep a dataset's order the caller turns down what comes after it, too. One that
 * was refused (watcher_refused) is named again only when (dev, inode, ctime) differ.
 *
 * At most entries_max names are kept. When there are more the oldest are reported first, and the rest is found when there is room.
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
    const char *path; /* incoming/ */
    int64_t settle_ms;
    int64_t rescan_ms;
    int64_t unclosed_ms; /* 10 minutes: written and never closed */
    size_t entries_max;  /* 0: 65536 */
    struct counters *counters;
    /*
     * `path` (below incoming/) is complete. True: taken (it will be moved away); false: not now, report it again at the next scan.
     * May call anything here but watcher_free.
     */
    bool (*complete)(void *ctx, const char *path);
    void (*scanned)(void *ctx);   /* the first scan, or one after an overflow, is through; may be NULL */
    void (*rescanned)(void *ctx); /* what watcher_rescan asked for is through, and all of it was offered; may be NULL */
    void *ctx;
};

must_check int watcher_new(struct loop *l, const struct watcher_config *config, struct watcher **ret_watcher);
void watcher_free(struct watcher *w);
/** Scan now; or soon, where a scan runs. */
void watcher_rescan(struct watcher *w);
/** There is room again: report what was turned down, in order, without a scan. */
void watcher_resume(struct watcher *w);
/** `path` was taken, but could not be claimed now: report it again as if it had been turned down. */
void watcher_retry(struct watcher *w, const char *path);
/** `path` was refused as it is: say nothing of it until (dev, inode, ctime) differ from `st`. */
void watcher_refused(struct watcher *w, const char *path, const struct stat *st);
/** Change what a reload may change. */
void watcher_set_times(struct watcher *w, int64_t settle_ms, int64_t rescan_ms);

#endif
