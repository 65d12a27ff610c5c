/* SPDX-License-Identifier: MIT */
/*
 * From sections and keys to the typed configuration, with every check that needs no server: kinds, keys, values, names, and what
 * must fit together.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_H
#define CETLD_CONFIG_BUILD_H

#include "config/config.h"
#include "config/ini.h"

/** Fill `c`; its strings and arrays are in the arena of `ini`. What is wrong goes to `m`, and then `c` is of no use. 0 or -ENOMEM.
 */
must_check int build_config(const struct ini *ini, struct mistakes *m, struct config *ret_config);

#endif
