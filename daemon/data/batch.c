/* SPDX-License-Identifier: MIT */
#include "data/batch.h"

enum { ROW_BYTES = sizeof(union value) + sizeof(bool) };

size_t batch_rows_max(size_t columns)
{
    size_t rows = BATCH_BYTES / ((columns ? columns : 1) * ROW_BYTES);
    return rows > BATCH_ROWS ? BATCH_ROWS : rows < BATCH_ROWS_MIN ? BATCH_ROWS_MIN : rows;
}

size_t batch_bytes(size_t columns)
{
    return batch_rows_max(columns) * (columns * ROW_BYTES + sizeof(uint64_t));
}

int batch_init(struct batch *b, const struct type *types, size_t columns, struct arena *arena)
{
    struct batch made = {.columns = columns, .rows_max = batch_rows_max(columns)};
    made.column = arena_array(arena, columns, sizeof(*made.column));
    made.line = arena_alloc(arena, made.rows_max * sizeof(*made.line));
    if ((!made.column && columns) || !made.line) return -ENOMEM;
    for (size_t c = 0; c < columns; c++) {
        struct batch_column *column = &made.column[c];
        column->type = types[c];
        column->value = arena_alloc(arena, made.rows_max * sizeof(*column->value));
        column->null = arena_alloc(arena, made.rows_max * sizeof(*column->null));
        if (!column->value || !column->null) return -ENOMEM;
    }
    *b = made;
    return 0;
}

int batch_want_origins(struct batch *b, struct arena *arena)
{
    b->origin = arena_alloc(arena, b->rows_max * sizeof(*b->origin));
    return b->origin ? 0 : -ENOMEM;
}

int batch_part(const struct batch *b, size_t from, size_t n, struct arena *arena, struct batch *ret_part)
{
    struct batch part = {.columns = b->columns, .rows = n, .rows_max = n, .line = b->line + from};
    part.column = arena_array(arena, b->columns, sizeof(*part.column));
    if (!part.column && b->columns) return -ENOMEM;
    for (size_t c = 0; c < b->columns; c++)
        part.column[c] = (struct batch_column){b->column[c].type, b->column[c].value + from, b->column[c].null + from};
    if (b->origin) part.origin = b->origin + from;
    *ret_part = part;
    return 0;
}
