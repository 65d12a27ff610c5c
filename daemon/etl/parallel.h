/* SPDX-License-Identifier: MIT */
/*
 * The followers of a load over several connections: each copies a share of the pipeline's pieces in a transaction of its own and
 * prepares it. What becomes of the prepared transactions is not theirs to know (prepared.h).
 *
 *     followers_init(&f, &config);
 *     followers_gather(&f, n);                 … changed, until !followers_waiting: followers_held says how many came
 *     followers_begin(&f, &copy);              … followers_pump whenever the pipeline has something
 *     followers_finish(&f);                    … changed, until followers_prepared, or `failed`
 *     while (!followers_quiet(&f)) wait for `changed`;     at any time: brings all to an end, and gives the connections back
 *     followers_done(&f);
 *
 * A session shares the lock of its file's load from before its BEGIN until its transaction is prepared or rolled back, and only
 * then goes back into the pool. Connections are waited for only as long as a new one takes to be made: the caller asks for no more
 * than are free.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_PARALLEL_H
#define CETLD_ETL_PARALLEL_H

#include "db/pool.h"
#include "etl/prepared.h"
#include "etl/sender.h"

struct follower;
struct followers_config {
    struct db_pool *pool;
    int64_t wait_ms;            /* for a connection */
    void (*changed)(void *ctx); /* one of them got on; the caller may end them there, except inside followers_pump and _finish */
    void *ctx;
};
struct followers {
    struct followers_config config;
    struct follower *follower;
    unsigned n;
    bool failed; /* one of them: the first reason is in status and why */
    int status;
    struct error why;
};

/*
 * Milliseconds that a share waits for a lock, the leader's too. Shares that meet in a key, an outside writer between two of them,
 * or a change of the table that waits for one and holds up the next: each makes a circle of waits that no deadlock check of the
 * server sees, since what is prepared waits for nobody there. This is where it breaks.
 */
enum { FOLLOWERS_LOCK_TIMEOUT_MS = 3000 };

/** What they copy, and as whom. */
struct followers_copy {
    struct sender sender; /* one that was not begun, of which each gets a copy for its own connection */
    const char *sql;      /* COPY … FROM STDIN */
    const char *most_sql; /* asked of each share behind its COPY: a row of `most_columns` bigints or NULLs; or NULL */
    int64_t *most;        /* of each of these the greatest of all shares is put here, where it is more; the caller's, until quiet */
    size_t most_columns;
    const char *instance;
    int64_t file;
};

void followers_init(struct followers *f, const struct followers_config *config);
/** Ask for `n` connections. 0 or -ENOMEM. */
must_check int followers_gather(struct followers *f, unsigned n);
bool followers_waiting(const struct followers *f);
/** How many have a connection, and have not begun. */
unsigned followers_held(const struct followers *f);
/** Begin with those that have a connection. 0, or negative: followers_quiet. */
must_check int followers_begin(struct followers *f, const struct followers_copy *copy);
void followers_pump(struct followers *f);
/** The pipeline has ended well. */
void followers_finish(struct followers *f);
/** Every share is prepared. */
bool followers_prepared(const struct followers *f);
/** The rows of all shares; known when they are prepared. */
int64_t followers_rows(const struct followers *f);
/** End what still goes on: true when nothing does, and no connection is held. */
bool followers_quiet(struct followers *f);
void followers_done(struct followers *f);

#endif
