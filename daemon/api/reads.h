/* SPDX-License-Identifier: MIT */
/*
 * What reads have beside a pool of connections: the pipelined one for the small ones, the versions of what they read, and answers
 * that are kept.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_READS_H
#define CETLD_API_READS_H

#include "api/cache.h"
#include "api/heavy.h"
#include "api/versions.h"
#include "db/pipeline.h"

struct reads {
    struct loop *loop;
    struct db_pipeline *pipeline;
    struct versions *versions;
    struct cache *cache;
    struct heavy *heavy;
    struct counters *counters;
};

#endif
