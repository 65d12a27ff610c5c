/* SPDX-License-Identifier: MIT */
/*
 * Which statements were not as light as they looked: one that ran into the pipelined connection's time-out, or whose answer was too
 * large for it, is run on a connection of its own for a while, so that it does not keep others waiting again. Known by a hash of
 * its text; a few hundred are remembered, and one that is forgotten, or taken for another, costs no more than time.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_HEAVY_H
#define CETLD_API_HEAVY_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEAVY_MS = 60000 };

struct heavy;
must_check int heavy_new(struct heavy **ret_heavy);
/** NULL is fine. */
void heavy_free(struct heavy *h);
void heavy_note(struct heavy *h, const char *sql, int64_t now_ms);
bool heavy_is(const struct heavy *h, const char *sql, int64_t now_ms);

#endif
