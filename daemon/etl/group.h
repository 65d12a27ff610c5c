/* SPDX-License-Identifier: MIT */
/*
 * A group: small files of one append dataset that travel together: one COPY, one statement for their ledger rows, one merge into
 * the rollups, one COMMIT. What is one file's fault takes that file out of the group (etl/member.h) and leaves the others in.
 *
 *   READING ──▶ CONNECTING ──▶ BEGINNING ──▶ CONVERTING ──▶ COPYING ──▶ RECORDING ──▶ COMMITTING ──▶ over
 *      └─────────────┴─────────────┴──────────────┴─────────────┴────────────┴─────────────┴──▶ UNWINDING ──▶ over
 *
 * READING: workers read the files whole, digest them and find their heads; those whose head is the first one's share its plan. The
 * others are for another group. BEGINNING: the contents are locked, in one order for all groups, and those that the ledger knows
 * are duplicates. Only then CONVERTING, because partial aggregates cannot be taken apart again; but a single file is converted
 * meanwhile. RECORDING compares the dataset's definition as a load does (etl/load.h).
 *
 * Exactly once holds as for a load: each file's row, unique by its token, commits with the rows of all. When COMMIT got no answer
 * every file goes back with the transaction's id and is looked up by itself.
 *
 * When PostgreSQL refuses rows and names the line, that line's file is to be loaded alone, and the others go together once more;
 * when it names none, each is loaded alone and gets its own error.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_GROUP_H
#define CETLD_ETL_GROUP_H

#include "etl/load.h"

enum {
    GROUP_FILES_MAX = 256,
    GROUP_BYTES_MAX = 4 * 1024 * 1024, /* of the files together */
    GROUP_FILE_BYTES = 256 * 1024,     /* a larger one is loaded by itself */
};

struct group;
struct group_config {
    const struct load_env *env;
    struct dataset *dataset;               /* a reference is taken */
    const struct config_dataset *declared; /* of env->config; NULL: an inferred dataset */
    struct arrival **arrival;              /* stay the caller's; the array is copied */
    size_t n;                              /* at least 1 */
    /* For each of its arrivals, with LOAD_LOADED, LOAD_DUPLICATE, LOAD_RETRY, or LOAD_AGAIN … */
    void (*each)(void *ctx, struct arrival *a, const struct load_report *report);
    /* … and once behind them; the group is gone afterwards. `refused`: PostgreSQL refused its rows. */
    void (*over)(void *ctx, bool refused);
    void *ctx;
};

/**
 * Take the first arrivals, as many as memory has room for, but one in any case. 0 or -ENOMEM. Nothing is called before this
 * returned.
 */
must_check int group_start(const struct group_config *config, struct group **ret_group);
/** How many of the arrivals it took. */
size_t group_size(const struct group *g);
/** Stop as soon as possible (not before the answer to a COMMIT that was sent) and leave everything as it was. */
void group_stop(struct group *g);

#endif
