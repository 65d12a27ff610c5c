/* SPDX-License-Identifier: MIT */
/*
 * A file that comes as bytes, over the network, on its way into work/. It never lies in incoming/: until it is whole and on disk it
 * has a hidden name of its own in work/, then it is claimed at once, so that its token, its identity, is known to whoever sent it.
 *
 *     upload_open(place, &u)
 *     upload_write(&u, bytes) …
 *     upload_sync(&u)                          its bytes are on disk, and no more may come
 *     upload_place(&u, &wish, err, &file)      work/.upload-TOKEN ─▶ work/TOKEN=NAME, under a token of this moment
 *     upload_settle(place)                     and that is on disk, too, for all that were placed
 *     upload_close(&u)                         in any case; what was not placed is removed
 *
 * What a crash leaves is removed by the next start.
 *
 * Thread: any, one at a time. Everything blocks.
 */
#ifndef CETLD_SPOOL_UPLOAD_H
#define CETLD_SPOOL_UPLOAD_H

#include "spool/place.h"

struct upload {
    struct place *place;
    int fd;                            /* -1 behind upload_sync */
    char hidden[PLACE_TOKEN_MAX + 16]; /* its name; "" once it was placed or removed */
    struct stat st;                    /* behind upload_sync */
    uint64_t bytes, flushed;           /* written, and of these told to go to disk */
};

struct upload_wish {
    const char *name;    /* upload_name_fault must have no objection */
    const char *dataset; /* where it goes, whatever its name says; NULL: by its name */
    bool anyway;         /* load it although its bytes are loaded already */
};

/** Why a file may not have that name, as the end of a sentence about it, or NULL. Static. */
const char *upload_name_fault(struct slice name);

must_check int upload_open(struct place *p, struct upload *ret_upload);
must_check int upload_write(struct upload *u, struct slice bytes);
must_check int upload_sync(struct upload *u);
/** 0, and ret_file is the caller's (place_file_done); or negative, and nothing has changed. */
must_check int upload_place(struct upload *u, const struct upload_wish *wish, struct error *err, struct place_file *ret_file);
must_check int upload_settle(const struct place *p);
void upload_close(struct upload *u);

/** Bytes that may still be written to work/'s file system, by us. 0 or -errno. */
must_check int upload_room(const struct place *p, uint64_t *ret_bytes);
/** At start: remove what is not whole. */
void upload_sweep(const struct place *p);

#endif
