/* SPDX-License-Identifier: MIT */
/*
 * The primitives on bytes that the CSV layer's speed hangs on, in one variant for each instruction set. scan, reader, utf8 and
 * charset are written once, against this table; a variant is a file that fills it. All variants give the same answers.
 *
 *     const struct simd_ops *ops = simd_best();
 *     size_t clean = ops->first_nul_or_high(text);
 *
 * No primitive reads a byte outside of what it is given, and none wants it aligned. Any byte may stand in the input.
 *
 * Thread: any. The tables are constants.
 */
#ifndef CETLD_CSV_SIMD_H
#define CETLD_CSV_SIMD_H

#include "base/slice.h"

#include <stdint.h>

enum { SIMD_BLOCK = 64 }; /* bytes that one mask covers */

/* The two bytes of structure that the dialect chooses; LF and CR are always looked for. */
struct simd_set {
    char quote, delimiter;
};

/* Bit i: byte i of the block is that character. */
struct simd_masks {
    uint64_t quote, delimiter, lf, cr;
};

/*
 * Where the cells of sound records begin and end: RFC 4180 with the set's quote and delimiter and with records that end at LF or
 * CRLF. At the first byte that breaks this grammar, and at a blank line, the index stops; what is in it before is right.
 *
 *     struct simd_index x = {.behind = room, .max = items};
 *     ops->index(p, blocks, &set, &x);        p is the first byte of a record
 *
 */
struct simd_index {
    uint32_t *behind; /* for each delimiter and LF outside of quotes, the offset behind it; SIMD_INDEX_DOUBLED may be added */
    size_t max;       /* room in `behind`, at least 2 * SIMD_BLOCK; the index ends when less than that is left */
    size_t n;         /* how many */
    size_t lines;     /* how many of them are LF */
    bool multiline;   /* an LF stands inside of quotes, or may */
};
#define SIMD_INDEX_DOUBLED UINT32_C(0x80000000) /* a doubled quote stands in the cell before */

struct simd_ops {
    const char *name;
    /** The masks of `blocks` blocks of SIMD_BLOCK bytes each, from p on; ret_masks has room for as many. */
    void (*structure)(const char *p, size_t blocks, const struct simd_set *set, struct simd_masks *ret_masks);
    /** Index up to `blocks` blocks of SIMD_BLOCK bytes from p on, where a record begins; blocks * SIMD_BLOCK < 2^31. */
    void (*index)(const char *p, size_t blocks, const struct simd_set *set, struct simd_index *x);
    /** How often c stands in s. */
    size_t (*count)(struct slice s, char c);
    /** Index of the first byte above 0x7f; s.len when there is none. */
    size_t (*first_high)(struct slice s);
    /** Index of the first byte that is 0 or above 0x7f; s.len when there is none. */
    size_t (*first_nul_or_high)(struct slice s);
    /** Copy s up to its first byte above 0x7f; the number of bytes copied. `to` has room for s.len bytes, all of which may be
     * written. */
    size_t (*copy_ascii)(char *to, struct slice s);
    /** Bytes of the longest prefix that is UTF-8 (as utf8.h says) without NUL, and ends between characters. */
    size_t (*text_prefix)(struct slice s);
};

enum simd_variant { SIMD_SCALAR, SIMD_SSE2, SIMD_AVX2, SIMD_VARIANTS };

/** The variant, or NULL when this processor (or this build) does not have it. SIMD_SCALAR is always there. */
const struct simd_ops *simd_variant(enum simd_variant v);
/** The fastest one that this processor has. */
const struct simd_ops *simd_best(void);

/** The masks of one block, which may be a last, shorter one (tail.len <= SIMD_BLOCK); the bits behind it are 0. */
void simd_structure_tail(const struct simd_ops *ops, struct slice tail, const struct simd_set *set, struct simd_masks *ret_masks);

/* text_prefix of s where its first `known` bytes (which may end inside a character) hold no fault: the way of every variant's end.
 */
size_t simd_text_rest(const struct simd_ops *ops, struct slice s, size_t known);

/* The tables of the variants that need files of their own; NULL where the build's machine has no such instructions. */
const struct simd_ops *simd_sse2(void);
const struct simd_ops *simd_avx2(void);

#endif
