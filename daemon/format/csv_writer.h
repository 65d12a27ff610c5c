/* SPDX-License-Identifier: MIT */
/*
 * Writing CSV (RFC 4180) to a buffer: cells with the delimiters between them, rows that end in LF, as PostgreSQL's COPY CSV writes
 * them. NULL is an empty cell, an empty text is "".
 *
 *     struct csv_writer w;
 *     csv_writer_init(&w, &out, ',');
 *     csv_write_slice(&w, SLICE("id"));
 *     csv_write_slice(&w, SLICE("name"));
 *     csv_write_end(&w);
 *
 * A row whose only cell is NULL is an empty line, as PostgreSQL writes it; readers may skip it.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_FORMAT_CSV_WRITER_H
#define CETLD_FORMAT_CSV_WRITER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct csv_writer {
    struct buf *out;
    char delimiter;
    bool cells; /* the row has one already */
};

/** `out` must outlive the writer; its failures show in buf_check. The delimiter is one of , ; tab | */
void csv_writer_init(struct csv_writer *w, struct buf *out, char delimiter);
void csv_write_slice(struct csv_writer *w, struct slice text);
void csv_write_null(struct csv_writer *w);
/** One value in PostgreSQL's binary form (format/pgvalue.h). 0 or ERROR_PROTOCOL. */
must_check int csv_write_value(struct csv_writer *w, uint32_t oid, struct slice value);
/** End the row. */
void csv_write_end(struct csv_writer *w);

#endif
