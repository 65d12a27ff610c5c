/* SPDX-License-Identifier: MIT */
/*
 * Globs on bytes, for `files`:
 *
 *     *        any bytes but '/', also none          ?       one byte but '/'
 *     **       any bytes                             [a-z] [!0-9]   one byte of a set
 *     {year}   any bytes but '/', at least one: a part, which glob_capture tells
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
/** Every [ and { is closed, a {part} has a name of letters, digits and '_', no name comes twice, and there are at most
 * GLOB_PARTS_MAX.
 */
bool glob_valid(struct slice glob);

enum { GLOB_PARTS_MAX = 16 };
struct glob_part {
    struct slice name; /* of the glob */
    struct slice text; /* of what matched; glob_parts: empty */
    bool is_hive;      /* it stands behind a '=', as in year={year} */
};
/**
 * The parts of a valid glob, in their order; their number. Of `ret_part`, which has GLOB_PARTS_MAX, no more are written.
 */
size_t glob_parts(struct slice glob, struct glob_part *ret_part);
/**
 * glob_match_file, and what its parts matched. An earlier part or star takes as little as it can: {a}_{b} of x_y_z is x and y_z.
 */
bool glob_capture(struct slice glob, struct slice path, struct glob_part *ret_part, size_t *ret_parts);

#endif
