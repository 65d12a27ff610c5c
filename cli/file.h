/* SPDX-License-Identifier: MIT */
/*
 * A file as /v1/files tells of it, in words.
 */
#ifndef CETL_FILE_H
#define CETL_FILE_H

#include "field.h"
#include "table.h"

enum table_look file_look(struct json_value state);
/** Is that what became of it, and will stay? */
bool file_is_over(struct json_value file);
/** "3 rows loaded, 1 rejected": what there is any of; "no rows" without. */
void file_put_counts(struct buf *out, struct json_value file);
/** "orders.csv: loaded into orders, 3 rows loaded (file 12)"; or why not. One line, or with what to do behind it. */
void file_put_outcome(struct buf *out, struct json_value file);
/** "2026-11-21 21:45:41" of a time of JSON; nothing for null. UTC. */
void file_put_time(struct buf *out, struct json_value time);

#endif
