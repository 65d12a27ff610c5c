/* SPDX-License-Identifier: MIT */
/*
 * A stream of bytes in any encoding that the C library's iconv knows, to UTF-8. State (half a character, a shift) is carried over
 * every cut.
 *
 *     transcode_init(&t, "UTF-16LE");
 *     while (bytes come)
 *         while (in.len > 0) { r = transcode_step(&t, &in, to, room, &n); … }
 *     r = transcode_end(&t, to, room, &n);
 *     transcode_done(&t);
 *
 * Strict: what the encoding does not define is an error, and nothing is replaced.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_CSV_TRANSCODE_H
#define CETLD_CSV_TRANSCODE_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRANSCODE_E_INVALID = 1, /* bytes that mean nothing in that encoding; t->offset says where */
    TRANSCODE_E_CUT,         /* the stream ended inside a character, which begins at t->offset */
};

/** Room that any step needs to get on: the longest character with what a shift may bring. */
enum { TRANSCODE_ROOM = 64 };

struct transcode {
    void *cd;        /* iconv_t */
    char half[16];   /* the first bytes of a character that is not complete */
    size_t half_len; /* bytes in it */
    uint64_t offset; /* bytes of the stream that are converted */
};

/** 0, or -errno (-EINVAL: there is no such encoding). */
must_check int transcode_init(struct transcode *t, const char *encoding);
void transcode_done(struct transcode *t);
/**
 * Convert from `in`, which is moved behind what was taken, to at most `room` (TRANSCODE_ROOM at least) bytes at `to`. All of `in`
 * is taken unless the room was used up. 0, or TRANSCODE_E_INVALID (what stands before it is at `to`).
 */
must_check int transcode_step(struct transcode *t, struct slice *in, char *to, size_t room, size_t *ret_len);
/** The end of the stream. 0, or TRANSCODE_E_CUT. */
must_check int transcode_end(struct transcode *t, char *to, size_t room, size_t *ret_len);

#endif
