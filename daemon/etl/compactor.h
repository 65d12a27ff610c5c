/* SPDX-License-Identifier: MIT */
/*
 * Folding a dataset's change marks into its base, now and then, so that counting them stays cheap.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_COMPACTOR_H
#define CETLD_ETL_COMPACTOR_H

#include "db/pool.h"

#include <stdint.h>

enum { COMPACTOR_EVERY = 256 }; /* marks of a dataset, until they are folded */

/** Fold the marks of the dataset soon, on a connection of the pool; nobody waits for it. */
void compactor_run(struct db_pool *pool, int64_t dataset);

#endif
