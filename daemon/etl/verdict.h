/* SPDX-License-Identifier: MIT */
/*
 * What the server says when it refuses a row, in the words of a reject: its SQLSTATE, the column where it names one, its message
 * with the detail on one line.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_VERDICT_H
#define CETLD_ETL_VERDICT_H

#include "data/rule.h"
#include "db/query.h"

/** The rows of the COPY are at fault. */
bool verdict_blames_rows(const struct db_result *r);
/** Which row of the COPY into `table` it was, from 0, by "COPY table, line N" of the context; -1 where nothing says so. */
long verdict_hint(const struct db_result *r, const char *table);
/** Add the reject of the row at `line` to the list; its offset and bytes are not known here. 0 or -ENOMEM. */
must_check int verdict_add(struct reject_list *list, const struct db_result *r, const struct row_rule *rule, uint64_t line);

#endif
