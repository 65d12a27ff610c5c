/* SPDX-License-Identifier: MIT */
/*
 * The end of an arrival whose fate is in the ledger: it is counted, told in the log, one line a file, and its file is moved out of
 * work/ (etl/tidy.h). Then it is given back.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_ENDING_H
#define CETLD_ETL_ENDING_H

#include "base/counters.h"
#include "etl/load.h"
#include "etl/tidy.h"

struct endings {
    struct tidies tidies;
    struct counters *counters;
    struct observers *observers;
    void (*over)(void *ctx, struct arrival *a); /* the arrival is the owner's again */
    void *ctx;
};

/** With `counters`, `over` and `ctx` set. 0 or negative. */
must_check int endings_init(struct endings *e, struct loop *l, struct workers *w, struct place *p);
/** None may be under way any more. */
void endings_done(struct endings *e);
/** LOAD_LOADED, LOAD_DUPLICATE or LOAD_FAILED; the report's rejects are taken over. */
void ending_begin(struct endings *e, struct arrival *a, const struct load_report *report);

#endif
