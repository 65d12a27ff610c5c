/* SPDX-License-Identifier: MIT */
/*
 * What a request may read, and how the tables refer to each other: what rest/sql.h needs to know about the database. Who makes one
 * answers from what was read of the catalog (api/scope.h; the tests from tables of their own).
 *
 * Thread: as its maker's.
 */
#ifndef CETLD_REST_SCOPE_H
#define CETLD_REST_SCOPE_H

#include "etl/dataset.h"

/** A table that can be read, under its name in the API. */
struct rest_table {
    const char *name;
    const struct table *table;
};

/** A foreign key: each row of `table` refers to at most one of `to_table`. */
struct rest_key {
    const char *name; /* the constraint's */
    const char *schema, *table;
    const char *to_schema, *to_table;
    const char **column, **to_column; /* pairs */
    size_t columns;
    bool unique; /* at most one row refers to each */
    bool in_key; /* its columns are in the table's primary key: then the table may join two others */
};

struct rest_scope {
    /** The readable table of that name in the API; false: there is none, or it has no columns yet. */
    bool (*find)(void *ctx, struct slice name, struct rest_table *ret_table);
    /** The one that is this table of the database. */
    bool (*find_table)(void *ctx, const char *schema, const char *table, struct rest_table *ret_table);
    void *ctx;
    const struct rest_key *key; /* of all readable tables, as far as the query embeds something */
    size_t keys;
};

#endif
