/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON (RFC 8259) that somebody else wrote. The text is checked as a whole first; what is sound can then be walked without
 * any further error, and every value is a slice of the text: no number is rounded and nothing is copied.
 *
 *     struct json_fault fault;
 *     r = json_check(text, &(struct json_limits){.depth = 32}, &fault);      0, JSON_E_TEXT, -ENOMEM
 *     struct json_value v = json_root(text);
 *     struct json_walk walk = json_walk_begin(v);                            of an array or an object
 *     while (json_walk_next(&walk)) … walk.name, walk.value
 *
 * Refused beyond the grammar, since each is a mistake or a trap: bytes that are no UTF-8, a name twice in one object (after its
 * escapes are undone), \u0000 and lone surrogates (PostgreSQL's texts cannot hold them), nesting beyond the limit, anything behind
 * the value. A byte order mark in front is skipped.
 *
 * Why not jansson: it makes a double or an int64 of every number, so that the digits of a numeric are lost, and refuses what
 * neither of them holds.
 *
 * Thread: any.
 */
#ifndef CETLD_FORMAT_JSON_READER_H
#define CETLD_FORMAT_JSON_READER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_READ_DEPTH_MAX = 64, JSON_E_TEXT = 1 };

struct json_limits {
    unsigned depth; /* containers inside each other; at most JSON_READ_DEPTH_MAX */
};
/** What is wrong, and where: the line and the byte in it, both from 1. */
struct json_fault {
    char message[160];
    size_t line, column;
};

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_FALSE,
    JSON_KIND_TRUE,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};
struct json_value {
    enum json_kind kind;
    struct slice raw; /* as it stands: of a string with its quotes */
};

/** 0, JSON_E_TEXT with `ret_fault` filled in, or -ENOMEM. */
must_check int json_check(struct slice text, const struct json_limits *limits, struct json_fault *ret_fault);

/* What follows is only for text that json_check let pass. */

struct json_value json_root(struct slice text);
/** The items of an array, or the members of an object; nothing for other values. */
struct json_walk {
    const char *p, *end;
    bool object;
    struct slice name; /* of an object's member, as it stands, with its quotes */
    struct json_value value;
};
struct json_walk json_walk_begin(struct json_value v);
bool json_walk_next(struct json_walk *w);
/** Append the text that a string (`raw` with its quotes) means. */
void json_unquote(struct buf *out, struct slice raw);
/** Does the string mean this text? */
bool json_means(struct slice raw, struct slice text);
/** "an array". Static. */
const char *json_kind_text(enum json_kind kind);

#endif
