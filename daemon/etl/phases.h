/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a load, or of a group of small files, goes: its states, put together to the stages that /metrics shows.
 *
 *     struct phases s = phases_begin(PHASE_OPEN);
 *     phases_enter(&s, PHASE_COPY);      also again, and to where it is already
 *     phases_end(&s, counters);          each stage that it was in is observed once, with all of its time there
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_PHASES_H
#define CETLD_ETL_PHASES_H

#include "base/counters.h"

enum phase {
    PHASE_OPEN,    /* what is it: its ledger row, head, dataset, types, table, lookups; of small files their bytes, too */
    PHASE_CONNECT, /* until a connection is free */
    PHASE_COPY,    /* read, converted, sent, and merged where that is to be */
    PHASE_NARROW,  /* in search of the rows that the server refuses */
    PHASE_RECORD,  /* rejects, rollups, ledger */
    PHASE_COMMIT,
    PHASE_FINISH, /* rolled back where that is to be; the ledger row of what was not loaded */
    PHASES
};

struct phases {
    int64_t since_us, spent_us[PHASES];
    enum phase now;
    unsigned seen; /* a bit for each */
};

struct phases phases_begin(enum phase first);
void phases_enter(struct phases *s, enum phase next);
void phases_end(struct phases *s, struct counters *counters);

#endif
