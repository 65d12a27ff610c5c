/* SPDX-License-Identifier: MIT */
/*
 * cetl.conf(5), as troff: what a configuration is, and every option of the table with what it means, its values and its default.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_MANUAL_H
#define CETLD_CONFIG_MANUAL_H

#include <stdio.h>

/** docs/cetl.conf.5 is this. */
void manual_print(FILE *out);

#endif
