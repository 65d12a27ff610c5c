/* SPDX-License-Identifier: MIT */
/*
 * Reading a backup's file: every row of it, in COPY's binary form, to whoever wants them; and the proof that it is the file that
 * the manifest speaks of: schema, number of rows, bytes, SHA-256.
 */
#ifndef CETL_FEED_H
#define CETL_FEED_H

#include "cli.h"
#include "manifest.h"

struct feed {
    const struct cli *cli;
    int dir;          /* the backup's folder */
    const char *verb; /* for the progress */
    /** Rows, as COPY wants them. 0 or negative, which ends it. NULL: the file is only checked. */
    int (*rows)(void *ctx, struct slice copy);
    void *ctx;
};
/** COPY's header is before the first rows, and its trailer behind the last. 0, negative, or AVRO_E_DAMAGED, with words. */
must_check int feed_file(const struct feed *feed, const struct manifest_file *file, struct error *err);

#endif
