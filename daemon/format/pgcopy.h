/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's binary forms: COPY BINARY rows and array parameters, from batches.
 * Not for TYPE_OTHER, which has none: see format/pgtext.h.
 *
 * Source: PostgreSQL manual, "COPY", File Formats, Binary Format; the send functions of each type; array_send.
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_PGCOPY_H
#define CETLD_FORMAT_PGCOPY_H

#include "base/buf.h"
#include "data/batch.h"

/** Signature, flags and header extension: 19 bytes, once before the first row. */
void pgcopy_header(struct buf *out);
/** The end marker, once after the last row. */
void pgcopy_trailer(struct buf *out);
/** Columns that stand behind the batch's own on every row, such as lineage: a file id; NULL: none. */
struct pgcopy_lineage {
    int64_t file; /* int8 */
    /* the row's line follows as int8 */
};
/** All rows of the batch. Failures are in out->failed. */
void pgcopy_rows(struct buf *out, const struct batch *b, const struct pgcopy_lineage *lineage);
/** The bytes of the first row of COPY bytes that pgcopy_rows made; 0 when there is none. */
size_t pgcopy_row_bytes(struct slice rows);
/** One value with its length word; null writes -1. */
void pgcopy_value(struct buf *out, struct type t, const union value *v, bool null);
/** Column `c` of the batch as a one-dimensional array in array_send's form (no length word before it). An empty batch gives an
 * empty array. */
void pgcopy_array(struct buf *out, const struct batch *b, size_t c);

#endif
