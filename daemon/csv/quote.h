/* SPDX-License-Identifier: MIT */
/*
 * Quoting of one CSV cell (RFC 4180): in double quotes when it has to be, inner quotes doubled. As PostgreSQL's COPY CSV an empty
 * text is written "" and differs from NULL, which is an empty cell; and a cell \. is quoted, which older servers take for the end
 * of data.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_QUOTE_H
#define CETLD_CSV_QUOTE_H

#include "base/buf.h"

void csv_quote(struct buf *out, struct slice cell, char delimiter);

#endif
