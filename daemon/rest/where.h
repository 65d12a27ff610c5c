/* SPDX-License-Identifier: MIT */
/*
 * Conditions, fields and joins of a planned query as SQL. Rows that are deleted softly are never among a table's.
 *
 * For a statement of one's own (an UPDATE, a DELETE) over the table under alias t0:
 *
 *     rest_plan_make(scope, &q.root, table, …, &plan, &tables, &err);
 *     rest_builder_init(&b, …, &sql);
 *     buf_puts(&sql, "DELETE FROM … AS t0");
 *     rc = rest_put_where(&b, plan);       " WHERE …", or nothing where there is no condition
 *
 * All give 0, REST_E_QUERY (the builder's err says what), or -ENOMEM; what the buffers could not hold shows in rest_builder_check.
 *
 * Thread: any.
 */
#ifndef CETLD_REST_WHERE_H
#define CETLD_REST_WHERE_H

#include "rest/builder.h"
#include "rest/plan.h"

/** " WHERE …" of the level's conditions, of its !inner embeddings, and for embedded ones of the join. */
must_check int rest_put_where(struct rest_builder *b, const struct rest_plan *p);
/** " FROM … WHERE …" of an embedded level: the rows that belong to the parent's row. */
must_check int rest_put_from(struct rest_builder *b, const struct rest_plan *p);
/** The value of a field; `ret_oid` (may be NULL) is its type. */
must_check int rest_put_field(struct rest_builder *b, const struct rest_plan *p, const struct rest_field *f, struct slice parameter,
                              uint32_t *ret_oid);

#endif
