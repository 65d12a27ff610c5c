/* SPDX-License-Identifier: MIT */
/*
 * One line on stderr that tells how far something is, over and over in place; nothing where stderr is no terminal.
 *
 *     struct progress p = {.cli = cli};
 *     progress_show(&p, "orders.csv", "loading", &(struct progress_done){.done = 10, .total = 100, .unit = "rows", .count = 7});
 *     progress_clear(&p);         before anything else is written
 */
#ifndef CETL_PROGRESS_H
#define CETL_PROGRESS_H

#include "cli.h"

#include <stdint.h>

struct progress {
    const struct cli *cli;
    int64_t shown_us; /* monotonic; so that it is not written too often */
    bool there;
};

/** Of `total` (0: not known, and there is no bar); and "1,234 rows" behind it where `unit` is said. */
struct progress_done {
    int64_t done, total;
    int64_t count;
    const char *unit;
};

void progress_show(struct progress *p, const char *name, const char *verb, const struct progress_done *done);
void progress_clear(struct progress *p);

#endif
