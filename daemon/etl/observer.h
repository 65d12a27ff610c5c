/* SPDX-License-Identifier: MIT */
/*
 * Who is told what happens while it happens: states of files, refreshes of derives. The ETL knows nothing of
 * who listens; a listener must return soon, must not call back, and copies what it keeps.
 *
 *     struct observer o = {.file = …, .derive = …, .ctx = …};    any of them may be NULL, also later
 *     observer_file(&o, &(struct observed_file){…});                           nothing happens where o is NULL
 *
 * What is told is a hint for people and their pages: what is so stands in the ledger.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_OBSERVER_H
#define CETLD_ETL_OBSERVER_H

#include "etl/arrival.h"

/** A file has got into a state. */
struct observed_file {
    const char *dataset; /* or the stem of a file that nobody declared */
    const char *name;    /* bytes; its last component, where it is known */
    const char *state;   /* "queued" "waiting" "loading" "committing" "loaded" "duplicate" "failed" "unreadable" "unloaded" */
    const char *why;     /* of waiting, failed, unreadable, and of queued once more; or NULL */
    int64_t id;          /* in the ledger; 0: it is not there */
    int64_t duplicate_of;
    const struct arrival *arrival; /* NULL: unreadable, or unloaded */
};
/** A derive was made anew, or could not be. */
struct observed_derive {
    const char *name;
    const char *error; /* NULL: it is fresh */
    int64_t rows;      /* -1: not known */
    int64_t duration_ms;
};

struct observer {
    void (*file)(void *ctx, const struct observed_file *f);
    void (*derive)(void *ctx, const struct observed_derive *d);
    void *ctx;
};

static inline void observer_file(const struct observer *o, const struct observed_file *f)
{
    if (o && o->file) o->file(o->ctx, f);
}

/** The same for an arrival that is in that state, about which there is no more to say. */
static inline void observer_arrival(const struct observer *o, const struct arrival *a, const char *state, const char *why)
{
    observer_file(
        o, &(struct observed_file){
               .dataset = a->dataset, .name = a->file.name, .state = state, .why = why && why[0] ? why : NULL, .arrival = a});
}

static inline void observer_derive(const struct observer *o, const struct observed_derive *d)
{
    if (o && o->derive) o->derive(o->ctx, d);
}

#endif
