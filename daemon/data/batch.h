/* SPDX-License-Identifier: MIT */
/*
 * A batch: up to BATCH_ROWS rows of typed values, stored by column.
 *
 * Thread: any, one at a time. All memory is the arena's.
 */
#ifndef CETLD_DATA_BATCH_H
#define CETLD_DATA_BATCH_H

#include "base/arena.h"
#include "data/type.h"

enum { BATCH_ROWS = 1024 };

struct batch_column {
    struct type type;
    union value *value; /* BATCH_ROWS of them */
    bool *null;         /* BATCH_ROWS of them */
};

struct batch {
    struct batch_column *column;
    size_t columns;
    size_t rows;
    uint64_t *line; /* of each row, its physical line in the file */
};

/** `types` has `columns` items. 0 or -ENOMEM. */
must_check int batch_init(struct batch *b, const struct type *types, size_t columns, struct arena *arena);

#endif
