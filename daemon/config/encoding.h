/* SPDX-License-Identifier: MIT */
/*
 * Names of character encodings: those that the C library's iconv knows (iconv --list), and the ways in which people write the two
 * that are read without it.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_ENCODING_H
#define CETLD_CONFIG_ENCODING_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

enum { ENCODING_E_UNKNOWN = 1 };
enum { ENCODING_NAME_MAX = 40 };

/** Is there such an encoding, or is it "auto"? 0, or ENCODING_E_UNKNOWN with the words, and the nearest name, in err. */
must_check int encoding_check(struct slice name, struct error *err);
bool encoding_is_auto(const char *name);
bool encoding_is_utf8(const char *name);
bool encoding_is_latin1(const char *name);

#endif
