/* SPDX-License-Identifier: MIT */
/*
 * The step of simd_ops.index over one block, for the files of the variants, which bring the masks and the xor over the quotes.
 *
 * Bytes between an odd and an even quote are inside (as in scan.c). The records are sound as long as a quote that opens stands
 * behind a cut (a delimiter or line end outside of quotes) or right behind a quote that closed, behind one that closes stands a
 * cut, a CR or another quote, and a CR outside of quotes stands before an LF.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_SIMD_INDEX_H
#define CETLD_CSV_SIMD_INDEX_H

#include "csv/simd.h"

#ifdef __BMI__
#include <immintrin.h>
#endif

/* What the last byte of the block before was, as the lowest bit; inside: of all bits */
struct simd_index_state {
    uint64_t inside, cut, closed, cr, ended;
    uint64_t doubled; /* the cell at hand has a doubled quote */
};

static inline void simd_index_begin(struct simd_index_state *s, struct simd_index *x)
{
    *s = (struct simd_index_state){.cut = 1, .ended = 1};
    x->n = x->lines = 0;
    x->multiline = false;
}

/* Bit i: the xor of the bits 0 to i. */
static inline uint64_t simd_prefix_xor(uint64_t m)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        m ^= m << shift;
    return m;
}

#ifdef __BMI__
#define LOWEST_BIT(m) ((uint32_t)_tzcnt_u64(m)) /* of none: 64 */
#else
#define LOWEST_BIT(m) ((uint32_t)__builtin_ctzll((m) | UINT64_C(1) << 63))
#endif

/* The offset behind each cut; `flagged`: those that get SIMD_INDEX_DOUBLED. Most blocks have few, and it is cheaper to write eight
 * than to ask how many; what is written too much is written over. */
__attribute__((always_inline)) static inline void simd_index_put(struct simd_index *x, uint64_t cuts, uint64_t flagged, uint32_t at)
{
    enum { ROUND = 8 };
    uint32_t *to = x->behind + x->n, *end = to + __builtin_popcountll(cuts);
    uint64_t left = cuts;
    do {
        for (int i = 0; i < ROUND; i++, left &= left - 1)
            to[i] = at + LOWEST_BIT(left) + 1;
        to += ROUND;
    } while (to < end);
    for (to = x->behind + x->n; flagged; flagged &= flagged - 1)
        to[__builtin_popcountll(cuts & ((flagged & (0 - flagged)) - 1))] |= SIMD_INDEX_DOUBLED;
    x->n = (size_t)(end - x->behind);
}

/* One block, whose first byte has the offset `at`; parity: prefix_xor of its quotes. False: the index ends here. */
__attribute__((always_inline)) static inline bool simd_index_block(struct simd_index_state *s, struct simd_index *x,
                                                                   const struct simd_masks *m, uint64_t parity, uint32_t at)
{
    uint64_t inside = parity ^ s->inside;
    uint64_t opens = m->quote & inside, closes = m->quote & ~inside, crs = m->cr & ~inside, ends = m->lf & ~inside;
    uint64_t cuts = (m->delimiter & ~inside) | ends;
    uint64_t behind_close = closes << 1 | s->closed;
    uint64_t odd = (opens & ~(cuts << 1 | s->cut | behind_close)) | (behind_close & ~(m->quote | m->delimiter | m->lf | m->cr)) |
                   ((crs << 1 | s->cr) & ~m->lf) | ((ends << 1 | s->ended) & (m->lf | m->cr));
    uint64_t doubled = opens & behind_close;
    if (odd) {
        uint64_t before = (odd & (0 - odd)) - 1;
        cuts &= before;
        ends &= before;
        doubled &= before;
    }
    /* A doubled quote is carried through the ones between two cuts into the bit of the second, as by an addition with pencil. */
    uint64_t carried, sum;
    bool over = __builtin_add_overflow(doubled, ~cuts, &carried);
    over |= __builtin_add_overflow(carried, s->doubled, &sum);
    simd_index_put(x, cuts, sum & cuts, at);
    x->lines += (size_t)__builtin_popcountll(ends);
    x->multiline |= (m->lf & inside) != 0;
    *s = (struct simd_index_state){.inside = 0 - (inside >> 63),
                                   .cut = cuts >> 63,
                                   .closed = closes >> 63,
                                   .cr = crs >> 63,
                                   .ended = ends >> 63,
                                   .doubled = over};
    return !odd && x->n + 2 * SIMD_BLOCK <= x->max;
}

#endif
