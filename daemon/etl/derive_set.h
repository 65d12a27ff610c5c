/* SPDX-License-Identifier: MIT */
/*
 * What is known of the derives of one configuration: what was read of them, what of it is of today, and which failed.
 * etl/derives.h keeps it up to date and acts on it.
 *
 *     derive_set_init ─▶ SQL_DERIVE_LOOK: derive_set_take ─▶ derive_ask_columns: derive_take_columns ─▶ … ─▶ derive_set_done
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_DERIVE_SET_H
#define CETLD_ETL_DERIVE_SET_H

#include "config/config.h"
#include "db/query.h"
#include "etl/dataset.h"

enum derive_state { DERIVE_STALE, DERIVE_FRESH, DERIVE_REFRESHING, DERIVE_WAITING, DERIVE_FAILED };
/** "fresh" … */
const char *derive_state_name(enum derive_state s);

struct derive {
    const struct config_derive *config;
    struct arena arena; /* of the table */
    struct table table;
    enum derive_state state;
    char *error, *refreshed_at; /* malloc'd or NULL */
    char *inputs;               /* what it was made of, or NULL */
    char *tried;                /* what a refresh that failed was made of, or NULL */
    int64_t version, rows;
    bool made;    /* it stands under its name */
    bool current; /* … and by this definition */
    unsigned failures;
    int64_t retry_at_ms; /* a failure that may pass by itself; 0: none */
};

/** All of one configuration, each behind its inputs. */
struct derive_set {
    struct config *config;
    struct derive *derive;
    size_t n;
};

/** Nothing is known yet. A reference to the configuration is taken. 0 or -ENOMEM, and then the set is as it was. */
must_check int derive_set_init(struct derive_set *s, struct config *config);
/** Of zeros is fine. */
void derive_set_done(struct derive_set *s);
/** The one of that name, or NULL. */
struct derive *derive_set_find(const struct derive_set *s, const char *name);
/** Replace a text that is malloc'd or NULL by a copy. */
void derive_set_text(char **text, const char *to);

/** What SQL_DERIVE_LOOK says. */
void derive_set_take(struct derive_set *s, const PGresult *rows);
/** The versions that its inputs have by SQL_DERIVE_LOOK, as JSON, malloc'd. 0 or -ENOMEM. */
must_check int derive_set_inputs(const struct derive_set *s, const struct derive *d, const PGresult *rows, char **ret_inputs);

/** Ask for the columns that its table has, on an idle connection. 0, or negative: `done` is not called. */
must_check int derive_ask_columns(struct db_conn *conn, const struct config_derive *d,
                                  void (*done)(void *ctx, const struct db_result *r), void *ctx);
/** What was answered to that. 0 or negative. */
must_check int derive_take_columns(struct derive *d, const PGresult *rows);
/** `d` is the same derive of the same configuration as `old`: what failed need not be tried again. */
void derive_keep_failure(struct derive *d, struct derive *old);

#endif
