/* SPDX-License-Identifier: MIT */
/*
 * An arrival: a dropped file from its claim to its final state, as the scheduler keeps it in memory. What must survive a crash is
 * in the file system (its name in work/ begins with its token) and in the ledger (cetl.file, by token).
 *
 *   queued ──▶ loading ──▶ committing ──▶ loaded | duplicate | failed ──▶ moved to done/ or failed/
 *      ▲          │             │
 *      └──────────┴─────────────┘ (retry, with backoff)
 *
 * Thread: loop; `file` is read by the load's workers.
 */
#ifndef CETLD_ETL_ARRIVAL_H
#define CETLD_ETL_ARRIVAL_H

#include "base/digest.h"
#include "base/list.h"
#include "config/config.h"
#include "spool/place.h"

enum arrival_state { ARRIVAL_QUEUED, ARRIVAL_LOADING, ARRIVAL_COMMITTING, ARRIVAL_LOADED, ARRIVAL_DUPLICATE, ARRIVAL_FAILED };

struct arrival_counts {
    uint64_t read, loaded, updated, ignored, rejected, filtered; /* rows; read = the sum of the others once it is over */
};

/** Rows that go to the table. */
static inline uint64_t arrival_kept(const struct arrival_counts *n)
{
    return n->read - n->rejected - n->filtered;
}

enum { ARRIVAL_XID_MAX = 24 };

struct arrival {
    struct list link; /* in its lane's queue */
    struct list all;  /* in the scheduler's list of all, in order of arrival */
    struct list open; /* in its lane's list of those that are not over, by token */
    struct place_file file;
    char *dataset; /* the declared dataset's name, or the stem of an undeclared file's; malloc'd */
    enum arrival_state state;
    int64_t arrived_us, started_us; /* real time */
    int64_t settled_us;             /* monotonic: the ledger has its final state since then */
    struct arrival_counts counts;
    uint8_t sum[DIGEST_BYTES];
    bool has_sum;
    int64_t ledger_id; /* once it is in the ledger */

    bool check_ledger;            /* it may be in the ledger already: found in work/ at start, or its COMMIT is in doubt */
    char xid[ARRIVAL_XID_MAX];    /* of the transaction whose COMMIT is in doubt, or "" */
    bool waits;                   /* it stands behind its lane's bar, and the observers were told */
    bool overdue;                 /* it has waited too long for what its dataset requires: it is to fail, as `why` says */
    bool alone;                   /* not in a group (etl/group.h): there it was unusual */
    unsigned skipped;             /* groups that it was in without being loaded */
    unsigned attempts, cancelled; /* of the latter: how many PostgreSQL cancelled */
    unsigned unrecorded;          /* attempts whose ledger row the server refused */
    int64_t not_before_ms;        /* backoff, monotonic */
    struct error why;             /* of the last failure, for people; text "" when there is none */
};

/** The declared dataset that a file goes to, or NULL: the one it was sent to, else the first whose `files` match. */
static inline const struct config_dataset *arrival_declared(const struct config *c, const struct place_file *f)
{
    return f->dataset ? config_dataset(c, slice_of(f->dataset)) : config_dataset_for(c, slice_of(f->path));
}

/** "queued", "loading" … */
static inline const char *arrival_state_name(enum arrival_state s)
{
    static const char *const name[] = {
        [ARRIVAL_QUEUED] = "queued", [ARRIVAL_LOADING] = "loading",     [ARRIVAL_COMMITTING] = "committing",
        [ARRIVAL_LOADED] = "loaded", [ARRIVAL_DUPLICATE] = "duplicate", [ARRIVAL_FAILED] = "failed"};
    return name[s];
}

#endif
