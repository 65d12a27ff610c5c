/* SPDX-License-Identifier: MIT */
/*
 * Claims under way: complete files of incoming/ on their way into work/, on the workers. A claim that fails for a moment (no space,
 * no descriptors) is tried again with its token, so that the file keeps its place in the order of arrival; meanwhile it counts as
 * under way, which holds a dataset that loads in order. While many wait they go to the workers many at a time.
 *
 * Thread: loop; place_claim runs on workers.
 */
#ifndef CETLD_ETL_CLAIMS_H
#define CETLD_ETL_CLAIMS_H

#include "loop/timer.h"
#include "loop/workers.h"
#include "spool/place.h"

#include <uthash.h>

struct claim {
    struct list link; /* of those that wait for a worker, or are with one */
    struct claims *all;
    char *path; /* below incoming/; owned */
    char token[PLACE_TOKEN_MAX];
    bool durable;
    void *tag;          /* the owner's */
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
    void *ctx;
};

struct claims {
    struct claims_config config;
    struct claim *by_path;
    struct list waiting; /* for a worker */
    unsigned jobs;       /* under way */
    struct timer *timer;
    bool stopping;
};

must_check int claims_init(struct claims *c, const struct claims_config *config);
/** Nothing may run any more. */
void claims_done(struct claims *c);
/** False without memory. Not for a path that claims_find knows. */
bool claims_start(struct claims *c, const char *path, bool durable, void *tag);
/** The claim of that path under way, or NULL. */
struct claim *claims_find(const struct claims *c, const char *path);
/** The path was completed anew while its claim waits: it arrives now. */
void claims_renew(struct claims *c, struct claim *claim);
/** No more tries: `over` comes at once for those that wait, soon for those that run. */
void claims_stop(struct claims *c);

#endif
