/* SPDX-License-Identifier: MIT */
/*
 * What a token or a role may do: a list of rules, by comma or line.
 *
 *     orders: read write        of the table `orders` (and read of its rollups): read, write, ingest
 *     *: read                   of every table
 *     report hires: read        of a report; `report *` of every one
 *     read                      without a name: of every table and report; of all datasets (ingest)
 *     manage                    the ledger: unload and replay files
 *
 * Rules add up; what none of them allows is refused.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_ALLOW_H
#define CETLD_CONFIG_ALLOW_H

#include "base/arena.h"
#include "config/mistakes.h"

enum allow_action { ALLOW_READ = 1, ALLOW_WRITE = 2, ALLOW_INGEST = 4, ALLOW_MANAGE = 8, ALLOW_ALL = 15 };
enum allow_kind { ALLOW_TABLES = 1, ALLOW_REPORTS = 2 };

struct allow_rule {
    unsigned kinds;    /* enum allow_kind */
    bool every;        /* whatever its name */
    struct slice name; /* else this one */
    unsigned actions;  /* enum allow_action */
};
struct allow {
    const struct allow_rule *rule;
    size_t n;
};

enum { ALLOW_RULES_MAX = 256 };

/** Parse `text`; the rules and their names are in the arena. What is wrong goes to `m` with `place`. 0 or -ENOMEM. */
must_check int allow_parse(struct slice text, struct arena *arena, struct config_place place, struct mistakes *m,
                           struct allow *ret_allow);
/** Is `action` allowed for the table or report of that name, or, with {NULL, 0}, for every one? */
bool allow_permits(const struct allow *a, enum allow_kind kind, enum allow_action action, struct slice name);

#endif
