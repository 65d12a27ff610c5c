/* SPDX-License-Identifier: MIT */
/*
 * Who is told when files fail, wait or cannot be read, or a backup cannot be made: an observer, and a webhook for each [notify NAME].
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_NOTICES_H
#define CETLD_ETL_NOTICES_H

#include "etl/observer.h"
#include "etl/webhook.h"

struct notices;

/** It observes from now on; the observers must outlive it. */
must_check int notices_new(const struct webhook_config *config, struct observers *observers, struct config *settings,
                           struct notices **ret_notices);
/** NULL is fine. */
void notices_free(struct notices *n);
/** A reload: takes a reference. Receivers keep what waits by their names; those that are gone drop it. 0 or -ENOMEM, and then all
 * is as before. */
must_check int notices_set_config(struct notices *n, struct config *settings);
/** The daemon is about to end: send what there is. Is anything on its way? */
bool notices_hurry(struct notices *n);

#endif
