/* SPDX-License-Identifier: MIT */
/*
 * Who is told what happens while it happens: what becomes of files, refreshes of derives. The ETL knows nothing of who listens; an
 * observer must return soon, must not call back, and copies what it keeps. What is told is a hint for people and their pages, and
 * for those who wait: what is so stands in the ledger.
 *
 *     struct mine { struct observer observer; … } m = {.observer = {.over = on_over}};    any function may be NULL
 *     observers_add(all, &m.observer); …; list_remove(&m.observer.link);                  also while it is told something
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
/** A backup that was due could not be made: the first time, and again where the reason is another. */
struct observed_backup {
    const char *name, *why;
};

/** Embed it. */
struct observer {
    struct list link;
    void (*arrived)(struct observer *o, const struct arrival *a); /* claimed; it is queued */
    void (*over)(struct observer *o, const struct arrival *a);    /* its final state is in the ledger */
    void (*scanned)(struct observer *o); /* what a scheduler_rescan found complete is claimed, or is about to be */
    void (*file)(struct observer *o, const struct observed_file *f);
    void (*derive)(struct observer *o, const struct observed_derive *d);
    void (*backup)(struct observer *o, const struct observed_backup *b);
};

struct observers {
    struct list all;
};

void observers_init(struct observers *os);
void observers_add(struct observers *os, struct observer *o);

void observers_arrived(struct observers *os, const struct arrival *a);
void observers_over(struct observers *os, const struct arrival *a);
void observers_scanned(struct observers *os);
void observers_file(struct observers *os, const struct observed_file *f);
/** The same for an arrival that is in that state, about which there is no more to say. */
void observers_state(struct observers *os, const struct arrival *a, const char *state, const char *why);
void observers_derive(struct observers *os, const struct observed_derive *d);
void observers_backup(struct observers *os, const struct observed_backup *b);

#endif
