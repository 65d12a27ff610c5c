/* SPDX-License-Identifier: MIT */
/*
 * Looking for new files now:
 *
 *   GET or POST /start-etl-job[?source=]   202 and the job's URL; a page of another site cannot ask for it
 *   GET /etl-jobs, /etl-jobs/{id}            its state (pulling, scanning, loading, done) and what became of its files
 *
 * A job is a scan of incoming/ and everything that is on its way then: files that wait or are being loaded when it begins, and
 * those that come until its scan is through. It is done when none of them is on its way any more. While the scan of one runs,
 * another one would be the same: its URL is given instead. The last JOBS_KEPT are kept, in memory.
 *
 * Before that the sources ([source NAME]) are pulled, all of them or the one that is named (404: there is no such); then it is
 * `pulling`. What came of each says `sources`; a pull that failed does not hold the scan up.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_JOBS_H
#define CETLD_API_JOBS_H

#include "etl/scheduler.h"
#include "etl/sources.h"
#include "http/response.h"

enum { JOBS_KEPT = 100 };

struct jobs;
struct jobs_config {
    struct scheduler *scheduler;
    struct observers *observers; /* stay */
    struct loop *loop;
    struct place *place;
    struct sources *sources;
};
must_check int jobs_new(const struct jobs_config *config, struct jobs **ret_jobs);
/** NULL is fine. */
void jobs_free(struct jobs *all);

void jobs_start(struct http_request *r);
void jobs_list(struct http_request *r);
void jobs_one(struct http_request *r);

#endif
