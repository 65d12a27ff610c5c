/* SPDX-License-Identifier: MIT */
/*
 * Signals on the loop: SIGTERM and SIGINT ask for the end, SIGHUP for a reload. SIGPIPE is ignored.
 *
 * Thread: loop.
 */
#ifndef CETLD_LOOP_SIGNALS_H
#define CETLD_LOOP_SIGNALS_H

#include "loop/loop.h"

struct signals;
struct signals_handler {
    void (*terminate)(void *ctx); /* called at each SIGTERM or SIGINT */
    void (*reload)(void *ctx);    /* called at each SIGHUP */
    void *ctx;
};

must_check int signals_new(struct loop *l, const struct signals_handler *h, struct signals **ret_signals);
void signals_free(struct signals *s);

#endif
