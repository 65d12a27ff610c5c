/* SPDX-License-Identifier: MIT */
/*
 * Tidying: a file whose fate is in the ledger is moved from work/ to done/ or failed/, on a worker, again and again until it
 * worked. Nothing depends on it but order in the folders: after a crash the ledger says where a file of work/ belongs.
 *
 * Thread: loop; the moving runs on a worker.
 */
#ifndef CETLD_ETL_TIDY_H
#define CETLD_ETL_TIDY_H

#include "data/reject.h"
#include "loop/timer.h"
#include "loop/workers.h"
#include "spool/place.h"

struct tidy;
struct tidy_config {
    struct loop *loop;
    struct workers *workers;
    struct place *place;
    enum place_target target;
    struct place_file *file;     /* stays the caller's until `over` */
    struct reject_list *rejects; /* taken over, empty afterwards: NAME.errors.csv is made of them, when there are any */
    void (*over)(void *ctx, struct place_file *file);
    void *ctx;
};

must_check int tidy_start(const struct tidy_config *config, struct tidy **ret_tidy);
/** Give up waiting for the next try (at the end of the daemon); `over` comes soon. */
void tidy_hurry(struct tidy *t);

#endif
