/* SPDX-License-Identifier: MIT */
/*
 * What the parts of an opening share: opening.c (the row, the table and its columns), opening_outside.c (the trigger that tells of
 * others' writes), opening_rollups.c. Nobody else includes this.
 *
 * The rule for all of them: opening_over, opening_opened and what leads to them may end the opening, and its receiver may free it:
 * return right after.
 *
 * Thread: loop.
 */
#ifndef CETLD_ETL_OPENING_PRIVATE_H
#define CETLD_ETL_OPENING_PRIVATE_H

#include "etl/opening.h"

enum { OPENING_SQL_MAX = 1024 * 1024 };

/** It ends without a dataset: 0, the table is not there; else the world failed. */
void opening_over(struct opening *o, int status, const struct error *err);
/** The dataset is open, or broken. */
void opening_opened(struct opening *o);
/** A step that the server refused breaks the dataset; a lost connection ends the whole. True when the step went well. */
bool opening_went_well(struct opening *o, const struct db_result *r, const char *what);
/** A load or a reader is in the way of a statement with SQL_LOCK_SOON: the dataset waits, and must not hold up the others. */
bool opening_is_locked(struct opening *o, const struct db_result *r, const char *what);
void opening_ask(struct opening *o, const struct db_query *q);

/* The steps behind the table: */
void opening_watch_outside(struct opening *o); /* then opening_make_rollups */
void opening_make_rollups(struct opening *o);  /* then opening_opened */

#endif
