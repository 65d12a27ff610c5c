/* SPDX-License-Identifier: MIT */
/*
 * The byte order mark at the start of a text, and which encoding it and the declared one come to.
 *
 * Thread: any.
 */
#ifndef CETLD_SPOOL_MARK_H
#define CETLD_SPOOL_MARK_H

#include "base/error.h"
#include "base/slice.h"

enum { MARK_E_REFUSED = 1 };
/** Bytes of the start that are wanted, if there are as many. */
enum { MARK_SAMPLE = 512 };

/**
 * What iconv shall take the text for; NULL: it is UTF-8 (with or without a mark) and needs nothing. `declared` is iconv's name, or
 * NULL when nothing is declared. UTF-8's mark rules over any declaration (nothing else begins with these bytes); UTF-16 and UTF-32
 * without a mark and without an order in their name (utf-16le) are told by where their zero bytes stand. 0, or MARK_E_REFUSED with
 * the words, which go on after "the file", in err: mark and declaration contradict each other, or nothing tells the order.
 */
must_check int mark_encoding(struct slice start, const char *declared, const char **ret_encoding, struct error *err);

#endif
