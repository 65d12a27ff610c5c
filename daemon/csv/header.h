/* SPDX-License-Identifier: MIT */
/*
 * Is a record the header of the records behind it? By what the cells look like from afar; data/infer.h decides about types.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_HEADER_H
#define CETLD_CSV_HEADER_H

#include "csv/reader.h"

enum header_look {
    HEADER_LOOK_EMPTY, /* or a usual word for NULL */
    HEADER_LOOK_VALUE, /* a number, an amount, a date, a time, a UUID, true or false */
    HEADER_LOOK_TEXT,
};
enum header_look header_look_at(struct slice cell);

enum header_kind {
    HEADER_NO,
    HEADER_LIKELY, /* or it cannot be told */
    HEADER_SURE,   /* each cell is a name, all are distinct, and one at least stands over a column of values */
};
/** `r` has just read `first`; further records are read until `records_max` are seen. The arena must hold them, and the cells of
 * `first`. */
enum header_kind header_judge(struct reader *r, const struct record *first, size_t records_max, struct arena *arena);

#endif
