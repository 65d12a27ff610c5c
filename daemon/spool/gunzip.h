/* SPDX-License-Identifier: MIT */
/*
 * A gzip file (RFC 1952) as a stream of what is in it, by zlib: any number of members, each with its CRC and length checked. A file
 * that ends inside a member, or goes on with anything but another member, is refused.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_SPOOL_GUNZIP_H
#define CETLD_SPOOL_GUNZIP_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

enum { GUNZIP_E_BROKEN = 1 };

struct gunzip {
    z_stream z;
    uint64_t offset; /* bytes of the file that are used up */
    bool between;    /* at the end of a member, or at the start of the file */
};

/** 0 or -ENOMEM. */
must_check int gunzip_init(struct gunzip *g);
void gunzip_done(struct gunzip *g);
/**
 * Unpack from `in`, which is moved behind what was used up, to at most `room` bytes at `to`. 0 with nothing made: more input is
 * wanted. GUNZIP_E_BROKEN with the words in err, or -ENOMEM.
 */
must_check int gunzip_step(struct gunzip *g, struct slice *in, char *to, size_t room, size_t *ret_len, struct error *err);
/** The file ends here. 0 or GUNZIP_E_BROKEN. */
must_check int gunzip_end(const struct gunzip *g, struct error *err);

#endif
