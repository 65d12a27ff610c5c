/* SPDX-License-Identifier: MIT */
/*
 * A member: one small file of a group (etl/group.h), read whole, digested and converted on a worker. Whatever is unusual about it
 * (it cannot be opened, its head or its quotes are broken, it changed, it is larger than it was, too many of its rows are refused)
 * makes it MEMBER_ALONE: it leaves the group and is loaded by itself, where its error gets its exact words.
 *
 *     member_read(&m, &input)                 once, on a worker: head, chunk, sum
 *     … the loop makes a plan of one member's head, and compares the others': member_same_shape
 *     members_convert(&work)                  on a worker: a run of members into one piece of COPY bytes
 *     member_done(&m)
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_ETL_MEMBER_H
#define CETLD_ETL_MEMBER_H

#include "config/config.h"
#include "etl/arrival.h"
#include "etl/convert.h"
#include "etl/head.h"

enum member_fate {
    MEMBER_IN,        /* its rows travel with the group */
    MEMBER_DUPLICATE, /* its bytes were loaded as file `duplicate_of` */
    MEMBER_LATER,     /* it may travel with another group */
    MEMBER_ALONE,
};

struct member {
    struct arrival *arrival; /* workers read its `file` only */
    enum member_fate fate;
    struct head head; /* until member_forget_head */
    bool headed;
    struct chunk chunk;
    int64_t number; /* its id in the ledger, where its rows bear it; else 0 */
    uint8_t sum[DIGEST_BYTES];
    int64_t duplicate_of;
    uint64_t rows_read, rows_filtered;
    struct reject_list rejects;
    size_t cost; /* bytes taken from the budget; the group's */
};

/** Its rows that go to the table. */
static inline uint64_t member_kept(const struct member *m)
{
    return m->rows_read - m->rejects.count - m->rows_filtered;
}

struct member_input {
    const struct place *place;
    struct head_declared declared;
    size_t max_record;
};

/** Bytes that a member of a file of so many bytes may come to: itself, its head, its COPY bytes. */
size_t member_cost(uint64_t file_bytes);
/** Open, find the head, read, digest; MEMBER_ALONE when anything is unusual. */
void member_read(struct member *m, const struct member_input *in);
void member_forget_head(struct member *m);
void member_done(struct member *m);
/** May they share a plan? Both with their heads. */
bool member_same_shape(const struct member *a, const struct member *b);

/** A run of members for one worker. Those that are not MEMBER_IN are passed over. */
struct member_work {
    struct member *member;
    size_t n;
    const struct convert_plan *plan;
    const struct config_budget *budget;
    bool first, last;           /* the COPY's header stands before its rows, the trailer behind them */
    struct convert_bench bench; /* made here; convert_bench_done is the caller's */
    struct buf copy;            /* the rows of all that are still MEMBER_IN, in order; likewise */
};
/** 0, AGGREGATE_E_FULL, AGGREGATE_E_RANGE, or negative. The members whose budget is passed are MEMBER_ALONE, and nothing of them is
 * in `copy` or in the partials. */
must_check int members_convert(struct member_work *w);

#endif
