/* SPDX-License-Identifier: MIT */
/*
 * Who has which table: one that replaces its content has its table alone, and a rollup's is nobody else's.
 *
 * Called by build.c when datasets have their rollups. Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_TABLES_H
#define CETLD_CONFIG_BUILD_TABLES_H

#include "config/builder.h"

/** 0 or -ENOMEM. */
must_check int check_tables(struct builder *b);

#endif
