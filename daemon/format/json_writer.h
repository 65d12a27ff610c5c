/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON (RFC 8259) to a buffer, with the commas in the right places.
 *
 *     struct json_writer w;
 *     json_writer_init(&w, &out);
 *     json_write_object(&w);
 *     json_write_key(&w, "name");
 *     json_write_text(&w, "orders.csv");
 *     json_write_field_int(&w, "rows", 7);
 *     json_write_end(&w);
 *     r = buf_check(&out);
 *
 * It allocates nothing; a buffer that fails says so in buf_check, once, at the end. Text is written whatever its bytes are: what is
 * no UTF-8 appears as U+FFFD, and control characters escaped, so that no value ever holds a line end (NDJSON relies on it). Values
 * side by side at the top stand without anything between them. Wrong use (a value without a key inside an object, an end too many,
 * JSON_DEPTH_MAX containers inside each other) is an assertion.
 *
 * What reads JSON is json_reader.h.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_FORMAT_JSON_WRITER_H
#define CETLD_FORMAT_JSON_WRITER_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 64 };

struct json_writer {
    struct buf *out;
    uint64_t objects; /* bit d: the container at depth d is an object */
    unsigned depth;   /* open containers */
    bool comma;       /* the open container has an item already */
    bool keyed;       /* a key was written and waits for its value */
};

/** `out` must outlive the writer; what it holds already stays before the first value. */
void json_writer_init(struct json_writer *w, struct buf *out);

void json_write_object(struct json_writer *w);
void json_write_array(struct json_writer *w);
/** Close the innermost object or array. */
void json_write_end(struct json_writer *w);

void json_write_key(struct json_writer *w, const char *name);
void json_write_key_slice(struct json_writer *w, struct slice name);

/** NULL is null. */
void json_write_text(struct json_writer *w, const char *text);
void json_write_slice(struct json_writer *w, struct slice text);
void json_write_int(struct json_writer *w, int64_t v);
void json_write_bool(struct json_writer *w, bool v);
void json_write_null(struct json_writer *w);
/** `json` is JSON already; it is not looked at. */
void json_write_raw(struct json_writer *w, struct slice json);
/** Room for a value that the caller writes to w->out itself right afterwards. */
void json_write_value(struct json_writer *w);

/** Key and value at once. */
void json_write_field_text(struct json_writer *w, const char *name, const char *text);
void json_write_field_slice(struct json_writer *w, const char *name, struct slice text);
void json_write_field_int(struct json_writer *w, const char *name, int64_t v);
void json_write_field_bool(struct json_writer *w, const char *name, bool v);

/** A string with its quotes, escaped as PostgreSQL escapes it; needs no writer. */
void json_quote(struct buf *out, struct slice text);

#endif
