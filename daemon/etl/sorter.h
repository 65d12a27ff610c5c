/* SPDX-License-Identifier: MIT */
/*
 * The sorter brings a chunk's COPY rows into the order of the table's key, so that neighbours in the index come one after the
 * other: where a file's keys are scattered the server spends four fifths of a keyed load on finding each row's place in the index,
 * page by page through memory that no cache holds. What is in order already stays as it is.
 *
 * The order is by the first bytes of the key (SORTER_PREFIX), and bytewise: whatever the server's own order is, only speed hangs on
 * it.
 *
 *     sorter_init(&s, columns, n);
 *     … sorter_add(&s, &batch, &copy, at)      behind each batch that was written to `copy`, from `at` on
 *     sorter_finish(&s, &copy)
 *     sorter_done(&s)                          at any time
 *
 * It sorts SORTER_ROWS at a time, and so holds 32 bytes of each of these and, while it moves them, once more their COPY bytes.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_ETL_SORTER_H
#define CETLD_ETL_SORTER_H

#include "base/buf.h"
#include "data/batch.h"

enum { SORTER_ROWS = 128 * 1024, SORTER_PREFIX = 16 };

struct sorter_row {
    uint64_t prefix[SORTER_PREFIX / 8]; /* compare as numbers */
    size_t at;                          /* of its first byte in `copy` */
    uint32_t len;
};
struct sorter {
    const size_t *column; /* the batch's columns of the key, in the key's order */
    size_t columns;
    struct sorter_row *row;
    size_t rows, room;
    bool unsorted; /* a row comes before the one that stands before it */
};

void sorter_init(struct sorter *s, const size_t *column, size_t columns);
void sorter_done(struct sorter *s);
/** The rows of `b` are in `copy` from `at` to its end, one behind the other; `row_bytes` tells the first one's length. 0 or
 * -ENOMEM. */
must_check int sorter_add(struct sorter *s, const struct batch *b, struct buf *copy, size_t at,
                          size_t (*row_bytes)(struct slice rows));
/** All that was added stands in order. 0 or -ENOMEM. */
must_check int sorter_finish(struct sorter *s, struct buf *copy);
/** A row's key, so that prefixes compare as keys do, as far as they reach. */
void sorter_prefix(const struct sorter *s, const struct batch *b, size_t row, uint64_t ret_prefix[SORTER_PREFIX / 8]);

#endif
