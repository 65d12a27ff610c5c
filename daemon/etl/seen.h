/* SPDX-License-Identifier: MIT */
/*
 * What a source has taken from a store: a set of versions of objects, each as the first SEEN_BYTES bytes of a SHA-256, in a file of
 * such. A version is added once its file is in work/; a crash before that fetches it again, and its bytes are then a duplicate. So
 * are those whose entry cannot be written.
 *
 *     seen_open(folder, name, &s); seen_has(&s, id) …, seen_add(&s, id) …; seen_tidy(&s); seen_close(&s);
 *
 * Thread: any, one at a time. All but seen_id and seen_has ask the disk.
 */
#ifndef CETLD_ETL_SEEN_H
#define CETLD_ETL_SEEN_H

#include "base/digest.h"
#include "base/slice.h"

enum {
    SEEN_BYTES = 16,
    SEEN_MAX = 1000000,         /* entries */
    SEEN_COST = SEEN_BYTES + 1, /* bytes of memory of an entry */
};

struct seen {
    int folder, fd;
    char *name;
    uint8_t (*id)[SEEN_BYTES];
    bool *listed;     /* of each: seen_has was asked for it */
    size_t sorted, n; /* those behind `sorted` came since seen_open */
    size_t room;
};

/** The identity of a version: of the store, the object's key, and what the store calls its version. */
void seen_id(struct slice store, struct slice key, struct slice version, uint64_t bytes, uint8_t ret_id[SEEN_BYTES]);

/** `folder` becomes the set's, also where it fails. 0 or negative; seen_close in any case. Room for `more` entries is made. */
must_check int seen_open(int folder, const char *name, size_t more, struct seen *ret_seen);
void seen_close(struct seen *s);
bool seen_has(struct seen *s, const uint8_t id[SEEN_BYTES]);
/** At most as many as there is room for. 0 or -ENOSPC (no room), -EIO …: it is in the set, but not on the disk. */
must_check int seen_add(struct seen *s, const uint8_t id[SEEN_BYTES]);
/** A whole list was gone through: where most of the entries were not in it they are forgotten. 0 or negative: all is as before. */
must_check int seen_tidy(struct seen *s);

#endif
