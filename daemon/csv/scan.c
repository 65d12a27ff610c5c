/* SPDX-License-Identifier: MIT */
#include "csv/scan.h"

#include "csv/simd.h"

#include <assert.h>

/* What the bytes so far have led to. A CR needs no state: outside of quotes it is an ordinary byte, the LF behind it ends the
 * record. */
enum state {
    CELL_START, /* a quote would open a quoted cell */
    UNQUOTED,   /* inside an unquoted cell, or in what is left of a cell that broke the grammar */
    QUOTED,
    AFTER_QUOTE, /* behind a quote inside a quoted cell: the closing one, or the first of two */
    STATES
};

enum class { OTHER, DELIMITER, QUOTE, LF, CLASSES };

static const unsigned char next_state[STATES][CLASSES] = {
    /*                OTHER     DELIMITER   QUOTE        LF         */
    [CELL_START] = {UNQUOTED, CELL_START, QUOTED, CELL_START},
    [UNQUOTED] = {UNQUOTED, CELL_START, UNQUOTED, CELL_START},
    [QUOTED] = {QUOTED, QUOTED, AFTER_QUOTE, QUOTED},
    [AFTER_QUOTE] = {UNQUOTED, CELL_START, QUOTED, CELL_START},
};

enum { BATCH = 32 }; /* blocks whose masks are made at once */

static const size_t none = (size_t)-1;

/* What a piece has shown so far; offsets in the piece. */
struct progress {
    size_t base; /* of the block at hand */
    size_t end;  /* behind the last record end; 0: none */
    size_t open; /* of the last quote that opened a cell; none: it is not in this piece */
};

void scan_init(struct scan *s, const struct dialect *d)
{
    assert(d->delimiter != 0 && d->delimiter != d->quote);
    *s = (struct scan){.ops = simd_best(), .delimiter = d->delimiter, .quote = d->quote, .state = CELL_START, .line = 1};
}

/* Bit i: the xor of the bits 0 to i. */
static uint64_t prefix_xor(uint64_t m)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        m ^= m << shift;
    return m;
}

static unsigned highest_bit(uint64_t m)
{
    return 63 - (unsigned)__builtin_clzll(m);
}

/* A block of n bytes, one at a time, by the table. */
static void walk_block(struct scan *s, const struct simd_masks *m, size_t n, struct progress *p)
{
    for (size_t i = 0; i < n; i++) {
        enum class c = m->quote >> i & 1 ? QUOTE : m->delimiter >> i & 1 ? DELIMITER : m->lf >> i & 1 ? LF : OTHER;
        if (c == QUOTE && s->state == CELL_START) p->open = p->base + i;
        if (c == LF && s->state != QUOTED) p->end = p->base + i + 1;
        s->state = next_state[s->state][c];
    }
}

/*
 * The same for all n bytes at once, as long as every quote does what it does in a sound file: turn quoting on or off. The xor of
 * the quotes up to a byte then tells whether it is inside (Langdale and Lemire's simdjson, "Parsing gigabytes of JSON per second",
 * section 3.1.1). A quote that would turn it on must begin a cell, or stand right behind the quote that turned it off; a block in
 * which one does not is walked.
 */
static void step_block(struct scan *s, const struct simd_masks *m, size_t n, struct progress *p)
{
    uint64_t inside = prefix_xor(m->quote) ^ (s->state == QUOTED ? ~(uint64_t)0 : 0);
    uint64_t opens = m->quote & inside;
    uint64_t behind_quote = m->quote << 1 | (s->state == AFTER_QUOTE);
    uint64_t begins_cell = (m->delimiter | m->lf) << 1 | (s->state == CELL_START);
    if (opens & ~(behind_quote | begins_cell)) {
        walk_block(s, m, n, p);
        return;
    }
    uint64_t ends = m->lf & ~inside;
    if (ends) p->end = p->base + highest_bit(ends) + 1;
    opens &= ~behind_quote;
    if (opens) p->open = p->base + highest_bit(opens);

    uint64_t last = (uint64_t)1 << (n - 1);
    s->state = inside & last ? QUOTED : m->quote & last ? AFTER_QUOTE : (m->delimiter | m->lf) & last ? CELL_START : UNQUOTED;
}

static size_t count_lines(const struct scan *s, const char *p, size_t len)
{
    return s->ops->count((struct slice){p, len}, '\n');
}

struct scan_result scan_feed(struct scan *s, struct slice piece)
{
    if (piece.len == 0) return (struct scan_result){0};
    const struct simd_set set = {.quote = s->quote, .delimiter = s->delimiter};
    struct progress p = {.open = none};
    struct simd_masks masks[BATCH];
    while (piece.len - p.base >= SIMD_BLOCK) {
        size_t blocks = (piece.len - p.base) / SIMD_BLOCK;
        if (blocks > BATCH) blocks = BATCH;
        s->ops->structure(piece.p + p.base, blocks, &set, masks);
        for (size_t b = 0; b < blocks; b++, p.base += SIMD_BLOCK)
            step_block(s, &masks[b], SIMD_BLOCK, &p);
    }
    if (p.base < piece.len) {
        struct slice tail = {piece.p + p.base, piece.len - p.base};
        simd_structure_tail(s->ops, tail, &set, masks);
        step_block(s, masks, tail.len, &p);
    }

    if (p.open != none) s->quote_line = s->line + count_lines(s, piece.p, p.open);
    uint64_t lines = count_lines(s, piece.p, p.end);
    s->line += lines + count_lines(s, piece.p + p.end, piece.len - p.end);
    return (struct scan_result){.end = p.end, .lines = lines};
}

bool scan_open_quote(const struct scan *s)
{
    return s->state == QUOTED;
}
