/* SPDX-License-Identifier: MIT */
/*
 * The versions of the tables that the API reads: an ETag is made of them, and a kept answer is good as long as they stand.
 *
 * A dataset's version is a number that grows with every commit that changes its rows or its rollups (cetl.dataset, and the marks in
 * cetl.change: loads and API writes leave one, and so does the trigger cetl_outside for everybody else). A derived table's counts
 * its refreshes. `born` tells two databases apart that have counted equally far (one that was restored, or took the place of
 * another that was lost, may have done so: a server that is started anew has other versions), and two files of a table that ALTER
 * TABLE wrote anew. What has no version (a view, a table that the trigger does not watch) can be neither kept nor given an ETag.
 *
 * Versions are looked up over the pipelined connection. All who ask in one turn of the loop share a look-up, which is sent in the
 * turn's end and before the queries that were asked for meanwhile: so what is read afterwards is never older than the version that
 * it is kept under, and the version never older than the question.
 *
 *     versions_ask(v, &w);   ─▶ w.got(&w, true), and w.set.version[i] is that of w.set.key[i]
 *
 * With `notify` they are also known from memory (versions_known): PostgreSQL tells of every mark by NOTIFY. A version from memory
 * counts only while it listens, and only since the last word of a change; a derive's is always looked up.
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
#include "db/pipeline.h"
#include "db/pool.h"

#include <stdint.h>

struct dataset;
struct table;
struct versions;

enum { VERSIONS_TABLES_MAX = 16 };

enum version_kind { VERSION_DATASET, VERSION_DERIVE };
struct version_key {
    enum version_kind kind;
    int64_t id; /* cetl.dataset.id, or the oid of a derived table */
};
struct version {
    int64_t number, born;
};
/** The tables that an answer is made of. */
struct version_set {
    unsigned n;
    struct version_key key[VERSIONS_TABLES_MAX];
    struct version version[VERSIONS_TABLES_MAX];
};
/** Add a table, unless it is there. False: it has no version, or there are too many. */
must_check bool version_set_add(struct version_set *s, const struct table *t);
/** The same tables with the same versions? */
bool version_set_equal(const struct version_set *a, const struct version_set *b);

/** One who waits for versions; embed it in the owner. */
struct versions_wait {
    struct list link;
    /* Not known: one of them has no version, or the database could not say. Never called before versions_ask returned. */
    void (*got)(struct versions_wait *w, bool known);
    struct version_set set;
};

/** Somebody who wants to know of changes, as a hint: of commits of this process at once, of others' where PostgreSQL tells. */
struct versions_watch {
    struct list link;                                           /* its own */
    void (*changed)(struct versions_watch *w, int64_t dataset); /* cetl.dataset.id; 0: it may be any */
};

/** What the pipeline's sessions must have run, for versions_notified; and their application_name where changes are notified. */
#define VERSIONS_LISTEN "LISTEN cetl_change"
#define VERSIONS_NOTIFY "cetld notify"

struct versions_config {
    struct loop *loop;
    struct db_pipeline *pipeline;
    struct db_pool *pool; /* may write: the trigger that notifies is made by it, and marks are folded */
};
must_check int versions_new(const struct versions_config *config, struct versions **ret_versions);
/** Behind db_pipeline_free and the pool's. NULL is fine. */
void versions_free(struct versions *v);

/** The database was set up: see to it that changes are notified, or not. */
void versions_go(struct versions *v, bool notify);
/** The pipeline's callbacks. */
void versions_up(struct versions *v);
void versions_down(struct versions *v);
void versions_notified(struct versions *v, const char *channel, const char *payload);

/** The versions of set->key from memory into set->version. False: ask. */
must_check bool versions_known(const struct versions *v, struct version_set *set);
/**
 * Those that were looked up a moment ago: maybe over by now, but never newer than what is read from here on. So they can be the
 * label of an answer that is about to be made, and say nothing about one that is there. False: ask.
 */
must_check bool versions_recent(const struct versions *v, struct version_set *set);
/** Ask for those of w->set. 0; or, when there is no asking now, what db_pipeline_ask says: then `got` is not called. */
must_check int versions_ask(struct versions *v, struct versions_wait *w);
/** No longer wanted; harmless when `w` does not wait. */
void versions_cancel(struct versions_wait *w);

/** The dataset (NULL: any of them) has just changed: nothing that is known of it from before this call counts any more. `v` may be
 * NULL. */
void versions_bump(struct versions *v, const struct dataset *d);

void versions_watch(struct versions *v, struct versions_watch *w);
void versions_unwatch(struct versions_watch *w);

#endif
