/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a group share: group.c (outcomes, unwinding), group_read.c (what workers do: reading, converting), group_copy.c
 * (the transaction). Nobody else includes this.
 *
 * The rule for all of them: group_conclude and what leads to it (group_retry, group_send_alone, group_asked, group_refused) may end the group, and with it
 * the object: return right after.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_GROUP_PRIVATE_H
#define CETLD_ETL_GROUP_PRIVATE_H

#include "etl/group.h"
#include "etl/ledger_many.h"
#include "etl/member.h"
#include "etl/merge.h"
#include "etl/phases.h"

enum { GROUP_SHARES_MAX = 8 };

enum group_state {
    GROUP_READING,
    GROUP_CONNECTING,
    GROUP_BEGINNING,
    GROUP_CONVERTING,
    GROUP_MERGING_PARTIALS,
    GROUP_COPYING,
    GROUP_RECORDING,
    GROUP_COMMITTING,
    GROUP_UNWINDING,
};

/* A worker's share of the members. */
struct group_share {
    struct worker_job job;
    struct group *g;
    struct member_work work;
    int rc;
};

struct group {
    struct group_config config;
    const struct load_env *env;
    struct config *settings; /* a reference to the configuration it began with */
    struct dataset *dataset;
    struct plan *plan;
    struct lookups_use lookups; /* what it looks into */
    struct member *member;
    size_t n;
    struct member *leader;       /* whose head the plan was made for; kept, since all have that header */
    bool ahead;                  /* only the leader is in, and is converted before it is known whether it is a duplicate */
    bool begun;                  /* BEGINNING was answered */
    int64_t leader_duplicate_of; /* with `ahead`, and then 0 or what was found: its fate is a worker's until then */
    struct member_input input;
    enum group_state state;
    struct phases phases; /* where its time goes */

    struct group_share share[GROUP_SHARES_MAX];
    size_t shares;
    unsigned running;  /* jobs */
    bool converted;    /* the shares hold benches and COPY bytes */
    size_t bench_cost; /* bytes taken from the budget for those */
    size_t copy_cost;
    struct worker_job merge_job;
    int merge_rc;

    struct db_wait wait;
    bool waiting;
    struct db_conn *conn;
    bool asking;               /* a statement is under way on conn */
    bool copying, open, ended; /* COPY: from begin until done; the server waits for data; its end was sent */
    size_t piece;              /* the next share to be put */
    struct merge merge;
    bool merging; /* rows go into the rollups: what the server refuses now is the rows' fault */
    size_t sequence;
    struct ledger_rejects reject_job;
    struct ledger_file_rejects *reject; /* one for each member that has some */
    int64_t *id;                        /* ledger ids, one for each member */
    char xid[ARRIVAL_XID_MAX];

    bool decided, committed, refused;
    enum load_outcome outcome; /* of all, when decided and not committed: RETRY or AGAIN */
    struct error why;
};

/** Its rows, or its ledger row, are in the transaction. */
static inline bool group_travels(const struct member *m)
{
    return m->fate == MEMBER_IN || m->fate == MEMBER_DUPLICATE;
}
static inline bool group_skips_duplicates(const struct group *g)
{
    return !g->config.declared || g->config.declared->duplicates == CONFIG_DUPLICATES_SKIP;
}

static inline bool group_looks_up(const struct group *g)
{
    return g->dataset->formulas && g->dataset->formulas->lookups > 0;
}

/* group.c */
void group_enter(struct group *g, enum group_state s);
/** The outcome of all is known; the first one counts. `why` is copied, and may be NULL. */
void group_conclude(struct group *g, enum load_outcome outcome, const struct error *why);
/** The machine failed us: nothing is said against the files. `err` may be NULL. */
void group_retry(struct group *g, int code, const struct error *err);
/** Each file is to be loaded by itself. */
void group_send_alone(struct group *g);
/** It was in a group and not loaded, for no fault of its own: not for ever. */
void group_skip(struct arrival *a);
/** A statement's answer: true when the group goes on with it. */
bool group_answered(struct group *g, const struct db_result *r);
/** A statement was queued (0), or could not be (negative). */
void group_asked(struct group *g, int r);
/** How many members have this fate. */
size_t group_count(const struct group *g, enum member_fate fate);
/** From now on the member holds so many bytes of the budget. */
void group_settle(struct group *g, struct member *m, size_t held);
/** Bring one thing after the other to its end; every callback leads here once the outcome is known. */
void group_unwind(struct group *g);

/* group_read.c */
/** READING: begin. CONNECTING follows. */
void group_read(struct group *g);
/** Converted, and the duplicates are known: group_copy, group_record, or the end. */
void group_go_on(struct group *g);
/** CONVERTING; then, once BEGINNING is over, group_go_on: group_copy, or where nothing is left to send group_record. */
void group_convert(struct group *g);

/* group_copy.c */
/** CONNECTING: take a connection; then BEGINNING, and group_convert. */
void group_connect(struct group *g);
void group_copy(struct group *g);
void group_record(struct group *g);
/** The server refused a statement of this group: what becomes of its files? */
void group_refused(struct group *g, const struct db_result *r);

#endif
