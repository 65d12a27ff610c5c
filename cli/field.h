/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's JSON holds, as a person is shown it.
 *
 * Text of files and rows is somebody else's: control characters, which a terminal would obey, are shown as \x1b, and so are the
 * marks that turn the order of characters round.
 */
#ifndef CETL_FIELD_H
#define CETL_FIELD_H

#include "base/buf.h"
#include "format/json_reader.h"

/** The member of that name; of kind JSON_KIND_NULL where there is none, or `object` is no object. */
struct json_value field_of(struct json_value object, const char *name);
/** Append a string's text, a number or true as it stands; nothing for null; JSON for arrays and objects. All of it on one line. */
void field_text(struct buf *out, struct json_value v);
/** A whole number; 0 for everything else. */
int64_t field_int(struct json_value v);
/** Is it this string? */
bool field_is(struct json_value v, const char *text);
bool field_true(struct json_value v);
/** How many items or members. */
size_t field_count(struct json_value v);

/** Append somebody else's text; `lines`: a line end stays one. */
void field_show(struct buf *out, struct slice text, bool lines);

#endif
