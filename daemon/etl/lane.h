/* SPDX-License-Identifier: MIT */
/*
 * Lanes: the queues of arrivals, one a dataset, each in the order of the tokens.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_LANE_H
#define CETLD_ETL_LANE_H

#include "etl/arrival.h"
#include "etl/claims.h"

#include <uthash.h>

/** From which file on the lane waits for another one (etl/requires.h). */
struct lane_bar {
    bool set;
    char token[PLACE_TOKEN_MAX]; /* files of greater tokens wait; "": all */
    char why[160];
};

struct lane {
    char *name;
    struct list queue; /* arrivals that wait, by token */
    unsigned waiting;  /* how many */
    struct list open;  /* these, and those that are being loaded, by token */
    struct lane_bar bar;
    unsigned running;       /* loads under way */
    unsigned group_max;     /* files that may load together now */
    unsigned marks;         /* change marks that were made since the lane is there */
    struct claim_turn turn; /* of its claims, where its files load in order */
    struct list claims;     /* under way, by token; it may come before the queue's */
    int64_t not_before_ms;  /* the lane as a whole is paused until then */
    char *why;              /* why it is paused; logged once; malloc'd or NULL */
    UT_hash_handle hh;
};

struct lanes {
    struct lane *by_name;
    struct lane *cursor; /* where the next round begins, so that all get their turn */
};

void lanes_done(struct lanes *l);
/** The lane of that name, made when it is missing. NULL without memory. */
struct lane *lanes_get(struct lanes *l, const char *name);
/** The same, or NULL where there is none. */
struct lane *lanes_find(const struct lanes *l, const char *name);
/** Put an arrival in its place by token; most come last. */
void lane_put(struct lane *lane, struct arrival *a);
/** The arrival is over; or leaves the lane for another one. */
void lane_forget(struct arrival *a);
/** Does it wait behind the lane's bar? */
bool lane_bars(const struct lane *lane, const struct arrival *a);
void lane_take(struct lane *lane, struct arrival *a);
/** A group of the lane is over: refused ones make the next smaller, so that one bad file in many costs little; others larger. */
void lane_judge(struct lane *lane, bool refused);
/** Free lanes in which nothing waits, runs, is claimed or paused. */
void lanes_sweep(struct lanes *l);

#endif
