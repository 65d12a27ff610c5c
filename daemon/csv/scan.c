/* SPDX-License-Identifier: MIT */
#include "csv/scan.h"

#include "csv/simd.h"

#include <assert.h>

/* What the bytes so far have led to. A CR that ends no record needs no state: outside of quotes it is an ordinary byte. */
enum state {
    RECORD_START, /* as CELL_START, and a comment may begin */
    CELL_START,   /* a quote would open a quoted cell */
    UNQUOTED,     /* inside an unquoted cell, or in what is left of a cell that broke the grammar */
    QUOTED,
    AFTER_QUOTE, /* behind a quote inside a quoted cell: the closing one, or the first of two */
    CLOSED,      /* behind white space behind a closing quote */
    ESCAPED,     /* behind an escape inside a quoted cell */
    COMMENT,
    STATES
};

enum class { OTHER, DELIMITER, QUOTE, END, ESCAPE, HASH, SPACE, CLASSES };

/* A class that the dialect does not have never comes. */
static const unsigned char next_state[STATES][CLASSES] = {
    /*                OTHER     DELIMITER   QUOTE        END           ESCAPE    HASH      SPACE */
    [RECORD_START] = {UNQUOTED, CELL_START, QUOTED, RECORD_START, UNQUOTED, COMMENT, CELL_START},
    [CELL_START] = {UNQUOTED, CELL_START, QUOTED, RECORD_START, UNQUOTED, UNQUOTED, CELL_START},
    [UNQUOTED] = {UNQUOTED, CELL_START, UNQUOTED, RECORD_START, UNQUOTED, UNQUOTED, UNQUOTED},
    [QUOTED] = {QUOTED, QUOTED, AFTER_QUOTE, QUOTED, ESCAPED, QUOTED, QUOTED},
    [AFTER_QUOTE] = {UNQUOTED, CELL_START, QUOTED, RECORD_START, UNQUOTED, UNQUOTED, CLOSED},
    [CLOSED] = {UNQUOTED, CELL_START, UNQUOTED, RECORD_START, UNQUOTED, UNQUOTED, CLOSED},
    [ESCAPED] = {QUOTED, QUOTED, QUOTED, QUOTED, QUOTED, QUOTED, QUOTED},
    [COMMENT] = {COMMENT, COMMENT, COMMENT, RECORD_START, COMMENT, COMMENT, COMMENT},
};

enum { BATCH = 32 }; /* blocks whose masks are made at once */

static const size_t none = (size_t)-1;

/* What a piece has shown so far; offsets in the piece. */
struct progress {
    size_t base; /* of the block at hand */
    size_t end;  /* behind the last record end; 0: none */
    size_t open; /* of the last quote that opened a cell; none: it is not in this piece */
};

/* A block's bytes of structure: `ends` is LF or CR. The last three are 0 in a plain dialect. */
struct marks {
    uint64_t quote, delimiter, ends, escape, comment, space;
};

void scan_init(struct scan *s, const struct dialect *d)
{
    assert(d->delimiter != 0 && d->delimiter != d->quote);
    *s = (struct scan){.ops = simd_best(),
                       .delimiter = d->delimiter,
                       .quote = d->quote ? d->quote : d->delimiter,
                       .quoting = d->quote ? ~(uint64_t)0 : 0,
                       .escape = d->escape,
                       .comment = d->comment,
                       .trim = d->trim,
                       .cr = d->line_end == DIALECT_END_CR,
                       .plain = !d->escape && !d->comment && !d->trim,
                       .state = RECORD_START,
                       .line = d->first_line ? d->first_line : 1};
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

static enum class class_at(const struct marks *m, uint64_t bit) {
    return m->quote & bit       ? QUOTE
           : m->delimiter & bit ? DELIMITER
           : m->ends & bit      ? END
           : m->escape & bit    ? ESCAPE
           : m->comment & bit   ? HASH
                                : SPACE;
}

/* A block of n bytes by the table, from mark to mark: any number of other bytes leads where one does. */
static void walk_block(struct scan *s, const struct marks *m, size_t n, struct progress *p)
{
    size_t at = 0;
    for (uint64_t left = m->quote | m->delimiter | m->ends | m->escape | m->comment | m->space; left; left &= left - 1) {
        size_t i = (unsigned)__builtin_ctzll(left);
        if (i > at) s->state = next_state[s->state][OTHER];
        enum class c = class_at(m, (uint64_t)1 << i);
        if (c == QUOTE && s->state <= CELL_START) p->open = p->base + i;
        s->state = next_state[s->state][c];
        if (s->state == RECORD_START) p->end = p->base + i + 1;
        at = i + 1;
    }
    if (at < n) s->state = next_state[s->state][OTHER];
}

/* May what the dialect adds to RFC 4180 matter in this block? */
static bool needs_walk(const struct scan *s, const struct marks *m, uint64_t last)
{
    uint64_t starts = m->ends << 1 | (s->state == RECORD_START);
    return m->escape || s->state == ESCAPED || s->state == COMMENT || m->comment & starts || m->space & last;
}

/*
 * The same for all n bytes at once, as long as every quote does what it does in a sound file: turn quoting on or off. The xor of
 * the quotes up to a byte then tells whether it is inside (Langdale and Lemire's simdjson, "Parsing gigabytes of JSON per second",
 * section 3.1.1). A quote that would turn it on must begin a cell, or stand right behind the quote that turned it off; a block in
 * which one does not is walked.
 */
static inline void step_block(struct scan *s, const struct marks *m, size_t n, struct progress *p)
{
    uint64_t last = (uint64_t)1 << (n - 1);
    uint64_t inside = prefix_xor(m->quote) ^ (s->state == QUOTED ? ~(uint64_t)0 : 0);
    uint64_t opens = m->quote & inside;
    uint64_t behind_quote = m->quote << 1 | (s->state == AFTER_QUOTE);
    uint64_t begins_cell = (m->delimiter | m->ends) << 1 | (s->state <= CELL_START);
    if (opens & ~(behind_quote | begins_cell) || (!s->plain && needs_walk(s, m, last))) {
        walk_block(s, m, n, p);
        return;
    }
    uint64_t ends = m->ends & ~inside;
    if (ends) p->end = p->base + highest_bit(ends) + 1;
    opens &= ~behind_quote;
    if (opens) p->open = p->base + highest_bit(opens);

    s->state = inside & last         ? QUOTED
               : m->quote & last     ? AFTER_QUOTE
               : m->ends & last      ? RECORD_START
               : m->delimiter & last ? CELL_START
                                     : UNQUOTED;
}

/* The marks of a block that a plain dialect does not have, in two more passes over it; only who declares them pays. */
static void find_extras(const struct scan *s, struct slice block, struct marks *m)
{
    const struct simd_set escape_comment = {.quote = s->escape, .delimiter = s->comment},
                          spaces = {.quote = ' ', .delimiter = '\t'};
    struct simd_masks found;
    simd_structure_tail(s->ops, block, &escape_comment, &found);
    if (s->escape) m->escape = found.quote;
    if (s->comment) m->comment = found.delimiter;
    if (!s->trim) return;
    simd_structure_tail(s->ops, block, &spaces, &found);
    m->space = found.quote | found.delimiter;
}

static inline void feed_block(struct scan *s, const struct simd_masks *found, struct slice block, struct progress *p)
{
    struct marks m = {.quote = found->quote & s->quoting, .delimiter = found->delimiter, .ends = s->cr ? found->cr : found->lf};
    if (!s->plain) find_extras(s, block, &m);
    step_block(s, &m, block.len, p);
}

static size_t count_lines(const struct scan *s, const char *p, size_t len)
{
    return s->ops->count((struct slice){p, len}, s->cr ? '\r' : '\n');
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
            feed_block(s, &masks[b], (struct slice){piece.p + p.base, SIMD_BLOCK}, &p);
    }
    if (p.base < piece.len) {
        struct slice tail = {piece.p + p.base, piece.len - p.base};
        simd_structure_tail(s->ops, tail, &set, masks);
        feed_block(s, masks, tail, &p);
    }

    if (p.open != none) s->quote_line = s->line + count_lines(s, piece.p, p.open);
    uint64_t lines = count_lines(s, piece.p, p.end);
    s->line += lines + count_lines(s, piece.p + p.end, piece.len - p.end);
    return (struct scan_result){.end = p.end, .lines = lines};
}

bool scan_open_quote(const struct scan *s)
{
    return s->state == QUOTED || s->state == ESCAPED;
}
