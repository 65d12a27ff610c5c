/* SPDX-License-Identifier: MIT */
/*
 * What the routes work on. Belongs to the daemon; http_request_context gives it to every handler.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_API_H
#define CETLD_API_API_H

#include "api/gate.h"
#include "api/reads.h"
#include "base/meter.h"
#include "db/pool.h"
#include "etl/scheduler.h"
#include "etl/setup.h"
#include "http/router.h"

struct backups;
struct dataset_counts;
struct http_tally;
struct jobs;
struct sources;
struct versions;

/** What the daemon does when it is asked for it here. */
struct api_control {
    /** Read the configuration anew. 0; else the old one stays: positive with mistakes, ERROR_CANCELLED at the daemon's end. */
    int (*reload)(void *ctx, struct mistakes *m);
    /** Is the new one not in force yet? For a few seconds at most. */
    bool (*reloading)(void *ctx);
    /** Why the newest configuration is not in force, or "". */
    const char *(*mistake)(void *ctx);
    /** The database is not as the catalog says: read it anew. */
    void (*look_again)(void *ctx);
    void *ctx;
};

struct api {
    struct loop *loop;
    struct scheduler *scheduler; /* NULL at the daemon's end */
    struct observers *observers;
    struct catalog *catalog;
    struct derives *derives;   /* or NULL */
    struct exposed *exposed;   /* or NULL */
    const struct setup *setup; /* or NULL */
    struct db_pool *pool;      /* reads */
    struct db_pool *load_pool; /* whose state is the database's */
    struct gate *large;        /* answers that may be large, at most one less than `pool` has connections; NULL: not limited */
    struct reads reads;        /* what makes reads fast and fresh */
    struct versions *versions; /* api/versions.h */
    struct events *events;
    struct openapi *openapi;
    struct workers *workers;
    struct workers *storers;     /* for folders that may be mounts */
    struct transfers *transfers; /* to other servers */
    struct place *place;
    struct memory *memory;
    unsigned intakes;  /* under way (etl/intake.h) */
    struct jobs *jobs; /* api/jobs.h */
    struct sources *sources;
    struct backups *backups; /* or NULL */
    struct counters *counters;
    struct dataset_counts *dataset_counts; /* api/dataset_counts.h; or NULL */
    struct http_tally *tally;              /* or NULL */
    struct keys *keys;                     /* of `config`; or NULL */
    struct rates *rates;                   /* or NULL: nobody is held up */
    struct config *config;                 /* the current one; the daemon's reference */
    struct config *first;                  /* the one at start: what a reload cannot change is as it says */
    const struct instance *instance;
    int64_t started_us;                 /* monotonic */
    char embedded_why[ERROR_TEXT_MAX];  /* why the embedded cluster is not there, or "" */
    struct meter rows_rate, bytes_rate; /* loaded, and sent by COPY; noted each second */
    bool ready;                         /* the database answers and the catalog was read */
    int64_t altered_ms;                 /* when a refusal last had the catalog read anew (api/altered.h), or 0 */
    struct api_control control;
    struct http_router router;
};

/** Why the database is not, or not wholly, at work, or "". */
const char *api_reason(const struct api *api);
/** Fill in the router: all routes. */
void api_router(struct api *api);

#endif
