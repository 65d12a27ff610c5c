/* SPDX-License-Identifier: MIT */
/*
 * The tables that requests may read by name (datasets, rollups, derives, and what `expose` names), as rest/ wants to know them.
 *
 *     struct rest_scope scope;
 *     rc = scope_make(api, &q, &arena, &scope);         0, -ENOMEM; as long as the loop does not turn
 *
 * Thread: loop.
 */
#ifndef CETLD_API_SCOPE_H
#define CETLD_API_SCOPE_H

#include "api/api.h"
#include "rest/sql.h"

/** `query` (or NULL: it embeds nothing) says whether the foreign keys are needed. */
must_check int scope_make(struct api *api, const struct rest_query *query, struct arena *arena, struct rest_scope *ret_scope);
/** The readable table of that name, with columns. */
bool scope_find(struct api *api, struct slice name, struct rest_table *ret_table);
/** 403 or 401 was answered, and false: one of them is not for this request. */
bool scope_may_read(struct http_request *r, const struct rest_tables *tables);
/** Tell the log which datasets' api_select does not fit their tables; once they were read. */
void scope_check(struct api *api);
/** Rows that are deleted softly are chosen only by conditions that speak of deleted_at: then `table` is exchanged for one that has
 * them. 0 or -ENOMEM. */
must_check int scope_choose_deleted(const struct rest_query *query, struct arena *arena, struct rest_table *table);
/** Answer with what was wrong with a request. */
void scope_refuse(struct http_request *r, const struct rest_error *err);

#endif
