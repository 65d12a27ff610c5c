/* SPDX-License-Identifier: MIT */
/*
 * A query's levels with their tables: which foreign key each embedded resource hangs on. The tree of plans mirrors that of the
 * levels.
 *
 * A name behind a dot or in front of a parenthesis is that of a readable table, or, towards the one row that a row refers to, the
 * name of the constraint or of its only column. A hint (`!name`) is the name of the constraint, of its column on either side, or of
 * the table between. Where a table refers to itself the referring column means the row that is referred to, the referred column
 * the rows that refer. More than one way is refused (300), as in PostgREST.
 *
 * Thread: as the scope's.
 */
#ifndef CETLD_REST_PLAN_H
#define CETLD_REST_PLAN_H

#include "rest/query.h"
#include "rest/scope.h"

struct rest_plan {
    const struct rest_level *level;
    struct rest_table table;
    struct rest_plan *parent, *first, *next;
    unsigned alias; /* "t0" is the root */
    /* of an embedded one */
    bool to_many;
    bool forward; /* the parent's rows refer to this table's; not with `far` */
    const struct rest_key *key;
    const struct rest_key *far; /* through a table between, whose `key` refers to the parent, `far` to this one; or NULL */
    const struct table *between_table;
    unsigned between; /* its alias */
};

/** Every table that a statement reads; each once. */
struct rest_tables {
    struct rest_table table[2 * REST_EMBEDS_MAX + 1];
    size_t n;
};

/** 0, REST_E_QUERY, -ENOMEM. `ret_tables` gets the root's first. */
must_check int rest_plan_make(const struct rest_scope *scope, const struct rest_level *root, struct rest_table table,
                              struct arena *arena, struct rest_plan **ret_plan, struct rest_tables *ret_tables,
                              struct rest_error *err);
/** The plan of an embedded level. */
struct rest_plan *rest_plan_of(const struct rest_plan *p, const struct rest_level *level);
/** The column of that name that requests may see, or -1. */
int rest_column_find(const struct table *t, struct slice name);
/** REST_E_QUERY: there is no such column; `parameter` says who named it. */
int rest_column_unknown(const struct rest_table *t, struct slice name, struct slice parameter, struct rest_error *err);

#endif
