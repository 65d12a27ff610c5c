/* SPDX-License-Identifier: MIT */
/*
 * `requires` of datasets: names that there are, and no circles.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_REQUIRES_H
#define CETLD_CONFIG_BUILD_REQUIRES_H

#include "config/builder.h"

/** Behind all datasets. 0 or -ENOMEM. */
must_check int check_requires(struct builder *b);

#endif
