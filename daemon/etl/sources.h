/* SPDX-License-Identifier: MIT */
/*
 * All sources of the configuration (etl/source.h).
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_SOURCES_H
#define CETLD_ETL_SOURCES_H

#include "etl/source.h"

struct sources;

must_check int sources_new(const struct source_config *config, struct config *settings, struct sources **ret_sources);
/** NULL is fine. */
void sources_free(struct sources *all);
/** A reload: takes a reference. Sources keep what they know by their names. 0 or -ENOMEM, and then all is as before. */
must_check int sources_set_config(struct sources *all, struct config *settings);
/** Pull the one of that name now, or ("") all. How many that are. */
size_t sources_pull(struct sources *all, struct slice name);
size_t sources_count(const struct sources *all);
struct source_view sources_at(const struct sources *all, size_t i);

#endif
