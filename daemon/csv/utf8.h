/* SPDX-License-Identifier: MIT */
/*
 * Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. U+0000 is valid here; who does not want it
 * looks for it.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_UTF8_H
#define CETLD_CSV_UTF8_H

#include "base/slice.h"

/** Bytes of the longest prefix that is valid UTF-8 and ends between characters; s.len when all of it is. */
size_t utf8_prefix(struct slice s);

static inline bool utf8_valid(struct slice s)
{
    return utf8_prefix(s) == s.len;
}

#endif
