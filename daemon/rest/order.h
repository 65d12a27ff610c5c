/* SPDX-License-Identifier: MIT */
/*
 * In which order rows come, and how one goes on behind a row (keyset paging): ORDER BY, and the condition that `after` stands for.
 *
 * Thread: any.
 */
#ifndef CETLD_REST_ORDER_H
#define CETLD_REST_ORDER_H

#include "rest/builder.h"
#include "rest/plan.h"

enum { REST_TERMS_MAX = REST_ORDERS_MAX + 32 }; /* PostgreSQL's keys have 32 columns at most */

/** The order that is in force: what was asked for, and the key behind it. */
struct rest_ordering {
    struct rest_order term[REST_TERMS_MAX];
    size_t n;
    bool whole; /* no two rows are equal in it */
};

void rest_ordering_find(const struct rest_plan *p, bool with_key, struct rest_ordering *ret_ordering);
/** Do its values tell where a row stands? */
bool rest_ordering_follows(const struct rest_ordering *o);
/** " ORDER BY …", or nothing. 0, REST_E_QUERY, as the next two. */
must_check int rest_put_ordering(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o);
/** " AND (…)", or " WHERE (…)": the rows behind the values of `after`. */
must_check int rest_put_after(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o,
                              const struct rest_query *q, bool where_begun);
/** " LIMIT … OFFSET …", as far as they are said: a page and everything are planned in different ways. */
void rest_put_limit(struct rest_builder *b, const struct rest_level *level);
/** ", value::text" for each term. */
must_check int rest_put_cursors(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o);

#endif
