/* SPDX-License-Identifier: MIT */
/*
 * One value in PostgreSQL's binary result format, written as JSON, as CSV, or as the type's text.
 *
 * JSON is what to_jsonb(value)::text gives at time zone UTC, CSV what COPY … CSV gives there with DateStyle ISO: proven against a
 * server by tests/differential/test_pgvalue.py. One exception: a value of type json is written as it was stored (to_jsonb would
 * drop repeated keys and spaces), with its line ends as spaces, so that a row stays on one line.
 *
 * Other types: let the server cast them (to_jsonb(column)::text for JSON, column::text for CSV) and give its text to
 * pgvalue_json_fragment or csv_quote.
 *
 *     if (PQgetisnull(rows, r, c))
 *         buf_puts(&out, "null");
 *     else
 *         rc = pgvalue_json(&out, PQftype(rows, c), (struct slice){PQgetvalue(rows, r, c), (size_t)PQgetlength(rows, r, c)});
 *
 * Sources: PostgreSQL manual, "Data Types", "JSON Types"; the send and output functions of each type.
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_PGVALUE_H
#define CETLD_FORMAT_PGVALUE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/** True for types that the functions below can write: bool, int2/4/8, oid, float4/8, numeric, date, time, timestamp[tz], uuid,
 * json[b], text, varchar, bpchar, name. */
bool pgvalue_known(uint32_t oid);

/*
 * `oid` must be known. 0, or ERROR_PROTOCOL when the bytes are no value of that type (then `out` may hold a part of it). A full
 * buffer shows in buf_check only.
 */
must_check int pgvalue_json(struct buf *out, uint32_t oid, struct slice value);
/** One cell, quoted where it has to be for a delimiter of comma, semicolon, tab or pipe. NULL is for the caller: an empty cell. */
must_check int pgvalue_csv(struct buf *out, uint32_t oid, struct slice value, char delimiter);
/** As the type's output function prints it. */
must_check int pgvalue_text(struct buf *out, uint32_t oid, struct slice value);

/** JSON text from the server, on one line: control characters, which can only be white space there, become spaces. */
void pgvalue_json_fragment(struct buf *out, struct slice json);

#endif
