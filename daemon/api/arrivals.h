/* SPDX-License-Identifier: MIT */
/*
 * What /v1/files shows of memory: the files that are not over. They are noted before the ledger is asked, so that none is missed
 * that gets there meanwhile; one that the ledger then shows is left out here, so that none is there twice.
 *
 *     a = arrivals_note(scheduler, &(struct arrivals_filter){.dataset = …, .limit = 100});
 *     … the ledger answers …
 *     arrivals_write(a, &w, rows, column of their tokens);
 *     arrivals_free(a);
 *
 * Thread: loop.
 */
#ifndef CETLD_API_ARRIVALS_H
#define CETLD_API_ARRIVALS_H

#include "etl/scheduler.h"
#include "format/json_writer.h"

#include <libpq-fe.h>

struct arrivals;

struct arrivals_filter {
    struct slice dataset, state; /* empty: all */
    int64_t limit;
    bool confined; /* who asks is told no words that hold values of rows */
};

/** The members of one, into the object that is open. `confined` as above. */
void arrivals_write_one(struct json_writer *w, const struct scheduler *s, const struct arrival *a, bool confined);
/** NULL without memory. */
struct arrivals *arrivals_note(const struct scheduler *s, const struct arrivals_filter *f);
/** Nobody shows them. NULL is fine. */
void arrivals_free(struct arrivals *a);
/** Each as an item of the array that is open, but for those whose token is in that column of the ledger's rows. */
void arrivals_write(const struct arrivals *a, struct json_writer *w, const PGresult *rows, int token_column);

#endif
