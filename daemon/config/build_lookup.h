/* SPDX-License-Identifier: MIT */
/*
 * The lookups of the configuration in the making: only build.c includes this.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_LOOKUP_H
#define CETLD_CONFIG_BUILD_LOOKUP_H

#include "config/builder.h"

/** `lookup` and `on_miss` of a [column], whose options are filled in. 0 or -ENOMEM. */
must_check int build_lookup(struct builder *b, const struct config_dataset *d, const struct ini_section *s,
                            struct config_column *c);
/** All datasets are there: those that lookups name must be among them. Then config->order. 0 or -ENOMEM. */
must_check int build_lookups(struct builder *b);

#endif
