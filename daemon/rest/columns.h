/* SPDX-License-Identifier: MIT */
/*
 * What is selected, as the list behind SELECT: columns, paths, casts, and what is embedded as subselects that make JSON. A
 * subselect is computed for the rows of the answer only, not for those that the page leaves out.
 *
 * Thread: any.
 */
#ifndef CETLD_REST_COLUMNS_H
#define CETLD_REST_COLUMNS_H

#include "rest/builder.h"
#include "rest/plan.h"

struct rest_column {
    struct slice name; /* in the answer */
    uint32_t oid;      /* pgvalue_known: of the binary value; 0: the value is text */
    bool json;         /* that text is JSON in every format */
};

enum { REST_COLUMNS_MAX = 1600 }; /* of a statement, what is embedded included; PostgreSQL's own limit is near */

struct rest_columns {
    struct rest_builder *b;
    bool json;                  /* types that are not ours as JSON, else as text */
    bool stripped;              /* what is embedded has no members that are null */
    struct rest_column *column; /* of the answer; the builder's arena's */
    size_t n, cap;
    size_t all; /* with those that are embedded */
};

/** Append the list; `first`: nothing stands in front of it. 0, REST_E_QUERY, -ENOMEM. */
must_check int rest_put_columns(struct rest_columns *c, const struct rest_plan *root, bool first);

#endif
