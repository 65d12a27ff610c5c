/* SPDX-License-Identifier: MIT */
/*
 * Following files by their tokens until it is known what became of them, through restarts of the daemon and times without a
 * database: what has a token is on disk and will be loaded.
 *
 *     struct follow f;
 *     follow_init(&f, cli, client);
 *     follow_add(&f, token, name); …
 *     r = follow_all(&f);            tells each outcome as it comes; CLI_FAILED when one was refused
 *     follow_done(&f);
 */
#ifndef CETL_FOLLOW_H
#define CETL_FOLLOW_H

#include "client.h"
#include "progress.h"

struct follow {
    const struct cli *cli;
    struct client *client;
    struct progress progress;
    struct buf files; /* struct followed each */
    struct buf json;  /* of what was told, as items of an array */
    bool failed;      /* one of them */
    bool complained;  /* that there is no daemon, or no database, just now */
    int64_t down_us;  /* since when the daemon does not answer; 0: it does */
};

void follow_init(struct follow *f, const struct cli *cli, struct client *client);
void follow_done(struct follow *f);
/** Both are copied. */
void follow_add(struct follow *f, struct slice token, struct slice name);
/** Wait for all, and tell of each. CLI_OK, CLI_FAILED, CLI_DOWN. */
must_check int follow_all(struct follow *f);
/** Name those whose end nobody waits for: they are on disk, and will be loaded. */
void follow_leave(struct follow *f);
/** Tell of one that is over, or as it is: its JSON goes to `json`, or its outcome to stdout or, where it was refused, stderr. */
void follow_tell(struct follow *f, struct json_value file);
/** Print the JSON array, where --json asks for it. */
void follow_print_json(const struct follow *f);

#endif
