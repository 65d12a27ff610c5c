/* SPDX-License-Identifier: MIT */
/*
 * Globs on bytes, for `files`:
 *
 *     *        any bytes but '/', also none          ?       one byte but '/'
 *     **       any bytes                             [a-z] [!0-9]   one byte of a set
 *     {year}   any bytes but '/', at least one; the name is for whoever captures it
 *
 * Nothing is escaped: a literal star is [*]. Time is bounded by a polynomial of the lengths, whatever the pattern.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_GLOB_H
#define CETLD_BASE_GLOB_H

#include "base/slice.h"

/** The whole of `text` matches. An unclosed [ or { stands for itself. */
bool glob_match(struct slice glob, struct slice text);
/** A glob with a '/' matches the whole path (below incoming/), another one only its last component. */
bool glob_match_file(struct slice glob, struct slice path);
/** Every [ and { is closed, and a {part} has a name of letters, digits and '_'. */
bool glob_valid(struct slice glob);

#endif
