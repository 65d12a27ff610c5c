/* SPDX-License-Identifier: MIT */
/*
 * Rescue: the cells of a record that no column takes, kept as one JSON object {header: text} in a jsonb column. An unquoted empty
 * cell is not in it; a row without any other is NULL.
 *
 *     struct rescue_cell cell[] = {…};    (rescue_cell_init for each, once a load)
 *     r = rescue_row(&rescue, record, arena, &json);
 *
 * Thread: any. A rescue is only read once it is made.
 */
#ifndef CETLD_DATA_RESCUE_H
#define CETLD_DATA_RESCUE_H

#include "base/arena.h"
#include "csv/reader.h"

struct rescue_cell {
    size_t cell;      /* its number in the record, from 0 */
    struct slice key; /* the header as JSON, with its colon */
};
struct rescue {
    const struct rescue_cell *cell; /* in the order of the record */
    size_t cells;
};

/** `key` is UTF-8; its JSON is the arena's. 0 or -ENOMEM. */
must_check int rescue_cell_init(size_t cell, struct slice key, struct arena *arena, struct rescue_cell *ret_cell);
/** The object's text, in the arena; {NULL, 0}: no such cell has a value. 0 or -ENOMEM. */
must_check int rescue_row(const struct rescue *rescue, const struct record *record, struct arena *arena, struct slice *ret_json);

#endif
