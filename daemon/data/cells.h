/* SPDX-License-Identifier: MIT */
/*
 * A column's everyday cells, by vectors: plain integers and numerics, ISO dates and timestamps, taken from the file's bytes into
 * their values in one go. A cell that is anything else (quoted, empty, in another form, too long, wrong) is left to the caller, who
 * has type_parse for it. What is taken is what type_parse makes of the text.
 *
 *     cells_take *take = cells_taker(&input);
 *     if (take) n = take(&input, &cells, value, room, left);      then the rows left[0] to left[n - 1] one by one
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_CELLS_H
#define CETLD_DATA_CELLS_H

#include "csv/reader.h"
#include "data/type.h"

/** One cell of each row. */
struct cells {
    const struct reader_rows *rows;
    size_t at;          /* which one */
    const char *memory; /* from here on bytes may be read, whatever stands in them */
};

/** Bytes that each row of a column of numerics needs for its value. */
enum { CELLS_ROOM = 16 };

/**
 * value[] gets the values of the rows that are taken, left[] the numbers of the others, in their order; returns how many these are.
 * room: CELLS_ROOM bytes for each row, which must live as long as the values; for TYPE_NUMERIC only.
 */
typedef size_t cells_take(const struct type_input *in, const struct cells *cells, union value *value, char *room, uint16_t *left);

/** The one for such a column; NULL: none is everyday there, or the processor has no such vectors. */
cells_take *cells_taker(const struct type_input *in);
/** The same of the variant for AVX2, which the processor must have. */
cells_take *cells_avx2(const struct type_input *in);

#endif
