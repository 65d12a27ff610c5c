/* SPDX-License-Identifier: MIT */
/*
 * Who this daemon is among all that load into a database: an id that is made once and kept in the file STATE/instance. The names of
 * its prepared transactions begin with it, so that each daemon ends its own and nobody else's.
 *
 * Thread: loop; instance_open blocks.
 */
#ifndef CETLD_ETL_INSTANCE_H
#define CETLD_ETL_INSTANCE_H

#include "base/error.h"

enum { INSTANCE_ID_CHARS = 16 };

struct instance {
    char id[INSTANCE_ID_CHARS + 1]; /* hexadecimal; "": there is none, and nothing may be prepared */
    struct error missing;           /* why no file is loaded over several connections, with the mend; text "": nothing is missing */
};

/** Read the id, or make it. Where that fails `missing` says why. */
void instance_open(struct instance *i, const char *state);
/** What the server allows: its max_prepared_transactions. */
void instance_judge(struct instance *i, long max_prepared);

#endif
