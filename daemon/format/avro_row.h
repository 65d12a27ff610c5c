/* SPDX-License-Identifier: MIT */
/*
 * One row: from PostgreSQL's COPY BINARY form to Avro's, and back.
 *
 *     r = avro_row_put(&schema, row, &out, &column);      0, AVRO_E_TEXT (`column` wants to be text), ERROR_PROTOCOL
 *     r = avro_row_get(&schema, &records, &out, &err);    0, AVRO_E_DAMAGED; `records` begins behind the record then
 *
 * What Avro's types hold but readers in other languages do not is AVRO_E_TEXT: dates and timestamps before the year 1 or after
 * 9999 and the infinite ones, 24:00:00, a numeric's NaN. Texts are taken as they are: the server judges them.
 *
 * Sources: Apache Avro 1.11 specification, "Binary Encoding"; PostgreSQL manual, "COPY", Binary Format; the send functions.
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_AVRO_ROW_H
#define CETLD_FORMAT_AVRO_ROW_H

#include "format/avro.h"

/** Append an integer as Avro writes it: zigzag, then 7 bits a byte. */
void avro_put_long(struct buf *out, int64_t v);
/** Take one from the front of `in`. False: there is none, or it has more than 64 bits; `in` is as it was. */
bool avro_get_long(struct slice *in, int64_t *ret_value);

/** `row` is what COPY sends for one row. Where it is not 0, `out` is as long as before. Failures of `out` show in buf_check. */
must_check int avro_row_put(const struct avro_schema *s, struct slice row, struct buf *out, size_t *ret_column);
/** Append what COPY wants for one row. */
must_check int avro_row_get(const struct avro_schema *s, struct slice *records, struct buf *out, struct error *err);

#endif
