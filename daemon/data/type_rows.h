/* SPDX-License-Identifier: MIT */
/*
 * Loops over a column's texts, for the families of types: what is everyday is read in place, the rest by the family's own function
 * for one cell.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_ROWS_H
#define CETLD_DATA_TYPE_ROWS_H

#include "data/type.h"

typedef int (*type_parse_one)(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);

/** Row i by the function for one cell. 0 or -ENOMEM. */
static inline int type_rows_one(const struct type_input *in, const struct type_rows *rows, size_t i, type_parse_one parse,
                                struct arena *arena)
{
    int r = parse(in, rows->value[i].s, arena, &rows->value[i]);
    rows->bad[i] |= r > 0;
    return r < 0 ? r : 0;
}

enum { TYPE_ROWS_ROOM = 16 };

/** The bytes that type_rows_roomy measures against: hoist it out of the loop. */
static inline size_t type_rows_room(const struct type_rows *rows)
{
    return rows->memory.len > TYPE_ROWS_ROOM ? rows->memory.len - TYPE_ROWS_ROOM : 0;
}

/** TYPE_ROWS_ROOM bytes before the text may be read as well. */
static inline bool type_rows_roomy(const struct type_rows *rows, size_t room, struct slice text)
{
    return (uintptr_t)text.p - (uintptr_t)rows->memory.p - TYPE_ROWS_ROOM < room;
}

#endif
