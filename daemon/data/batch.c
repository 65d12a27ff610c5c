/* SPDX-License-Identifier: MIT */
#include "data/batch.h"

int batch_init(struct batch *b, const struct type *types, size_t columns, struct arena *arena)
{
    struct batch made = {.columns = columns};
    made.column = arena_array(arena, columns, sizeof(*made.column));
    made.line = arena_alloc(arena, BATCH_ROWS * sizeof(*made.line));
    if ((!made.column && columns) || !made.line) return -ENOMEM;
    for (size_t c = 0; c < columns; c++) {
        struct batch_column *column = &made.column[c];
        column->type = types[c];
        column->value = arena_alloc(arena, BATCH_ROWS * sizeof(*column->value));
        column->null = arena_alloc(arena, BATCH_ROWS * sizeof(*column->null));
        if (!column->value || !column->null) return -ENOMEM;
    }
    *b = made;
    return 0;
}
