/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a declared encoding to UTF-8, a cell at a time: cells are cut in the file's own bytes, since in every encoding of
 * enum dialect_encoding the characters of CSV's structure are their ASCII bytes and nothing else is.
 *
 * Thread: any.
 */
#ifndef CETLD_CSV_CHARSET_H
#define CETLD_CSV_CHARSET_H

#include "base/arena.h"
#include "csv/dialect.h"

enum {
    CHARSET_E_INVALID = 1, /* bytes that mean nothing in that encoding */
};

/**
 * `text` in UTF-8: itself when it needs no change, else a copy in the arena. latin-1 is ISO 8859-1, in which every byte is the code
 * point of its own number. 0, CHARSET_E_INVALID, or -ENOMEM.
 */
must_check int charset_to_utf8(enum dialect_encoding from, struct slice text, struct arena *arena, struct slice *ret_text);

#endif
