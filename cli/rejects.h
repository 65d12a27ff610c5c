/* SPDX-License-Identifier: MIT */
/*
 * What was rejected of a file: cetl rejects, and where others show some of it.
 */
#ifndef CETL_REJECTS_H
#define CETL_REJECTS_H

#include "client.h"

/** At most `most` rejects of the file, as a table or a JSON array; how many those were. */
must_check int rejects_print(const struct cli *cli, struct client *c, struct slice id, int64_t most, int64_t *ret_printed);

#endif
