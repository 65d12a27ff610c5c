/* SPDX-License-Identifier: MIT */
/*
 * COPY's text format, from batches: for tables with a column whose type has no binary form here (TYPE_OTHER). Slower than
 * format/pgcopy.h on both sides; the values that arrive are the same ones.
 *
 * Columns are separated by a tab, rows end with a line feed, NULL is \N. A backslash, and the control characters that would be
 * taken for a separator or a line end, are escaped. Values of the types that are known are written as PostgreSQL's output functions
 * write them with DateStyle ISO at time zone UTC; a float as the shortest text that reads back to the same bits. So what the server
 * reads depends on none of the session's settings, but client_encoding must be UTF8.
 *
 *     COPY t (a, b) FROM STDIN        -- FORMAT text is COPY's default
 *
 * Source: PostgreSQL manual, "COPY", File Formats, Text Format.
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_PGTEXT_H
#define CETLD_FORMAT_PGTEXT_H

#include "format/pgcopy.h"

/** Nothing stands before the first row, nor (over the protocol) behind the last one: beside pgcopy_header and pgcopy_trailer. */
void pgtext_header(struct buf *out);
void pgtext_trailer(struct buf *out);
/** All rows of the batch. Failures are in out->failed. */
void pgtext_rows(struct buf *out, const struct batch *b, const struct pgcopy_lineage *lineage);
/** The bytes of the first row of what pgtext_rows made; 0 when there is none. */
size_t pgtext_row_bytes(struct slice rows);
/** One value; null writes \N. */
void pgtext_value(struct buf *out, struct type t, const union value *v, bool null);

#endif
