/* SPDX-License-Identifier: MIT */
/*
 * Of build.h the part about [source NAME].
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_SOURCE_H
#define CETLD_CONFIG_BUILD_SOURCE_H

#include "config/builder.h"

/** All of them. 0 or -ENOMEM. */
must_check int build_sources(struct builder *b);

#endif
