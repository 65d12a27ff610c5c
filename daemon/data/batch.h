/* SPDX-License-Identifier: MIT */
/*
 * A batch: up to BATCH_ROWS rows of typed values, stored by column; fewer of a wide table, so that its arrays stay below
 * BATCH_BYTES.
 *
 * Thread: any, one at a time. All memory is the arena's.
 */
#ifndef CETLD_DATA_BATCH_H
#define CETLD_DATA_BATCH_H

#include "base/arena.h"
#include "data/type.h"

enum { BATCH_ROWS = 1024, BATCH_ROWS_MIN = 16, BATCH_BYTES = 2 * 1024 * 1024 };

struct batch_column {
    struct type type;
    union value *value; /* of each row */
    bool *null;         /* of each row */
};

/** Where a row came from, for who may reject it later. */
struct batch_origin {
    uint64_t offset;  /* byte offset in the file */
    struct slice raw; /* its bytes as dropped, in its chunk */
};

struct batch {
    struct batch_column *column;
    size_t columns;
    size_t rows, rows_max;
    uint64_t *line;              /* of each row, its physical line in the file */
    struct batch_origin *origin; /* of each row; NULL: nobody asks (batch_want_origins) */
};

/** The rows that a batch of so many columns holds. */
size_t batch_rows_max(size_t columns);
/** The bytes of its arrays. */
size_t batch_bytes(size_t columns);
/** `types` has `columns` items. 0 or -ENOMEM. */
must_check int batch_init(struct batch *b, const struct type *types, size_t columns, struct arena *arena);
/** Rows [from, from + n) as a batch of their own, which shares the memory. The columns' array is the arena's. 0 or -ENOMEM. */
must_check int batch_part(const struct batch *b, size_t from, size_t n, struct arena *arena, struct batch *ret_part);
/** From now on rules note where their rows come from. 0 or -ENOMEM. */
must_check int batch_want_origins(struct batch *b, struct arena *arena);

#endif
