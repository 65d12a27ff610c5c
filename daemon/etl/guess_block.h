/* SPDX-License-Identifier: MIT */
/*
 * A guess as a [dataset] of the configuration, which loads what inference would have loaded: the same columns and types, and the
 * dialect that was found.
 *
 * Thread: any.
 */
#ifndef CETLD_ETL_GUESS_BLOCK_H
#define CETLD_ETL_GUESS_BLOCK_H

#include "csv/dialect.h"
#include "etl/guess.h"

/** How the files of a guess are read, and which these are. */
struct guess_block {
    const struct guess *guess;
    const struct dialect *dialect; /* as detected */
    bool various;                  /* the files differ in it: each is to be looked at */
    const char *encoding;          /* NULL: auto */
    bool skip_blank;               /* blank lines were skipped */
    struct slice files;            /* globs, separated by ", " */
};

void guess_block_write(struct buf *out, const struct guess_block *b);
/** A glob for a file and those that would be of the same dataset by their names: "sales_2024-01.csv" → "sales*.csv". What a list of
 * globs cannot hold is a '?'. */
void guess_block_glob(struct buf *out, struct slice file, const char *dataset);

#endif
