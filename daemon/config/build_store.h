/* SPDX-License-Identifier: MIT */
/*
 * Of build.h the part about other places: [store NAME] with the secret that its file holds, [archive NAME].
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_STORE_H
#define CETLD_CONFIG_BUILD_STORE_H

#include "config/builder.h"

/** All of them. 0 or -ENOMEM. */
must_check int build_stores(struct builder *b);

#endif
