/* SPDX-License-Identifier: MIT */
/*
 * The structural scan: where records end, in a stream of bytes that is fed piece by piece. Sequential and quote-aware; it carries
 * its state over any cut, so that a file may be fed at every split offset with the same result.
 *
 *     struct scan s;
 *     scan_init(&s, &dialect);
 *     while (bytes come) {
 *         struct scan_result r = scan_feed(&s, piece);
 *         r.end is the offset in `piece` behind its last complete record (0: none ends here)
 *     }
 *     scan_open_quote(&s) at the end of the file: a quote was never closed
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_CSV_SCAN_H
#define CETLD_CSV_SCAN_H

#include "csv/dialect.h"

#include <stdint.h>

struct simd_ops;

struct scan {
    const struct simd_ops *ops;
    char delimiter, quote, escape, comment;
    uint64_t quoting;    /* what is left of the mask of quotes: all, or nothing where the dialect has none */
    bool trim, cr;       /* cr: a record ends at a CR, else at an LF */
    bool plain;          /* neither escape nor comment nor trim */
    unsigned char state; /* scan.c's enum */
    uint64_t quote_line; /* the physical line (from 1) on which the open quoted cell began */
    uint64_t line;       /* the physical line (from 1) of the next byte */
};

struct scan_result {
    size_t end;     /* bytes of the piece up to and with its last record end; 0: no record ends in it */
    uint64_t lines; /* physical line ends in piece[0, end) */
};

/** The dialect's delimiter and line end are known; the first byte to be fed is the one at dialect.start. */
void scan_init(struct scan *s, const struct dialect *d);
/** Any piece, an empty one too. */
struct scan_result scan_feed(struct scan *s, struct slice piece);
/** True when the bytes so far end inside a quoted cell. */
bool scan_open_quote(const struct scan *s);

#endif
