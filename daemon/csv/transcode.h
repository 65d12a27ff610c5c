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
 * Strict: what the encoding does not define is an error, and nothing is replaced by a character. Where it is known with which byte
 * the next character begins (an encoding of one byte a character, UTF-16, UTF-32), transcode_skip goes on there, and leaves bytes
 * in the text that are no UTF-8: whoever checks that finds the place.
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
    uint64_t offset; /* bytes of the stream that are converted, or skipped */
    const char *encoding;
    int unit;  /* bytes of a character that means nothing; 0: not to be told, or not known yet */
    bool told; /* unit is known */
    bool raw;  /* the last byte of the text is a skipped one */
};

/** 0, or -errno (-EINVAL: there is no such encoding). `encoding` must outlive it. */
must_check int transcode_init(struct transcode *t, const char *encoding);
void transcode_done(struct transcode *t);
/**
 * Convert from `in`, which is moved behind what was taken, to at most `room` (TRANSCODE_ROOM at least) bytes at `to`. All of `in`
 * is taken unless the room was used up. 0, or TRANSCODE_E_INVALID (what stands before it is at `to`).
 */
must_check int transcode_step(struct transcode *t, struct slice *in, char *to, size_t room, size_t *ret_len);
/**
 * Right behind TRANSCODE_E_INVALID with nothing made: skip the character that means nothing. What stands for it (1 to 3 bytes) is
 * no UTF-8, whatever stands before and behind it: the byte itself where the encoding has one byte a character (behind another such
 * one, 0xff and the byte; 0xff alone where it is an ASCII one); a lone surrogate of UTF-16 as UTF-8 would write it; else 0xff. 0,
 * or TRANSCODE_E_INVALID: it cannot be told where the next character begins.
 */
must_check int transcode_skip(struct transcode *t, struct slice *in, char *to, size_t room, size_t *ret_len);
/** The end of the stream. 0, or TRANSCODE_E_CUT. */
must_check int transcode_end(struct transcode *t, char *to, size_t room, size_t *ret_len);

#endif
