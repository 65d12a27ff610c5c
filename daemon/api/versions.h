/* SPDX-License-Identifier: MIT */
/*
 * What is known of the versions of the tables that the API reads. A dataset's version grows with every commit that changes its rows
 * (cetl.dataset and the marks in cetl.change); an ETag is made of it, and a kept answer is good as long as it stands.
 *
 * Whoever commits a change of a dataset in this process says so before the change is acknowledged:
 *
 *     COMMIT is answered ─▶ versions_bump(api->versions, dataset) ─▶ the client's answer
 *
 * Thread: loop.
 */
#ifndef CETLD_API_VERSIONS_H
#define CETLD_API_VERSIONS_H

#include "base/error.h"
#include "base/list.h"

#include <stdint.h>

struct dataset;
struct versions;

/** Somebody who wants to know of changes, as a hint: of commits of this process at once. */
struct versions_watch {
    struct list link;                                           /* its own */
    void (*changed)(struct versions_watch *w, int64_t dataset); /* cetl.dataset.id; 0: it may be any */
};

must_check int versions_new(struct versions **ret_versions);
/** NULL is fine. */
void versions_free(struct versions *v);
/** The dataset (NULL: any of them) has just changed: nothing that is known of it from before this call counts any
 * more. `v` may be NULL. */
void versions_bump(struct versions *v, const struct dataset *d);
/** How often that was said of it. */
uint64_t versions_bumps(const struct versions *v, int64_t dataset);

void versions_watch(struct versions *v, struct versions_watch *w);
void versions_unwatch(struct versions_watch *w);

#endif
