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
/** Is a row refused whose key the column's lookup does not find (`on_miss = reject`)? */
bool write_refuses_misses(const struct dataset *d, size_t column);
/** The same of what this statement writes. */
bool write_may_miss(const struct write_shape *s, size_t column);
/** t0 is such a row; and what it is told. */
void write_put_missed(struct buf *out, const struct dataset *d, size_t column);
void write_put_missed_words(struct buf *out, const struct dataset *d, size_t column);
/** An expression of the dataset's configuration reads nothing but columns of its table: neither cells nor where a file's row came
 * from. */
bool write_reads_columns(const struct dataset *d, struct slice text);

#endif
