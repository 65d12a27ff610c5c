/* SPDX-License-Identifier: MIT */
/*
 * Option `expose`: each item is a table that may be read, under a name in the API that is nobody else's.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_EXPOSE_H
#define CETLD_CONFIG_BUILD_EXPOSE_H

#include "config/builder.h"

/** Behind datasets, rollups and derives. 0 or -ENOMEM. */
must_check int build_expose(struct builder *b);

#endif
