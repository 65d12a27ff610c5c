/* SPDX-License-Identifier: MIT */
/*
 * Columns that the configuration makes (`expr`, `lookup`), in rows that are written by the API: where the body does not bring them,
 * and columns alone are read for them, the row has what a file's would have.
 *
 * Thread: any.
 */
#ifndef CETLD_API_WRITE_COMPUTED_H
#define CETLD_API_WRITE_COMPUTED_H

#include "api/write_sql.h"

/** Is it made so by this statement? */
bool write_is_computed(const struct write_shape *s, size_t column);
/** Its value, over x (the body's row) and, in an UPDATE, t0. */
void write_put_computed(struct buf *out, const struct write_shape *s, size_t column);
/** An expression of the dataset's configuration reads nothing but columns of its table: neither cells nor where a file's row came
 * from. */
bool write_reads_columns(const struct dataset *d, struct slice text);

#endif
