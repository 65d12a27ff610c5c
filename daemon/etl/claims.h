/* SPDX-License-Identifier: MIT */
/*
 * Claims under way: complete files of incoming/ on their way into work/, on the workers. A claim that fails for a moment (no space,
 * no descriptors) is tried again with its token, so that the file keeps its place in the order of arrival; meanwhile it counts as
 * under way, which holds a dataset that loads in order. While many wait they go to the workers many at a time.
 *
 * Claims of one claim_turn reach work/ in the order of their tokens, also as a crash leaves them there: else the next start would
 * give the earlier file the later token. So only one job at a time has claims of a turn, and one that failed holds the others.
 *
 * Thread: loop; place_claim runs on workers.
 */
#ifndef CETLD_ETL_CLAIMS_H
#define CETLD_ETL_CLAIMS_H

#include "loop/timer.h"
#include "loop/workers.h"
#include "spool/place.h"

#include <uthash.h>

struct claim_turn {
    struct list waiting; /* claims, by token */
    struct list link;    /* of those that may go to a worker */
    bool running;        /* a worker has some */
    unsigned failed;     /* that are to be tried again */
};
void claim_turn_init(struct claim_turn *t);

struct claim {
    struct list link; /* of those that wait for a worker, or are with one */
    struct claims *all;
    char *path; /* below incoming/; owned */
    char token[PLACE_TOKEN_MAX];
    bool durable;
    struct claim_turn *turn; /* NULL: in any order */
    struct list sibling;     /* of the wish's */
    struct list *siblings;
    int64_t arrived_us; /* real time */
    unsigned failures;
    bool queued;  /* it waits for a worker */
    bool running; /* on a worker; else it waits */
    int rc;       /* place_claim's; 0: `file` is claimed */
    struct error err;
    struct place_file file;
    UT_hash_handle hh;
};

struct claims_config {
    struct loop *loop;
    struct workers *workers;
    struct place *place;
    /* The claim is over, as rc says; take `file` over, or leave it. The claim is gone afterwards. */
    void (*over)(void *ctx, struct claim *c);
    void (*then)(void *ctx); /* behind one or more of these, which came together */
    void *ctx;
};

struct claims {
    struct claims_config config;
    struct claim *by_path;
    struct list waiting; /* for a worker, without a turn */
    struct list turns;   /* in which something waits and may go */
    bool turns_next;     /* whose go it is, where both wait */
    unsigned jobs;       /* under way */
    struct timer *timer;
    bool stopping;
};

must_check int claims_init(struct claims *c, const struct claims_config *config);
/** Nothing may run any more. */
void claims_done(struct claims *c);
struct claim_wish {
    const char *path;
    bool durable;
    struct claim_turn *turn; /* stays until the claim is over; or NULL */
    struct list *siblings;   /* likewise: claims under way, by token; or NULL */
};
/** False without memory. Not for a path that claims_find knows. */
bool claims_start(struct claims *c, const struct claim_wish *wish);
/** The claim of that path under way, or NULL. */
struct claim *claims_find(const struct claims *c, const char *path);
/** The token of the earliest of `siblings` under way, or NULL. */
const char *claims_earliest(const struct list *siblings);
/** Is one of them under way that was reserved an earlier token than this? */
bool claims_await_earlier(const struct list *siblings, const char *token);
/** Is any claim under way of a lower token than this? */
bool claims_under_way(const struct claims *c, const char *token);
/** The path was completed anew while its claim waits: it arrives now. */
void claims_renew(struct claims *c, struct claim *claim);
/** No more tries: `over` comes at once for those that wait, soon for those that run. */
void claims_stop(struct claims *c);

#endif
