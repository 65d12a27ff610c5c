/* SPDX-License-Identifier: MIT */
/*
 * What one cell could be, for inference: a bit a candidate. Narrower than what the types accept: 0 and 1 are numbers and no
 * booleans, leading zeros and plus signs make a text, dates are ISO or have a four-digit year at their end.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_INFER_CELL_H
#define CETLD_DATA_INFER_CELL_H

#include "data/infer.h"

enum infer_cell_candidate {
    INFER_CELL_BOOL,
    INFER_CELL_INT8,
    INFER_CELL_NUMERIC,
    INFER_CELL_FLOAT8,
    INFER_CELL_DATE,
    INFER_CELL_TIMESTAMP,
    INFER_CELL_TIMESTAMPTZ,
    INFER_CELL_UUID,
    INFER_CELL_JSON,
    INFER_CELL_DAY_FIRST,
    INFER_CELL_MONTH_FIRST,
    INFER_CELL_CANDIDATES
};
enum { INFER_CELL_ALL = (1 << INFER_CELL_CANDIDATES) - 1 };

struct infer_cell {
    unsigned is;   /* bits of the candidates */
    unsigned form; /* with DAY_FIRST or MONTH_FIRST: the bit of the way it is written (separator, time of day) */
};

/** Look only for candidates in `wanted`; others are never in the answer. Numbers are written with `marks`. */
struct infer_cell infer_cell_look(struct slice text, unsigned wanted, const struct type_marks *marks);
/** The template of a form (one bit), and the type it gives: date or timestamp. */
enum type_id infer_cell_template(unsigned form, bool day_first, char ret_format[INFER_FORMAT_MAX]);

#endif
