/* SPDX-License-Identifier: MIT */
/*
 * Entries of incoming/ that were refused as they are (unreadable, no regular file), with the mend, so that people can be shown
 * them. Bounded: beyond REFUSALS_MAX they are only logged.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_REFUSALS_H
#define CETLD_ETL_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

enum { REFUSALS_MAX = 1000 };

struct unreadable {
    const char *path; /* bytes below incoming/ */
    const char *why;
    int64_t since_us; /* real time */
};

struct refusal {
    struct unreadable shown;
    UT_hash_handle hh;
};

struct refusals {
    struct refusal *by_path;
};

void refusals_done(struct refusals *r);
/** False when it was there already with the same words (it need not be said again). */
bool refusals_add(struct refusals *r, const char *path, const char *why);
void refusals_drop(struct refusals *r, const char *path);
/** Forget what is not there any more. */
void refusals_sweep(struct refusals *r, int incoming);
unsigned refusals_count(const struct refusals *r);
void refusals_each(const struct refusals *r, bool (*each)(void *ctx, const struct unreadable *u), void *ctx);

#endif
