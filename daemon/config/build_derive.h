/* SPDX-License-Identifier: MIT */
/*
 * The [derive NAME] sections: what they are made of, in which order, and that their names are nobody else's.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_DERIVE_H
#define CETLD_CONFIG_BUILD_DERIVE_H

#include "config/builder.h"

/** Behind the datasets with their rollups. 0 or -ENOMEM. */
must_check int build_derives(struct builder *b);

#endif
