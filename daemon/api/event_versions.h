/* SPDX-License-Identifier: MIT */
/*
 * The versions of datasets as events: while somebody listens to /events, the versions are read soon after each change that is known
 * here (api/versions.h; many changes are one question), and every few seconds for those that others commit. What differs from the
 * last time is told.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_EVENT_VERSIONS_H
#define CETLD_API_EVENT_VERSIONS_H

#include "api/events.h"
#include "api/versions.h"
#include "db/pool.h"

struct event_versions;
/** `events` and `versions` stay until event_versions_free, `pool` until its db_pool_free, behind which nothing is asked any more.
 */
must_check int event_versions_new(struct loop *l, struct events *events, struct versions *versions, struct db_pool *pool,
                                  struct event_versions **ret_versions);
/** Behind the pool's end. NULL is fine. */
void event_versions_free(struct event_versions *v);
/** Somebody begins to listen. */
void event_versions_begin(struct event_versions *v);

#endif
