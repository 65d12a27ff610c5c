/* SPDX-License-Identifier: MIT */
/*
 * Fresh answers without reading rows: 304 where the client has the answer already, and a kept one where it was given before. Which
 * of them are still good the versions say (versions.h); so none is older than the last commit before the request came (with
 * `freshness = notify`: than what PostgreSQL has told of).
 *
 *     void route(struct http_request *r) { if (!fresh_give(r, route_anew)) route_anew(r); }
 *
 * and where the answer is made:
 *
 *     fresh_ask(&f, r, &wanted) ─▶ [f.wait.got] ─▶ fresh_is_same: 304; else fresh_tell(&f, r) ─▶ fresh_keep(&f, r, …)
 *
 * A kept answer is found by all that it depends on: target, and the fields Accept, Prefer, Range. Answers that depend on who asks
 * (a role of PostgreSQL's, access.h) or on the time of day are neither kept nor given an ETag. ETags are weak: commits between the
 * look at the versions and the reading may show in a body, whose ETag is then that of a version which is over already.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_FRESH_H
#define CETLD_API_FRESH_H

#include "api/reads.h"
#include "http/router.h"
#include "rest/scope.h"

enum { FRESH_ETAG_MAX = 512 };
/** The fields of a request that choose the answer, beside its target. */
#define FRESH_VARY "Accept, Prefer, Range, Range-Unit"

/**
 * True: the request was answered from what is kept (or by 401, 403), or is about to be; where that fails `otherwise` is called
 * instead. False: nothing is kept for it.
 */
bool fresh_give(struct http_request *r, http_handler otherwise);

/** What an answer is made of. */
struct fresh_wanted {
    const struct rest_table *table;
    size_t tables;
    const char *sql;
    const struct db_param *param;
    int params;
    const char *media_type;
};

/** The making of one answer; embed it, with reads and wait.got set. */
struct fresh {
    const struct reads *reads; /* NULL: there are no versions */
    struct versions_wait wait; /* `got`: call fresh_got first */
    bool known;
    uint64_t shape, cleared; /* cache_cleared when it was begun */
    char etag[FRESH_ETAG_MAX];
};
enum fresh_state {
    FRESH_NEVER, /* the answer has no version */
    FRESH_KNOWN,
    FRESH_ASKED, /* wait.got comes */
};
enum fresh_state fresh_ask(struct fresh *f, struct http_request *r, const struct fresh_wanted *w);
/** The versions have come, or not. */
void fresh_got(struct fresh *f, bool known);
/** Would the client rather have 304? Then it is worth waiting for the versions. */
bool fresh_is_conditional(const struct http_request *r);
/** The versions are known, and the client has that answer. */
bool fresh_is_same(const struct fresh *f, const struct http_request *r);
/** Answer with 304. */
void fresh_answer_same(const struct fresh *f, struct http_request *r);
/** Say ETag, where the versions are known. */
void fresh_tell(const struct fresh *f, struct http_request *r);

struct fresh_answer {
    int status;
    const char *media_type;
    struct slice body;
    struct slice names; /* of its tables in the API, each ended by a NUL */
};
/** Keep an answer whose header was told, for requests like this one; where its versions are known. */
void fresh_keep(const struct fresh *f, struct http_request *r, const struct fresh_answer *a);

/** Does one of the entity tags of an If-None-Match field's value say the same as this one (RFC 9110, 8.8.3.2, weak)? */
bool fresh_matches(struct slice if_none_match, struct slice etag);
/** May the parameter mean another value at another time ('now', 'today' …)? */
bool fresh_is_timely(struct slice param);

#endif
