/* SPDX-License-Identifier: MIT */
/*
 * `requires`: which files of a dataset wait for other datasets. A file waits while one of these has never loaded a file, or has an
 * earlier-arrived one that is not over (queued, loading, waiting itself). So what waits is the end of a lane's queue, from one
 * token on: its bar.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_REQUIRES_H
#define CETLD_ETL_REQUIRES_H

#include "etl/catalog.h"
#include "etl/lane.h"

/** Set the lane's bar, by what `d` (NULL: nobody declared it) requires. */
void requires_judge(const struct config_dataset *d, const struct catalog *catalog, const struct lanes *lanes, struct lane *lane);
/** Microseconds until the file has waited too long; 0 or less: it has. */
int64_t requires_patience_us(const struct config_dataset *d, const struct arrival *a);

#endif
