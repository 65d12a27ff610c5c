/* SPDX-License-Identifier: MIT */
/*
 * Folders in which something is on its way, and what becomes of those whose process was killed: whoever works in one holds a lock
 * on it (flock(2)), which ends with the process, so that the next one knows which are nobody's, and removes them.
 *
 * Thread: any.
 */
#ifndef CETL_LEFTOVER_H
#define CETL_LEFTOVER_H

#include "base/error.h"

/** `dir` is ours for as long as it is open. 0; -EAGAIN: somebody is just removing it, so make another. */
must_check int leftover_hold(int dir);
/** Remove the folders of this user in `parent` whose names begin with `prefix`, with the files in them, if nobody holds them
 * and no file `unless` (may be NULL) is in them. What cannot be removed stays. */
void leftover_sweep(const char *parent, const char *prefix, const char *unless);

#endif
