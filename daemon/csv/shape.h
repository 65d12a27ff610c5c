/* SPDX-License-Identifier: MIT */
/*
 * Do the records of a sample make a table in a dialect, and on which line does it begin? What is said here is proof enough to read
 * a file otherwise than it stands, so it is said only where nothing speaks against it.
 *
 * A sample begins at the start of a text (behind its byte order mark) and ends at a record end; at most its first 1000 records
 * are looked at. Blank lines are no records here.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_SHAPE_H
#define CETLD_CSV_SHAPE_H

#include "csv/reader.h"

struct shape {
    size_t records;
    bool even;   /* all are sound and have as many cells */
    bool quoted; /* a cell stands in quotes */
    /* Behind the first record every text stands in quotes, and there is one in every record; of the first every text does, or none.
     * There are two records behind it, or one and the first's texts are quoted, too. */
    bool wrapped;
};
/** What was not looked at for want of memory is not even. */
void shape_look(const struct dialect *d, struct slice sample, struct arena *arena, struct shape *ret_shape);

/** The names that a header may have (normalised as base/name.h does), distinct and sorted as strcmp does. */
struct shape_names {
    const char *const *name;
    size_t n;
};

enum { SHAPE_LINES_MAX = 200 };
/**
 * The lines before the header of the table, which may be none: at most SHAPE_LINES_MAX.
 *
 * With names: those before the first record whose cells are all of the names, or all are names (and of more than one name two at
 * least). No cell of the first record is one, and no record before the header has as many cells, unless all but one are empty.
 *
 * Without: those before the record from which on all are sound and as wide, two cells at least, where there are two behind it and
 * it surely is their header (header.h). What stands before it must not look like a header itself: a line that begins with #; one
 * cell; a key and its value before a table of four columns or more; a sentence of four words in a cell; or what is no record
 * and holds no delimiter.
 */
uint64_t shape_preamble(const struct dialect *d, struct slice sample, const struct shape_names *names, struct arena *arena);

#endif
